"""What the bots of a paper run trade through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cointrader.domain.ports import Exchange, InputAges, MarketFeed
from cointrader.exchange.simulated.adapter import SimulatedExchange


@dataclass(frozen=True, slots=True)
class PaperPorts:
    """What the bots of a paper run trade through, and `play`, which lets the market go by."""

    exchange: Exchange
    feed: MarketFeed
    play: Callable[[], Awaitable[None]]
    inputs: InputAges | None = None


def in_process(exchange: SimulatedExchange) -> PaperPorts:
    """Straight to the simulated exchange."""
    return PaperPorts(exchange, exchange, exchange.run)
