"""From which share on a side is judged by itself, and ties between months."""

import math

import pytest

from cointrader.backtest.statistics.groups import (
    by_month,
    by_side,
    weakest_side,
    winning_months,
    without_best_month,
)
from tests.unit.statistics.making import trades_of


@pytest.mark.parametrize(("shorts", "weakest"), [(1, 1.0), (2, -3.0), (3, -3.0), (4, -3.0)])
def test_a_quarter_of_eight_trades_is_judged_by_itself(shorts, weakest):
    sides = [-1] * shorts + [1] * (8 - shorts)

    assert weakest_side(trades_of([-3.0 if side < 0 else 1.0 for side in sides], side=sides)) == (
        weakest
    )


@pytest.mark.parametrize("side", [1, -1])
def test_one_trade_is_its_own_side(side):
    assert weakest_side(trades_of([2.0], side=[side])) == 2.0
    assert math.isnan(weakest_side(trades_of([])))


def test_sides_and_months_without_trades():
    assert by_side(trades_of([]))["SHORT"].trades == 0
    assert by_month(trades_of([])) == {}
    assert math.isnan(winning_months(trades_of([])))


def test_the_best_month_is_the_one_with_the_highest_sum():
    """January made 3 in three trades, February 2 in one."""
    trades = trades_of([1.0, 1.0, 1.0, 2.0], days=[0, 1, 2, 31])

    assert without_best_month(trades) == 2.0


def test_a_month_that_won_a_thousandth_is_a_winning_one():
    assert winning_months(trades_of([0.001, -0.001], days=[0, 31])) == 0.5


def test_a_month_that_came_to_nothing_is_no_winning_one():
    assert winning_months(trades_of([1.0, -1.0, 2.0], days=[0, 1, 31])) == 0.5
