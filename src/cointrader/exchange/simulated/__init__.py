"""An exchange in the box: the `Exchange` and `MarketFeed` ports over recorded candles."""

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
