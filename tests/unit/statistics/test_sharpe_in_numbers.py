"""Luck in numbers worked out by hand, from tables of the normal distribution."""

import math

import numpy as np
import pytest

from cointrader.backtest.statistics.sharpe import (
    Moments,
    deflated_sharpe,
    detectable,
    expected_best,
    luck,
    minimum_track_record,
    probabilistic_sharpe,
    score,
)

SKEWED = Moments(365, 0.08, -0.4, 5.0)


def test_the_spread_grows_with_a_skew_to_the_left_and_with_fat_tails():
    """1 + 0.4 × 0.08 + (5 − 1) / 4 × 0.08² = 1.0384."""
    assert SKEWED.spread == pytest.approx(math.sqrt(1.0384))
    assert Moments(365, 0.0, -0.4, 5.0).spread == 1.0
    assert Moments(365, 2.0, 0.0, 3.0).spread == pytest.approx(math.sqrt(3.0))


@pytest.mark.parametrize(("skew", "kurtosis"), [(2.0, 5.0), (1.0, 1.0), (3.0, 5.0)])
def test_a_spread_is_never_0(skew, kurtosis):
    """1 − 2 + 1, 1 − 1 and 1 − 3 + 1: nothing is left to divide by."""
    assert Moments(2, 1.0, skew, kurtosis).spread == pytest.approx(1e-6)


def test_a_score_is_in_standard_errors_above_the_benchmark():
    assert score(SKEWED) == pytest.approx(0.08 * math.sqrt(364) / math.sqrt(1.0384))
    assert score(SKEWED, 0.05) == pytest.approx(0.03 * math.sqrt(364) / math.sqrt(1.0384))
    assert score(SKEWED, 0.08) == 0.0


def test_probabilities_of_a_normal_distribution():
    """A score of 1.96 leaves 2.5 % above."""
    moments = Moments(10_001, 0.0196, 0.0, 1.0)

    assert probabilistic_sharpe(moments) == pytest.approx(0.9750021, abs=1e-7)
    assert luck(moments, 1) == pytest.approx(0.0249979, abs=1e-7)
    assert luck(moments, 2) == pytest.approx(1 - 0.9750021**2, abs=1e-6)
    assert probabilistic_sharpe(moments, 0.0392) == pytest.approx(0.0249979, abs=1e-7)


def test_no_trial_is_counted_as_the_one_that_was_made():
    moments = Moments(10_001, 0.0196, 0.0, 1.0)

    assert luck(moments, 0) == luck(moments, 1)


def test_what_is_far_below_anything_is_all_luck():
    assert luck(Moments(1_001, -12.0, 0.0, 3.0), 5) == 1.0


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (0, 0.0),
        (1, 0.0),
        (2, 0.5197),  # Φ⁻¹(1 / 2) is 0; 0.5772 × Φ⁻¹(1 − 1 / 2e) = 0.5772 × 0.9004
        (100, 2.5306),
        (1_000, 3.2551),
    ],
)
def test_the_best_of_so_many_without_skill(trials, expected):
    assert expected_best(trials, 1.0) == pytest.approx(expected, abs=1e-4)
    assert expected_best(trials, 4.0) == pytest.approx(2.0 * expected, abs=2e-4)


def test_a_sharpe_ratio_is_deflated_by_its_own_error_unless_told_otherwise():
    by_hand = probabilistic_sharpe(SKEWED, expected_best(100, 1.0 / 364))

    assert deflated_sharpe(SKEWED, 100) == by_hand
    assert deflated_sharpe(SKEWED, 100, 1.0 / 364) == by_hand
    assert deflated_sharpe(SKEWED, 100, 0.0) == probabilistic_sharpe(SKEWED)
    assert math.isnan(deflated_sharpe(Moments(1, 0.1, 0.0, 3.0), 100))
    assert deflated_sharpe(Moments(2, 0.1, 0.0, 3.0), 100) < 0.01


def test_the_length_of_a_track_record():
    """1 + 1.0384 × (1.6449 / 0.08)², and against half of it four times as long."""
    assert minimum_track_record(SKEWED) == pytest.approx(440.0, abs=0.1)
    assert minimum_track_record(SKEWED, 0.04) == pytest.approx(1 + 439 * 4, abs=0.5)
    assert minimum_track_record(SKEWED, confidence=0.5) == 1.0
    assert minimum_track_record(SKEWED, 0.08) == math.inf


def test_a_detectable_mean_in_errors():
    """2.3263 of them against luck, 0.8416 for the power."""
    assert detectable(1.0, luck_limit=0.01, power=0.8) == pytest.approx(3.1680, abs=1e-4)
    assert detectable(0.5, luck_limit=0.5, power=0.8) == pytest.approx(0.4208, abs=1e-4)


def test_moments_of_a_skewed_series():
    moments = Moments.of(np.array([0.0, 0.0, 0.0, 4.0]))

    assert moments.observations == 4
    assert moments.sharpe == pytest.approx(0.5)
    assert moments.skew == pytest.approx(2 / math.sqrt(3))
    assert moments.kurtosis == pytest.approx(7 / 3)


def test_a_series_that_never_moves_has_no_moments_but_a_length():
    moments = Moments.of(np.full(6, 2.0))

    assert moments.observations == 6
    assert all(map(math.isnan, (moments.sharpe, moments.skew, moments.kurtosis)))
