"""A symbol's grids, limits and leverage brackets. All rounding of prices and quantities lives here.

`floor_steps` and `ceil_steps` are plain scalar functions: a compiled backtest and the live code
call the same two, and the Decimal that is sent is that integer times the Decimal step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.order import Side

LOWEST_PRICE = 1e-12  # where there is no tick
_GRID_TOLERANCE = 1e-9  # in steps: 0.3 / 0.1 is 2.9999999999999996 and means 3


def floor_steps(value: float, step: float) -> int:
    """Whole steps in `value`, rounded down."""
    return math.floor(value / step + _GRID_TOLERANCE)


def ceil_steps(value: float, step: float) -> int:
    """Whole steps in `value`, rounded up."""
    return math.ceil(value / step - _GRID_TOLERANCE)


def on_grid(steps: int, numerator: int, denominator: int) -> float:
    """The float nearest to so many steps of ``numerator / denominator``: see `as_fraction`.

    Exactly the float of the Decimal that is sent, which `steps * float(step)` is not always.
    """
    return steps * numerator / denominator


def as_fraction(step: Decimal) -> tuple[int, int]:
    """A grid's step as (numerator, denominator), the denominator a power of ten."""
    exponent = step.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= 0:
        return int(step), 1
    return int(step.scaleb(-exponent)), int(Decimal(10) ** -exponent)


def trigger_ticks(sign: int, value: float, tick: float) -> int:
    """Ticks of a stop at `value`, rounded towards the entry: up for a long (+1), down for a short.

    At least one: a level out of reach is still a valid order. A target is a stop of the other sign.
    """
    ticks = ceil_steps(value, tick) if sign > 0 else floor_steps(value, tick)
    return max(ticks, 1)


def trigger_level(sign: int, value: float, tick: float, numerator: int, denominator: int) -> float:
    """The float of `Instrument.stop_price`; `tick` 0 is no grid."""
    if tick <= 0.0:
        return max(value, LOWEST_PRICE)
    return on_grid(trigger_ticks(sign, value, tick), numerator, denominator)


def to_decimal(value: float) -> Decimal:
    """The decimal a person would read in `value`: 0.1 becomes exactly ``Decimal("0.1")``."""
    return Decimal(repr(float(value)))


@dataclass(frozen=True, slots=True)
class LeverageBracket:
    """What the exchange asks of positions up to a notional, in quote currency.

    The maintenance margin of a notional in this bracket is
    ``notional * maintenance_margin_ratio - maintenance_amount``, which no other bracket exceeds.
    """

    notional_cap: Decimal | None  # None: there is no larger one
    max_leverage: int
    maintenance_margin_ratio: Decimal
    maintenance_amount: Decimal = Decimal(0)  # Binance's "cum": brackets meet at their caps


def brackets_of(rows: Iterable[tuple[Decimal, int, Decimal]]) -> tuple[LeverageBracket, ...]:
    """Brackets from (notional cap, highest leverage, maintenance margin ratio), ascending."""
    brackets: list[LeverageBracket] = []
    cap, ratio, amount = Decimal(0), Decimal(0), Decimal(0)
    for next_cap, leverage, next_ratio in rows:
        amount += cap * (next_ratio - ratio)
        cap, ratio = next_cap, next_ratio
        brackets.append(LeverageBracket(cap, leverage, ratio, amount))
    return tuple(brackets)


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the exchange allows for one symbol.

    A grid or a limit of ``None`` means none: the value passes unrounded (the founding profile).
    Prices and notionals are in quote currency, quantities in base currency. Without brackets a
    position is never liquidated. Where brackets are given, `maintenance_margin_ratio` and
    `max_leverage` are those of the first; where only these two are, they make the one bracket.
    """

    symbol: str
    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    min_quantity: Decimal = Decimal(0)
    max_quantity: Decimal | None = None  # of one market order
    min_notional: Decimal = Decimal(0)
    maintenance_margin_ratio: Decimal = Decimal(0)
    max_leverage: int = 125
    brackets: tuple[LeverageBracket, ...] = ()
    max_limit_quantity: Decimal | None = None  # of one limit order
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    price_multiplier_up: Decimal | None = None  # highest buy price, as a multiple of the mark
    price_multiplier_down: Decimal | None = None  # lowest sell price, likewise

    def __post_init__(self) -> None:
        if self.brackets:
            first = self.brackets[0]
            object.__setattr__(self, "maintenance_margin_ratio", first.maintenance_margin_ratio)
            object.__setattr__(self, "max_leverage", first.max_leverage)
        elif self.maintenance_margin_ratio:
            only = LeverageBracket(None, self.max_leverage, self.maintenance_margin_ratio)
            object.__setattr__(self, "brackets", (only,))

    def maintenance_margin(self, notional: Decimal) -> Decimal:
        """Margin below which a position of `notional` is liquidated: see `liquidation_price`."""
        return max(
            (notional * b.maintenance_margin_ratio - b.maintenance_amount for b in self.brackets),
            default=Decimal(0),
        )

    def max_notional(self, leverage: int) -> Decimal | None:
        """Largest position at `leverage`: zero where it is too high, None without a limit."""
        if not self.brackets:
            return None
        allowed = [b.notional_cap for b in self.brackets if b.max_leverage >= leverage]
        return allowed[-1] if allowed else Decimal(0)

    def quantity(self, value: float) -> Decimal:
        """`value` rounded down to the step size."""
        if self.step_size is None:
            return to_decimal(value)
        return floor_steps(value, float(self.step_size)) * self.step_size

    def covering(self, quantity: Decimal) -> Decimal:
        """`quantity`, or the next step above it where it is on none."""
        if self.step_size is None:
            return quantity
        return ceil_steps(float(quantity), float(self.step_size)) * self.step_size

    def stop_price(self, value: float, *, position: Side) -> Decimal:
        """Trigger of a stop: rounded towards the entry (up for a long, down for a short).

        Never below the lowest price there can be: a level out of reach is still a valid order.
        """
        if self.tick_size is None:
            return to_decimal(max(value, LOWEST_PRICE))
        return trigger_ticks(position.sign, value, float(self.tick_size)) * self.tick_size

    def target_price(self, value: float, *, position: Side) -> Decimal:
        """Trigger of a take-profit: rounded towards the entry (down for a long, up for a short)."""
        return self.stop_price(value, position=position.opposite)
