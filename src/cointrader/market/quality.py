"""What is wrong, or odd, about stored candles. Pure: columns in, findings out; nothing is changed.

A finding is one of three: *repaired* can be put right without losing a value (order, exact
duplicates, a last candle that was still open), *refused* cannot and stops the reader, *suspect*
may well be true (an outage, a crash) and is only told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.clock import INTERVALS_MS
from cointrader.domain.errors import DataError, MissingCandles
from cointrader.market.frame import COLUMN_NAMES, Columns, Floats, Times

Rows = NDArray[np.intp]

JUMP_RATIO = 0.20  # a bar that leaves the last close by more is told
FROZEN_BARS = 4  # so many bars running at one single price are told
_UNITS = {
    1e-3: "seconds were stored as if they were milliseconds",
    1e3: "microseconds were stored as if they were milliseconds",
    1e6: "nanoseconds were stored as if they were milliseconds",
}
_STEPS_TO_JUDGE = 3  # fewer candles do not tell another interval from a gap
POSSIBLE = "0 < low <= open, close <= high, and volume >= 0, all finite"


class Severity(StrEnum):
    REFUSED = "refused"
    REPAIRED = "repaired"
    SUSPECT = "suspect"


class Kind(StrEnum):
    """What a finding is about."""

    WRONG_INTERVAL = "wrong-interval"
    OFF_GRID = "off-grid"
    FUTURE = "future"
    IMPOSSIBLE = "impossible"
    CONFLICT = "conflict"
    GAP = "gap"
    UNSORTED = "unsorted"
    DUPLICATE = "duplicate"
    OPEN_CANDLE = "open-candle"
    ZERO_VOLUME = "zero-volume"
    FROZEN = "frozen"
    JUMP = "jump"
    DISAGREEMENT = "disagreement"
    COPY = "copy"
    PRICE_GRID = "price-grid"
    FUNDING_SIZE = "funding-size"
    FUNDING_TIMES = "funding-times"
    LAG = "lag"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth knowing. `row` counts from 0 in the order the candles were given."""

    kind: Kind
    row: int
    time_ms: int
    detail: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class _Advice:
    what: str
    allowed: str
    todo: str


_FETCH = "store it again from its source, or correct the file"
_ADVICE = {
    Kind.WRONG_INTERVAL: _Advice(
        "the candles are of another interval",
        "one candle per interval",
        "read it with the right --interval, or name the file after its interval",
    ),
    Kind.OFF_GRID: _Advice(
        "a candle does not open on the interval's grid",
        "open times in UTC that are multiples of the interval",
        "check that `timestamp` is the open time, not the close time, and in UTC",
    ),
    Kind.FUTURE: _Advice(
        "a candle is from the future",
        "candles that have begun",
        "check that `timestamp` is in UTC, and that the clock of this machine is right",
    ),
    Kind.IMPOSSIBLE: _Advice("a candle is impossible", POSSIBLE, _FETCH),
    Kind.CONFLICT: _Advice(
        "two different candles for one time",
        "one candle per time; exact copies are dropped",
        "keep the true one; the other may have been stored before it closed",
    ),
    Kind.GAP: _Advice("candles are missing", "one candle per interval, without a gap", _FETCH),
    Kind.OPEN_CANDLE: _Advice(
        "a candle had not closed when the file was written",
        "closed candles; only the very last may have been open",
        _FETCH,
    ),
}


