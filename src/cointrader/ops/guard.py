"""Which positions are without a live stop, since when, and what is to be done about it.

Pure: no clock, network or log. It knows positions and orders as the exchange tells them and
nothing of whoever opened them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from cointrader.domain.order import OrderKind, OrderReport, OrderStatus, Side
from cointrader.domain.position import Position

STOPS_TRIED = 2  # then the position is closed at market
MOST_PARTS = 50  # orders that one close may take; the next look asks for the rest
_STOPS = (OrderKind.STOP_MARKET, OrderKind.TRAILING_STOP_MARKET)
_WAITING = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


@dataclass(frozen=True, slots=True)
class Seen:
    """One position and every order of its symbol that may still execute."""

    position: Position
    orders: Sequence[OrderReport]


@dataclass(frozen=True, slots=True)
class Naked:
    """A position without a stop. `tries` counts the stops that did not help."""

    side: Side
    since_ms: int
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be done for a position: a stop behind it or, where `closes`, its end."""

    position: Position
    naked_ms: int
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known from look to look."""

    grace_ms: int
    naked: Mapping[str, Naked] = field(default_factory=dict)  # by symbol

    def look(
        self, now_ms: int, seen: Iterable[Seen], unseen: Collection[str] = ()
    ) -> tuple[Watch, list[Deed]]:
        """The watch after this look, and what it asks for.

        A symbol in `unseen` could not be looked at. That is no cover: what was known of it stays.
        """
        naked = {symbol: self.naked[symbol] for symbol in unseen if symbol in self.naked}
        deeds: list[Deed] = []
        for each in seen:
            position = each.position
            if not uncovered(position, each.orders):
                continue
            before = self.naked.get(position.symbol)
            if before is None or before.side is not position.side:
                before = Naked(position.side, now_ms)
            naked[position.symbol] = before
            naked_ms = now_ms - before.since_ms
            if naked_ms >= self.grace_ms:
                deeds.append(Deed(position, naked_ms, closes=before.tries >= STOPS_TRIED))
        return replace(self, naked=naked), deeds

    def tried(self, symbol: str) -> Watch:
        """A stop was sent for `symbol`; the next look tells whether it is there."""
        before = self.naked.get(symbol)
        if before is None:
            return self
        return replace(self, naked={**self.naked, symbol: replace(before, tries=before.tries + 1)})


def uncovered(position: Position, orders: Iterable[OrderReport]) -> Decimal:
    """The quantity that no waiting stop would close."""
    left = position.quantity
    for order in orders:
        is_stop = order.kind in _STOPS and order.status in _WAITING
        if not is_stop or order.side is not position.side.exit:
            continue
        if order.close_position:
            return Decimal(0)
        if order.reduce_only and order.quantity is not None:
            left -= order.quantity - order.filled_quantity
    return max(left, Decimal(0))


def stop_level(position: Position, mark: Decimal, ratio: float) -> float:
    """Where a stop goes: `ratio` of the mark price away, but not past the liquidation price."""
    level = float(mark) * (1 - position.side.sign * ratio)
    liquidation = position.liquidation_price
    if liquidation is not None and (level - float(liquidation)) * position.side.sign <= 0:
        return (float(mark) + float(liquidation)) / 2
    return level


def parts(quantity: Decimal, largest: Decimal | None) -> list[Decimal]:
    """`quantity` in orders that are no larger than one may be; None: than it wants to be."""
    if not largest:
        return [quantity]
    orders: list[Decimal] = []
    while quantity > 0 and len(orders) < MOST_PARTS:
        orders.append(min(quantity, largest))
        quantity -= largest
    return orders
