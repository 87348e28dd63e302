"""An exchange in the box: the `Exchange` and `MarketFeed` ports over recorded candles."""

from cointrader.exchange.simulated.adapter import Progress, SimulatedExchange
from cointrader.exchange.simulated.instruments import (
    known_instrument,
    plausible_instrument,
    unconstrained,
)
from cointrader.exchange.simulated.ledger import Costs

__all__ = [
    "Costs",
    "Progress",
    "SimulatedExchange",
    "known_instrument",
    "plausible_instrument",
    "unconstrained",
]
