"""Days at their edges."""

import numpy as np
import pytest

from cointrader.backtest.statistics.columns import Equity
from cointrader.backtest.statistics.daily import (
    DAYS_PER_YEAR,
    Daily,
    daily_changes,
    daily_r,
    daily_returns,
    on_days,
)
from cointrader.domain.errors import DataError
from tests.unit.statistics.making import DAY_MS, START_MS, equity_of, trades_of


@pytest.mark.parametrize(("day", "is_inside"), [(-1, False), (0, True), (2, True), (3, False)])
def test_trades_of_the_days_played_and_of_no_other(day, is_inside):
    play = lambda: daily_r(trades_of([1.0], days=[day]), START_MS, START_MS + 3 * DAY_MS)  # noqa: E731

    if is_inside:
        assert play().value.tolist() == [float(day == each) for each in range(3)]
    else:
        with pytest.raises(DataError, match="outside of the time"):
            play()


@pytest.mark.parametrize("days", [[-1, 1], [1, 3]])
def test_one_trade_outside_of_the_days_played_is_enough_to_refuse_all(days):
    with pytest.raises(DataError, match="outside of the time"):
        daily_r(trades_of([1.0, 1.0], days=days), START_MS, START_MS + 3 * DAY_MS)


def test_a_market_that_never_closes_has_365_days_a_year():
    assert DAYS_PER_YEAR == 365


def test_several_trades_of_one_day_add_up():
    trades = trades_of([1.0, 2.0, -0.5], days=[1, 1, 1])

    assert daily_r(trades, START_MS, START_MS + 2 * DAY_MS).value.tolist() == [0.0, 2.5]


@pytest.mark.parametrize("length", [0, -DAY_MS])
def test_no_time_has_no_days(length):
    with pytest.raises(DataError, match="no time was played"):
        daily_r(trades_of([]), START_MS, START_MS + length)


def test_a_day_that_was_played_in_part_is_one():
    assert len(daily_r(trades_of([]), START_MS + DAY_MS - 1, START_MS + DAY_MS)) == 1
    assert len(daily_r(trades_of([]), START_MS + DAY_MS - 1, START_MS + DAY_MS + 1)) == 2


def test_the_first_day_is_measured_from_the_first_mark():
    equity = equity_of([100.0, 110.0, 99.0], step_ms=DAY_MS // 2)

    assert daily_changes(equity).value.tolist() == [10.0, -11.0]
    assert daily_returns(equity).value.tolist() == pytest.approx([0.1, -0.1])


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e9])
def test_returns_are_the_same_whatever_the_size_of_the_account(size):
    returns = daily_returns(equity_of([size, 1.5 * size, 0.75 * size])).value

    assert returns.tolist() == pytest.approx([0.0, 0.5, -0.5])


def test_an_account_at_nothing_returns_nothing():
    assert daily_returns(equity_of([0.0, 5.0, 10.0])).value.tolist() == [0.0, 0.0, 1.0]


def test_a_day_without_a_mark_repeats_the_day_before():
    times = np.array([START_MS, START_MS + 1, START_MS + 2 * DAY_MS])

    changes = daily_changes(Equity(times, np.array([100.0, 90.0, 120.0])))

    assert changes.value.tolist() == [-10.0, 0.0, 30.0]
    assert (changes.day - START_MS // DAY_MS).tolist() == [0, 1, 2]


def test_values_on_days_of_a_series_without_any_are_0():
    nothing = Daily(np.zeros(0, np.int64), np.zeros(0))

    assert on_days(nothing, np.array([0, 1])).tolist() == [0.0, 0.0]
    assert on_days(Daily(np.array([5]), np.array([2.0])), np.array([4, 5, 6])).tolist() == [0, 2, 0]
