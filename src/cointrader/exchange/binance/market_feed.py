"""One shared feed of closed candles for all symbols, over as few connections as possible.

Candles are handed out in order and once each, to every subscriber's own bounded queue. What the
streams do not tell (a reconnect, a skipped or late final frame) is fetched before anything later
is handed out, so a subscriber never notices which way a candle came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol

import aiohttp
import msgspec
import structlog

from cointrader.domain.candle import Candle
from cointrader.domain.clock import interval_ms
from cointrader.domain.errors import ConfigError, ExchangeError
from cointrader.domain.events import CandleClosed, FeedEvent
from cointrader.domain.ports import Clock, Quote
from cointrader.exchange.binance.candle_sequence import CandleSequence
from cointrader.exchange.binance.connection import StreamLimits, shards
from cointrader.exchange.binance.latest_quotes import LatestQuotes
from cointrader.exchange.binance.line import Line, LineHealth
from cointrader.exchange.binance.stream_messages import (
    BookTicker,
    Family,
    Glance,
    Kline,
    KlineUpdate,
    MarkPrice,
    unwrapping,
)
from cointrader.exchange.subscriptions import Hub, Subscription

log = structlog.get_logger()

_LOOKS_AT_ONCE = 8  # into history, over all symbols: after an outage every one has a gap
_MOST_CANDLES = 1_000  # fetched in one look; windows are not longer

_NOT_FINAL = '"x":false'  # of a kline that goes on; written otherwise, it is only read slower
_glance = unwrapping(Glance)
_kline_update = unwrapping(KlineUpdate)
_mark_price = unwrapping(MarkPrice)
_book_ticker = unwrapping(BookTicker)


class CandleHistory(Protocol):
    """Stored candles. Raises an `ExchangeError` when they cannot be had now."""

    async def history(self, symbol: str, *, before_ms: int, limit: int) -> Sequence[Candle]:
        """The last `limit` closed candles that opened before `before_ms`, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class RepairRules:
    """When a candle that was not told is fetched, and how often."""

    grace_ms: int = 2_500  # after a bar's close, for its final frame
    timeout_ms: int = 10_000
    tries: int = 4  # then history's word stands: what it leaves out does not exist
    pause_ms: int = 1_000  # after the first try; each one after waits twice as long


