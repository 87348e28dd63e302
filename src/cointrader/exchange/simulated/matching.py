"""Which resting orders a bar fills, and at what price. Pure: no clock, account or event.

The rule itself is `domain.candle.first_touch` / `touch_price`, which the backtest kernel calls
too; here it is only applied to orders.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.candle import NO_TOUCH, TARGET, Candle, first_touch, touch_price
from cointrader.domain.instrument import to_decimal
from cointrader.domain.order import OrderKind, OrderReport, OrderSide, Side
from cointrader.domain.position import slipped


@dataclass(frozen=True, slots=True)
class Resting:
    """A conditional order that waits for its trigger price."""

    report: OrderReport
    trigger: float  # the report's trigger price, as the float that bars are compared with
    is_upwards: bool  # triggers at or above it, else at or below

    @staticmethod
    def of(report: OrderReport) -> Resting:
        if report.trigger_price is None:
            raise ValueError(f"{report.client_order_id} has no trigger price: it cannot rest")
        upwards = _triggers_upwards(report.side, report.kind)
        return Resting(report, float(report.trigger_price), upwards)


@dataclass(frozen=True, slots=True)
class Exit:
    """A resting order that a bar fills; `price` is before slippage."""

    order: Resting
    touch: int  # STOP, STOP_GAP or TARGET of `domain.candle`
    price: Decimal


def market_price(side: OrderSide, last: float, slippage: Decimal) -> Decimal:
    """What a market order fills at: the last price, moved against it."""
    return slipped(side.sign, to_decimal(last), slippage)


def next_exit(
    held: Side, orders: Iterable[Resting], bar: Candle, *, is_entry_bar: bool
) -> Exit | None:
    """The exit order of a position that `bar` fills first, None when it fills none.

    Of several stops (or targets) the one nearest to the price counts. Orders on the entry side
    are not exits and are passed over.
    """
    stop, target = _nearest(held, orders)
    stop_level = math.nan if stop is None else stop.trigger
    target_level = math.nan if target is None else target.trigger
    touch = first_touch(
        held.sign, bar.open, bar.high, bar.low, stop_level, target_level, is_entry_bar
    )
    order = None if touch == NO_TOUCH else target if touch == TARGET else stop
    if order is None:
        return None
    return Exit(order, touch, to_decimal(touch_price(touch, bar.open, stop_level, target_level)))


def is_reached(order: Resting, bar: Candle) -> bool:
    """Whether the last price reached the trigger somewhere in `bar`, equality included."""
    return bar.high >= order.trigger if order.is_upwards else bar.low <= order.trigger


def is_through(
    side: OrderSide, kind: OrderKind, trigger: Decimal, *, bid: Decimal, ask: Decimal
) -> bool:
    """Whether a conditional order would trigger at once: the price is strictly past its level.

    The last trade may have been at the bid or at the ask (a position just bought was bought at
    the ask), so a level inside the spread, or equal to either, is not past yet: it rests.
    """
    if _triggers_upwards(side, kind):
        return bid > trigger
    return ask < trigger


def _triggers_upwards(side: OrderSide, kind: OrderKind) -> bool:
    return (kind is OrderKind.STOP_MARKET) == (side is OrderSide.BUY)


def _nearest(held: Side, orders: Iterable[Resting]) -> tuple[Resting | None, Resting | None]:
    """Stop and target that a price moving away from the entry meets first; the older on a tie."""
    exit_side, sign = held.exit, held.sign
    stop: Resting | None = None
    target: Resting | None = None
    for order in orders:
        if order.report.side is not exit_side:
            continue
        if order.report.kind is OrderKind.STOP_MARKET:
            if stop is None or (order.trigger - stop.trigger) * sign > 0:
                stop = order
        elif target is None or (target.trigger - order.trigger) * sign > 0:
            target = order
    return stop, target
