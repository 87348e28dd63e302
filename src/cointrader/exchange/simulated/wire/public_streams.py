"""Messages of the market streams, made only for those that somebody hears."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cointrader.domain.order import LIQUIDATION_PREFIXES, DetailedFill
from cointrader.exchange.simulated.wire.book import DEEPEST, Book, changed
from cointrader.exchange.simulated.wire.calls_market import aggregate
from cointrader.exchange.simulated.wire.intervals import can_tell, shorter_ms
from cointrader.exchange.simulated.wire.klines import Kline, in_stream
from cointrader.exchange.simulated.wire.market import MarketView, PublicTrade, next_funding_ms
from cointrader.exchange.simulated.wire.sockets import Connection, StreamFront
from cointrader.exchange.simulated.wire.texts import money, plain
from cointrader.exchange.simulated.wire.topics import Topic, topic_of

Message = dict[str, Any]


class PublicStreams:
    """Feeds the market streams of `front` from what `market` shows.

    `running_klines_ms` is after how long the kline of an open bar is told again; 0 for not at all:
    within a bar the price stands still. Those of shorter intervals are told as they open and close.
    """

    def __init__(
        self, market: MarketView, front: StreamFront, *, running_klines_ms: int = 0
    ) -> None:
        self._market = market
        self._front = front
        self._running_klines_ms = running_klines_ms
        self._books: dict[str, Book] = {}  # by symbol, as those who follow it know it
        self._closed_ms: dict[str, int] = {}  # by stream of short klines: what is told as final

    def feed(self, at_ms: int) -> None:
        """There is a new price at `at_ms`: tell every stream that is heard."""
        self._market.updated_ms = at_ms
        self._tell_changes(at_ms)
        self._tell_short_klines(at_ms)
        for name in self._front.names():
            topic = topic_of(name)
            if topic is not None and not topic.is_of_changes and not self._short_ms(topic):
                self._tell(name, topic, at_ms)

    def feed_regular(self, since_ms: int, at_ms: int) -> None:
        """Tell the streams that go by time and have become due after `since_ms`."""
        self._tell_short_klines(at_ms, since_ms)
        for name in self._front.names():
            topic = topic_of(name)
            if topic is None or self._short_ms(topic) or not (every_ms := self._every_ms(topic)):
                continue
            if _next_ms(since_ms, every_ms) <= at_ms:
                for message in self._messages(topic, at_ms):
                    if not _is_final(message):  # that is told once, as the bar closes
                        self._front.publish(name, message)

    def due_ms(self, after_ms: int) -> int | None:
        """When a stream that somebody hears is due without a new price; None for never."""
        topics = map(topic_of, self._front.names())
        steps = {self._every_ms(topic) for topic in topics if topic is not None} - {0}
        return min((_next_ms(after_ms, every_ms) for every_ms in steps), default=None)

    def _every_ms(self, topic: Topic) -> int:
        """After how long a stream is told again; 0 for one that waits for a new price."""
        match topic.kind:
            case "markPrice":
                return 1_000 if topic.argument.endswith("1s") else 3_000
            case "kline" | "continuousKline":
                return self._short_ms(topic) or self._running_klines_ms
            case _:
                return 0

    def _short_ms(self, topic: Topic) -> int:
        """The length of klines that are shorter than a bar; 0 for every other stream."""
        if topic.kind not in ("kline", "continuousKline"):
            return 0
        return shorter_ms(topic.argument, self._market.stored_ms)

    def welcome(self, connection: Connection, name: str, at_ms: int) -> None:
        """Tell a new listener how a stream stands."""
        topic = topic_of(name)
        if topic is not None:
            if length_ms := self._short_ms(topic):
                self._closed_ms.setdefault(name, at_ms // length_ms * length_ms)
            for message in self._messages(topic, at_ms):
                connection.offer(name, message)

    def _tell(self, name: str, topic: Topic, at_ms: int) -> None:
        for message in self._messages(topic, at_ms):
            self._front.publish(name, message)

    def _messages(self, topic: Topic, at_ms: int) -> list[Message | list[Message]]:
        """The present state of a stream: one message, one per symbol, or all in one list."""
        priced = self._market.priced()
        symbols = priced if topic.symbol is None else [s for s in priced if s == topic.symbol]
        told = [self._message(topic, symbol, at_ms) for symbol in symbols]
        messages = [message for message in told if message is not None]
        if topic.argument.startswith("arr"):
            return [messages] if messages else []
        return [*messages]

    def trade(self, fill: DetailedFill, at_ms: int) -> None:
        """An execution of the account is a public trade too, and a liquidation public news."""
        for kind, told in (("aggTrade", _agg_trade), ("trade", _trade)):
            name = f"{fill.symbol.lower()}@{kind}"
            if self._front.hearing(name):
                trade = self._market.trade(fill.symbol, fill.price, at_ms)
                self._front.publish(name, told(fill.symbol, trade, at_ms))
        if fill.client_order_id.startswith(LIQUIDATION_PREFIXES):
            for name in (f"{fill.symbol.lower()}@forceOrder", "!forceOrder@arr"):
                self._front.publish(name, _force_order(fill, at_ms))

    def _message(self, topic: Topic, symbol: str, at_ms: int) -> Message | None:
        match topic.kind:
            case "kline" | "continuousKline":
                return self._kline(topic, symbol, at_ms)
            case "markPrice":
                return self._mark_price(symbol, at_ms)
            case "bookTicker":
                return self._book_ticker(symbol, at_ms)
            case "aggTrade" | "trade":
                trade = self._market.trade(symbol, self._market.last(symbol), at_ms)
                told = _agg_trade if topic.kind == "aggTrade" else _trade
                return told(symbol, trade, at_ms)
            case "depth" | "rpiDepth" if topic.is_of_changes:
                return self._start_of_changes(symbol, at_ms)
            case "depth":
                return self._depth(int(topic.argument), symbol, at_ms)
            case "forceOrder" | "contractInfo":
                return None  # told when it happens
            case _:
                return self._ticker(topic, symbol, at_ms)

    def _kline(self, topic: Topic, symbol: str, at_ms: int) -> Message | None:
        if not can_tell(topic.argument, self._market.stored_ms):
            return None
        kline = self._market.klines.newest(symbol, topic.argument, at_ms)
        return None if kline is None else _kline(topic, symbol, kline, at_ms)

    def _tell_short_klines(self, at_ms: int, since_ms: int = -1) -> None:
        """Tell every kline shorter than a bar that has closed since, and the one that is open.

        They close by time, of which many of them pass at once where it goes in steps.
        """
        told, self._closed_ms = self._closed_ms, {}
        priced = set(self._market.priced())
        for name in self._front.names():
            topic = topic_of(name)
            if topic is None or topic.symbol is None or not (length_ms := self._short_ms(topic)):
                continue
            closed_ms = self._closed_ms[name] = told.get(name, at_ms // length_ms * length_ms)
            if topic.symbol not in priced or _next_ms(since_ms, length_ms) > at_ms:
                continue
            for kline in self._market.klines.since(topic.symbol, topic.argument, closed_ms, at_ms):
                self._front.publish(name, _kline(topic, topic.symbol, kline, at_ms))
                if kline.is_closed:
                    self._closed_ms[name] = kline.candle.close_time_ms

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
        book, quote = self._market.book(symbol, 1), self._market.quote(symbol)
        return {
            "e": "bookTicker",
            "u": book.number,
            "E": at_ms,
            "T": at_ms,
            "s": symbol,
            "ps": symbol,
            "b": plain(quote.bid),
            "B": book.bids[0][1],
            "a": plain(quote.ask),
            "A": book.asks[0][1],
            "st": 1,
        }

    def _depth(self, count: int, symbol: str, at_ms: int) -> Message:
        """The best levels, whole."""
        book = self._market.book(symbol, count)
        return _depth_update(symbol, at_ms, book, before=book.number - 1)

    def _start_of_changes(self, symbol: str, at_ms: int) -> Message:
        """The best levels of the book that REST tells by now: some clients take no empty change."""
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = self._market.book(symbol, DEEPEST)
        best = replace(book, bids=book.bids[:1], asks=book.asks[:1])
        return _depth_update(symbol, at_ms, best, before=book.number - 1)

    def _tell_changes(self, at_ms: int) -> None:
        """Tell those who follow a book what has changed in it, if anything."""
        followed: dict[str, list[str]] = {}
        for name in self._front.names():
            topic = topic_of(name)
            if topic is not None and topic.is_of_changes and topic.symbol in self._books:
                followed.setdefault(topic.symbol, []).append(name)
        self._books = {symbol: self._books[symbol] for symbol in followed}
        for symbol, names in followed.items():
            before, now = self._books[symbol], self._market.book(symbol, DEEPEST)
            bids, asks = changed(before.bids, now.bids), changed(before.asks, now.asks)
            if not bids and not asks:
                continue
            self._books[symbol] = now
            change = replace(now, bids=bids, asks=asks)
            for name in names:
                message = _depth_update(symbol, at_ms, change, before=before.number)
                self._front.publish(name, message)

    def _ticker(self, topic: Topic, symbol: str, at_ms: int) -> Message:
        day = self._market.day(symbol, at_ms)
        told: Message = {
            "e": "24hrMiniTicker" if topic.kind == "miniTicker" else "24hrTicker",
            "E": at_ms,
            "s": symbol,
            "ps": symbol,
            "c": day["lastPrice"],
            "o": day["openPrice"],
            "h": day["highPrice"],
            "l": day["lowPrice"],
            "v": day["volume"],
            "q": day["quoteVolume"],
            "st": 1,
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


def _kline(topic: Topic, symbol: str, kline: Kline, at_ms: int) -> Message:
    told = in_stream(kline, topic.argument)
    if topic.kind == "continuousKline":
        head = {"e": "continuous_kline", "E": at_ms, "ps": symbol, "ct": "PERPETUAL"}
        return {**head, "k": told}
    return {"e": "kline", "E": at_ms, "s": symbol, "k": {"s": symbol, **told}}


def _is_final(message: Message | list[Message]) -> bool:
    return isinstance(message, dict) and bool(message.get("k", {}).get("x"))


def _next_ms(after_ms: int, step_ms: int) -> int:
    return after_ms // step_ms * step_ms + step_ms


def _depth_update(symbol: str, at_ms: int, book: Book, *, before: int) -> Message:
    return {
        "e": "depthUpdate",
        "E": at_ms,
        "T": book.number,
        "s": symbol,
        "ps": symbol,
        "U": before + 1,
        "u": book.number,
        "pu": before,
        "b": book.bids,
        "a": book.asks,
        "st": 1,
    }


def _force_order(fill: DetailedFill, at_ms: int) -> Message:
    price, quantity = plain(fill.price), plain(fill.quantity)
    order = {
        "s": fill.symbol,
        "S": fill.side.value,
        "o": "LIMIT",
        "f": "IOC",
        "q": quantity,
        "p": price,
        "ap": price,
        "X": "FILLED",
        "l": quantity,
        "z": quantity,
        "T": at_ms,
    }
    return {"e": "forceOrder", "E": at_ms, "o": order}


def _agg_trade(symbol: str, trade: PublicTrade, at_ms: int) -> Message:
    return {"e": "aggTrade", "E": at_ms, "s": symbol, **aggregate(trade), "st": 1}


def _trade(symbol: str, trade: PublicTrade, at_ms: int) -> Message:
    return {
        "e": "trade",
        "E": at_ms,
        "T": trade.at_ms,
        "s": symbol,
        "t": trade.number,
        "p": plain(trade.price),
        "q": plain(trade.quantity),
        "X": "MARKET",
        "m": trade.is_buyer_maker,
    }