class MultiSymbolStream:
    """The `MarketFeed` of Binance: closed candles of a fixed set of symbols.

    Nothing is connected before `run`. With `with_quotes` the best prices and mark prices are
    listened to as well, on connections of their own.

    Parameters
    ----------
    on_bar : hears a bar as far as it has come, again and again, and at last, with True, when it
        has closed: before any subscriber does. Bars of one symbol in order; must not block
    on_mark : hears the symbol's mark price, on a connection of its own; must not block
    """

    def __init__(
        self,
        symbols: Sequence[str],
        interval: str,
        *,
        url: str,
        session: aiohttp.ClientSession,
        history: CandleHistory,
        clock: Clock,
        limits: StreamLimits | None = None,
        repair: RepairRules | None = None,
        with_quotes: bool = False,
        on_bar: Callable[[Candle, bool], None] | None = None,
        on_mark: Callable[[str, float], None] | None = None,
    ) -> None:
        self.symbols = tuple(dict.fromkeys(symbols))
        self._interval = interval
        self._interval_ms = interval_ms(interval)
        self._of_interval = f'"i":"{interval}"'
        self._url = url.rstrip("/")
        self._session = session
        self._history = history
        self._clock = clock
        self._limits = limits or StreamLimits()
        self._rules = repair or RepairRules()
        now_ms = clock.now_ms()
        first_open_ms = now_ms // self._interval_ms * self._interval_ms
        self._sequences = {
            symbol: CandleSequence(symbol, self._interval_ms, first_open_ms)
            for symbol in self.symbols
        }
        self._hubs: dict[str, Hub[Subscription[FeedEvent]]] = {s: Hub() for s in self.symbols}
        self._told_ms = dict.fromkeys(self.symbols, now_ms)  # by any message of the symbol
        self._known_ms = dict.fromkeys(self.symbols, now_ms)  # by stream or history
        self._quotes = LatestQuotes(clock)
        self._on_bar = on_bar
        self._on_mark = on_mark
        self._candle_lines: dict[str, Line] = {}  # by symbol
        self._lines = self._candle_lines_made()
        if with_quotes or on_mark is not None:
            self._lines += self._lines_of("marks", Family.MARKET, "markPrice@1s", self._hear_mark)
        if with_quotes:
            self._lines += self._lines_of("books", Family.PUBLIC, "bookTicker", self._hear_book)
        self._repairing: set[str] = set()
        self._looks = asyncio.Semaphore(_LOOKS_AT_ONCE)
        self._tasks: asyncio.TaskGroup | None = None

    # -- what it answers ----------------------------------------------------------------------

    async def history(self, symbol: str, *, before_ms: int, limit: int) -> Sequence[Candle]:
        """The last `limit` closed candles that opened before `before_ms`, oldest first."""
        return await self._history.history(symbol, before_ms=before_ms, limit=limit)

    def candles(self, symbols: Sequence[str]) -> Subscription[FeedEvent]:
        """Candles of `symbols` that are handed out from now on. `ConfigError` for others.

        A subscriber that leaves too many unread is dropped: its iterator raises `StaleData`.
        """
        subscription: Subscription[FeedEvent] = Subscription(f"candles of {', '.join(symbols)}")
        for symbol in dict.fromkeys(symbols):
            if symbol not in self._hubs:
                raise ConfigError(
                    "no stream of this symbol was asked for",
                    found=symbol,
                    allowed=", ".join(self.symbols),
                )
            self._hubs[symbol].add(subscription)
        return subscription

    def age_ms(self, symbol: str) -> int:
        """How old the newest data of `symbol` is: since the start, where none has come yet."""
        return max(0, self._clock.now_ms() - self._known_ms[symbol])

    def quote(self, symbol: str, *, max_age_ms: int) -> Quote | None:
        """The newest quote heard; None without one that is young enough."""
        return self._quotes.quote(symbol, max_age_ms=max_age_ms)

    def health(self) -> list[LineHealth]:
        return [line.health() for line in self._lines]

    # -- running ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep all streams flowing until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for line in self._lines:
                tasks.create_task(line.run(), name=f"line:{line.name}")
            self._tasks = tasks
            try:
                await self._mind_closes()
            finally:
                self._tasks = None

    async def _mind_closes(self) -> None:
        """After every bar's close and its grace, fetch the candles that did not come."""
        while True:
            passed_ms = self._clock.now_ms() - self._rules.grace_ms
            next_close_ms = (passed_ms // self._interval_ms + 1) * self._interval_ms
            await self._clock.sleep_until_ms(next_close_ms + self._rules.grace_ms)
            self._repair(self.symbols)

    def _candle_lines_made(self) -> list[Line]:
        lines: list[Line] = []
        for number, symbols in enumerate(shards(self.symbols), start=1):
            line = self._line(
                f"candles-{number}",
                Family.MARKET,
                [f"{symbol.lower()}@kline_{self._interval}" for symbol in symbols],
                self._hear_kline,
                on_up=partial(self._repair, symbols),
            )
            self._candle_lines |= dict.fromkeys(symbols, line)
            lines.append(line)
        return lines

    def _lines_of(
        self, name: str, family: Family, stream: str, hear: Callable[[str], None]
    ) -> list[Line]:
        return [
            self._line(
                f"{name}-{number}",
                family,
                [f"{symbol.lower()}@{stream}" for symbol in symbols],
                hear,
                on_up=_nothing_to_do,
            )
            for number, symbols in enumerate(shards(self.symbols), start=1)
        ]

    def _line(
        self,
        name: str,
        family: Family,
        streams: Sequence[str],
        hear: Callable[[str], None],
        *,
        on_up: Callable[[], None],
    ) -> Line:
        address = f"{self._url}/{family}/stream"

        async def where() -> str:
            return address

        return Line(
            name,
            address=where,
            streams=streams,
            session=self._session,
            clock=self._clock,
            limits=self._limits,
            on_message=partial(_read, name, hear),
            on_up=on_up,
        )

    # -- messages -----------------------------------------------------------------------------

    def _hear_kline(self, text: str) -> None:
        if self._on_bar is None and _NOT_FINAL in text and self._of_interval in text:  # most are
            glance = _glance(text)
            if glance.symbol in self._sequences:
                self._heard(glance.symbol, glance.at_ms)
            return
        update = _kline_update(text)
        symbol, kline = update.symbol, update.kline
        sequence = self._sequences.get(symbol)
        if sequence is None or kline.interval != self._interval:
            return
        self._heard(symbol, update.at_ms)
        is_final = kline.is_final
        if not is_final and self._on_bar is None:
            return
        if not _is_possible(kline):
            log.warning("candle.impossible", symbol=symbol, at_ms=kline.open_time_ms)
            return  # its turn to be fetched will come
        candle = _candle(symbol, kline)
        if is_final:
            ready = sequence.offer(candle)
            self._hand_out(ready)
            if not ready:  # one before it is missing
                self._repair([symbol])
        elif self._on_bar is not None and candle.open_time_ms == sequence.next_open_ms:
            self._on_bar(candle, False)  # not while one before it is missing: it is told again

    def _heard(self, symbol: str, at_ms: int) -> None:
        """Something of `symbol` came that was sent at `at_ms`."""
        now_ms = self._clock.now_ms()
        self._told_ms[symbol] = now_ms
        # An old event that only now gets through is not fresh; a clock that is behind is no reason.
        self._known_ms[symbol] = max(self._known_ms[symbol], min(now_ms, at_ms))

    def _hear_mark(self, text: str) -> None:
        mark = _mark_price(text)
        self._quotes.hear_mark(mark)
        if self._on_mark is not None:
            self._on_mark(mark.symbol, float(mark.price))

    def _hear_book(self, text: str) -> None:
        self._quotes.hear_book(_book_ticker(text))

    def _hand_out(self, candles: Sequence[Candle]) -> None:
        for candle in candles:
            if self._on_bar is not None:
                self._on_bar(candle, True)
            self._hubs[candle.symbol].offer(CandleClosed(candle))

    # -- repair -------------------------------------------------------------------------------

    def _missing_until_ms(self, symbol: str) -> int | None:
        closed_ms = self._clock.now_ms() - self._rules.grace_ms
        return self._sequences[symbol].missing_until_ms(closed_ms)

    def _repair(self, symbols: Sequence[str]) -> None:
        """Fetch what is missing of each of `symbols`, unless that is under way."""
        for symbol in symbols:
            if self._tasks is None:  # stopping
                return
            if symbol not in self._repairing and self._missing_until_ms(symbol) is not None:
                self._repairing.add(symbol)
                self._tasks.create_task(self._fill_gap(symbol), name=f"repair:{symbol}")

    async def _fill_gap(self, symbol: str) -> None:
        """Fetch until nothing is missing, or as often as is worth it; the next close tries anew."""
        was_answered = False
        pause_ms = self._rules.pause_ms
        try:
            for _ in range(self._rules.tries):
                was_answered = await self._look(symbol)
                if self._missing_until_ms(symbol) is None:
                    return
                await self._clock.sleep_ms(pause_ms)
                pause_ms *= 2
            log.warning("candles.missing", symbol=symbol, answered=was_answered)
            if was_answered:
                self._hand_out(self._sequences[symbol].give_up())
        finally:
            self._repairing.discard(symbol)

    async def _look(self, symbol: str) -> bool:
        """Take over what history has of the missing candles; whether it answered."""
        sequence = self._sequences[symbol]
        until_ms = self._missing_until_ms(symbol)
        if until_ms is None:
            return True
        missing = (until_ms - sequence.next_open_ms) // self._interval_ms
        try:
            async with self._looks, asyncio.timeout(self._rules.timeout_ms / 1000):
                found = await self._history.history(
                    symbol, before_ms=until_ms, limit=min(missing, _MOST_CANDLES)
                )
        except (ExchangeError, TimeoutError) as error:
            log.warning("candles.unreachable", symbol=symbol, reason=type(error).__name__)
            return False
        ready = sequence.fill(found)
        if ready:
            log.info("candles.repaired", symbol=symbol, count=len(ready))
            self._known_ms[symbol] = self._clock.now_ms()
            self._suspect(symbol, ready)
        self._hand_out(ready)
        return True

    def _suspect(self, symbol: str, fetched: Sequence[Candle]) -> None:
        """A symbol that traded while its stream said nothing all bar long is not subscribed."""
        line = self._candle_lines[symbol]
        up_since_ms = line.up_since_ms
        if up_since_ms is None:
            return
        silent_since_ms = max(self._told_ms[symbol], up_since_ms)
        if any(c.volume > 0 and c.open_time_ms >= silent_since_ms for c in fetched):
            line.doubt(f"deaf for {symbol}")


def _read(line: str, hear: Callable[[str], None], text: str) -> None:
    """Let `hear` have a message; one that cannot be read is noted and left."""
    try:
        hear(text)
    except msgspec.MsgspecError as error:
        log.warning("stream.unreadable", line=line, reason=str(error))


def _nothing_to_do() -> None:
    """A new connection tells the newest prices by itself."""


def _is_possible(kline: Kline) -> bool:
    high, low = kline.high, kline.low  # a NaN fails every comparison
    return (
        0.0 < low <= kline.open <= high < inf
        and low <= kline.close <= high
        and 0.0 <= kline.volume < inf
    )


def _candle(symbol: str, kline: Kline) -> Candle:
    return Candle(
        symbol,
        kline.open_time_ms,
        kline.last_ms + 1,
        kline.open,
        kline.high,
        kline.low,
        kline.close,
        kline.volume,
    )
