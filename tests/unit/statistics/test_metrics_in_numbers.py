"""Figures of trades and equity at their edges."""

import math

import numpy as np
import pytest

from cointrader.backtest.statistics.metrics import (
    drawdown,
    mean,
    per_day,
    per_year,
    profit_factor,
    return_over_drawdown,
    totals,
)
from tests.unit.statistics.making import DAY_MS, equity_of, trades_of


def test_a_trade_that_comes_to_nothing_neither_wins_nor_loses():
    total = totals(trades_of([0.0, 2.0, -1.0, -1.0]))

    assert total.win_ratio == 0.25
    assert total.payoff == 2.0
    assert total.profit_factor == 1.0
    assert total.mean_r == 0.0


def test_one_trade_has_no_deviation_and_two_have():
    assert math.isnan(totals(trades_of([1.0])).deviation_r)
    assert totals(trades_of([1.0, 3.0])).deviation_r == pytest.approx(math.sqrt(2.0))


def test_winners_and_losers_alone():
    won, lost = totals(trades_of([1.0, 2.0])), totals(trades_of([-1.0, -2.0]))

    assert (won.win_ratio, won.payoff, won.profit_factor) == (1.0, math.inf, math.inf)
    assert (lost.win_ratio, lost.profit_factor) == (0.0, 0.0)
    assert math.isnan(lost.payoff)


def test_a_profit_factor_is_in_money():
    assert totals(trades_of([1.0, -1.0], risk=[30.0, 10.0])).profit_factor == 3.0
    assert profit_factor(np.array([6.0, -1.5, -0.5])) == 3.0


@pytest.mark.parametrize("size", [1e-6, 0.1, 1e6])
def test_figures_of_trades_do_not_depend_on_the_size_of_the_money(size):
    r = np.array([3.0, -1.0, 1.0, 0.0])

    assert profit_factor(r * size) == pytest.approx(4.0)
    assert totals(trades_of(r * size)).payoff == pytest.approx(2.0)
    assert totals(trades_of(r * size)).win_ratio == 0.5
    assert per_day(np.array([0.0, 1.0, 1.0, 0.0]) * size) == pytest.approx(0.5 * math.sqrt(3.0))
    fall = drawdown(equity_of(np.array([4.0, 3.0, 4.0]) * size))
    assert fall.ratio == pytest.approx(0.25)
    assert fall.longest_days == 2.0
    assert return_over_drawdown(size, 2.0 * size) == 0.5
    assert return_over_drawdown(size, 0.0) == math.inf


def test_a_ratio_needs_two_values_that_differ():
    assert per_day(np.array([1.0, 3.0])) == pytest.approx(2.0 / math.sqrt(2.0))
    assert math.isnan(per_day(np.array([3.0])))
    assert math.isnan(per_day(np.array([3.0, 3.0])))
    assert math.isnan(mean(np.zeros(0)))
    assert mean(np.array([4.0])) == 4.0


def test_a_fall_of_what_was_never_above_0_has_no_fraction():
    fall = drawdown(equity_of([0.0, -5.0, -2.0]))

    assert (fall.amount, fall.ratio) == (5.0, 0.0)


@pytest.mark.parametrize(
    ("values", "days"),
    [
        ([5.0], 0.0),
        ([5.0, 5.0, 5.0], 1.0),
        ([5.0, 4.0, 5.0, 5.0], 2.0),
        ([5.0, 4.0, 4.0, 6.0, 5.0, 5.0, 5.0], 3.0),
    ],
)
def test_days_below_a_high_end_when_it_is_reached_again(values, days):
    assert drawdown(equity_of(values)).longest_days == days


def test_marks_by_the_hour_are_parts_of_days():
    assert drawdown(equity_of([5.0, 4.0, 5.0], step_ms=3_600_000)).longest_days == 2 / 24


def test_a_year_s_pace():
    assert per_year(10.0, 0, 73 * DAY_MS) == pytest.approx(50.0)
    assert per_year(10.0, DAY_MS, 731 * DAY_MS) == pytest.approx(5.0)


def test_gains_and_losses_without_a_fall():
    assert return_over_drawdown(3.0, 2.0) == 1.5
    assert return_over_drawdown(-3.0, 2.0) == -1.5
    assert return_over_drawdown(3.0, 0.0) == math.inf
    assert math.isnan(return_over_drawdown(0.0, 0.0))
    assert math.isnan(return_over_drawdown(-3.0, 0.0))
