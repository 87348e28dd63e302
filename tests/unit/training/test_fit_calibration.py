"""Platt's curve: the right one, never a falling one."""

from __future__ import annotations

import numpy as np
import pytest

from cointrader.training.calibration import Calibration, fit, margins, sigmoid


def test_margins_that_were_too_bold_are_held_back():
    rng = np.random.default_rng(1)
    honest = rng.normal(size=20_000)
    label = rng.random(20_000) < sigmoid(honest)

    curve = fit(3.0 * honest + 1.0, label)

    assert curve.slope == pytest.approx(1 / 3, abs=0.02)
    assert curve.intercept == pytest.approx(-1 / 3, abs=0.05)


def test_the_curve_is_that_of_least_log_loss():
    rng = np.random.default_rng(2)
    margin = rng.normal(size=300)
    label = rng.random(300) < sigmoid(0.8 * margin + 0.2)
    curve = fit(margin, label)
    ones, zeros = label.sum(), (~label).sum()
    target = np.where(label, (ones + 1) / (ones + 2), 1 / (zeros + 2))

    def loss(slope, intercept):
        p = sigmoid(slope * margin + intercept)
        return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum()

    best = loss(curve.slope, curve.intercept)
    for slope in (-1e-3, 1e-3):
        for intercept in (-1e-3, 1e-3):
            assert loss(curve.slope + slope, curve.intercept + intercept) > best


@pytest.mark.parametrize(
    ("margin", "label"),
    [
        (np.linspace(-1, 1, 100), np.arange(100) < 60),  # the higher, the worse
        (np.zeros(100), np.arange(100) < 60),
        (np.linspace(-1, 1, 100), np.arange(100) < 100),
    ],
    ids=["reversed", "all the same", "one class"],
)
def test_where_there_is_nothing_to_tell_apart_everyone_gets_the_share_of_ones(margin, label):
    curve = fit(margin, label)

    assert curve.slope == 0.0
    assert np.unique(curve(margin)) == pytest.approx((label.sum() + 1) / 102)


def test_rows_that_are_told_apart_without_an_error_do_not_become_certain():
    margin = np.linspace(-1, 1, 40)
    probability = fit(margin, margin > 0)(margin)

    assert 0.0 < probability.min() < 0.05
    assert 0.95 < probability.max() < 1.0


def test_margins_and_sigmoid_undo_each_other():
    values = np.array([-20.0, -1.0, 0.0, 0.3, 20.0])

    assert margins(sigmoid(values)) == pytest.approx(values, rel=1e-6)
    assert np.isfinite(margins([0.0, 1.0])).all()
    assert sigmoid([-1e4, 1e4]).tolist() == [0.0, 1.0]


def test_a_falling_curve_cannot_be_made():
    with pytest.raises(ValueError):
        Calibration(-0.1, 0.0)
