"""Sizes at their edges, as plain numbers."""

import math

import pytest

from cointrader.risk.limits import ACCOUNT, FIXED, RISK
from cointrader.risk.sizing import (
    BELOW_MIN_NOTIONAL,
    BELOW_MIN_QUANTITY,
    LIQUIDATION_NEAR,
    SIZE_FITS,
    is_liquidation_near,
    margin_ratio,
    needed_margin,
    risk_notional,
    size_verdict,
    slot_notional,
    wanted_quantity,
)


@pytest.mark.parametrize(
    ("quantity", "is_near", "verdict"),
    [
        (0.0, False, BELOW_MIN_QUANTITY),
        (-1.0, False, BELOW_MIN_QUANTITY),
        (1e-9, False, SIZE_FITS),
        (1e-9, True, LIQUIDATION_NEAR),
    ],
)
def test_no_quantity_is_too_small_even_where_there_is_no_minimum(quantity, is_near, verdict):
    assert size_verdict(quantity, 100.0, 0.0, 0.0, is_near) == verdict


@pytest.mark.parametrize(
    ("quantity", "verdict"),
    [(0.9, BELOW_MIN_QUANTITY), (1.0, BELOW_MIN_NOTIONAL), (1.9, BELOW_MIN_NOTIONAL), (2.0, 0)],
)
def test_the_quantity_is_asked_before_the_notional_and_equality_is_enough(quantity, verdict):
    assert size_verdict(quantity, 100.0, 1.0, 200.0, False) == verdict


@pytest.mark.parametrize(
    ("profit", "is_relative", "ratio"),
    [
        (0.0, False, 0.5),
        (100.0, False, 0.44),
        (500.0, False, 0.2),
        (600.0, False, 0.2),
        (-100.0, False, 0.5),
        (500.0, True, 0.4997),
    ],
)
def test_a_ratio_falls_with_profit_within_its_bounds(profit, is_relative, ratio):
    found = margin_ratio(1_000.0 + profit, 1_000.0, 0.5, 0.2, 0.0006, is_relative)

    assert found == pytest.approx(ratio)


def test_a_relative_ratio_without_a_base_stays_at_its_most():
    assert margin_ratio(50.0, 0.0, 0.5, 0.2, 0.0006, True) == 0.5


@pytest.mark.parametrize("base", [1e-6, 0.5, 1e9])
def test_a_relative_ratio_is_the_same_for_any_base(base):
    assert margin_ratio(1.5 * base, base, 0.5, 0.2, 0.1, True) == pytest.approx(0.45)


def test_a_slot_and_a_risk_in_numbers():
    assert slot_notional(900.0, 3, 0.5, 10.0) == 1_500.0
    assert risk_notional(1_000.0, 0.02, 100.0, 2.0) == 1_000.0  # 10 pieces lose 20 at the stop
    assert risk_notional(1_000.0, 0.02, 100.0, 0.0) == math.inf
    assert needed_margin(1_000.0, 10.0, 0.001) == 101.0


@pytest.mark.parametrize(
    ("sizing", "snapshot", "stop", "quantity"),
    [
        (ACCOUNT, 1_000.0, 2.0, 50.0),
        (RISK, 1_000.0, 2.0, 10.0),
        (RISK, 1_000.0, 0.1, 50.0),
        (FIXED, 1_000.0, 2.0, 7.5),
        (ACCOUNT, -10.0, 2.0, 0.0),
    ],
)
def test_wanted_quantities(sizing, snapshot, stop, quantity):
    found = wanted_quantity(
        sizing, snapshot, 1_000.0, 1, 10.0, 100.0, stop, 0.5, 0.2, 0.0, False, 0.02, 750.0
    )

    assert found == pytest.approx(quantity)


@pytest.mark.parametrize(
    ("sign", "level", "is_near"),
    [(1, 96.0, False), (1, 96.01, True), (-1, 104.0, False), (-1, 103.99, True)],
)
def test_liquidation_at_exactly_twice_the_stop_is_far_enough(sign, level, is_near):
    assert is_liquidation_near(sign, 100.0, 2.0, level) is is_near
