"""The newest best prices and mark price of each symbol, as the streams tell them."""

from __future__ import annotations

from cointrader.domain.ports import Clock, Quote
from cointrader.exchange.binance.stream_messages import BookTicker, MarkPrice


class LatestQuotes:
    """The two halves of a quote, each with the time at which we heard it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._books: dict[str, tuple[int, BookTicker]] = {}
        self._marks: dict[str, tuple[int, MarkPrice]] = {}

    def hear_book(self, book: BookTicker) -> None:
        known = self._books.get(book.symbol)
        if known is None or known[1].at_ms <= book.at_ms:  # two connections may overlap
            self._books[book.symbol] = (self._clock.now_ms(), book)

    def hear_mark(self, mark: MarkPrice) -> None:
        known = self._marks.get(mark.symbol)
        if known is None or known[1].at_ms <= mark.at_ms:
            self._marks[mark.symbol] = (self._clock.now_ms(), mark)

    def quote(self, symbol: str, *, max_age_ms: int) -> Quote | None:
        """The quote of `symbol`; None when a part of it is unknown or older than `max_age_ms`."""
        if symbol not in self._books or symbol not in self._marks:
            return None
        (book_ms, book), (mark_ms, mark) = self._books[symbol], self._marks[symbol]
        if self._clock.now_ms() - min(book_ms, mark_ms) > max_age_ms:
            return None
        return Quote(bid=book.bid, ask=book.ask, mark=mark.price)
