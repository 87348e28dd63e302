import math

import numpy as np
import pytest

from cointrader.backtest.statistics.metrics import (
    drawdown,
    per_year,
    profit_factor,
    return_over_drawdown,
    sharpe,
    totals,
)
from tests.unit.statistics.making import DAY_MS, START_MS, equity_of, trades_of

HOUR_MS = 3_600_000


def test_totals_of_a_few_trades():
    total = totals(trades_of([2.0, -1.0, -1.0, 1.0], risk=[10.0, 20.0, 10.0, 10.0]))

    assert total.trades == 4
    assert total.net == 0.0
    assert total.mean_r == 0.25
    assert total.win_ratio == 0.5
    assert total.payoff == 1.5
    assert total.profit_factor == 1.0
    assert total.deviation_r == pytest.approx(1.5)


def test_totals_of_no_trades_cannot_be_told():
    total = totals(trades_of([]))

    assert (total.trades, total.net) == (0, 0.0)
    assert all(math.isnan(x) for x in (total.mean_r, total.win_ratio, total.profit_factor))


def test_a_profit_factor_without_a_loss_is_infinite():
    assert profit_factor(np.array([1.0, 0.0])) == math.inf


def test_a_profit_factor_where_nothing_happened_cannot_be_told():
    assert math.isnan(profit_factor(np.array([0.0])))


def test_a_year_of_a_sharpe_ratio_has_365_days_whatever_the_number_of_trades():
    daily = np.array([1.0, -1.0, 2.0, 0.0])  # mean 0.5, sample variance 5/3

    assert sharpe(daily) == pytest.approx(0.5 / math.sqrt(5 / 3) * math.sqrt(365))


@pytest.mark.parametrize("daily", [[], [1.0], [1.0, 1.0, 1.0]])
def test_a_sharpe_ratio_without_a_deviation_cannot_be_told(daily):
    assert math.isnan(sharpe(np.array(daily)))


def test_the_deepest_fall_in_money_and_as_a_fraction_may_be_different_ones():
    # 10 of 20 is half; 30 of 100 is more money.
    fall = drawdown(equity_of([20, 10, 100, 70, 110]))

    assert (fall.amount, fall.ratio) == (30.0, 0.5)


def test_a_drawdown_sees_what_was_open_between_two_closed_trades():
    marked = drawdown(equity_of([100, 60, 110], step_ms=HOUR_MS))

    assert marked.ratio == 0.4


def test_the_longest_drawdown_ends_at_a_new_high_or_at_the_end():
    assert drawdown(equity_of([1, 2, 1, 1, 3, 1])).longest_days == 3.0
    assert drawdown(equity_of([3, 2, 1, 1, 1])).longest_days == 4.0


def test_equity_that_only_rises_has_no_drawdown():
    fall = drawdown(equity_of([1, 2, 3]))

    assert (fall.amount, fall.ratio) == (0.0, 0.0)


def test_a_fall_below_zero_is_more_than_the_whole():
    assert drawdown(equity_of([100, -100])).ratio == 2.0


def test_return_over_drawdown_of_half_a_year():
    half = START_MS + DAY_MS * 365 // 2

    assert return_over_drawdown(per_year(50.0, START_MS, half), 40.0) == pytest.approx(2.5)
    assert return_over_drawdown(1.0, 0.0) == math.inf
