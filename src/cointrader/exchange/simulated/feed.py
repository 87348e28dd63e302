"""Closed candles on their way to subscribers, each delivered when it is due."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from cointrader.domain.events import FeedEnded, FeedEvent
from cointrader.exchange.subscriptions import Hub, Subscription


class CandleSubscription(Subscription[FeedEvent]):
    """Candles of some symbols; ends by itself when every one of them has ended."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(f"candles of {', '.join(symbols)}")
        self._running = set(symbols)

    def end(self, event: FeedEnded) -> None:
        self.put(event)
        self._running.discard(event.symbol)
        if not self._running:
            self.finish()


class CandleFeed:
    """Fans candles out, in the order of their due times and then of `schedule` calls."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._hubs: dict[str, Hub[CandleSubscription]] = {symbol: Hub() for symbol in symbols}
        self._pending: list[tuple[int, int, str, FeedEvent]] = []
        self._sequence = 0
        self._last_due = dict.fromkeys(self._hubs, 0)
        self._ended: dict[str, FeedEnded] = {}

    def subscribe(self, symbols: Sequence[str]) -> CandleSubscription:
        """Candles of `symbols` from now on. A symbol that has ended already says so at once."""
        wanted = list(dict.fromkeys(symbols))
        subscription = CandleSubscription(wanted)
        for symbol in wanted:
            self._hubs[symbol].add(subscription)
            if symbol in self._ended:
                subscription.end(self._ended[symbol])
        return subscription

    def schedule(self, symbol: str, event: FeedEvent, due_ms: int) -> None:
        """Deliver `event` at `due_ms`, but never before an earlier one of its symbol."""
        due_ms = max(due_ms, self._last_due[symbol])
        self._last_due[symbol] = due_ms
        self._sequence += 1
        heapq.heappush(self._pending, (due_ms, self._sequence, symbol, event))

    @property
    def next_due_ms(self) -> int | None:
        """When the next event is due; None when none waits."""
        return self._pending[0][0] if self._pending else None

    def deliver(self, until_ms: int) -> None:
        """Hand out everything due at `until_ms` or before."""
        while self._pending and self._pending[0][0] <= until_ms:
            _, _, symbol, event = heapq.heappop(self._pending)
            hub = self._hubs[symbol]
            if isinstance(event, FeedEnded):
                self._ended[symbol] = event
                for subscription in hub.live():
                    subscription.end(event)
            else:
                for subscription in hub.live():
                    subscription.put(event)
