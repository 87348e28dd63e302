"""Messages of the market streams, made only for those that somebody hears."""

from __future__ import annotations

from enum import Enum
from typing import Any

from cointrader.domain.order import DetailedFill
from cointrader.exchange.simulated.wire.calls_market import aggregate
from cointrader.exchange.simulated.wire.klines import can_tell, in_stream
from cointrader.exchange.simulated.wire.market import MarketView, next_funding_ms
from cointrader.exchange.simulated.wire.sockets import Connection, StreamFront
from cointrader.exchange.simulated.wire.texts import money, plain
from cointrader.exchange.simulated.wire.topics import Topic, topic_of

Message = dict[str, Any]
_DEFAULT_LEVELS = 20


class Moment(Enum):
    """When streams are fed."""

    PRICE = "a bar opened or closed: there is a new price"
    SECOND = "a second has passed"


class PublicStreams:
    """Feeds the market streams of `front` from what `market` shows."""

    def __init__(self, market: MarketView, front: StreamFront) -> None:
        self._market = market
        self._front = front
        self._last_update = 0

    def feed(self, moment: Moment, at_ms: int) -> None:
        """Tell every stream that is heard what is new at `at_ms`."""
        for name in self._front.names():
            topic = topic_of(name)
            if topic is None or (moment is Moment.SECOND and topic.kind != "markPrice"):
                continue
            if moment is Moment.SECOND and topic.argument != "1s" and at_ms // 1000 % 3:
                continue
            for message in self._messages(topic, at_ms):
                self._front.publish(name, message)

    def welcome(self, connection: Connection, name: str, at_ms: int) -> None:
        """Tell a new listener how a stream stands."""
        topic = topic_of(name)
        if topic is not None:
            for message in self._messages(topic, at_ms):
                connection.offer(name, message)

    def _messages(self, topic: Topic, at_ms: int) -> list[Message | list[Message]]:
        """The present state of a stream: one message, one per symbol, or all in one list."""
        priced = self._market.priced()
        symbols = priced if topic.symbol is None else [s for s in priced if s == topic.symbol]
        told = [self._message(topic, symbol, at_ms) for symbol in symbols]
        messages = [message for message in told if message is not None]
        return [messages] if topic.argument.startswith("arr") else [*messages]

    def trade(self, fill: DetailedFill, at_ms: int) -> None:
        """An execution of the account is a public trade too."""
        name = f"{fill.symbol.lower()}@aggTrade"
        if self._front.hearing(name):
            trade = self._market.trade(fill.symbol, fill.price, at_ms)
            self._front.publish(name, _agg_trade(fill.symbol, aggregate(trade), at_ms))

    def _message(self, topic: Topic, symbol: str, at_ms: int) -> Message | None:
        match topic.kind:
            case "kline" | "continuousKline":
                return self._kline(topic, symbol, at_ms)
            case "markPrice":
                return self._mark_price(symbol, at_ms)
            case "bookTicker":
                return self._book_ticker(symbol, at_ms)
            case "aggTrade":
                trade = self._market.trade(symbol, self._market.last(symbol), at_ms)
                return _agg_trade(symbol, aggregate(trade), at_ms)
            case "depth":
                return self._depth(topic, symbol, at_ms)
            case _:
                return self._ticker(topic, symbol, at_ms)

    def _kline(self, topic: Topic, symbol: str, at_ms: int) -> Message | None:
        if not can_tell(topic.argument, self._market.stored_ms):
            return None
        kline = self._market.klines.newest(symbol, topic.argument, at_ms)
        if kline is None:
            return None
        head: Message = {"e": "kline", "E": at_ms, "s": symbol}
        told = {"s": symbol, **in_stream(kline, topic.argument)}
        if topic.kind == "continuousKline":
            head = {"e": "continuous_kline", "E": at_ms, "ps": symbol, "ct": "PERPETUAL"}
            told = in_stream(kline, topic.argument)
        return head | {"k": told}

    def _mark_price(self, symbol: str, at_ms: int) -> Message:
        quote, last = self._market.quote(symbol), self._market.last(symbol)
        return {
            "e": "markPriceUpdate",
            "E": at_ms,
            "s": symbol,
            "p": money(quote.mark),
            "ap": money(quote.mark),
            "P": money(last),
            "i": money(last),
            "r": self._market.funding_rate(symbol, at_ms),
            "T": next_funding_ms(at_ms),
            "st": 1,
        }

    def _book_ticker(self, symbol: str, at_ms: int) -> Message:
        (bid, *_), (ask, *_) = self._market.levels(symbol, 1)
        quote = self._market.quote(symbol)
        return {
            "e": "bookTicker",
            "u": self._next_update(),
            "E": at_ms,
            "T": at_ms,
            "s": symbol,
            "ps": symbol,
            "b": plain(quote.bid),
            "B": bid[1],
            "a": plain(quote.ask),
            "A": ask[1],
            "st": 1,
        }

    def _depth(self, topic: Topic, symbol: str, at_ms: int) -> Message:
        levels = int(topic.argument) if topic.argument in ("5", "10", "20") else _DEFAULT_LEVELS
        bids, asks = self._market.levels(symbol, levels)
        before, now = self._last_update, self._next_update()
        return {
            "e": "depthUpdate",
            "E": at_ms,
            "T": at_ms,
            "s": symbol,
            "U": now,
            "u": now,
            "pu": before,
            "b": bids,
            "a": asks,
        }

    def _ticker(self, topic: Topic, symbol: str, at_ms: int) -> Message:
        day = self._market.day(symbol, at_ms)
        told: Message = {
            "e": "24hrMiniTicker" if topic.kind == "miniTicker" else "24hrTicker",
            "E": at_ms,
            "s": symbol,
            "c": day["lastPrice"],
            "o": day["openPrice"],
            "h": day["highPrice"],
            "l": day["lowPrice"],
            "v": day["volume"],
            "q": day["quoteVolume"],
        }
        if topic.kind == "miniTicker":
            return told
        return told | {
            "p": day["priceChange"],
            "P": day["priceChangePercent"],
            "w": day["weightedAvgPrice"],
            "Q": day["lastQty"],
            "O": day["openTime"],
            "C": day["closeTime"],
            "F": day["firstId"],
            "L": day["lastId"],
            "n": day["count"],
        }

    def _next_update(self) -> int:
        self._last_update += 1
        return self._last_update


def _agg_trade(symbol: str, trade: Message, at_ms: int) -> Message:
    return {"e": "aggTrade", "E": at_ms, "s": symbol, **trade, "st": 1}
