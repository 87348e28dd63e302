"""One simulated account: its ledger, its orders, and the events it tells.

Everything that changes the account happens here, at a time and price its caller gives; nothing
here awaits. `adapter` is the shell that moves time and speaks the ports.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from cointrader.domain.candle import Candle
from cointrader.domain.errors import Rejected
from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.domain.order import (
    SETTLEMENT_PREFIX,
    Fill,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
)
from cointrader.domain.ports import Quote, Settlement
from cointrader.domain.position import Position, slipped
from cointrader.exchange.simulated.checks import check_order
from cointrader.exchange.simulated.ledger import Costs, Ledger
from cointrader.exchange.simulated.matching import is_reached, next_exit
from cointrader.exchange.simulated.orders import OrderDesk, accepted, filled
from cointrader.exchange.simulated.subscriptions import Hub, Subscription

MAX_CONDITIONAL_ORDERS = 200  # Binance's limit for one account, all symbols together
KEPT_FILLS = 100_000  # in the log of all symbols
KEPT_PER_SYMBOL = 1_000  # fills, and funding payments, that a client can still ask for


Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Moment:
    """When and at what prices something happens to one symbol."""

    at_ms: int
    quote: Quote


class SimulatedAccount:
    """Places, matches, settles and books for one account over several symbols."""

    def __init__(
        self,
        *,
        instruments: Mapping[str, Instrument],
        balance: Decimal,
        costs: Costs,
        leverage: int,
        check_margin: bool,
    ) -> None:
        self.costs = costs
        self.instruments = instruments
        self.ledger = Ledger(balance, taker_fee=costs.taker_fee, leverage=leverage)
        self.desks = {symbol: OrderDesk() for symbol in instruments}
        self.hubs: dict[str, Hub[Subscription[AccountEvent]]] = {
            symbol: Hub() for symbol in instruments
        }
        self.next_trade_id = dict.fromkeys(instruments, 1)
        self.fill_log: deque[Fill] = deque(maxlen=KEPT_FILLS)
        self.fills = {symbol: _recent(Fill) for symbol in instruments}
        self.funding = {symbol: _recent(FundingSettled) for symbol in instruments}
        self._check_margin = check_margin

    def place(self, request: OrderRequest, moment: Moment) -> OrderReport:
        """Take an order: fill it now (market) or let it rest (conditional). Or raise `Rejected`."""
        desk = self.desks[request.symbol]
        position = self.ledger.positions.get(request.symbol)
        if request.client_order_id in desk.resting:
            raise Rejected(
                f"an open order has the id {request.client_order_id} already",
                code="-4116",
                todo="query that order; it is the one that was sent before",
            )
        check_order(
            request,
            instrument=self.instruments[request.symbol],
            quote=moment.quote,
            position=position,
            resting=desk.resting.values(),
        )
        report = accepted(request, moment.at_ms)
        if request.kind.is_conditional:
            self._check_room()
            desk.rest(report)
            self._tell(request.symbol, OrderUpdated(report))
            return report
        quote = moment.quote
        price = quote.ask if request.side is OrderSide.BUY else quote.bid
        quantity = request.quantity or Decimal(0)
        if request.reduce_only and position is not None:
            quantity = min(quantity, position.quantity)
        if self._check_margin:
            self._require_margin(request, quantity, price)
        return self._execute(report, quantity, price, moment.at_ms)

    def cancel(self, symbol: str, order_id: str, at_ms: int) -> OrderReport | None:
        """Cancel a resting order; None when there is none of that id."""
        if order_id not in self.desks[symbol].resting:
            return None
        return self._drop(symbol, order_id, OrderStatus.CANCELED, at_ms)

    def settle(self, bar: Candle, settlements: Sequence[Settlement]) -> None:
        """Book funding, for a position that was open before `bar`."""
        for settlement in settlements:
            held = self.ledger.positions.get(bar.symbol)
            if held is None or held.opened_ms >= bar.open_time_ms:
                return
            mark = bar.open if settlement.mark_price is None else settlement.mark_price
            rate = to_decimal(settlement.rate)
            amount = self.ledger.settle(bar.symbol, rate=rate, mark=to_decimal(mark))
            payment = FundingSettled(bar.symbol, settlement.at_ms, rate, amount)
            self.funding[bar.symbol].append(payment)
            self._tell(bar.symbol, payment)

    def match(self, bar: Candle, at_ms: int) -> None:
        """Fill the exits that `bar` reaches, nearest first; expire what has nothing to close."""
        symbol = bar.symbol
        desk = self.desks[symbol]
        if not any(is_reached(order, bar) for order in desk.resting.values()):
            return  # most bars; a gap beyond a stop reaches it as well
        while desk.resting and (held := self.ledger.positions.get(symbol)) is not None:
            is_entry_bar = held.opened_ms >= bar.open_time_ms
            hit = next_exit(held.side, desk.resting.values(), bar, is_entry_bar=is_entry_bar)
            if hit is None:
                break
            report = hit.order.report
            quantity = min(report.quantity or held.quantity, held.quantity)
            price = slipped(report.side.sign, hit.price, self.costs.slippage)
            self._execute(report, quantity, price, at_ms)
        if desk.resting:
            self._expire_idle(bar, at_ms)

    def end_symbol(self, symbol: str, close: float, at_ms: int) -> None:
        """The symbol's history is over: close its position at `close`, cancel its orders."""
        held = self.ledger.positions.get(symbol)
        if held is not None:
            request = OrderRequest(
                client_order_id=f"{SETTLEMENT_PREFIX}{self.next_trade_id[symbol]}",
                symbol=symbol,
                side=held.side.exit,
                kind=OrderKind.MARKET,
                quantity=held.quantity,
                reduce_only=True,
            )
            price = slipped(request.side.sign, to_decimal(close), self.costs.slippage)
            self._execute(accepted(request, at_ms), held.quantity, price, at_ms)
        for order_id in list(self.desks[symbol].resting):
            self._drop(symbol, order_id, OrderStatus.CANCELED, at_ms)

    def open_orders(self, symbol: str) -> list[OrderReport]:
        return [order.report for order in self.desks[symbol].resting.values()]

    def position(self, symbol: str) -> Position | None:
        return self.ledger.positions.get(symbol)

    def _execute(
        self, report: OrderReport, quantity: Decimal, price: Decimal, at_ms: int
    ) -> OrderReport:
        """Book a full fill and tell it: the fill first, then the order's last state."""
        symbol = report.symbol
        booked = self.ledger.trade(symbol, report.side, quantity, price, at_ms)
        trade_id = self.next_trade_id[symbol]
        self.next_trade_id[symbol] = trade_id + 1
        fill = Fill(
            symbol=symbol,
            trade_id=trade_id,
            client_order_id=report.client_order_id,
            side=report.side,
            price=price,
            quantity=quantity,
            fee=booked.fee,
            at_ms=at_ms,
        )
        self.fill_log.append(fill)
        self.fills[symbol].append(fill)
        done = self.desks[symbol].end(filled(report, quantity, price, at_ms))
        self._tell(symbol, OrderFilled(fill))
        self._tell(symbol, OrderUpdated(done))
        return done

    def _drop(self, symbol: str, order_id: str, status: OrderStatus, at_ms: int) -> OrderReport:
        report = self.desks[symbol].unfilled(order_id, status, at_ms)
        self._tell(symbol, OrderUpdated(report))
        return report

    def _expire_idle(self, bar: Candle, at_ms: int) -> None:
        """Orders triggered while flat, or that would add: they never open anything."""
        held = self.ledger.positions.get(bar.symbol)
        exit_side = None if held is None else held.side.exit
        for order_id, order in list(self.desks[bar.symbol].resting.items()):
            if order.report.side is not exit_side and is_reached(order, bar):
                self._drop(bar.symbol, order_id, OrderStatus.EXPIRED, at_ms)

    def _check_room(self) -> None:
        if sum(len(desk.resting) for desk in self.desks.values()) >= MAX_CONDITIONAL_ORDERS:
            raise Rejected(
                f"the account has {MAX_CONDITIONAL_ORDERS} conditional orders open",
                code="-4045",
                todo="cancel orders that protect nothing",
            )

    def _require_margin(self, request: OrderRequest, quantity: Decimal, price: Decimal) -> None:
        needed = self.ledger.added_margin(request.symbol, request.side, quantity, price)
        available = self.ledger.available()
        if needed > 0 and needed > available:
            raise Rejected(
                f"{request.symbol} needs {needed} of margin, {available} is available",
                code="-2019",
                todo="send a smaller order, or free margin first",
            )

    def _tell(self, symbol: str, event: AccountEvent) -> None:
        for subscription in self.hubs[symbol].live():
            subscription.put(event)


def _recent(_: type[Record]) -> deque[Record]:
    return deque(maxlen=KEPT_PER_SYMBOL)
