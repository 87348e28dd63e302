"""Who listens, and what they have not heard yet: subscriptions and fan-out.

Every queue is bounded: a subscriber that holds its iterator and never reads it is an error, never
a full memory. One that dropped or closed its iterator is forgotten.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from cointrader.domain.errors import CointraderError, InvariantBroken, StaleData

MAX_WAITING = 10_000  # events one subscriber may leave unread

Event = TypeVar("Event")


class Subscription(AsyncIterator[Event], Generic[Event]):
    """Events from the moment it was made, in order. For one reader; `aclose()` ends it."""

    def __init__(self, name: str, *, limit: int = MAX_WAITING) -> None:
        self._name = name
        self._limit = limit
        self._waiting: deque[Event] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._is_finished = False
        self._failure: CointraderError | None = None
        self._take_at_once: Callable[[Event], bool] | None = None
        self.is_closed = False

    def put(self, event: Event) -> None:
        """Queue one event; `InvariantBroken` when the reader left too many unread."""
        if self.is_closed:
            return
        at_once = self._take_at_once
        if at_once is not None and self._is_awaited and at_once(event):
            return
        if len(self._waiting) >= self._limit:
            raise InvariantBroken(
                "a subscriber stopped reading",
                where=self._name,
                found=f"{len(self._waiting)} events unread",
                allowed=f"up to {self._limit}",
                todo="read the iterator, or end it with aclose()",
            )
        self._waiting.append(event)
        if self._reader is not None:
            self._wake()

    def attend(self, take_at_once: Callable[[Event], bool]) -> None:
        """Offer each event to `take_at_once`, where its reader waits for one and has read all.

        What it takes (True) the reader does not hear. It must be quick and must not raise.
        """
        self._take_at_once = take_at_once

    def hand_on(self, event: Event) -> None:
        """Queue an event that had been taken at once, or what was made of it."""
        self._waiting.append(event)
        self._wake()

    @property
    def has_unread(self) -> bool:
        """Whether its reader has something to do: an event waits, or has woken it."""
        return not self._is_awaited

    @property
    def _is_awaited(self) -> bool:
        return not self._waiting and self._reader is not None and not self._reader.done()

    def finish(self) -> None:
        """No event follows: the iterator ends when all were read."""
        self._is_finished = True
        self._wake()

    def fail(self, error: CointraderError) -> None:
        """Unsubscribe a reader that can no longer be served: it hears `error` and nothing more."""
        self._failure = error
        self.is_closed = True
        self._waiting.clear()
        self._wake()

    async def aclose(self) -> None:
        """Unsubscribe. Unread events are dropped and the iterator ends."""
        self.is_closed = True
        self._waiting.clear()
        self._wake()

    def __aiter__(self) -> Subscription[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._failure is not None:
                raise self._failure
            if self.is_closed or self._is_finished:
                raise StopAsyncIteration
            if self._reader is not None:
                raise RuntimeError(f"two readers on one subscription: {self._name}")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._waiting.popleft()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


Subscriber = TypeVar("Subscriber", bound=Subscription[Any])


class Hub(Generic[Subscriber]):
    """Who listens to one thing, in the order in which they subscribed."""

    def __init__(self) -> None:
        self._references: list[weakref.ref[Subscriber]] = []

    def add(self, subscription: Subscriber) -> None:
        # Weak: a reader that crashed without aclose() must not fill a queue nobody reads.
        self._references.append(weakref.ref(subscription))

    def live(self) -> list[Subscriber]:
        """Those still listening; the others are forgotten."""
        live = []
        for reference in self._references:
            subscription = reference()
            if subscription is not None and not subscription.is_closed:
                live.append(subscription)
        if len(live) < len(self._references):
            self._references = [weakref.ref(subscription) for subscription in live]
        return live

    def offer(self, event: Any) -> None:
        """Tell all; one that stopped reading is dropped with an error of its own.

        For events of the world, which cannot wait: a reader that fell behind harms no other.
        """
        for subscription in self.live():
            try:
                subscription.put(event)
            except InvariantBroken as full:
                subscription.fail(
                    StaleData(
                        "this subscriber fell behind and was dropped",
                        where=full.where,
                        found=full.found,
                        todo="subscribe again, and ask for what was missed",
                    )
                )
