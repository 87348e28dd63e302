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

# Days since 2025-01-01: 31 is 1 February, 59 is 1 March.
THREE_MONTHS = {"days": [0, 30, 31, 59, 60]}


def test_sides_are_told_apart():
    sides = by_side(trades_of([1.0, -1.0, 3.0], side=[1, -1, 1]))

    assert (sides["LONG"].trades, sides["LONG"].mean_r) == (2, 2.0)
    assert (sides["SHORT"].trades, sides["SHORT"].mean_r) == (1, -1.0)


def test_the_weakest_side_is_the_worse_one():
    assert weakest_side(trades_of([1.0, -1.0, 3.0, 0.0], side=[1, -1, 1, -1])) == -0.5


def test_a_side_with_a_handful_of_the_trades_is_not_judged_by_itself():
    assert weakest_side(trades_of([1.0] * 9 + [-5.0], side=[1] * 9 + [-1])) == 1.0


def test_a_rule_with_one_side_has_it_as_its_weakest():
    assert weakest_side(trades_of([1.0, 2.0])) == 1.5


def test_months_are_calendar_months_of_the_exit():
    months = by_month(trades_of([1.0, 2.0, 4.0, -1.0, -1.0], **THREE_MONTHS))

    assert {name: total.mean_r for name, total in months.items()} == {
        "2025-01": 1.5,
        "2025-02": 4.0,
        "2025-03": -1.0,
    }


def test_without_its_best_month_is_what_the_others_made():
    trades = trades_of([1.0, 2.0, 4.0, -1.0, -1.0], **THREE_MONTHS)

    assert without_best_month(trades) == 0.25


def test_a_single_month_leaves_nothing_without_it():
    assert math.isnan(without_best_month(trades_of([1.0, 2.0])))
    assert math.isnan(without_best_month(trades_of([])))


def test_winning_months_are_a_share_of_the_months():
    trades = trades_of([1.0, 2.0, 4.0, -1.0, -1.0], **THREE_MONTHS)

    assert winning_months(trades) == pytest.approx(2 / 3)
