"""A bar as a path, which resting order it meets next, and at what price that fills. Pure.

A bar tells its extremes, not their order. The worse order is assumed: a position first sees the
extreme against it, a position that the bar opens sees it last. So the rule of a bar with both a
stop and a target is that of `domain.candle.first_touch`: stop first, target second, and a stop that
the bar opens beyond fills at the open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.candle import Candle
from cointrader.domain.instrument import to_decimal
from cointrader.domain.order import DetailedReport, OrderKind, OrderSide
from cointrader.domain.position import Position, slipped
from cointrader.exchange.simulated.resting import Resting


@dataclass(frozen=True, slots=True)
class Leg:
    """One way of a bar's path, up or down, as far as the last and the mark price went on it."""

    is_upwards: bool
    last: float
    mark: float

    def end(self, order: Resting) -> float:
        """Where the price that `order` watches went."""
        return self.mark if order.is_on_mark else self.last


def path(bar: Candle, mark: Candle, *, upwards_first: bool) -> Iterator[Leg]:
    """From the open to one extreme, to the other, and to the close."""
    up, down = Leg(True, bar.high, mark.high), Leg(False, bar.low, mark.low)
    yield from (up, down) if upwards_first else (down, up)
    yield Leg(upwards_first, bar.close, mark.close)


def goes_up_first(held: Position | None, reached: Iterable[Resting]) -> bool:
    """The worse of the two paths: see the module. While flat the oldest order that opens counts."""
    if held is not None:
        return held.side.sign < 0
    for order in reached:
        if not order.only_reduces:
            return order.report.side is OrderSide.BUY
    return False


def next_reached(orders: Iterable[Resting], leg: Leg) -> Resting | None:
    """The order that a leg meets first; the older on a tie."""
    found: Resting | None = None
    for order in orders:
        if order.is_upwards is not leg.is_upwards or not order.is_reached_at(leg.end(order)):
            continue
        if found is None or is_nearer(leg, order.level, found.level):
            found = order
    return found


def is_nearer(leg: Leg, level: float, other: float) -> bool:
    """Whether a leg meets `level` strictly before `other`."""
    return level < other if leg.is_upwards else level > other


def fill_price(
    order: Resting, bar: Candle, mark: Candle, *, may_gap: bool, slippage: Decimal
) -> Decimal:
    """What a reached order fills at.

    A limit at its price, a target at its level less slippage, never better. A stop that the bar
    opens strictly beyond (`may_gap`: it was in force before the bar) fills at the open.
    """
    if order.report.kind is OrderKind.LIMIT and order.report.price is not None:
        return order.report.price
    watched = mark if order.is_on_mark else bar
    is_target = order.report.kind is OrderKind.TAKE_PROFIT_MARKET
    if may_gap and not is_target and _is_beyond(order, watched.open):
        price = bar.open
    elif order.is_on_mark:  # the last price is somewhere in its own bar then
        price = min(max(order.level, bar.low), bar.high)
    else:
        price = order.level
    return slipped(order.report.side.sign, to_decimal(price), slippage)


def _is_beyond(order: Resting, price: float) -> bool:
    return price > order.level if order.is_upwards else price < order.level


def is_within(limit: DetailedReport, market: Decimal) -> bool:
    """Whether a limit order may fill at `market`, what a market order of its side fills at."""
    if limit.price is None:
        return True
    return market <= limit.price if limit.side is OrderSide.BUY else market >= limit.price


def market_price(side: OrderSide, last: float, slippage: Decimal) -> Decimal:
    """What a market order fills at: the last price, moved against it."""
    return slipped(side.sign, to_decimal(last), slippage)
