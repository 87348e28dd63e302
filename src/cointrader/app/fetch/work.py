"""What the sources of history share: progress, patience, and how much may be asked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from cointrader.domain.clock import Clock
from cointrader.domain.errors import RateLimited, Unreachable

Answer = TypeVar("Answer")
OnProgress = Callable[[int, int], None]

_WAITS_S = (1, 2, 5, 10, 20, 30)  # for a network that comes back
_FIRST_WAITS_S = (1, 2)  # where nobody has ever answered, it is told soon
_LONGEST_BAN_MS = 15 * 60_000


def nothing_to_tell(_done: int, _all: int) -> None:
    """An `OnProgress` for whoever does not look."""


@dataclass(slots=True)
class Work:
    """Requests planned and done, told to whoever looks: how many more, of how many."""

    on_progress: OnProgress = nothing_to_tell
    planned: int = 0
    done: int = 0

    def plan(self, requests: int) -> None:
        self.planned += requests
        self.on_progress(0, max(self.planned, self.done))

    def finish(self, requests: int = 1) -> None:
        self.done += requests
        self.on_progress(requests, max(self.planned, self.done))


@dataclass(slots=True)
class Patience:
    """Asks again while the other side is away or wants a pause; at most so many at once."""

    clock: Clock
    at_once: int
    _room: asyncio.Semaphore = field(init=False)
    _has_heard: bool = False

    def __post_init__(self) -> None:
        self._room = asyncio.Semaphore(self.at_once)

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer. Raises what the last try raised."""
        async with self._room:
            for wait_s in _WAITS_S if self._has_heard else _FIRST_WAITS_S:
                try:
                    return await self._heard(question)
                except Unreachable:
                    await self.clock.sleep_ms(wait_s * 1000)
                except RateLimited as limit:
                    self._has_heard = True
                    if limit.retry_after_ms > _LONGEST_BAN_MS:
                        raise
                    await self.clock.sleep_ms(max(limit.retry_after_ms, wait_s * 1000))
            return await self._heard(question)

    async def _heard(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await question()
        self._has_heard = True
        return answer
