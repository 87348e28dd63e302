"""Time: epoch milliseconds UTC, candle intervals, and the clock everything waits on."""

from __future__ import annotations

import time
from typing import Protocol

from cointrader.domain.errors import ConfigError

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

INTERVALS_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
}


class Clock(Protocol):
    """Tells time and waits. Real, N times as fast, or virtual: nothing else knows which."""

    def now_ms(self) -> int: ...

    async def sleep_ms(self, duration_ms: int) -> None: ...

    async def sleep_until_ms(self, at_ms: int) -> None: ...


def interval_ms(name: str) -> int:
    """Length of a candle interval such as ``"15m"``; `ConfigError` for an unknown one."""
    try:
        return INTERVALS_MS[name]
    except KeyError:
        raise ConfigError(
            "unknown candle interval", found=name, allowed=", ".join(INTERVALS_MS)
        ) from None


def utc_day(at_ms: int) -> int:
    """Number of the UTC day that `at_ms` belongs to, counted from 1970-01-01."""
    return at_ms // DAY_MS


class SystemClock:
    """The `Clock` of the machine."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep_ms(self, duration_ms: int) -> None:
        import asyncio  # here: a command that only knows intervals starts faster without

        await asyncio.sleep(duration_ms / 1000)

    async def sleep_until_ms(self, at_ms: int) -> None:
        await self.sleep_ms(max(0, at_ms - self.now_ms()))
