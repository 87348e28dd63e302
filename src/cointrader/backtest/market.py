"""Candles in memory, as signal rules and the kernel read them.

A `Market` is made once from a candle source and shared by every run over it; a `Stretch` is the
part of it that one run plays, all symbols on one timeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import Candles, Floats, Longs, Payments
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import MissingCandles
from cointrader.domain.ports import CandleSource, Settlement
from cointrader.market.context import Recorded
from cointrader.market.frame import COLUMN_NAMES, Columns, Frame, join_on_time
from cointrader.market.quality import utc

_RECENT = 500  # candles whose prices tell the grid of a symbol without known filters


class Settled(NamedTuple):
    """Funding settlements of one symbol, ascending; `mark` is NaN where none is recorded."""

    at_ms: Longs
    rate: Floats
    mark: Floats

    @staticmethod
    def of(settlements: Sequence[Settlement]) -> Settled:
        marks = (each.mark_price for each in settlements)
        return Settled(
            np.array([each.at_ms for each in settlements], np.int64),
            np.array([each.rate for each in settlements], np.float64),
            np.array([np.nan if mark is None else mark for mark in marks], np.float64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Every stored candle of some symbols, in the configured order.

    Frames are those that a running bot's rule is shown: candles, correlation symbols, funding and
    open interest.
    """

    label: str
    interval_ms: int
    frames: Mapping[str, Frame]  # by symbol
    settlements: Mapping[str, Settled]
    _stretches: dict[tuple[int | None, int | None], Stretch] = field(default_factory=dict)

    @staticmethod
    def of(
        source: CandleSource, symbols: Sequence[str], correlation_symbols: Sequence[str] = ()
    ) -> Market:
        """All candles of `symbols` in `source`. Raises what the source raises."""
        context = {name: _columns_of(source, name) for name in correlation_symbols}
        frames = {}
        for symbol in symbols:
            times, columns = _columns_of(source, symbol)
            joined = {name: join_on_time(times, *other) for name, other in context.items()}
            known = Recorded(source, symbol).columns(times)
            frames[symbol] = Frame(symbol, source.interval_ms, times, columns, joined, *known)
        settlements = {symbol: Settled.of(source.settlements(symbol)) for symbol in symbols}
        return Market(source.label, source.interval_ms, frames, settlements)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.frames)

    def recent_closes(self, symbol: str) -> list[float]:
        """The newest closes of one symbol, oldest first."""
        closes: list[float] = self.frames[symbol].candles.close[-_RECENT:].tolist()
        return closes

    def between(self, start_ms: int | None, end_ms: int | None) -> Stretch:
        """The bars that open from `start_ms`, included, to `end_ms`, excluded; None: all.

        Kept: asked for again it costs nothing. Raises `MissingCandles` where there is none, or
        where a symbol has a hole.
        """
        key = (start_ms, end_ms)
        if key not in self._stretches:
            self._stretches[key] = _stretch(self, start_ms, end_ms)
        return self._stretches[key]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """What one run plays. `rows` is, per symbol, the frame's row of its first bar played."""

    market: Market
    candles: Candles
    payments: Payments
    rows: tuple[int, ...]

    @property
    def from_ms(self) -> int:
        return int(self.candles.time_ms[0])

    @property
    def to_ms(self) -> int:
        """The end of the last bar, excluded."""
        return int(self.candles.time_ms[-1]) + self.market.interval_ms


def _columns_of(source: CandleSource, symbol: str) -> tuple[Longs, Columns]:
    rows = source.candles(symbol)
    if hasattr(rows, "columns") and hasattr(rows, "open_time_ms"):
        return rows.open_time_ms, rows.columns
    times = np.array([candle.open_time_ms for candle in rows], np.int64)
    named = ([getattr(candle, name) for candle in rows] for name in COLUMN_NAMES)
    return times, Columns(*(np.array(column, np.float64) for column in named))


def _stretch(market: Market, start_ms: int | None, end_ms: int | None) -> Stretch:
    frames = list(market.frames.values())
    spans = [_span(frame, start_ms, end_ms) for frame in frames]
    time_ms = _timeline(frames, spans)
    if len(time_ms) == 0:
        raise MissingCandles(
            "there is no candle to trade on in this range",
            where=market.label,
            todo="choose other --from and --to, or other symbols",
        )
    firsts = np.zeros(len(frames), np.int64)
    lasts = np.full(len(frames), -1, np.int64)
    for s, (frame, (begin, end)) in enumerate(zip(frames, spans, strict=True)):
        if begin < end:
            firsts[s] = np.searchsorted(time_ms, frame.open_time_ms[begin])
            lasts[s] = firsts[s] + end - begin - 1
            _require_whole(frame, begin, end)

    def packed(name: str) -> Floats:
        columns = [getattr(frame.candles, name) for frame in frames]
        return _packed(columns, spans, firsts, len(time_ms))

    candles = Candles(
        shown(time_ms),
        shown(_next_day(time_ms)),
        packed("open"),
        packed("high"),
        packed("low"),
        packed("close"),
        shown(firsts),
        shown(lasts),
    )
    payments = _payments(market, time_ms, firsts.tolist(), lasts.tolist())
    return Stretch(market, candles, payments, tuple(begin for begin, _ in spans))


