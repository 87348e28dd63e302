"""Candles served as Binance would, on the loop and in the time of whoever trades on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from cointrader.app.config import Config
from cointrader.app.paper.live import paper_live
from cointrader.app.paper.market import instruments_of
from cointrader.app.paper.run import PaperOutcome, PaperPlan
from cointrader.app.virtual_time import LoopClock
from cointrader.domain.ports import CandleSource
from cointrader.exchange.simulated import Costs, SimulatedExchange
from cointrader.exchange.simulated.wire import Credentials, ExchangeServer, PacedClock


@dataclass
class ServedMarket:
    """A market that goes on by itself; `clock` shows its time."""

    url: str
    clock: LoopClock
    over: asyncio.Event

    @asynccontextmanager
    async def traded(self, plan: PaperPlan) -> AsyncIterator[list[PaperOutcome]]:
        """Bots trade on it inside the block, and are stopped as by Ctrl-C at its end."""
        outcomes: list[PaperOutcome] = []
        trading = asyncio.create_task(paper_live(plan, self.clock, lambda progress: None))
        try:
            yield outcomes
        finally:
            trading.cancel()
            outcomes.append(await trading)


@asynccontextmanager
async def served_market(
    config: Config, source: CandleSource, *, start_ms: int, end_ms: int | None = None
) -> AsyncIterator[ServedMarket]:
    """Without slippage of its own: its best prices are the last price."""
    exchange = SimulatedExchange(
        source,
        LoopClock(0),
        symbols=config.symbols,
        balance=Decimal(1000),
        costs=Costs(slippage=Decimal(0)),
        leverage=10,
        instruments=instruments_of(config, source, config.symbols),
        start_ms=start_ms,
        end_ms=end_ms,
    )
    server = ExchangeServer(exchange, PacedClock(), Credentials.made())
    async with server.serving() as at:
        clock = LoopClock(0)
        clock.start_at(exchange.timeline[0])
        yield ServedMarket(at.rest, clock, server.player.over)
