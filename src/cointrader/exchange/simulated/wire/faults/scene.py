"""What faults work on: the exchange, its connections, its time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.faults.log import FaultLog
from cointrader.exchange.simulated.wire.sockets import StreamFront
from cointrader.exchange.simulated.wire.venue import Venue

Job = Coroutine[Any, Any, None]


@dataclass(slots=True)
class Scene:
    """`tell` sends an account event past all faults; `spawn` runs a job beside the server."""

    venue: Venue
    streams: StreamFront
    log: FaultLog
    tell: Callable[[Message], None]
    spawn: Callable[[Job], None]
    start_ms: int = 0  # when the market starts

    @property
    def now_ms(self) -> int:
        return self.venue.now_ms()

    @property
    def haste(self) -> float:
        """How many of the exchange's seconds pass in one of a client's."""
        slack = self.venue.clock.slack
        return slack if slack < float("inf") else 1.0

    def after(self, wait_s: float, do: Callable[[], None]) -> None:
        """Call `do` after so much of the exchange's time."""

        async def wait() -> None:
            await self.venue.clock.sleep_ms(round(wait_s * 1000))
            do()

        self.spawn(wait())
