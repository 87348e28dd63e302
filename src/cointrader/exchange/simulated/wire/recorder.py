"""What happens to the account, written down with Binance's numbers and told as its events.

The simulated account tells orders, fills and funding as they happen. Here each gets its number,
a conditional order that triggers gets its child, and the messages of the user stream follow in the
order of the real exchange.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.order import (
    LIQUIDATION_PREFIXES,
    DetailedFill,
    DetailedReport,
    OrderKind,
    OrderStatus,
)
from cointrader.exchange.simulated.wire import events
from cointrader.exchange.simulated.wire.account import AccountView
from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.orders import (
    FIRST_ALGO_ID,
    FIRST_ORDER_ID,
    NO_TERMS,
    AlgoOrder,
    Amendment,
    Execution,
    Income,
    PlainOrder,
    Terms,
)
from cointrader.exchange.subscriptions import Subscription

KEPT = 100_000  # orders, executions and bookings each; the oldest go


class Tap(Subscription[AccountEvent]):
    """A subscription that hands each event on at once instead of queueing it."""

    def __init__(self, symbol: str, hear: Callable[[AccountEvent], None]) -> None:
        super().__init__(f"wire of {symbol}")
        self._hear = hear

    def put(self, event: AccountEvent) -> None:
        self._hear(event)


class Recorder:
    """Every order, execution and booking of one account.

    Parameters
    ----------
    now_ms : the exchange's time
    account : what ACCOUNT_UPDATE tells
    tell : takes the messages of the user stream, in order
    executed : hears of every execution, for the public trade streams
    """

    def __init__(
        self,
        *,
        now_ms: Callable[[], int],
        account: AccountView,
        tell: Callable[[Message], None],
        executed: Callable[[DetailedFill], None],
    ) -> None:
        self._now_ms = now_ms
        self._account = account
        self._tell = tell
        self._executed = executed
        self._order_ids = itertools.count(FIRST_ORDER_ID)
        self._algo_ids = itertools.count(FIRST_ALGO_ID)
        self._amendment_ids = itertools.count(5_001)
        self._transaction_ids = itertools.count(55_001)
        self._plain: dict[int, PlainOrder] = {}
        self._algo: dict[int, AlgoOrder] = {}
        self._open: dict[tuple[str, str], PlainOrder | AlgoOrder] = {}
        self._latest_plain: dict[tuple[str, str], PlainOrder] = {}
        self._latest_algo: dict[str, AlgoOrder] = {}
        self.executions: deque[Execution] = deque(maxlen=KEPT)
        self.income: deque[Income] = deque(maxlen=KEPT)
        self._fill: DetailedFill | None = None  # told just before its order
        self._terms = NO_TERMS
        self.amendments: deque[Amendment] = deque(maxlen=KEPT)
        self._amending: tuple[PlainOrder, int | None] | None = None

    def tap(self, symbol: str) -> Tap:
        """What to subscribe to the events of `symbol`; to be held for as long as it listens."""
        return Tap(symbol, self._hear)

    # -- what is known ------------------------------------------------------------------------

    def plain(self, order_id: int) -> PlainOrder | None:
        return self._plain.get(order_id)

    def plain_named(self, symbol: str, client_id: str) -> PlainOrder | None:
        """The newest order of that id: ids may be used again when their order has ended."""
        return self._latest_plain.get((symbol, client_id))

    def algo(self, algo_id: int) -> AlgoOrder | None:
        return self._algo.get(algo_id)

    def algo_named(self, client_id: str) -> AlgoOrder | None:
        return self._latest_algo.get(client_id)

    def open_plain(self) -> list[PlainOrder]:
        return [order for order in self._open.values() if isinstance(order, PlainOrder)]

    def open_algo(self) -> list[AlgoOrder]:
        return [order for order in self._open.values() if isinstance(order, AlgoOrder)]

    def all_plain(self) -> Iterable[PlainOrder]:
        return self._plain.values()

    def all_algo(self) -> Iterable[AlgoOrder]:
        return self._algo.values()

    # -- what is done -------------------------------------------------------------------------

    @contextlib.contextmanager
    def placing(self, terms: Terms) -> Iterator[None]:
        """The order that is accepted in here has these terms."""
        self._terms = terms
        try:
            yield
        finally:
            self._terms = NO_TERMS

    @contextlib.contextmanager
    def amending(self, order: PlainOrder, modify_id: int | None) -> Iterator[None]:
        """What is cancelled and accepted in here is one order that changes."""
        self._amending = order, modify_id
        try:
            yield
        finally:
            self._amending = None

    def forget(self, algo: AlgoOrder) -> None:
        """Let a conditional order never have been there."""
        self._open.pop((algo.symbol, algo.client_id), None)
        self._algo.pop(algo.algo_id, None)
        if self._latest_algo.get(algo.client_id) is algo:
            del self._latest_algo[algo.client_id]

    def book_transfer(self, amount: Decimal, reason: str) -> None:
        """Money came or went; the wallet has it already."""
        self._book("TRANSFER", "", amount)
        self._tell(self._account.update(reason, self._now_ms(), (), amount))

    # -- what happens -------------------------------------------------------------------------

    def _hear(self, event: AccountEvent) -> None:
        match event:
            case OrderFilled(fill=DetailedFill() as fill):
                self._fill = fill
            case OrderUpdated(report=DetailedReport() as report):
                execution, self._fill = self._fill, None
                if report.kind.is_conditional:
                    self._on_algo(report, execution)
                else:
                    self._on_plain(report, execution)
            case FundingSettled():
                self._on_funding(event)
            case _:
                raise TypeError(f"the simulated exchange told {event!r}")

    def _on_plain(self, report: DetailedReport, fill: DetailedFill | None) -> None:
        if self._amending is not None and fill is None:
            self._on_amendment(*self._amending, report)
            return
        order = self._open_plain(report)
        order.report, order.updated_ms = report, self._now_ms()
        if fill is not None:
            self._on_fill(order, fill)
        else:
            self._close_ended(order)
            self._tell(events.order_update(order, report.status.value))
        if order.parent is not None and report.status.is_final:
            self._finish(order.parent)

    def _finish(self, algo: AlgoOrder) -> None:
        """What a conditional order became has ended, filled or not."""
        algo.status, algo.updated_ms = "FINISHED", self._now_ms()
        self._tell(events.algo_update(algo))

    def _on_amendment(
        self, order: PlainOrder, modify_id: int | None, report: DetailedReport
    ) -> None:
        before = order.report
        if report.status is not OrderStatus.NEW:
            return
        if (report.price, report.quantity) == (before.price, before.quantity):
            return  # put back: the amendment was refused
        now_ms = self._now_ms()
        order.report, order.updated_ms = report, now_ms
        order.amendments += 1
        number = next(self._amendment_ids)
        self.amendments.append(
            Amendment(number, order.order_id, before, report, now_ms, order.amendments, modify_id)
        )
        self._tell(events.amended(order, modify_id))

    def _on_algo(self, report: DetailedReport, fill: DetailedFill | None) -> None:
        is_known = (report.symbol, report.client_order_id) in self._open
        algo = self._open_algo(report)
        algo.was_activated |= is_known and report.status is OrderStatus.NEW
        now_ms = algo.updated_ms = self._now_ms()
        before, algo.report = algo.report, report
        if fill is not None:
            self._on_child_fill(algo, report, fill)
        elif report.status is OrderStatus.TRIGGERED:
            algo.status, algo.triggered_ms = "TRIGGERING", now_ms
            self._tell(events.algo_update(algo))
        else:
            algo.status = report.status.value
            if report.status is OrderStatus.REJECTED:
                algo.reason = _why_rejected(before)
            if report.status.is_final:
                del self._open[algo.symbol, algo.client_id]
            self._tell(events.algo_update(algo))

    def _on_child_fill(self, algo: AlgoOrder, report: DetailedReport, fill: DetailedFill) -> None:
        child = algo.child
        terms = replace(report, kind=OrderKind.MARKET, trigger_price=None)
        if child is None:
            new = replace(
                terms,
                status=OrderStatus.NEW,
                filled_quantity=Decimal(0),
                average_price=None,
            )
            child = algo.child = self._number(new)
            algo.status = "TRIGGERED"
            self._tell(events.algo_update(algo))
            self._tell(events.order_update(child, "NEW"))
        child.report, child.updated_ms = terms, self._now_ms()
        self._on_fill(child, fill)
        if report.status.is_final:
            algo.status = "FINISHED"
            del self._open[algo.symbol, algo.client_id]
            self._tell(events.algo_update(algo))

    def _on_fill(self, order: PlainOrder, fill: DetailedFill) -> None:
        """One execution: bookings, then the messages in the order measured on the real wire."""
        now_ms = self._now_ms()
        trade_id = str(fill.trade_id)
        self.executions.append(Execution(fill, order.order_id, now_ms))
        if fill.gross:
            self._book("REALIZED_PNL", fill.symbol, fill.gross, trade_id)
        if fill.fee:
            self._book("COMMISSION", fill.symbol, -fill.fee, trade_id)
        self._close_ended(order)
        is_forced = order.client_id.startswith(LIQUIDATION_PREFIXES)
        self._tell(events.trade_lite(order, fill, now_ms))
        self._tell(events.order_update(order, "CALCULATED" if is_forced else "TRADE", fill))
        self._account.note_fill(fill, now_ms)
        self._tell(self._account.update("ORDER", now_ms, (fill.symbol,), Decimal(0)))
        self._executed(fill)

    def _on_funding(self, paid: FundingSettled) -> None:
        # Stamped with its settlement, though the bar that it lies in plays at its close.
        self._book("FUNDING_FEE", paid.symbol, paid.amount, at_ms=paid.at_ms)
        update = self._account.update("FUNDING_FEE", paid.at_ms, (paid.symbol,), paid.amount)
        self._tell(update)

    def _open_plain(self, report: DetailedReport) -> PlainOrder:
        """The open order of a report; a new one where there is none: just sent, or forced.

        Where a conditional order has the name it has triggered, and this is what it became.
        """
        found = self._open.get((report.symbol, report.client_order_id))
        if isinstance(found, PlainOrder):
            return found
        terms = self._terms if found is None else found.terms
        order = self._number(report)
        order.terms, order.parent = terms, found
        self._open[order.symbol, order.client_id] = order
        if found is not None:
            found.status, found.child, found.updated_ms = "TRIGGERED", order, order.created_ms
            self._tell(events.algo_update(found))
        return order

    def _open_algo(self, report: DetailedReport) -> AlgoOrder:
        found = self._open.get((report.symbol, report.client_order_id))
        if isinstance(found, AlgoOrder):
            return found
        now_ms = self._now_ms()
        algo = AlgoOrder(next(self._algo_ids), report, self._terms, now_ms, now_ms)
        self._open[algo.symbol, algo.client_id] = algo
        self._algo[algo.algo_id] = algo
        self._latest_algo[algo.client_id] = algo
        if len(self._algo) > KEPT:
            oldest = self._algo.pop(next(iter(self._algo)))
            if self._latest_algo.get(oldest.client_id) is oldest:
                del self._latest_algo[oldest.client_id]
        return algo

    def _number(self, report: DetailedReport) -> PlainOrder:
        now_ms = self._now_ms()
        order = PlainOrder(next(self._order_ids), report, now_ms, now_ms)
        self._plain[order.order_id] = order
        self._latest_plain[order.symbol, order.client_id] = order
        if len(self._plain) > KEPT:
            oldest = self._plain.pop(next(iter(self._plain)))
            key = oldest.symbol, oldest.client_id
            if self._latest_plain.get(key) is oldest:
                del self._latest_plain[key]
        return order

    def _close_ended(self, order: PlainOrder) -> None:
        key = order.symbol, order.client_id
        if not order.is_open and self._open.get(key) is order:
            del self._open[key]

    def _book(
        self,
        kind: str,
        symbol: str,
        amount: Decimal,
        trade_id: str = "",
        *,
        at_ms: int | None = None,
    ) -> None:
        number, now_ms = next(self._transaction_ids), self._now_ms()
        booked_ms = now_ms if at_ms is None else at_ms
        self.income.append(Income(kind, symbol, amount, booked_ms, number, trade_id))


def _why_rejected(report: DetailedReport) -> str:
    if report.reduce_only:
        return "ReduceOnly Order is rejected."
    return "Margin is insufficient."
