"""Trades and equity by UTC day, days without a trade included.

Sharpe ratios are made of days and nothing else: a year has 365 of them whatever the number of
trades or bars, and trades of one day, which the same market made, are counted as one observation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cointrader.backtest.statistics.columns import Equity, Floats, Integers, TradeColumns
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import DataError

DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True, eq=False)
class Daily:
    """One value per UTC day, without a hole.

    Parameters
    ----------
    day : int64, days since 1970-01-01, each one above the one before
    value : float64 of the same length
    """

    day: Integers
    value: Floats

    def __len__(self) -> int:
        return len(self.value)


def daily_r(trades: TradeColumns, start_ms: int, end_ms: int) -> Daily:
    """R earned per day, by the day of the exit; 0 on a day on which no trade ended.

    Parameters
    ----------
    start_ms, end_ms : the time that was played, end excluded

    Raises `DataError` when a trade ended outside of it.
    """
    day = _days(start_ms, end_ms)
    row = trades.exit_ms // DAY_MS - day[0]
    if len(row) and (row.min() < 0 or row.max() >= len(day)):
        raise DataError(
            "a trade ended outside of the time that was played",
            found=f"{int(trades.exit_ms.min())} to {int(trades.exit_ms.max())}",
            allowed=f"{start_ms} to {end_ms}",
        )
    earned = np.zeros(len(day))
    np.add.at(earned, row, trades.r)
    return Daily(day, earned)


def daily_changes(equity: Equity) -> Daily:
    """What each day added to the marked equity, in quote currency.

    The day's last mark counts; a day without one repeats the day before. The first day is
    measured from the first mark.
    """
    day, value = _closing(equity)
    return Daily(day, np.diff(value, prepend=equity.value[0]))


def daily_returns(equity: Equity) -> Daily:
    """The same as a fraction of the equity of the day before; 0 once that is not above 0.

    For an account that compounds. Trades of a fixed size have no such base: their Sharpe ratio is
    that of `daily_changes`, in which the base cancels.
    """
    day, value = _closing(equity)
    before = np.concatenate((equity.value[:1], value[:-1]))
    returns = np.divide(value - before, before, out=np.zeros(len(day)), where=before > 0.0)
    return Daily(day, returns)


def on_days(series: Daily, days: Integers) -> Floats:
    """The values of these days; 0 where the series has none."""
    row = days - series.day[0] if len(series) else days
    inside = (row >= 0) & (row < len(series))
    found: Floats = np.zeros(len(days))
    found[inside] = series.value[row[inside]]
    return found


def _days(start_ms: int, end_ms: int) -> Integers:
    if end_ms <= start_ms:
        raise DataError("no time was played", found=f"{start_ms} to {end_ms}")
    return np.arange(start_ms // DAY_MS, (end_ms - 1) // DAY_MS + 1, dtype=np.int64)


def _closing(equity: Equity) -> tuple[Integers, Floats]:
    """Each day and its last mark, the day before's where it has none."""
    of = equity.time_ms // DAY_MS
    day = np.arange(of[0], of[-1] + 1, dtype=np.int64)
    last = np.searchsorted(of, day, side="right") - 1
    return day, equity.value[last]
