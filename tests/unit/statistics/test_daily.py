import numpy as np
import pytest

from cointrader.backtest.statistics.columns import Equity
from cointrader.backtest.statistics.daily import (
    Daily,
    daily_changes,
    daily_r,
    daily_returns,
    on_days,
)
from cointrader.domain.errors import DataError
from tests.unit.statistics.making import DAY_MS, START_MS, equity_of, trades_of

HOUR_MS = 3_600_000


def test_a_day_holds_the_r_of_the_trades_that_ended_on_it_and_0_without():
    trades = trades_of([1.0, 0.5, -1.0], days=[0, 0, 2])

    daily = daily_r(trades, START_MS, START_MS + 4 * DAY_MS)

    assert daily.value.tolist() == [1.5, 0.0, -1.0, 0.0]
    assert daily.day[0] == START_MS // DAY_MS


def test_the_end_of_the_time_played_is_not_a_day_of_it():
    assert len(daily_r(trades_of([]), START_MS, START_MS + DAY_MS)) == 1
    assert len(daily_r(trades_of([]), START_MS, START_MS + DAY_MS + 1)) == 2


def test_a_trade_outside_of_the_time_played_is_refused():
    with pytest.raises(DataError, match="outside of the time"):
        daily_r(trades_of([1.0], days=[3]), START_MS, START_MS + 3 * DAY_MS)


def test_daily_changes_take_the_last_mark_of_a_day_and_add_up_to_the_whole():
    equity = equity_of([100, 90, 120, 110, 115], step_ms=12 * HOUR_MS)

    changes = daily_changes(equity)

    assert changes.value.tolist() == [-10.0, 20.0, 5.0]
    assert changes.value.sum() == 15.0


def test_a_day_without_a_mark_changes_nothing():
    times = np.array([START_MS, START_MS + 3 * DAY_MS])

    assert daily_changes(Equity(times, np.array([100.0, 70.0]))).value.tolist() == [0, 0, 0, -30]


def test_daily_returns_are_fractions_of_the_day_before():
    assert daily_returns(equity_of([100, 110, 99])).value.tolist() == pytest.approx([0, 0.1, -0.1])


def test_a_ruined_account_returns_nothing_any_more():
    assert daily_returns(equity_of([100, -50, -60])).value.tolist() == pytest.approx([0, -1.5, 0])


def test_values_on_days_outside_of_a_series_are_0():
    series = Daily(np.array([10, 11]), np.array([1.0, 2.0]))

    assert on_days(series, np.array([9, 10, 11, 12])).tolist() == [0.0, 1.0, 2.0, 0.0]
