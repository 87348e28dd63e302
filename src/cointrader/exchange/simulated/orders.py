"""The orders of one symbol: those that rest, and the last that ended."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cointrader.domain.order import OrderReport, OrderRequest, OrderStatus
from cointrader.exchange.simulated.matching import Resting

REMEMBERED = 200  # ended orders per symbol; a client asks about its latest ones only


class OrderDesk:
    """Knows every open order of one symbol by its client order id, and remembers ended ones."""

    def __init__(self) -> None:
        self.resting: dict[str, Resting] = {}
        self.ended: dict[str, OrderReport] = {}

    def find(self, client_order_id: str) -> OrderReport | None:
        """The open order of that id, else the last ended one. Ids may be used again."""
        order = self.resting.get(client_order_id)
        return order.report if order is not None else self.ended.get(client_order_id)

    def rest(self, report: OrderReport) -> None:
        self.resting[report.client_order_id] = Resting.of(report)

    def end(self, report: OrderReport) -> OrderReport:
        """Take an order off the desk and remember how it ended."""
        order_id = report.client_order_id
        self.resting.pop(order_id, None)
        self.ended.pop(order_id, None)  # a used-again id counts as the newest
        self.ended[order_id] = report
        if len(self.ended) > REMEMBERED:
            del self.ended[next(iter(self.ended))]
        return report

    def unfilled(self, order_id: str, status: OrderStatus, at_ms: int) -> OrderReport:
        """End a resting order without a fill: cancelled or expired."""
        report = self.resting[order_id].report
        return self.end(replace(report, status=status, updated_ms=at_ms))


def accepted(request: OrderRequest, at_ms: int) -> OrderReport:
    """The report of an order that was just taken."""
    return OrderReport(
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
    )


def filled(report: OrderReport, quantity: Decimal, price: Decimal, at_ms: int) -> OrderReport:
    """`report` executed at once and in full.

    A reduce-only order larger than the position is cut to it, so `quantity` is what counts.
    """
    return replace(
        report,
        status=OrderStatus.FILLED,
        updated_ms=at_ms,
        quantity=quantity,
        filled_quantity=quantity,
        average_price=price,
    )
