"""From the history to `combined_*.parquet`: what the file holds, what it lacks, what is new in it.

A file that is there is brought up to date, never thrown away: rows that were not fetched stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cointrader.domain.clock import HOUR_MS, interval_ms
from cointrader.domain.errors import MissingCandles
from cointrader.domain.ports import Settlement
from cointrader.market.combined import candle_path, examine, write_combined
from cointrader.market.doubts import SETTLEMENT_MS
from cointrader.market.frame import Floats, Frame
from cointrader.market.history import FILE_NAME, History
from cointrader.market.quality import Kind, coverage, in_time_order, refusal, utc
from cointrader.market.spans import Span, filled, without
from cointrader.market.store import read_table
from cointrader.market.upsert import frame_fetched, interest_before_ms, upsert

_HEALED = frozenset({Kind.GAP, Kind.OPEN_CANDLE})  # what fetching puts right


@dataclass(frozen=True, slots=True)
class FetchedSymbol:
    """What a file holds now.

    `coverage` is the share of known values and `gaps` the number of stretches without one, by
    column; candles of the symbol itself have none.
    """

    symbol: str
    path: Path
    interval: str
    candles: int
    first_ms: int
    last_ms: int
    added: int
    changed: int
    coverage: Mapping[str, float]
    gaps: Mapping[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Existing:
    """A file as it was: its rows that had closed, and whether cointrader wrote it."""

    frame: Frame
    is_ours: bool


def read_existing(folder: Path, symbol: str, interval: str) -> Existing | None:
    """The stored candles of `symbol`; None where there is no file.

    Left out are candles that had not closed when they were stored, and the last one of a file
    from elsewhere, of which nobody knows. A gap is no obstacle: fetching may fill it.

    Raises
    ------
    DataError : the file cannot be read, or holds what can only be corrected by its owner
    """
    path = candle_path(folder, symbol, interval)
    if not path.exists():
        return None
    seen = examine(folder, symbol, interval)
    problem = refusal((one for one in seen.findings if one.kind not in _HEALED), str(path))
    if problem is not None:
        problem.todo = "correct the file, or move it away: then it is made anew"
        raise problem
    bar_ms = interval_ms(interval)
    stored_ms = read_table(path, lambda _names: ()).stored_ms
    rows = in_time_order(seen.open_time_ms)
    times = seen.open_time_ms[rows]
    rows = rows[:-1] if stored_ms is None else rows[times + bar_ms <= stored_ms]
    frame = Frame(
        seen.symbol,
        bar_ms,
        seen.open_time_ms[rows],
        seen.candles.take(rows),
        {name: columns.take(rows) for name, columns in seen.correlated.items()},
        seen.funding_rate[rows],
        seen.oi_change[rows],
    )
    return Existing(frame, stored_ms is not None) if len(frame) else None


def adopt(history: History, existing: Existing, interval: str) -> None:
    """Take the candles of a file of ours into the history, so that none is fetched again."""
    if not existing.is_ours:
        return
    frame = existing.frame
    pairs = {frame.symbol: frame.candles, **frame.correlated}
    for symbol, columns in pairs.items():
        rows = np.flatnonzero(~np.isnan(columns.close))
        times = frame.open_time_ms[rows]
        if len(times) == 0:
            continue
        bounds = (int(times[0]), int(times[-1]) + 1)
        if len(history.candle_times(symbol, interval, bounds)) < len(times):
            taken = columns.take(rows)
            history.keep_candles(symbol, interval, times, taken, replace=False)


def wanted_spans(asked: Span, existing: Existing | None) -> tuple[Span, ...]:
    """What of the candles must be known for a file without a gap: what was asked for, the gaps of
    the file, and what lies between the two."""
    if existing is None:
        return (asked,)
    frame = existing.frame
    has = filled(frame.open_time_ms, frame.interval_ms)
    whole = (min(asked[0], has[0][0]), max(asked[1], has[-1][1]))
    return without([whole], without(has, [asked]))


def write_symbol(
    history: History,
    folder: Path,
    symbol: str,
    interval: str,
    spans: Sequence[Span],
    correlation_symbols: Sequence[str],
    existing: Existing | None,
    *,
    now_ms: int,
) -> FetchedSymbol:
    """Lay what the history knows of `spans` over the file, and write it, unless nothing is new.

    Raises
    ------
    MissingCandles : there is no candle, or there is a gap
    DataError : the file cannot be written
    """
    whole = (min(start for start, _ in spans), max(end for _, end in spans))
    fetched = _fetched(history, symbol, interval, whole, correlation_symbols)
    path = candle_path(folder, symbol, interval)
    if len(fetched) == 0 and existing is None:
        raise MissingCandles(
            f"no candles of {symbol} were found",
            where=f"{utc(whole[0])} to {utc(whole[1])}",
            todo="ask for another time; or for another --source, if the exchange lists it",
        )
    done = upsert(None if existing is None else existing.frame, fetched)
    if existing is None or not existing.is_ours or done.added or done.changed:
        bar_ms = interval_ms(interval)
        # Until when candles are closed; not a moment, so that the same candles make the same file.
        try:
            write_combined(folder, done.frame, stored_ms=now_ms // bar_ms * bar_ms)
        except MissingCandles as gap:
            gap.todo = "fetch the time between too; or try another --source; or, where no source "
            gap.todo += "has it, begin after it with --from and a new --data"
            raise
    frame = done.frame
    columns = _context(frame)
    settlements = history.settlements(symbol, whole)
    return FetchedSymbol(
        symbol,
        path,
        interval,
        len(frame),
        int(frame.open_time_ms[0]),
        int(frame.open_time_ms[-1]),
        done.added,
        done.changed,
        coverage(columns),
        {name: _stretches(values) for name, values in columns.items()},
        tuple(_settles_oddly(settlements)),
    )


def _fetched(
    history: History, symbol: str, interval: str, span: Span, correlation_symbols: Sequence[str]
) -> Frame:
    bar_ms = interval_ms(interval)
    others = [name for name in correlation_symbols if name != symbol]
    return frame_fetched(
        symbol,
        bar_ms,
        history.candles(symbol, interval, span),
        {name: history.candles(name, interval, span) for name in others},
        history.settlements(symbol, (span[0] - SETTLEMENT_MS, span[1])),
        history.open_interest(symbol, (span[0] - interest_before_ms(bar_ms), span[1] + 1)),
    )


def _context(frame: Frame) -> dict[str, Floats]:
    """The columns that may have holes: of a correlation symbol the close stands for all five."""
    others = {name: columns.close for name, columns in frame.correlated.items()}
    return {**others, "funding_rate": frame.funding_rate, "oi_change": frame.oi_change}


def _stretches(values: Floats) -> int:
    """How many runs of missing values there are."""
    is_missing = np.isnan(values)
    return int(np.count_nonzero(is_missing[1:] & ~is_missing[:-1])) + int(is_missing[:1].sum())


def _settles_oddly(settlements: Sequence[Settlement]) -> list[str]:
    """A word where funding is settled at other times than the file alone can tell."""
    at_ms = np.array([each.at_ms for each in settlements], dtype=np.int64)
    hours = (at_ms + HOUR_MS // 2) // HOUR_MS
    between = int(np.count_nonzero(hours % (SETTLEMENT_MS // HOUR_MS)))
    if not between:
        return []
    return [
        f"{between:,} of {len(hours):,} settlements are not at 00, 08 or 16 UTC: "
        f"backtests know them by {FILE_NAME} beside this file"
    ]
