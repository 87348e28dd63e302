"""A symbol's grids and minimums. All rounding of prices and quantities lives here.

`floor_steps` and `ceil_steps` are plain scalar functions: a compiled backtest and the live code
call the same two, and the Decimal that is sent is that integer times the Decimal step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.order import Side

_LOWEST_PRICE = Decimal("1e-12")  # where there is no tick
_GRID_TOLERANCE = 1e-9  # in steps: 0.3 / 0.1 is 2.9999999999999996 and means 3


def floor_steps(value: float, step: float) -> int:
    """Whole steps in `value`, rounded down."""
    return math.floor(value / step + _GRID_TOLERANCE)


def ceil_steps(value: float, step: float) -> int:
    """Whole steps in `value`, rounded up."""
    return math.ceil(value / step - _GRID_TOLERANCE)


def to_decimal(value: float) -> Decimal:
    """The decimal a person would read in `value`: 0.1 becomes exactly ``Decimal("0.1")``."""
    return Decimal(repr(float(value)))


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the exchange allows for one symbol.

    A grid of ``None`` means no grid: the value passes unrounded (the founding profile).
    Prices and notionals are in quote currency, quantities in base currency.
    """

    symbol: str
    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    min_quantity: Decimal = Decimal(0)
    max_quantity: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    maintenance_margin_ratio: Decimal = Decimal(0)
    max_leverage: int = 125

    def quantity(self, value: float) -> Decimal:
        """`value` rounded down to the step size."""
        if self.step_size is None:
            return to_decimal(value)
        return floor_steps(value, float(self.step_size)) * self.step_size

    def stop_price(self, value: float, *, position: Side) -> Decimal:
        """Trigger of a stop: rounded towards the entry (up for a long, down for a short).

        Never below the lowest price there can be: a level out of reach is still a valid order.
        """
        if self.tick_size is None:
            return max(to_decimal(value), _LOWEST_PRICE)
        tick = float(self.tick_size)
        ticks = ceil_steps(value, tick) if position is Side.LONG else floor_steps(value, tick)
        return max(ticks, 1) * self.tick_size

    def target_price(self, value: float, *, position: Side) -> Decimal:
        """Trigger of a take-profit: rounded towards the entry (down for a long, up for a short)."""
        return self.stop_price(value, position=position.opposite)
