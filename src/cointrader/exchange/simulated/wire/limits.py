"""Rate limits: what was used, what is left, and what becomes of those who do not listen."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

from cointrader.domain.errors import Rejected
from cointrader.exchange.simulated.wire.refusals import Answer, answer_to, refused

MINUTE_MS = 60_000
WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """The real exchange's limits. Budgets hold for REST and WebSocket API together."""

    weight_per_minute: int = 2_400
    orders_per_10_s: int = 300
    orders_per_minute: int = 1_200
    funding_per_5_minutes: int = 500
    data_per_5_minutes: int = 1_000
    patience: int = 20  # calls after a 429 until it becomes a 418
    first_ban_ms: int = 2 * MINUTE_MS
    longest_ban_ms: int = 3 * 24 * 60 * MINUTE_MS


class Budget:
    """How much was used in the current window; windows begin at multiples of their length."""

    def __init__(self, limit: int, window_ms: int) -> None:
        self.limit = limit
        self._window_ms = window_ms
        self._window = -1
        self._used = 0

    def used(self, now_ms: int) -> int:
        self._turn(now_ms)
        return self._used

    def use(self, amount: int, now_ms: int) -> None:
        self._turn(now_ms)
        self._used += amount

    def is_over(self, now_ms: int) -> bool:
        return self.used(now_ms) > self.limit

    def ends_in_ms(self, now_ms: int) -> int:
        return self._window_ms - now_ms % self._window_ms

    def _turn(self, now_ms: int) -> None:
        window = now_ms // self._window_ms
        if window != self._window:
            self._window, self._used = window, 0


class Limits:
    """All budgets of one address and one account.

    `haste`: how many of its milliseconds pass in one of a client's.
    """

    def __init__(self, settings: LimitSettings, haste: float = 1.0) -> None:
        self._settings = settings
        self._haste = haste
        self.weight = Budget(settings.weight_per_minute, MINUTE_MS)
        self.orders = (
            Budget(settings.orders_per_10_s, 10_000),
            Budget(settings.orders_per_minute, MINUTE_MS),
        )
        self._pools = {
            "funding": Budget(settings.funding_per_5_minutes, 5 * MINUTE_MS),
            "data": Budget(settings.data_per_5_minutes, 5 * MINUTE_MS),
        }
        self._ignored = 0
        self._bans = 0
        self._banned_until_ms = 0

    def spend(self, weight: int, pool: str | None, now_ms: int) -> Answer | None:
        """Count one call; the answer to it where a limit is broken."""
        if now_ms < self._banned_until_ms:
            return self._ban(now_ms)
        budget = self.weight if pool is None else self._pools[pool]
        budget.use(weight if pool is None else 1, now_ms)
        if not budget.is_over(now_ms):
            return None
        self._ignored += 1
        if self._ignored > self._settings.patience:
            self._ignored = 0
            length_ms = self._settings.first_ban_ms * 2**self._bans
            self._banned_until_ms = now_ms + min(length_ms, self._settings.longest_ban_ms)
            self._bans += 1
            return self._ban(now_ms)
        error = refused(
            -1003,
            f"Too many requests; current limit of IP is {budget.limit} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API.",
        )
        return self._waiting(answer_to(error), budget.ends_in_ms(now_ms))

    def spend_orders(self, per_10_s: int, per_minute: int, now_ms: int) -> None:
        """Count orders; `Rejected` where that breaks a limit."""
        names = ("TEN_SECONDS", "MINUTE")
        amounts = (per_10_s, per_minute)
        for budget, amount, name in zip(self.orders, amounts, names, strict=True):
            if budget.used(now_ms) + amount > budget.limit:
                raise self._too_many_orders(budget, name, now_ms)
        for budget, amount in zip(self.orders, amounts, strict=True):
            budget.use(amount, now_ms)

    def headers(self, now_ms: int, *, with_orders: bool) -> dict[str, str]:
        """What every answer tells, and that to an accepted order."""
        told = {WEIGHT_HEADER: str(self.weight.used(now_ms))}
        if with_orders:
            told["X-MBX-ORDER-COUNT-10S"] = str(self.orders[0].used(now_ms))
            told["X-MBX-ORDER-COUNT-1M"] = str(self.orders[1].used(now_ms))
        return told

    def told(self) -> list[dict[str, object]]:
        """The limits as exchangeInfo lists them."""
        return [
            _row("REQUEST_WEIGHT", "MINUTE", 1, self.weight.limit),
            _row("ORDERS", "MINUTE", 1, self.orders[1].limit),
            _row("ORDERS", "SECOND", 10, self.orders[0].limit),
        ]

    def told_with_counts(self, now_ms: int) -> list[dict[str, object]]:
        """The same with what was used of each."""
        budgets = (self.weight, self.orders[1], self.orders[0])
        return [
            {**row, "count": budget.used(now_ms)}
            for row, budget in zip(self.told(), budgets, strict=True)
        ]

    def _ban(self, now_ms: int) -> Answer:
        text = (
            f"Way too many requests; IP banned until {self._banned_until_ms}. "
            "Please use the websocket for live updates to avoid bans."
        )
        answer = replace(answer_to(refused(-1003, text)), status=418)
        return self._waiting(answer, self._banned_until_ms - now_ms)

    def _too_many_orders(self, budget: Budget, window: str, now_ms: int) -> TooManyOrders:
        error = refused(
            -1015, f"Too many new orders; current limit is {budget.limit} orders per {window}."
        )
        return TooManyOrders(self._waiting(answer_to(error), budget.ends_in_ms(now_ms)))

    def _waiting(self, answer: Answer, wait_ms: int) -> Answer:
        wait_s = math.ceil(wait_ms / 1000 / self._haste)
        return replace(answer, headers={**answer.headers, "Retry-After": str(wait_s)})


class TooManyOrders(Rejected):
    """The account sends orders faster than it may; `answer` says how long to wait."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("too many new orders", code="-1015")
        self.answer = answer


def _row(kind: str, interval: str, count: int, limit: int) -> dict[str, object]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": count,
        "limit": limit,
    }


class MessageRate:
    """Incoming messages of one connection: more than `most` within a second are too many."""

    def __init__(self, most: int = 10) -> None:
        self._most = most
        self._times: deque[float] = deque(maxlen=most)

    def is_broken_by_one_at(self, now_s: float) -> bool:
        """Count a message; True when it is one too many."""
        is_too_fast = len(self._times) == self._most and now_s - self._times[0] < 1
        self._times.append(now_s)
        return is_too_fast
