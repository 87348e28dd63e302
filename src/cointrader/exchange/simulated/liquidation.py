"""Which price liquidates which position, kept at hand: it is asked for every bar."""

from __future__ import annotations

from collections.abc import Mapping

from cointrader.domain.instrument import Instrument
from cointrader.domain.position import Position
from cointrader.exchange.simulated.margin import liquidation_level
from cointrader.exchange.simulated.matching import Leg, is_nearer
from cointrader.exchange.simulated.resting import Resting


class LiquidationWatch:
    """Liquidation levels of open positions, as the floats that bars are compared with."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._levels: dict[str, tuple[float, bool]] = {}  # and whether the price must rise to it

    def follow(self, symbol: str, held: Position | None) -> None:
        """The position, its margin or its brackets changed."""
        self._levels.pop(symbol, None)
        if held is None:
            return
        level = liquidation_level(held, self._instruments[symbol])
        if level is not None:
            self._levels[symbol] = float(level), held.side.sign < 0

    def is_reached_in(self, symbol: str, low: float, high: float) -> bool:
        """Whether a mark price somewhere between `low` and `high` liquidates the position."""
        if symbol not in self._levels:
            return False
        level, is_upwards = self._levels[symbol]
        return high >= level if is_upwards else low <= level

    def comes_first(self, symbol: str, leg: Leg, order: Resting | None) -> bool:
        """Whether a leg liquidates the position, and before it meets `order`."""
        if symbol not in self._levels:
            return False
        level, is_upwards = self._levels[symbol]
        if leg.is_upwards is not is_upwards or not self.is_reached_in(symbol, leg.mark, leg.mark):
            return False
        return order is None or is_nearer(leg, level, order.level)
