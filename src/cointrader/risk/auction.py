"""Who has reported one bar, and whose request still waits for an answer.

The auction knows no money. It only makes sure that answers do not depend on whose candle
arrived first: requests are served together, in an order that the configuration fixes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from cointrader.domain.clock import Clock
from cointrader.risk.book import Refusal
from cointrader.risk.limits import RiskLimits
from cointrader.risk.reservation import EntryRequest, Reservation


@dataclass(slots=True, eq=False)
class Bid:
    """One request and, once served, its answer."""

    symbol: str
    request: EntryRequest
    answer: Reservation | Refusal | None = None


class Auction:
    """The entries of one bar: collected, then served in order, then first come first served."""

    __slots__ = (
        "_complete",
        "_reported",
        "bar_ms",
        "deadline_ms",
        "is_marked",
        "is_open",
        "missing",
        "waiting",
    )

    def __init__(self, bar_ms: int, bots: Iterable[str], deadline_ms: int) -> None:
        self.bar_ms = bar_ms
        self.deadline_ms = deadline_ms
        self.missing = set(bots)  # who has not reported yet
        self.waiting: list[Bid] = []
        self.is_open = False  # the snapshot is taken: from now on requests are served on arrival
        self.is_marked = False  # the risk of open positions is counted from this bar's marks
        self._reported: set[str] = set()
        self._complete = asyncio.Event()  # everyone has reported, or the deadline has passed

    def report(self, symbol: str) -> bool:
        """`symbol` has closed what it had to close; True when nobody is missing any more."""
        self._reported.add(symbol)
        return self.forget(symbol)

    def misses_others_than(self, symbol: str) -> bool:
        """Whether anybody besides `symbol` has not reported yet."""
        return len(self.missing) > (symbol in self.missing)

    def expect(self, symbol: str) -> None:
        """Wait for `symbol` too, unless it has reported."""
        if symbol not in self._reported:
            self.missing.add(symbol)
            self._complete.clear()

    def forget(self, symbol: str) -> bool:
        """Wait for `symbol` no longer; True when nobody is missing any more."""
        self.missing.discard(symbol)
        if self.missing:
            return False
        self._complete.set()
        return True

    def bid(self, symbol: str, request: EntryRequest) -> Bid:
        bid = Bid(symbol, request)
        self.waiting.append(bid)
        return bid

    def withdraw(self, bid: Bid) -> None:
        """Whoever made this bid is gone."""
        if bid in self.waiting:
            self.waiting.remove(bid)

    def take_waiting(self, limits: RiskLimits) -> list[Bid]:
        """Everyone who waits, in the order to serve them; afterwards nobody waits."""
        bids, self.waiting = self.waiting, []

        def place(bid: Bid) -> tuple[float, int, str]:
            probability = bid.request.probability
            is_ranked = limits.is_probability_first and probability is not None
            score = -probability if is_ranked and probability is not None else 0.0
            return score, limits.rank(bid.symbol), bid.symbol

        return sorted(bids, key=place)

    async def complete(self, clock: Clock) -> None:
        """Return once everyone has reported or the deadline has passed."""
        if self._complete.is_set() or self.is_open:
            return
        deadline = asyncio.create_task(self._end_at_deadline(clock), name="auction:deadline")
        try:
            await self._complete.wait()
        finally:
            deadline.cancel()

    async def _end_at_deadline(self, clock: Clock) -> None:
        await clock.sleep_until_ms(self.deadline_ms)
        self._complete.set()