def utc(at_ms: int) -> str:
    """A time as people read it, e.g. ``2025-03-05 15:00 UTC``."""
    try:
        moment = datetime.fromtimestamp(at_ms // 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"
    return moment.strftime("%Y-%m-%d %H:%M UTC" if at_ms % 60_000 == 0 else "%Y-%m-%d %X UTC")


def interval_name(interval_ms: int) -> str:
    """``"15m"`` for 900,000; the number itself for an interval without a name."""
    names = {length: name for name, length in INTERVALS_MS.items()}
    return names.get(interval_ms, f"{interval_ms} ms")


def why_impossible(
    bar_open: float, high: float, low: float, close: float, volume: float
) -> str | None:
    """Why no exchange can have made this candle; None when it could be true."""
    if (
        0.0 < low <= bar_open <= high < math.inf
        and low <= close <= high
        and 0.0 <= volume < math.inf
    ):
        return None
    values = (bar_open, high, low, close, volume)
    for name, value in zip(COLUMN_NAMES, values, strict=True):
        if not math.isfinite(value):
            return f"{name} is {value}"
        if value < 0 or (value == 0 and name != "volume"):
            return f"{name} is {value}, which no {name} can be"
    if high < max(bar_open, close):
        return f"high {high} is below open {bar_open} or close {close}"
    return f"low {low} is above open {bar_open} or close {close}"


def possible(candles: Columns) -> NDArray[np.bool_]:
    """For each row whether `why_impossible` has nothing to say; bool array of shape (n,)."""
    opens, highs, lows, closes, volumes = candles.arrays()
    inside = (lows <= opens) & (opens <= highs) & (lows <= closes) & (closes <= highs)
    return inside & (lows > 0) & (highs < np.inf) & (volumes >= 0) & (volumes < np.inf)


def in_time_order(open_time_ms: Times) -> Rows:
    """Row numbers in time order, the first row of each time only."""
    order: Rows = np.argsort(open_time_ms, kind="stable")
    times = open_time_ms[order]
    first: Rows = order[np.diff(times, prepend=times[:1] - 1) != 0]
    return first


def inspect(
    open_time_ms: Times,
    candles: Columns,
    interval_ms: int,
    *,
    context: Sequence[Floats] = (),
    stored_ms: int | None = None,
    now_ms: int | None = None,
) -> list[Finding]:
    """Everything worth knowing about one symbol's candles as they were stored.

    Parameters
    ----------
    open_time_ms : int64 array of shape (n,), in stored order
    candles : of length n
    context : further columns of length n; rows for one time that differ in them are in conflict
    stored_ms : when the candles were stored, where that is known
    now_ms : where given, candles that open later are refused

    Returns
    -------
    Findings, refused ones first, each kind in row order.
    """
    if len(open_time_ms) == 0:
        return []
    kept = in_time_order(open_time_ms)
    found = [
        *_order_findings(open_time_ms),
        *_duplicate_findings(open_time_ms, (*candles.arrays(), *context)),
        *_time_findings(open_time_ms, kept, interval_ms),
        *_future_findings(open_time_ms, now_ms),
        *_impossible_findings(open_time_ms, candles),
        *_open_candle_findings(open_time_ms, kept, interval_ms, stored_ms),
        *_suspects(open_time_ms, candles.take(kept), kept),
    ]
    rank = {severity: position for position, severity in enumerate(Severity)}
    kinds = {kind: position for position, kind in enumerate(Kind)}
    return sorted(found, key=lambda one: (rank[one.severity], kinds[one.kind], one.row))


def refusal(findings: Iterable[Finding], where: str) -> DataError | None:
    """The error that a reader raises for these findings; None when nothing must be refused."""
    refused = [finding for finding in findings if finding.severity is Severity.REFUSED]
    if not refused:
        return None
    first, advice = refused[0], _ADVICE[refused[0].kind]
    more = f" (and {len(refused) - 1} more, see `cointrader data check`)" if refused[1:] else ""
    error = MissingCandles if first.kind is Kind.GAP else DataError
    return error(
        advice.what + more,
        where=f"{where}, row {first.row} counted from 0, {utc(first.time_ms)}",
        found=first.detail,
        allowed=advice.allowed,
        todo=advice.todo,
    )


def coverage(columns: Mapping[str, Floats]) -> dict[str, float]:
    """Share of values that are not missing (NaN), by column; 0 for an empty column."""
    return {
        name: float(np.mean(~np.isnan(values))) if len(values) else 0.0
        for name, values in columns.items()
    }


def values_at(candles: Columns, row: int) -> str:
    """One candle's values, as an error message shows them."""
    pairs = zip(COLUMN_NAMES, candles.arrays(), strict=True)
    return ", ".join(f"{name} {float(column[row])}" for name, column in pairs)


def _order_findings(times: Times) -> Iterator[Finding]:
    backwards = np.flatnonzero(np.diff(times) < 0) + 1
    for row in backwards.tolist():
        detail = f"opens before the row above it, {utc(int(times[row - 1]))}"
        yield Finding(Kind.UNSORTED, row, int(times[row]), detail, Severity.REPAIRED)


def _duplicate_findings(times: Times, columns: Sequence[Floats]) -> Iterator[Finding]:
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    is_first = np.diff(ordered, prepend=ordered[:1] - 1) != 0
    first_place = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    for place in np.flatnonzero(~is_first).tolist():
        row, first = int(order[place]), int(order[first_place[place]])
        pairs = [(float(column[first]), float(column[row])) for column in columns]
        differing = [
            (one, other)
            for one, other in pairs
            if one != other and not (math.isnan(one) and math.isnan(other))
        ]
        if differing:
            one, other = differing[0]
            detail = f"row {first} has {one} where row {row} has {other}"
            yield Finding(Kind.CONFLICT, row, int(times[row]), detail, Severity.REFUSED)
        else:
            detail = f"an exact copy of row {first}"
            yield Finding(Kind.DUPLICATE, row, int(times[row]), detail, Severity.REPAIRED)


def _time_findings(times: Times, kept: Rows, interval_ms: int) -> Iterator[Finding]:
    """Wrong interval, off-grid times and gaps; with the wrong interval the rest says nothing."""
    ordered = times[kept]
    steps = np.diff(ordered)
    usual = int(np.median(steps)) if len(steps) >= _STEPS_TO_JUDGE else interval_ms
    if usual != interval_ms and np.mean(steps == usual) > 0.5:
        detail = f"{interval_name(usual)} apart, not {interval_name(interval_ms)}"
        if units := _UNITS.get(usual / interval_ms):
            detail += f": {units}"
        yield Finding(Kind.WRONG_INTERVAL, int(kept[0]), int(ordered[0]), detail, Severity.REFUSED)
        return
    for row in np.flatnonzero(times % interval_ms).tolist():
        detail = f"{int(times[row]) % interval_ms} ms after a multiple of the interval"
        yield Finding(Kind.OFF_GRID, row, int(times[row]), detail, Severity.REFUSED)
    for place in np.flatnonzero(steps > interval_ms).tolist():
        before, after = int(ordered[place]), int(ordered[place + 1])
        count = -(-(after - before) // interval_ms) - 1
        detail = f"{count} missing between {utc(before)} and {utc(after)}"
        yield Finding(Kind.GAP, int(kept[place + 1]), after, detail, Severity.REFUSED)


def _future_findings(times: Times, now_ms: int | None) -> Iterator[Finding]:
    """One finding for all of them: usually every candle is shifted alike."""
    if now_ms is None:
        return
    rows = np.flatnonzero(times > now_ms)
    if len(rows):
        row = int(rows[0])
        detail = f"{len(rows):,} candle(s) open after now, {utc(now_ms)}"
        yield Finding(Kind.FUTURE, row, int(times[row]), detail, Severity.REFUSED)


def _impossible_findings(times: Times, candles: Columns) -> Iterator[Finding]:
    for row in np.flatnonzero(~possible(candles)).tolist():
        why = why_impossible(*(float(column[row]) for column in candles.arrays()))
        detail = f"{why} ({values_at(candles, row)})"
        yield Finding(Kind.IMPOSSIBLE, row, int(times[row]), detail, Severity.REFUSED)


def _open_candle_findings(
    times: Times, kept: Rows, interval_ms: int, stored_ms: int | None
) -> Iterator[Finding]:
    """Candles that had not closed when they were stored: the last is dropped, others refused."""
    if stored_ms is None:
        return
    detail = f"stored at {utc(stored_ms)}, before it closed"
    for row in kept[times[kept] + interval_ms > stored_ms].tolist():
        known = row == kept[-1]
        severity = Severity.REPAIRED if known else Severity.REFUSED
        yield Finding(Kind.OPEN_CANDLE, row, int(times[row]), detail, severity)


def _suspects(times: Times, candles: Columns, kept: Rows) -> Iterator[Finding]:
    """Odd but possible: told, never changed."""

    def suspect(kind: Kind, place: int, detail: str) -> Finding:
        row = int(kept[place])
        return Finding(kind, row, int(times[row]), detail, Severity.SUSPECT)

    for place, length in _runs(candles.volume == 0):
        yield suspect(Kind.ZERO_VOLUME, place, f"{length} bar(s) running without volume")
    before = np.concatenate((candles.open[:1], candles.close[:-1]))
    still = (candles.high == candles.low) & (candles.close == before)
    for place, length in _runs(still):
        if length >= FROZEN_BARS:
            price = float(candles.close[place])
            yield suspect(Kind.FROZEN, place, f"{length} bars running at the price {price}")
    with np.errstate(all="ignore"):
        away = np.maximum(candles.high / before - 1, 1 - candles.low / before)
    for place in np.flatnonzero(away > JUMP_RATIO).tolist():
        detail = f"{away[place]:.0%} away from the last close {float(before[place])}"
        yield suspect(Kind.JUMP, place, f"{detail} ({values_at(candles, place)})")


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(start, length) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [
        (start, stop - start)
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]
