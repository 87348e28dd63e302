"""The simulated exchange behind Binance's REST and WebSocket protocol."""

from cointrader.exchange.simulated.wire.auth import Credentials
from cointrader.exchange.simulated.wire.clock import PacedClock, SteppedClock
from cointrader.exchange.simulated.wire.passage import Passage
from cointrader.exchange.simulated.wire.server import Addresses, ExchangeServer, ServerSettings

__all__ = [
    "Addresses",
    "Credentials",
    "ExchangeServer",
    "PacedClock",
    "Passage",
    "ServerSettings",
    "SteppedClock",
]
