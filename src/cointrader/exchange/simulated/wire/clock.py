"""The exchange's time: as fast as the wall clock, N times faster, or moved by hand."""

from __future__ import annotations

import asyncio
import heapq
import math
from typing import Protocol

from cointrader.domain.clock import Clock


class ExchangeClock(Clock, Protocol):
    """A clock that knows how its time relates to that of its clients."""

    @property
    def speed(self) -> float | None:
        """How many times as fast as time it goes; None for one that is moved by hand."""
        ...

    @property
    def slack(self) -> float:
        """How much wider than on the real exchange a request's time window has to be."""
        ...

    def unpaced_ms(self) -> int:
        """What a clock shows by now that was set by this one at its start, and is not as fast."""
        ...

    def limit_ms(self) -> int:
        """The time that rate limits are counted in: clients who wait see it pass."""
        ...


class PacedClock:
    """`speed` times as fast as time, from when it is started."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._start_ms = 0
        self._started_s: float | None = None

    @property
    def speed(self) -> float:
        return self._speed

    def start_at(self, now_ms: int) -> None:
        """It is `now_ms`, and time passes from now on."""
        self._start_ms, self._started_s = now_ms, asyncio.get_running_loop().time()

    def now_ms(self) -> int:
        return self._start_ms + round(self._passed_ms() * self._speed)

    def unpaced_ms(self) -> int:
        return self._start_ms + round(self._passed_ms())

    def _passed_ms(self) -> float:
        if self._started_s is None:
            return 0.0
        return (asyncio.get_running_loop().time() - self._started_s) * 1000

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000 / self._speed)

    async def sleep_until_ms(self, at_ms: int) -> None:
        while (left_ms := at_ms - self.now_ms()) > 0:
            await self.sleep_ms(left_ms)

    @property
    def slack(self) -> float:
        return max(1.0, self._speed)

    def limit_ms(self) -> int:
        return self.now_ms()


class SteppedClock:
    """Stands still until it is moved. Clients' clocks do not, so no request is ever out of time."""

    slack = math.inf
    speed = None

    def __init__(self) -> None:
        self._now_ms = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ms(self) -> int:
        return self._now_ms

    def move_to(self, at_ms: int) -> None:
        """Let it be `at_ms`, and wake whoever waits for that."""
        self._now_ms = max(self._now_ms, at_ms)
        while self._sleepers and self._sleepers[0][0] <= self._now_ms:
            sleeper = heapq.heappop(self._sleepers)[2]
            if not sleeper.done():
                sleeper.set_result(None)

    def unpaced_ms(self) -> int:
        return self._now_ms

    def limit_ms(self) -> int:
        """Goes on while time stands: a step gives new budgets, and so does waiting for them."""
        return self._now_ms + int(asyncio.get_running_loop().time() * 1000)

    async def sleep_ms(self, duration_ms: int) -> None:
        await self.sleep_until_ms(self._now_ms + duration_ms)

    async def sleep_until_ms(self, at_ms: int) -> None:
        if at_ms <= self._now_ms:
            return
        self._count += 1
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (at_ms, self._count, sleeper))
        await sleeper
