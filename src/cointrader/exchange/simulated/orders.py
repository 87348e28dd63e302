"""The orders of one symbol: those that rest, and the last that ended."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cointrader.domain.candle import Candle
from cointrader.domain.order import (
    DetailedReport,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderStatus,
    PriceSource,
)
from cointrader.exchange.simulated.matching import Leg
from cointrader.exchange.simulated.resting import Resting, Trail

REMEMBERED = 50  # ended orders per symbol; a client asks about its latest ones only


class OrderDesk:
    """Knows every open order of one symbol by its client order id, and remembers ended ones."""

    def __init__(self) -> None:
        self.resting: dict[str, Resting] = {}
        self.ended: dict[str, DetailedReport] = {}

    def find(self, client_order_id: str) -> DetailedReport | None:
        """The open order of that id, else the last ended one. Ids may be used again."""
        order = self.resting.get(client_order_id)
        return order.report if order is not None else self.ended.get(client_order_id)

    def rest(
        self, report: DetailedReport, trail: Trail | None = None, until_ms: int | None = None
    ) -> None:
        self.resting[report.client_order_id] = Resting.of(report, trail, until_ms)

    def dormant(self) -> list[str]:
        """The ids of trailing stops whose activation price was not reached yet."""
        return [
            order_id
            for order_id, order in self.resting.items()
            if order.trail is not None and order.trail.extreme is None
        ]

    def follow(self, leg: Leg, bar: Candle, mark: Candle) -> set[str]:
        """Trailing stops follow a leg that goes their way; the ids of those that moved.

        One that the bar opened beyond was met at the open, before any of it.
        """
        moved = set()
        for order_id, order in self.resting.items():
            if order.trail is None or order.is_upwards is leg.is_upwards:
                continue
            if order.is_reached_at(mark.open if order.is_on_mark else bar.open):
                continue
            after = order.seeing(leg.end(order))
            if after is not order:
                self.resting[order_id] = after
                moved.add(order_id)
        return moved

    def limits(self) -> list[DetailedReport]:
        """Resting limit orders, oldest first."""
        return [o.report for o in self.resting.values() if o.report.kind is OrderKind.LIMIT]

    def due(self, now_ms: int) -> list[str]:
        """The ids of orders that were good until a time which has come."""
        return [
            order_id
            for order_id, order in self.resting.items()
            if order.until_ms is not None and order.until_ms <= now_ms
        ]

    def end(self, report: DetailedReport) -> DetailedReport:
        """Take an order off the desk and remember how it ended."""
        order_id = report.client_order_id
        self.resting.pop(order_id, None)
        self.ended.pop(order_id, None)  # a used-again id counts as the newest
        self.ended[order_id] = report
        if len(self.ended) > REMEMBERED:
            del self.ended[next(iter(self.ended))]
        return report

    def unfilled(self, order_id: str, status: OrderStatus, at_ms: int) -> DetailedReport:
        """End a resting order without a fill: cancelled, expired or rejected."""
        report = self.resting[order_id].report
        return self.end(replace(report, status=status, updated_ms=at_ms))


def accepted(request: OrderRequest, at_ms: int) -> DetailedReport:
    """The report of an order that was just taken."""
    return DetailedReport(
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        side=request.side,
        kind=request.kind,
        status=OrderStatus.NEW,
        updated_ms=at_ms,
        quantity=request.quantity,
        trigger_price=request.trigger_price,
        close_position=request.close_position,
        reduce_only=request.reduce_only or request.close_position,
        price=request.price,
        time_in_force=request.time_in_force,
        activation_price=request.activation_price,
        callback_ratio=request.callback_ratio,
        triggered_by=request.triggered_by,
    )


def as_limit(report: DetailedReport, at_ms: int) -> DetailedReport:
    """The limit order that a conditional one with a limit price becomes at its trigger."""
    return replace(
        report,
        kind=OrderKind.LIMIT,
        status=OrderStatus.NEW,
        updated_ms=at_ms,
        trigger_price=None,
        triggered_by=PriceSource.LAST,
    )


def executed(
    report: DetailedReport, part: Decimal, whole: Decimal, price: Decimal, at_ms: int
) -> DetailedReport:
    """`report` after `part` more of `whole` was executed at `price`, that of all parts.

    A reduce-only order larger than the position is cut to it, so `whole` is what counts.
    """
    done = report.filled_quantity + part
    return replace(
        report,
        status=OrderStatus.FILLED if done == whole else OrderStatus.PARTIALLY_FILLED,
        updated_ms=at_ms,
        quantity=whole,
        filled_quantity=done,
        average_price=price,
    )


def left_of(report: OrderReport) -> Decimal:
    """What of an order is not executed yet; zero for one without a quantity."""
    return (report.quantity or Decimal(0)) - report.filled_quantity