def _next_day(time_ms: Longs) -> Longs:
    """For each bar the first one of the next UTC day."""
    midnights = np.arange(time_ms[0] // DAY_MS + 1, time_ms[-1] // DAY_MS + 2) * DAY_MS
    ends = np.searchsorted(time_ms, midnights).astype(np.int64, copy=False)
    counts = ends.copy()
    counts[1:] -= ends[:-1]
    return np.repeat(ends, counts)


def _span(frame: Frame, start_ms: int | None, end_ms: int | None) -> tuple[int, int]:
    """Rows of a frame from its first one played to the first that is not."""
    times = frame.open_time_ms
    begin = 0 if start_ms is None else int(np.searchsorted(times, start_ms))
    end = len(times) if end_ms is None else int(np.searchsorted(times, end_ms))
    return begin, max(begin, end)


def _timeline(frames: Sequence[Frame], spans: Sequence[tuple[int, int]]) -> Longs:
    own = [frame.open_time_ms[begin:end] for frame, (begin, end) in zip(frames, spans, strict=True)]
    if all(np.array_equal(own[0], other) for other in own[1:]):
        return own[0]
    times: Longs = np.unique(np.concatenate(own))
    return times


def _require_whole(frame: Frame, begin: int, end: int) -> None:
    """Times ascend by whole intervals, so a hole makes the span longer than its candles."""
    times = frame.open_time_ms
    if times[end - 1] - times[begin] != (end - 1 - begin) * frame.interval_ms:
        hole = begin + int(np.argmax(np.diff(times[begin:end]) != frame.interval_ms))
        raise MissingCandles(
            f"candles of {frame.symbol} are missing",
            where=f"{frame.symbol}, {end - begin} candles",
            found=f"{utc(int(times[hole]))}, then {utc(int(times[hole + 1]))}",
            allowed="one candle per interval, without a gap",
            todo="cointrader data check tells of every hole",
        )


def _packed(
    columns: Sequence[Floats], spans: Sequence[tuple[int, int]], firsts: Longs, n_bars: int
) -> Floats:
    """One column of all symbols, shape (symbols, bars); a view where there is one symbol."""
    if len(columns) == 1:
        begin, end = spans[0]
        return shown(np.ascontiguousarray(columns[0][begin:end], np.float64).reshape(1, -1))
    packed = np.empty((len(columns), n_bars))
    for s, (column, (begin, end)) in enumerate(zip(columns, spans, strict=True)):
        first = firsts[s]
        packed[s, :first] = np.nan
        packed[s, first : first + end - begin] = column[begin:end]
        packed[s, first + end - begin :] = np.nan
    return shown(packed)


def _payments(
    market: Market, time_ms: Longs, firsts: Sequence[int], lasts: Sequence[int]
) -> Payments:
    starts, bars, rates, marks = [0], [], [], []
    for settled, first, last in zip(market.settlements.values(), firsts, lasts, strict=True):
        begin, end = 0, 0
        if first <= last:
            begin_ms, end_ms = time_ms[first], time_ms[last] + market.interval_ms
            begin, end = settled.at_ms.searchsorted((begin_ms, end_ms)).tolist()
            # A symbol's candles have no hole, nor has the timeline between them.
            bars.append((settled.at_ms[begin:end] - begin_ms) // market.interval_ms + first)
        rates.append(settled.rate[begin:end])
        marks.append(settled.mark[begin:end])
        starts.append(starts[-1] + end - begin)
    return Payments(shown(np.array(starts, np.int64)), joined(bars), joined(rates), joined(marks))


Kind = TypeVar("Kind", bound=np.generic)


def joined(parts: Sequence[NDArray[Kind]]) -> NDArray[Kind]:
    """All parts in one array, `shown`."""
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return shown(np.ascontiguousarray(whole))


def shown(array: NDArray[Kind]) -> NDArray[Kind]:
    """A view that cannot be written to: shared, and always of the one type the kernel knows."""
    view = array.view()
    view.flags.writeable = False
    return view
