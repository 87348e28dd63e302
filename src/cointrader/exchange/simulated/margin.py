"""Margin of isolated positions and of resting limit orders. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from cointrader.domain.instrument import Instrument
from cointrader.domain.order import DetailedReport, OrderSide
from cointrader.domain.position import Position, bankruptcy_price, liquidation_price
from cointrader.exchange.simulated.ledger import ZERO, money
from cointrader.exchange.simulated.orders import left_of


def liquidation_level(held: Position, instrument: Instrument) -> Decimal | None:
    """The mark price that liquidates a position; None where there is none."""
    brackets = instrument.brackets
    if not brackets:
        return None
    level = liquidation_price(
        held.side.sign,
        held.entry_price,
        held.quantity,
        _margin_ratio(held),
        [bracket.maintenance_margin_ratio for bracket in brackets],
        [bracket.maintenance_amount for bracket in brackets],
    )
    return level if level > 0 else None


def bankruptcy_of(held: Position, fee_ratio: Decimal) -> Decimal:
    """The price at which closing a position, its fee included, takes its isolated wallet."""
    return bankruptcy_price(held.side.sign, held.entry_price, _margin_ratio(held), fee_ratio)


def reserved_margin(
    limits: Iterable[DetailedReport], held: Position | None, leverage: int
) -> Decimal:
    """Margin that resting limit orders of one symbol hold.

    Orders that reduce need none; on the exit side the oldest count against the position first.
    """
    closing = {} if held is None else {held.side.exit: held.quantity}
    reserved = ZERO
    for order in limits:
        if not order.reduce_only and order.price is not None:
            reserved += money(_opening(order, closing) * order.price / leverage)
    return reserved


def _opening(order: DetailedReport, closing: dict[OrderSide, Decimal]) -> Decimal:
    """What of an order is more than closes the position; counts what does."""
    left = left_of(order)
    closes = min(left, closing.get(order.side, ZERO))
    if closes:
        closing[order.side] -= closes
    return left - closes


def _margin_ratio(held: Position) -> Decimal:
    return held.margin / (held.quantity * held.entry_price)
