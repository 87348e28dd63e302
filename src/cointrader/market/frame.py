"""Candles as aligned float64 columns: one primary symbol and its context.

A frame is a value: its arrays are shared, never written to. Everything in it is joined on time,
never on position, and what is missing is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.ports import Settlement

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

COLUMN_NAMES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """One symbol's candles: float64 arrays of equal length, prices in quote currency."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.close)

    def arrays(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Open, high, low, close, volume."""
        return self.open, self.high, self.low, self.close, self.volume

    def rows(self, start: int, stop: int) -> Columns:
        """Rows `start` included to `stop` excluded, as views."""
        return Columns(*(column[start:stop] for column in self.arrays()))

    def take(self, index: NDArray[np.intp]) -> Columns:
        """The rows of these numbers, in their order, as copies."""
        return Columns(*(column[index] for column in self.arrays()))


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Candles of one primary symbol and its context, aligned on time.

    Every array has one value per row. `funding_rate` is the last settled rate as known at the
    bar's open; `oi_change` is OI[t] / OI[t-1] - 1 over the bar as known at its close; both are
    fractions. Rows of a correlated symbol without a candle at that time are NaN.
    """

    symbol: str
    interval_ms: int
    open_time_ms: Times
    candles: Columns
    correlated: Mapping[str, Columns]  # by upper-case symbol
    funding_rate: Floats
    oi_change: Floats

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def rows(self, start: int, stop: int) -> Frame:
        """Rows `start` included to `stop` excluded, as views."""
        return Frame(
            self.symbol,
            self.interval_ms,
            self.open_time_ms[start:stop],
            self.candles.rows(start, stop),
            {name: columns.rows(start, stop) for name, columns in self.correlated.items()},
            self.funding_rate[start:stop],
            self.oi_change[start:stop],
        )

    def between(self, from_ms: int, to_ms: int) -> Frame:
        """Rows that open from `from_ms`, included, to `to_ms`, excluded, as views."""
        start, stop = np.searchsorted(self.open_time_ms, (from_ms, to_ms))
        return self.rows(int(start), int(stop))


def missing(length: int) -> Floats:
    """A column in which every value is missing."""
    return np.full(length, np.nan)


def missing_columns(length: int) -> Columns:
    """A symbol of which no candle is known."""
    return Columns(*(missing(length) for _ in COLUMN_NAMES))


def join_on_time(open_time_ms: Times, other_time_ms: Times, other: Columns) -> Columns:
    """Candles of another symbol at the given times; NaN where it has none.

    Parameters
    ----------
    open_time_ms : int64 array of shape (n,), strictly ascending
    other_time_ms : int64 array of shape (m,), strictly ascending: the times of `other`

    Returns
    -------
    Columns of length n: views where the times lie in one piece within the other's, else copies.
    """
    length = len(open_time_ms)
    if length == 0:
        return other.rows(0, 0)
    start = int(np.searchsorted(other_time_ms, open_time_ms[0]))
    if np.array_equal(other_time_ms[start : start + length], open_time_ms):
        return other.rows(start, start + length)
    place = np.searchsorted(other_time_ms, open_time_ms)
    inside = place < len(other_time_ms)
    found = np.flatnonzero(inside)
    found = found[other_time_ms[place[found]] == open_time_ms[found]]
    joined = missing_columns(length)
    for target, source in zip(joined.arrays(), other.arrays(), strict=True):
        target[found] = source[place[found]]
    return joined


def last_settled(open_time_ms: Times, settlements: Sequence[Settlement]) -> Floats:
    """The last settled funding rate as known at each bar's open; NaN before the first one.

    Parameters
    ----------
    open_time_ms : int64 array of shape (n,)
    settlements : ascending in time; one that falls on a bar's open is known to that bar
    """
    times = np.array([settlement.at_ms for settlement in settlements], dtype=np.int64)
    rates = np.array([np.nan, *(settlement.rate for settlement in settlements)])
    return rates[np.searchsorted(times, open_time_ms, side="right")]
