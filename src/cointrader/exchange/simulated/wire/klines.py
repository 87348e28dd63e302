"""Candles as Binance tells them: REST rows and stream messages.

Klines longer than the stored interval unite its candles. Shorter ones are told as orders here find
the market: the price stands at the open of a bar until its end, so the last of them has all that
moved and was traded, and those before it nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cointrader.domain.candle import Candle
from cointrader.exchange.simulated.tape import Tape
from cointrader.exchange.simulated.wire.intervals import Interval, kline_interval, shorter_ms
from cointrader.exchange.simulated.wire.texts import number, of_eight

_MANY = 1_500  # klines told at once
_BASE_PER_TRADE = 25.0  # a plausible size of one trade, in base currency


@dataclass(frozen=True, slots=True)
class Kline:
    """A candle, and whether it is final."""

    candle: Candle
    is_closed: bool


class KlineReader:
    """Klines of one market, as far as they are known."""

    def __init__(self, tapes: dict[str, Tape], stored_ms: int) -> None:
        self._tapes = tapes
        self._stored_ms = stored_ms

    def read(
        self,
        symbol: str,
        interval: str,
        *,
        now_ms: int,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
    ) -> list[Kline]:
        """Ascending by open time, those that opened within [start_ms, end_ms]; else the newest.

        The last one may still be open.
        """
        length = kline_interval(interval, self._stored_ms)
        last = length.number(now_ms if end_ms is None else min(end_ms, now_ms))
        if start_ms is None:
            first = last - limit + 1
        else:
            opened_ms = max(start_ms, length.opens_ms(length.number(self.listed_ms(symbol))))
            first = length.number(opened_ms - 1) + 1
            last = min(last, first + limit - 1)
        if first > last:
            return []
        end_ms = length.opens_ms(last + 1)  # the last kline is told whole
        first_ms = length.opens_ms(first)
        if shorter := shorter_ms(interval, self._stored_ms):
            bar_ms = first_ms // self._stored_ms * self._stored_ms
            candles = [
                piece
                for candle in self._stored(symbol, bar_ms, end_ms, now_ms)
                for piece in _pieces(candle, shorter)
                if first_ms <= piece.open_time_ms < end_ms
            ]
        else:
            candles = self._stored(symbol, first_ms, end_ms, now_ms)
        return _grouped(candles, length, now_ms)

    def newest(self, symbol: str, interval: str, now_ms: int) -> Kline | None:
        """The kline that is open, or that has closed just now."""
        found = self.read(symbol, interval, now_ms=now_ms, start_ms=None, end_ms=None, limit=1)
        return found[-1] if found else None

    def since(self, symbol: str, interval: str, since_ms: int, now_ms: int) -> list[Kline]:
        """Those that opened at `since_ms` or after, the oldest ones of very many."""
        return self.read(
            symbol, interval, now_ms=now_ms, start_ms=since_ms, end_ms=None, limit=_MANY
        )

    def listed_ms(self, symbol: str) -> int:
        """When the symbol was listed: the open of its first candle."""
        return self._tapes[symbol].first_ms

    def stored(self, symbol: str, first_ms: int, end_ms: int, now_ms: int) -> Sequence[Candle]:
        """Closed candles of the stored interval that opened in [first_ms, end_ms)."""
        limit = max(0, -(-(end_ms - first_ms) // self._stored_ms))
        tape = self._tapes[symbol]
        closed = tape.history(before_ms=end_ms, known_ms=_known(now_ms), limit=limit)
        return [candle for candle in closed if candle.open_time_ms >= first_ms]

    def _stored(self, symbol: str, first_ms: int, end_ms: int, now_ms: int) -> list[Candle]:
        candles = list(self.stored(symbol, first_ms, end_ms, now_ms))
        bar = self._tapes[symbol].bar
        if bar is None or not first_ms <= bar.open_time_ms < end_ms:
            return candles
        if candles and candles[-1].open_time_ms >= bar.open_time_ms:
            return candles
        just_opened = bar._replace(high=bar.open, low=bar.open, close=bar.open, volume=0.0)
        return [*candles, just_opened]


def _pieces(candle: Candle, length_ms: int) -> Iterator[Candle]:
    """A candle in shorter ones that make it up: all that happens in it happens in the last."""
    last_ms = candle.close_time_ms - length_ms
    quiet = candle._replace(high=candle.open, low=candle.open, close=candle.open, volume=0.0)
    for opens_ms in range(candle.open_time_ms, last_ms, length_ms):
        yield quiet._replace(open_time_ms=opens_ms, close_time_ms=opens_ms + length_ms)
    yield candle._replace(open_time_ms=last_ms)


def _known(now_ms: int) -> int:
    """A candle is known in its last millisecond, in which its bar is played."""
    return now_ms + 1


def _grouped(candles: Sequence[Candle], length: Interval, now_ms: int) -> list[Kline]:
    groups = groupby(candles, key=lambda candle: length.number(candle.open_time_ms))
    return [
        _united(list(group), length.opens_ms(number), length.opens_ms(number + 1), now_ms)
        for number, group in groups
    ]


def _united(candles: list[Candle], opens_ms: int, closes_ms: int, now_ms: int) -> Kline:
    is_whole = candles[-1].close_time_ms == closes_ms
    candle = Candle(
        candles[0].symbol,
        opens_ms,
        closes_ms,
        candles[0].open,
        max(candle.high for candle in candles),
        min(candle.low for candle in candles),
        candles[-1].close,
        math.fsum(candle.volume for candle in candles),
    )
    return Kline(candle, is_closed=is_whole and closes_ms <= _known(now_ms))


def row(candle: Candle, *, with_volume: bool = True) -> list[Any]:
    """The twelve slots of a REST kline."""
    volume = candle.volume if with_volume else 0.0
    flow = _flow(candle, volume)
    return [
        candle.open_time_ms,
        number(candle.open),
        number(candle.high),
        number(candle.low),
        number(candle.close),
        number(volume),
        candle.close_time_ms - 1,
        flow.quote,
        flow.trades,
        flow.taker_base,
        flow.taker_quote,
        "0",
    ]


def in_stream(kline: Kline, interval: str) -> dict[str, Any]:
    """The ``k`` of a kline message, without its symbol."""
    candle = kline.candle
    flow = _flow(candle, candle.volume)
    return {
        "t": candle.open_time_ms,
        "T": candle.close_time_ms - 1,
        "i": interval,
        "f": flow.first_trade if flow.trades else -1,
        "L": flow.first_trade + flow.trades - 1 if flow.trades else -1,
        "o": number(candle.open),
        "c": number(candle.close),
        "h": number(candle.high),
        "l": number(candle.low),
        "v": number(candle.volume),
        "n": flow.trades,
        "x": kline.is_closed,
        "q": flow.quote,
        "V": flow.taker_base,
        "Q": flow.taker_quote,
        "B": "0",
    }


@dataclass(frozen=True, slots=True)
class _Flow:
    """What a candle does not say of its trades, made plausible."""

    quote: str
    trades: int
    taker_base: str
    taker_quote: str
    first_trade: int


def _flow(candle: Candle, volume: float) -> _Flow:
    average = (candle.open + candle.high + candle.low + candle.close) / 4
    return _Flow(
        of_eight(volume * average),
        int(volume / _BASE_PER_TRADE) + 1 if volume else 0,
        of_eight(volume / 2),
        of_eight(volume * average / 2),
        candle.open_time_ms // 1000,
    )
