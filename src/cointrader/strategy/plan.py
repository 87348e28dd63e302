"""From a fill to its stop and take-profit.

The level arithmetic is plain scalar functions, shared with the compiled backtest kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.errors import InvariantBroken
from cointrader.domain.instrument import Instrument, ceil_steps, floor_steps
from cointrader.domain.order import Side


def stop_level(sign: int, fill_price: float, distance: float) -> float:
    """Price of the stop: `distance` against the position from its fill."""
    return fill_price - sign * distance


def target_level(sign: int, fill_price: float, distance: float) -> float:
    """Price of the take-profit: `distance` in favour of the position from its fill."""
    return fill_price + sign * distance


def trailed_stop(sign: int, stop: float, best_close: float, trail_ratio: float) -> float:
    """The stop after a bar's close: `trail_ratio` behind the best close, never moved back."""
    candidate = best_close - sign * best_close * trail_ratio
    if sign > 0:
        return candidate if candidate > stop else stop
    return candidate if candidate < stop else stop


def is_past(sign: int, price: float, level: float, tick: float) -> bool:
    """Whether the price is so far past a stop that the exchange takes no such order any more.

    `price` is what closing the position would be filled against: the ask for a long (+1), the bid
    for a short. A level within the tick of it still rests.
    """
    if tick > 0.0:
        if sign > 0:
            return ceil_steps(price, tick) < ceil_steps(level, tick)
        return floor_steps(price, tick) > floor_steps(level, tick)
    return sign * (price - level) < 0.0


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """Where exits stand: in multiples of the ATR, or in fractions of the fill price."""

    mode: str = "atr"  # or "pct"
    atr_sl_mult: float = 1.5
    atr_tp_mult: float = 3.0
    stop_loss_pct: float = 0.015
    take_profit_pct: float = 0.045
    trailing_stop_pct: float = 0.0

    def exits(
        self,
        atr: float,
        *,
        stop_distance: float | None = None,
        target_distance: float | None = None,
    ) -> Exits:
        """Exits for a signal bar with this ATR; a rule's own distances go first."""
        if self.mode == "pct":
            stop, target = (self.stop_loss_pct, True), (self.take_profit_pct, True)
        else:
            stop, target = (self.atr_sl_mult * atr, False), (self.atr_tp_mult * atr, False)
        if stop_distance is not None:
            stop = (stop_distance, False)
        if target_distance is not None:
            target = (target_distance, False)
        return Exits(*stop, *target)


@dataclass(frozen=True, slots=True)
class Exits:
    """How stop and target follow from a fill that is not known yet.

    A distance is in quote currency, or a fraction of the fill price where `..._is_ratio`.
    """

    stop: float
    stop_is_ratio: bool
    target: float
    target_is_ratio: bool

    def stop_distance(self, fill_price: float) -> float:
        return fill_price * self.stop if self.stop_is_ratio else self.stop

    def target_distance(self, fill_price: float) -> float:
        return fill_price * self.target if self.target_is_ratio else self.target

    def levels(self, side: Side, fill_price: Decimal, instrument: Instrument) -> Levels:
        """Trigger prices for a position filled at `fill_price`, on the instrument's tick grid."""
        fill = float(fill_price)
        stop = stop_level(side.sign, fill, self.stop_distance(fill))
        target = target_level(side.sign, fill, self.target_distance(fill))
        return Levels(
            instrument.stop_price(stop, position=side),
            instrument.target_price(target, position=side),
        )

    def to_text(self) -> str:
        """One line for the journal; `from_text` reads it back exactly."""
        marks = {True: "%", False: ""}
        return (
            f"{self.stop!r}{marks[self.stop_is_ratio]} {self.target!r}{marks[self.target_is_ratio]}"
        )

    @staticmethod
    def from_text(text: str) -> Exits:
        try:
            stop, target = text.split()
            return Exits(
                float(stop.removesuffix("%")),
                stop.endswith("%"),
                float(target.removesuffix("%")),
                target.endswith("%"),
            )
        except ValueError:
            what = "an entry without its exits is in the journal"
            raise InvariantBroken(what, found=text) from None


@dataclass(frozen=True, slots=True)
class Levels:
    """Trigger prices of a position's protection."""

    stop: Decimal
    target: Decimal
