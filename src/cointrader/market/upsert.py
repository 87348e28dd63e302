"""Stored candles brought up to date: columns made of what was fetched, and laid over a file's.

Pure. Joined on time; what is not known is NaN and replaces nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.clock import MINUTE_MS
from cointrader.domain.ports import Settlement
from cointrader.market.doubts import SETTLEMENT_MS
from cointrader.market.frame import (
    COLUMN_NAMES,
    Columns,
    Floats,
    Frame,
    Times,
    join_on_time,
    last_settled,
    missing,
    missing_columns,
)

OPEN_INTEREST_MS = 5 * MINUTE_MS  # how often the exchange tells it, and how late at most


@dataclass(frozen=True, slots=True)
class Upserted:
    """What a file will hold: rows that are new, and rows of which a value is another now."""

    frame: Frame
    added: int
    changed: int


def funding_column(open_time_ms: Times, settlements: Sequence[Settlement]) -> Floats:
    """The last settled rate at each bar's open, as `market.frame` and the reader want it.

    Settlements are stamped a few ms after the full hour that they belong to, so their times are
    rounded to the minute: the rate of 08:00:00.006 is known to the bar that opens at 08:00, and
    stands in the bar after it too, where the reader looks for it. No contract settles less often
    than every 8 hours, so an older rate tells that one is missing: NaN.

    Parameters
    ----------
    open_time_ms : int64 array of shape (n,), ascending
    settlements : ascending
    """
    rounded = [
        Settlement((each.at_ms + MINUTE_MS // 2) // MINUTE_MS * MINUTE_MS, each.rate)
        for each in settlements
    ]
    times = np.array([each.at_ms for each in rounded], dtype=np.int64)
    last = np.searchsorted(times, open_time_ms, side="right") - 1
    settled_ms = times[np.maximum(last, 0)] if len(times) else open_time_ms
    is_fresh = (last >= 0) & (open_time_ms - settled_ms < SETTLEMENT_MS)
    return np.where(is_fresh, last_settled(open_time_ms, rounded), np.nan)


def interest_before_ms(interval_ms: int) -> int:
    """How long before the open of a bar an amount may be stamped that counts in its change."""
    return max(interval_ms, OPEN_INTEREST_MS) + OPEN_INTEREST_MS


def open_interest_change(
    open_time_ms: Times, interval_ms: int, at_ms: Times, contracts: Floats
) -> Floats:
    """OI[t] / OI[t-1] - 1 of each bar, each amount the newest one known at the bar's close.

    An amount is told after the moment it is stamped with, so one of the last five minutes before
    the close is not known at it: whoever decides there must do without, and so must a backtest.
    NaN where either is not known: an amount older than that by a bar, or by the five minutes in
    which the exchange tells the next, is none of this bar. Amounts that are not positive are
    failed requests.

    Parameters
    ----------
    open_time_ms : int64 array of shape (n,), ascending
    at_ms, contracts : int64 and float64 arrays of shape (m,), ascending in time
    """
    known = np.flatnonzero(contracts > 0)
    at_ms, contracts = at_ms[known], contracts[known]
    if len(at_ms) == 0:
        return missing(len(open_time_ms))
    oldest_ms = max(interval_ms, OPEN_INTEREST_MS)

    def amount(close_ms: Times) -> Floats:
        known_ms = close_ms - OPEN_INTEREST_MS
        last = np.searchsorted(at_ms, known_ms, side="right") - 1
        place = np.maximum(last, 0)
        is_fresh = (last >= 0) & (known_ms - at_ms[place] < oldest_ms)
        return np.where(is_fresh, contracts[place], np.nan)

    change: Floats = amount(open_time_ms + interval_ms) / amount(open_time_ms) - 1.0
    return change


def frame_fetched(
    symbol: str,
    interval_ms: int,
    own: tuple[Times, Columns],
    others: Mapping[str, tuple[Times, Columns]],
    settlements: Sequence[Settlement],
    open_interest: tuple[Times, Floats],
) -> Frame:
    """What was fetched of one symbol, as one row per candle of its own."""
    times, columns = own
    return Frame(
        symbol,
        interval_ms,
        times,
        columns,
        {name: join_on_time(times, *other) for name, other in others.items()},
        funding_column(times, settlements),
        open_interest_change(times, interval_ms, *open_interest),
    )


def upsert(existing: Frame | None, fetched: Frame) -> Upserted:
    """The rows of both, ascending; where both know a value, the fetched one counts.

    Rows and columns that were not fetched stay as they are, to the last bit.
    """
    if existing is None:
        return Upserted(fetched, len(fetched), 0)
    times = np.union1d(existing.open_time_ms, fetched.open_time_ms)
    here = np.searchsorted(times, existing.open_time_ms)
    there = np.searchsorted(times, fetched.open_time_ms)

    def laid(old: Floats | None, new: Floats | None) -> Floats:
        column = missing(len(times))
        if old is not None:
            column[here] = old
        if new is not None:
            known = ~np.isnan(new)
            column[there[known]] = new[known]
        return column

    def candles(old: Columns | None, new: Columns | None) -> Columns:
        olds = [None] * len(COLUMN_NAMES) if old is None else old.arrays()
        news = [None] * len(COLUMN_NAMES) if new is None else new.arrays()
        return Columns(*(laid(one, other) for one, other in zip(olds, news, strict=True)))

    names = dict.fromkeys((*fetched.correlated, *existing.correlated))
    frame = Frame(
        fetched.symbol,
        fetched.interval_ms,
        times,
        candles(existing.candles, fetched.candles),
        {
            name: candles(existing.correlated.get(name), fetched.correlated.get(name))
            for name in names
        },
        laid(existing.funding_rate, fetched.funding_rate),
        laid(existing.oi_change, fetched.oi_change),
    )
    is_other = _differs(existing, frame, here)
    return Upserted(frame, len(times) - len(here), int(np.count_nonzero(is_other)))


def _differs(existing: Frame, frame: Frame, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """For each row of `existing`, whether a value of it is another one now."""
    nothing = missing_columns(len(existing))
    pairs = [
        (existing.funding_rate, frame.funding_rate),
        (existing.oi_change, frame.oi_change),
        *zip(existing.candles.arrays(), frame.candles.arrays(), strict=True),
    ]
    for name, columns in frame.correlated.items():
        old = existing.correlated.get(name, nothing)
        pairs += zip(old.arrays(), columns.arrays(), strict=True)
    differs = np.zeros(len(existing), dtype=np.bool_)
    for old_values, values in pairs:
        new_values = values[rows]
        same = (old_values == new_values) | (np.isnan(old_values) & np.isnan(new_values))
        differs |= ~same
    return differs
