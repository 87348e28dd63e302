"""Paper trading through the real adapter: the simulated exchange is served on this machine.

Bots, adapter and server share one event loop and its time, so it may jump: what is sent over the
loopback device has arrived before time goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from cointrader.app.live.wiring import Access, BinanceDesk, DeskConfig, Patience
from cointrader.app.paper.ports import PaperPorts
from cointrader.domain.clock import HOUR_MS, MINUTE_MS, Clock
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.credentials import Credentials as OurKey
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.exchange.binance.input_ages import OldestInputs
from cointrader.exchange.binance.user_feed import PRIVATE_LIMITS
from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.wire import Credentials, ExchangeServer, PacedClock
from cointrader.exchange.simulated.wire.faults import FaultPlan

_LAST_ANSWERS_MS = MINUTE_MS  # for bots to answer the last bar


@contextlib.asynccontextmanager
async def over_the_wire(
    config: DeskConfig,
    exchange: SimulatedExchange,
    clock: Clock,
    *,
    faults: FaultPlan | None = None,
) -> AsyncIterator[PaperPorts]:
    """Through HTTP and WebSockets of the loopback device, and all that they need."""
    keys = Credentials.made()
    server = ExchangeServer(exchange, PacedClock(), keys, faults=faults)
    async with server.serving() as at:
        access = Access(
            at.rest,
            endpoints_at(at.rest, ws=at.ws, ws_api=at.ws_api),
            OurKey(keys.key, keys.secret),
        )
        async with BinanceDesk.opened(
            config,
            access,
            clock,
            transfers_since_ms=exchange.timeline[0],
            patience=_patience(exchange.market.interval_ms),
        ) as desk:

            async def play() -> None:
                await server.player.over.wait()
                await clock.sleep_ms(_LAST_ANSWERS_MS)

            yield PaperPorts(desk.exchange, desk.feed, play, desk.inputs)


def _patience(bar_ms: int) -> Patience:
    """Between two bars of stored candles nothing is heard, and a loopback device does not break."""
    silent_ms = bar_ms + MINUTE_MS
    return Patience(
        market=StreamLimits(max_age_ms=silent_ms, ping_every_ms=silent_ms),
        account=replace(PRIVATE_LIMITS, max_age_ms=HOUR_MS, ping_every_ms=silent_ms),
        oldest=OldestInputs(market_ms=silent_ms),
    )
