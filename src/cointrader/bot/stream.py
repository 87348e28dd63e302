"""The bot's own bounded windows of candles, and bars that are whole.

A bar is answered when the candles of all its symbols with the same open time are there, never on
a mix of this bar and the one before. A missing candle is waited for, then fetched; a bar that
stays incomplete is still reported, marked, so that exits go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from cointrader.domain.candle import Candle
from cointrader.domain.errors import MissingCandles
from cointrader.domain.events import CandleClosed, FeedEnded, FeedEvent
from cointrader.domain.ports import Clock, MarketFeed
from cointrader.market.context import Context
from cointrader.market.frame import Frame
from cointrader.market.window import CandleWindow, frame_of

WINDOW_BARS = 1_000
CANDLE_DEADLINE_MS = 10_000  # after the bar's close; then the missing candle is fetched


class Bar(NamedTuple):
    """One closed bar of the primary symbol; not `complete`: a correlation candle is missing."""

    candle: Candle
    complete: bool


@runtime_checkable
class Attentive(Protocol):
    """A feed's subscription that lets its reader look at an event before it is queued."""

    def attend(self, take_at_once: Callable[[FeedEvent], bool]) -> None:
        """Offer it each event while it waits for one; what it takes (True) is not queued."""
        ...

    def hand_on(self, event: FeedEvent | Bar) -> None:
        """Queue an event that was taken, or what was made of it."""
        ...


