"""How much may still be asked. The exchange counts per minute and per ten seconds and bans who
goes on; here the same is counted before a request leaves, and corrected by what answers say.

Ordinary calls stop short of the limit, so that orders and safety reads always find room.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cointrader.domain.clock import MINUTE_MS, Clock
from cointrader.domain.errors import RateLimited


class Pool(StrEnum):
    """What is counted. Each has windows of fixed length, aligned to the epoch."""

    WEIGHT = "request weight per minute"
    ORDERS_10S = "orders per 10 s"
    ORDERS_1M = "orders per minute"
    FUNDING = "funding reads per 5 min"
    STATISTICS = "statistics reads per 5 min"


@dataclass(frozen=True, slots=True)
class Limit:
    window_ms: int
    amount: int


Cost = Mapping[Pool, int]
LIMITS: Mapping[Pool, Limit] = {
    Pool.WEIGHT: Limit(MINUTE_MS, 2_400),
    Pool.ORDERS_10S: Limit(10_000, 300),
    Pool.ORDERS_1M: Limit(MINUTE_MS, 1_200),
    Pool.FUNDING: Limit(5 * MINUTE_MS, 500),
    Pool.STATISTICS: Limit(5 * MINUTE_MS, 1_000),
}
ONE_ORDER: Cost = {Pool.ORDERS_10S: 1, Pool.ORDERS_1M: 1}
_HEADERS = {
    "X-MBX-USED-WEIGHT-1M": Pool.WEIGHT,
    "X-MBX-ORDER-COUNT-10S": Pool.ORDERS_10S,
    "X-MBX-ORDER-COUNT-1M": Pool.ORDERS_1M,
}
_ORDINARY_SHARE = 0.8  # the rest is for orders and safety reads
_TURN_MS = 100  # our clock and the exchange's do not turn a window at the same moment


def weight(amount: int) -> Cost:
    return {Pool.WEIGHT: amount}


class RateLimiter:
    """The budgets of one address (and of its account). Shared by all its callers."""

    def __init__(self, clock: Clock, limits: Mapping[Pool, Limit] = LIMITS) -> None:
        self._clock = clock
        self._limits = dict(limits)
        self._used: dict[Pool, tuple[int, int]] = {}  # (number of the window, used in it)
        self._silent_until_ms = 0

    async def admit(self, cost: Cost, *, is_vital: bool, patience_ms: int) -> None:
        """Count a request, waiting for room for at most `patience_ms`; then `RateLimited`.

        `is_vital` requests may use the whole limit, all others only most of it.
        """
        give_up_ms = self._clock.now_ms() + patience_ms
        while (wait_ms := self._wait_ms(cost, is_vital=is_vital)) > 0:
            if self._clock.now_ms() + wait_ms > give_up_ms:
                raise RateLimited("the exchange's rate limit is used up", retry_after_ms=wait_ms)
            await self._clock.sleep_ms(wait_ms)
        for pool, amount in cost.items():
            window, used = self._standing(pool)
            self._used[pool] = (window, used + amount)

    def hear(self, headers: Mapping[str, str], *, sent_ms: int) -> None:
        """Believe an answer that counts more than we did: others share this address.

        What it counts belongs to the window in which its request was sent, at `sent_ms`.
        """
        for name, pool in _HEADERS.items():
            text = headers.get(name, "")
            if not text.isdecimal():
                continue
            window, used = self._standing(pool)
            if sent_ms // self._limits[pool].window_ms == window:
                self._used[pool] = (window, max(used, int(text)))

    def be_silent(self, duration_ms: int) -> None:
        """Send nothing for so long: the exchange said so."""
        self._silent_until_ms = max(self._silent_until_ms, self._clock.now_ms() + duration_ms)

    def set_limits(self, limits: Mapping[Pool, Limit]) -> None:
        """What the exchange says its limits are, where it says so."""
        self._limits.update(limits)

    def used(self, pool: Pool) -> int:
        """Counted in the present window."""
        return self._standing(pool)[1]

    def _standing(self, pool: Pool) -> tuple[int, int]:
        window = self._clock.now_ms() // self._limits[pool].window_ms
        known, used = self._used.get(pool, (window, 0))
        return (window, used if known == window else 0)

    def _wait_ms(self, cost: Cost, *, is_vital: bool) -> int:
        now_ms = self._clock.now_ms()
        waits = [self._silent_until_ms - now_ms]
        for pool, amount in cost.items():
            limit = self._limits[pool]
            share = 1.0 if is_vital else _ORDINARY_SHARE
            room = math.floor(limit.amount * share)
            used = self._standing(pool)[1]
            if used and used + amount > room:  # alone in its window, a call may pass its share
                waits.append(limit.window_ms - now_ms % limit.window_ms + _TURN_MS)
        return max(waits)
