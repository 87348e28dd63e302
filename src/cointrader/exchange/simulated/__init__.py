"""An exchange in the box: the `Exchange` and `MarketFeed` ports over recorded candles.

The names are loaded on first use: a backtest reads the instruments alone, and need not wait for
asyncio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cointrader.exchange.simulated.adapter import Progress, SimulatedExchange
    from cointrader.exchange.simulated.instruments import (
        known_instrument,
        plausible_instrument,
        unconstrained,
    )
    from cointrader.exchange.simulated.ledger import Costs
    from cointrader.exchange.simulated.liquidity import at_most

__all__ = [
    "Costs",
    "Progress",
    "SimulatedExchange",
    "at_most",
    "known_instrument",
    "plausible_instrument",
    "unconstrained",
]

_HOMES = {
    "Costs": "ledger",
    "Progress": "adapter",
    "SimulatedExchange": "adapter",
    "at_most": "liquidity",
    "known_instrument": "instruments",
    "plausible_instrument": "instruments",
    "unconstrained": "instruments",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