class BarStream:
    """Windows of one primary symbol and its correlation symbols, filled from a shared feed.

    `buffers` maps lower-case symbols to their windows. `context` knows funding and open interest.
    """

    def __init__(
        self,
        symbol: str,
        correlation_symbols: Sequence[str],
        interval_ms: int,
        context: Context | None = None,
    ) -> None:
        self.symbol = symbol
        self._context = context
        self.interval_ms = interval_ms
        self._others = [other for other in correlation_symbols if other != symbol]
        self.buffers = {
            name.lower(): CandleWindow(name, interval_ms, capacity=WINDOW_BARS)
            for name in (symbol, *self._others)
        }
        self._by_symbol = {window.symbol: window for window in self.buffers.values()}
        self._own = self.buffers[symbol.lower()]
        self._other_windows = {name: self.buffers[name.lower()] for name in self._others}
        self._awaited = set(self._others)  # those that still have candles to come
        self._own_ended = False
        self._pending: Candle | None = None  # closed, but a correlation candle is still missing

    @property
    def symbols(self) -> list[str]:
        return [self.symbol, *self._others]

    def frame(self, *, alone: bool = False) -> Frame:
        """All windows joined on time, the primary symbol's bars leading; `alone`, only those."""
        if alone:
            return frame_of(self._own, {})
        known = () if self._context is None else self._context.columns(self._own.open_time_ms)
        return frame_of(self._own, self._other_windows, *known)

    @property
    def own(self) -> CandleWindow:
        """The primary symbol's own candles."""
        return self._own

    async def warm_up(self, feed: MarketFeed, before_ms: int) -> None:
        """Begin anew, with the stored candles that opened before `before_ms` and no others.

        A run that failed may have left a bar in the windows that it took and never answered.
        """
        self._pending, self._own_ended, self._awaited = None, False, set(self._others)
        for name, window in self._by_symbol.items():
            history = await feed.history(name, before_ms=before_ms, limit=WINDOW_BARS)
            window.clear()
            window.extend(history)

    @property
    def bars_stored(self) -> int:
        """Bars of the primary symbol in its window."""
        return len(self._own)

    async def missed(self, feed: MarketFeed, *, until_ms: int) -> AsyncIterator[Bar]:
        """Bars that nobody told us of: those that follow the windows and opened before `until_ms`.

        Fetched and yielded one after another. `MissingCandles` for an absence longer than a window.
        """
        last_ms = self._own.last_open_time_ms
        count = 0 if last_ms is None else (until_ms - last_ms) // self.interval_ms - 1
        if count <= 0:
            return
        if count > WINDOW_BARS:
            raise MissingCandles(
                f"{self.symbol} was away for {count} bars, longer than a window", where=self.symbol
            )
        found = {
            name: await feed.history(
                name,
                before_ms=until_ms,
                limit=min(max(count, self._misses(window, until_ms)), WINDOW_BARS),
            )
            for name, window in self._by_symbol.items()
        }
        for candle in found.pop(self.symbol):
            for name, candles in found.items():
                window = self.buffers[name.lower()]
                for other in candles:
                    if other.open_time_ms <= candle.open_time_ms:
                        window.append(other)
            if self._own.append(candle):
                yield Bar(candle, complete=self._is_whole(candle))

    def awaits(self, event: FeedEvent) -> bool:
        """Whether the primary symbol's next candle is told, and its bar is whole with it."""
        if not isinstance(event, CandleClosed) or event.candle.symbol != self.symbol:
            return False
        is_next = event.candle.open_time_ms == self._own.next_open_time_ms
        return is_next and self._pending is None and self._is_whole(event.candle)

    def take_at_once(self, event: FeedEvent) -> tuple[bool, Bar | None]:
        """Take an event for which nothing must be fetched; whether it was, and the bar it ends.

        Only while `bars` waits for its next event. What is not taken `bars` must have. Raises
        `DataError`, having taken nothing, for a candle that cannot be.
        """
        if not isinstance(event, CandleClosed):
            return False, None
        candle = event.candle
        window, is_own = self._by_symbol[candle.symbol], candle.symbol == self.symbol
        opened_ms = candle.open_time_ms
        if opened_ms != window.next_open_time_ms and self._misses(window, opened_ms):
            return False, None
        if is_own and (self._pending is not None or not self._is_whole(candle)):
            return False, None  # it has to wait, and somebody has to look at the clock
        is_new = window.append(candle)
        if is_own:
            return True, Bar(candle, True) if is_new else None
        return True, self._whole()

    async def bars(
        self, events: AsyncIterator[FeedEvent | Bar], feed: MarketFeed, clock: Clock
    ) -> AsyncIterator[Bar]:
        """Whole bars of the primary symbol, until its feed ends.

        `events` must have been subscribed before `warm_up`, so that nothing falls between. Bars
        that were `take_at_once` and handed on pass through.
        """
        while not self._own_ended:
            try:
                event = await self._next(events, clock)
            except StopAsyncIteration:
                return
            if isinstance(event, Bar):
                yield event
                continue
            late = self._pending
            if late is not None and (event is None or self._is_own(event)):
                await self._fetch_missing(feed, late)
                self._pending = None
                yield Bar(late, complete=self._is_whole(late))
            if isinstance(event, CandleClosed) and self._is_own(event):
                opened_ms = event.candle.open_time_ms
                if self._misses(self._own, opened_ms):
                    async for bar in self.missed(feed, until_ms=opened_ms):
                        yield bar
            if event is not None:
                self._pending = await self._take(event, feed) or self._pending
            bar_now = self._whole()
            if bar_now is not None:
                yield bar_now

    def _whole(self) -> Bar | None:
        """The bar that waited, if it waits for nothing any more."""
        candle = self._pending
        if candle is None or not self._is_whole(candle):
            return None
        self._pending = None
        return Bar(candle, complete=True)

    async def _next(
        self, events: AsyncIterator[FeedEvent | Bar], clock: Clock
    ) -> FeedEvent | Bar | None:
        """The next event; None when a bar has waited for its other candles long enough."""
        pending = self._pending
        if pending is None:
            return await anext(events)
        left_ms = pending.close_time_ms + CANDLE_DEADLINE_MS - clock.now_ms()
        try:
            async with asyncio.timeout(max(0, left_ms) / 1000):
                return await anext(events)
        except TimeoutError:
            return None

    def _is_own(self, event: FeedEvent) -> bool:
        symbol = event.symbol if isinstance(event, FeedEnded) else event.candle.symbol
        return symbol == self.symbol

    async def _take(self, event: FeedEvent, feed: MarketFeed) -> Candle | None:
        """Put an event into the windows; the candle if it is a new one of the primary symbol."""
        if isinstance(event, FeedEnded):
            self._awaited.discard(event.symbol)
            self._own_ended = self._own_ended or event.symbol == self.symbol
            return None
        candle = event.candle
        window = self._by_symbol[candle.symbol]
        if self._misses(window, candle.open_time_ms):
            await self._fill_up(window, feed, candle.open_time_ms)
        is_new = window.append(candle)
        return candle if is_new and candle.symbol == self.symbol else None

    async def _fetch_missing(self, feed: MarketFeed, bar: Candle) -> None:
        for window in self._other_windows.values():
            await self._fill_up(window, feed, bar.close_time_ms)

    def _misses(self, window: CandleWindow, before_ms: int) -> int:
        """How many candles are missing between `window` and those from `before_ms` on."""
        last_ms = window.last_open_time_ms
        return 0 if last_ms is None else max(0, (before_ms - last_ms) // self.interval_ms - 1)

    async def _fill_up(self, window: CandleWindow, feed: MarketFeed, before_ms: int) -> None:
        """Fetch what is missing between `window` and the candles from `before_ms` on."""
        missing = self._misses(window, before_ms)
        if missing:
            found = await feed.history(
                window.symbol, before_ms=before_ms, limit=min(missing, WINDOW_BARS)
            )
            window.extend(found)

    def _is_whole(self, bar: Candle) -> bool:
        for name in self._awaited:
            last_ms = self._other_windows[name].last_open_time_ms
            if last_ms is not None and last_ms < bar.open_time_ms:
                return False
        return True
