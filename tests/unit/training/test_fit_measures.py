"""Ranking and honesty of probabilities, on numbers that can be checked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cointrader.training.measures import (
    Bin,
    auc,
    auc_interval,
    brier,
    calibration_chance,
    calibration_error,
    reliability,
)


def test_auc_counts_pairs_in_the_right_order_and_ties_half():
    label, score = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]

    assert auc(label, score) == 0.75  # of four pairs, 0.35 against 0.4 is wrong
    assert auc(label, [0.5] * 4) == 0.5
    assert auc([1, 0], [0.2, 0.9]) == 0.0
    assert math.isnan(auc([1, 1], [0.2, 0.9]))


def test_auc_agrees_with_another_library():
    theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed here")
    rng = np.random.default_rng(1)
    for _ in range(20):
        label, score = rng.integers(0, 2, 200), np.round(rng.normal(size=200), 1)
        assert auc(label, score) == pytest.approx(theirs.roc_auc_score(label, score), abs=1e-12)
        assert brier(label, score) == pytest.approx(np.mean((label - score) ** 2))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng, truth, held = np.random.default_rng(2), 0.6388, 0
    # two normal distributions half a deviation apart: the AUC is known
    for _ in range(400):
        label = rng.integers(0, 2, 300)
        low, high = auc_interval(label, rng.normal(size=300) + 0.503 * label)
        held += low <= truth <= high

    assert 0.92 <= held / 400 <= 0.98


def test_an_interval_of_too_few_rows_is_none():
    assert all(map(math.isnan, auc_interval([1, 0, 0], [0.1, 0.2, 0.3])))


def test_rows_of_similar_probability_stand_together():
    probability = np.repeat([0.2, 0.6], 50)
    label = np.concatenate([np.arange(50) < 10, np.arange(50) < 40])

    groups = reliability(label, probability)

    assert [(each.rows, each.came) for each in groups] == [(50, 0.2), (50, 0.8)]
    assert [each.foretold for each in groups] == pytest.approx([0.2, 0.6])
    assert calibration_error(groups) == pytest.approx(0.1)
    assert reliability([], []) == []


@pytest.mark.parametrize("rows", [40, 250, 2_000])
def test_what_chance_makes_of_right_probabilities_is_expected_of_them(rows):
    rng = np.random.default_rng(rows)
    found, expected = [], []
    for _ in range(400):
        probability = rng.uniform(0.2, 0.8, rows)
        groups = reliability(rng.random(rows) < probability, probability)
        found.append(calibration_error(groups))
        expected.append(calibration_chance(groups))

    assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.05)


def test_chance_makes_nothing_of_probabilities_that_are_sure():
    assert calibration_chance([Bin(10, 0.0, 0.0), Bin(10, 1.0, 1.0)]) == 0.0
    assert np.isnan(calibration_chance([]))


def test_groups_hold_every_row_once():
    rng = np.random.default_rng(3)
    probability = np.round(rng.random(501), 2)
    groups = reliability(rng.random(501) < probability, probability)

    assert sum(each.rows for each in groups) == 501
    assert len(groups) == 10
    assert min(each.rows for each in groups) > 35
