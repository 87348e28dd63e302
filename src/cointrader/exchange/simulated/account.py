"""One simulated account: its ledger, its orders, and the events it tells.

Everything that changes the account happens here, at a time and price its caller gives; nothing
here awaits. `adapter` is the shell that moves time and speaks the ports.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from cointrader.domain.candle import Candle
from cointrader.domain.errors import Rejected
from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.domain.order import (
    LIQUIDATION_PREFIXES,
    SETTLEMENT_PREFIX,
    DetailedFill,
    DetailedReport,
    Fill,
    OrderKind,
    OrderRequest,
    OrderSide,
    OrderStatus,
    PriceSource,
    Side,
    TimeInForce,
)
from cointrader.domain.ports import Settlement
from cointrader.domain.position import Position, slipped
from cointrader.exchange.simulated.checks import Moment, check_order, is_marketable
from cointrader.exchange.simulated.history import History
from cointrader.exchange.simulated.ledger import ZERO, Booked, Costs, Ledger
from cointrader.exchange.simulated.liquidation import LiquidationWatch
from cointrader.exchange.simulated.liquidity import Liquidity, parts_of
from cointrader.exchange.simulated.margin import bankruptcy_of
from cointrader.exchange.simulated.matching import (
    fill_price,
    goes_up_first,
    is_within,
    next_reached,
    path,
)
from cointrader.exchange.simulated.opening import OpeningRules
from cointrader.exchange.simulated.orders import OrderDesk, accepted, as_limit, executed, left_of
from cointrader.exchange.simulated.resting import Resting, Trail
from cointrader.exchange.subscriptions import Hub, Subscription

KEPT_FILLS = 100_000  # in the log of all symbols

Siblings = Literal["stay", "expire"]
"""What becomes of close_position orders when their position is gone: production lets them stay."""
AtTrigger = Literal["execute", "stick", "reject"]
"""What becomes of a conditional order whose level was reached."""


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
        liquidity: Liquidity | None = None,
        siblings: Siblings = "expire",
    ) -> None:
        self.costs = costs
        self.instruments = dict(instruments)
        self.changed_instruments: set[str] = set()  # while running; the others are the caller's
        self.settling: set[str] = set()  # symbols that take exits only
        self.ledger = Ledger(balance, leverage=leverage)
        self.desks = {symbol: OrderDesk() for symbol in instruments}
        self.hubs: dict[str, Hub[Subscription[AccountEvent]]] = {
            symbol: Hub() for symbol in instruments
        }
        self.next_trade_id = dict.fromkeys(instruments, 1)
        self.position_since_ms = dict.fromkeys(instruments, 0)  # of the newest, open or not
        self.fill_log: deque[Fill] = deque(maxlen=KEPT_FILLS)
        self.fills: dict[str, History[DetailedFill]] = {s: History() for s in instruments}
        self.funding: dict[str, History[FundingSettled]] = {s: History() for s in instruments}
        self._watch = LiquidationWatch(self.instruments)
        self._opening = OpeningRules(
            self.ledger, self.desks, self.instruments, self.settling, check_margin=check_margin
        )
        self.liquidity = liquidity
        self.at_trigger: Callable[[DetailedReport], AtTrigger] = lambda _report: "execute"
        self.siblings_stay: Callable[[str], bool] = lambda _symbol: siblings == "stay"

    # -- orders -------------------------------------------------------------------------------

    def place(
        self, request: OrderRequest, moment: Moment, *, until_ms: int | None = None
    ) -> DetailedReport:
        """Take an order: fill it now or let it rest, `until_ms` at most. Or raise `Rejected`."""
        desk = self.desks[request.symbol]
        if request.client_order_id in desk.resting:
            raise Rejected(
                f"an open order has the id {request.client_order_id} already",
                code="-4116",
                todo="query that order; it is the one that was sent before",
            )
        check_order(
            request,
            instrument=self.instruments[request.symbol],
            moment=moment,
            position=self.ledger.positions.get(request.symbol),
            resting=desk.resting.values(),
        )
        if request.kind.is_conditional:
            return self._place_conditional(request, moment, until_ms)
        if request.kind is OrderKind.MARKET or is_marketable(request, moment.quote):
            return self._fill_now(request, moment)
        return self._place_limit(request, moment, until_ms)

    def _place_conditional(
        self, request: OrderRequest, moment: Moment, until_ms: int | None
    ) -> DetailedReport:
        report = accepted(request, moment.at_ms)
        self._opening.require_conditional(report)
        self.desks[request.symbol].rest(report, _new_trail(request, moment), until_ms)
        return self._tell(report)

    def _fill_now(self, request: OrderRequest, moment: Moment) -> DetailedReport:
        price = moment.quote.ask if request.side is OrderSide.BUY else moment.quote.bid
        report = accepted(request, moment.at_ms)
        quantity = self._executable(report)
        self._opening.require_execution(report, quantity, price)
        self._tell(report)
        return self._execute(report, quantity, price, moment.at_ms)

    def _place_limit(
        self, request: OrderRequest, moment: Moment, until_ms: int | None
    ) -> DetailedReport:
        desk = self.desks[request.symbol]
        report = accepted(request, moment.at_ms)
        self._opening.require_limit(report)
        if request.time_in_force is TimeInForce.IOC:
            self._tell(report)
            expired = replace(report, status=OrderStatus.EXPIRED)
            return self._tell(desk.end(expired))
        desk.rest(report, until_ms=until_ms)
        return self._tell(report)

    def cancel(self, symbol: str, order_id: str, at_ms: int) -> DetailedReport | None:
        """Cancel a resting order; None when there is none of that id."""
        if order_id not in self.desks[symbol].resting:
            return None
        return self._drop(symbol, order_id, OrderStatus.CANCELED, at_ms)

    def open_orders(self, symbol: str) -> list[DetailedReport]:
        return [order.report for order in self.desks[symbol].resting.values()]

    # -- time passes --------------------------------------------------------------------------

    def expire_due(self, symbol: str, now_ms: int) -> None:
        """Orders of `symbol` that were good until a time which has come expire."""
        for order_id in self.desks[symbol].due(now_ms):
            self._drop(symbol, order_id, OrderStatus.EXPIRED, now_ms)

    def settle(
        self, bar: Candle, settlements: Sequence[Settlement], marks: Sequence[float]
    ) -> None:
        """Book funding, at these mark prices, for a position that was open before `bar`."""
        for settlement, mark in zip(settlements, marks, strict=True):
            held = self.ledger.positions.get(bar.symbol)
            if held is None or held.opened_ms >= bar.open_time_ms:
                return
            rate = to_decimal(settlement.rate)
            self.pay_funding(held, settlement.at_ms, rate, to_decimal(mark))

    def pay_funding(self, held: Position, at_ms: int, rate: Decimal, mark: Decimal) -> None:
        """Book one settlement for a position that is open."""
        symbol = held.symbol
        amount = self.ledger.settle(symbol, rate=rate, mark=mark)
        self._position_changed(symbol)
        payment = FundingSettled(symbol, at_ms, rate, amount)
        self.funding[symbol].add(payment, position_since_ms=held.opened_ms)
        self._send(symbol, payment)

    def match(self, bar: Candle, mark: Candle, at_ms: int) -> None:
        """Fill what `bar` reaches, in the order of its path, and liquidate what it ruins.

        `mark` is the mark price over the same time; the bar itself where none is recorded.
        """
        symbol = bar.symbol
        desk = self.desks[symbol]
        resting = desk.resting.values()
        reached = [o for o in resting if o.trail is not None or o.is_reached_in(bar, mark)]
        if not reached and not self._watch.is_reached_in(symbol, mark.low, mark.high):
            return  # most bars
        upwards_first = goes_up_first(self.ledger.positions.get(symbol), reached)
        moved: set[str] = set()
        for leg in path(bar, mark, upwards_first=upwards_first):
            while True:
                order = next_reached(desk.resting.values(), leg)
                if self._watch.comes_first(symbol, leg, order):
                    self.liquidate(symbol, at_ms)
                elif order is not None:
                    has_moved = order.report.client_order_id in moved
                    self._meet(order, bar, mark, at_ms, has_moved=has_moved)
                else:
                    break
            dormant = desk.dormant()
            moved |= (followed := desk.follow(leg, bar, mark))
            for order_id in dormant:
                if order_id in followed:  # told anew: its trailing has begun
                    self._tell(replace(desk.resting[order_id].report, updated_ms=at_ms))
        if self._watch.is_reached_in(symbol, mark.close, mark.close):
            self.liquidate(symbol, at_ms)  # opened late in the bar, where the mark was past it

    def end_symbol(self, symbol: str, close: float, at_ms: int) -> None:
        """The symbol's history is over: close its position at `close`, cancel its orders."""
        held = self.ledger.positions.get(symbol)
        if held is not None:
            report = self._forced(SETTLEMENT_PREFIX, held, at_ms)
            price = slipped(report.side.sign, to_decimal(close), self.costs.slippage)
            self._execute(report, held.quantity, price, at_ms)
        for order_id in list(self.desks[symbol].resting):
            self._drop(symbol, order_id, OrderStatus.CANCELED, at_ms)

    def _meet(
        self, order: Resting, bar: Candle, mark: Candle, at_ms: int, *, has_moved: bool
    ) -> None:
        """The price is at a resting order's level: fill it, or end it where it cannot be."""
        report = order.report
        held = self.ledger.positions.get(report.symbol)
        is_entry_bar = held is not None and held.opened_ms >= bar.open_time_ms
        price = fill_price(
            order,
            bar,
            mark,
            may_gap=not (is_entry_bar or has_moved),
            slippage=self.costs.slippage,
        )
        quantity = self._executable(report)
        if not quantity and (report.close_position or report.kind is OrderKind.LIMIT):
            self._drop(report.symbol, report.client_order_id, OrderStatus.EXPIRED, at_ms)
            return
        if report.kind.is_conditional:
            report = self._tell(replace(report, status=OrderStatus.TRIGGERED, updated_ms=at_ms))
            outcome = self.at_trigger(report)
            if outcome == "stick":
                del self.desks[report.symbol].resting[report.client_order_id]
                return
            if outcome == "reject":
                quantity = ZERO
            elif quantity and report.price is not None:
                self._become_limit(report, price, at_ms, order.until_ms)
                return
        if not quantity or not self._opening.allows_execution(report, quantity, price):
            status = OrderStatus.REJECTED if report.kind.is_conditional else OrderStatus.EXPIRED
            self._drop(report.symbol, report.client_order_id, status, at_ms)
            return
        is_maker = report.kind is OrderKind.LIMIT
        self._execute(report, quantity, price, at_ms, is_maker=is_maker)

    def execute_held(self, report: DetailedReport, price: Decimal, at_ms: int) -> None:
        """Carry out an order that stuck at its trigger; it expires where nothing is left of it."""
        quantity = self._executable(report)
        if quantity and report.price is not None:
            self._become_limit(report, price, at_ms, None)
            return
        if not quantity:
            ended = replace(report, status=OrderStatus.EXPIRED, updated_ms=at_ms)
            self._tell(self.desks[report.symbol].end(ended))
            return
        self._execute(report, quantity, price, at_ms)

    def _become_limit(
        self, report: DetailedReport, market: Decimal, at_ms: int, until_ms: int | None
    ) -> None:
        """A conditional order with a limit price has triggered: it goes on as a limit order.

        Where a market order would fill at `market`, it fills at once if its price allows that;
        else it rests, as its time in force says. It is rejected where it may not open.
        """
        desk = self.desks[report.symbol]
        desk.resting.pop(report.client_order_id, None)
        limit = as_limit(report, at_ms)
        quantity = self._executable(limit)
        takes = is_within(limit, market)
        try:
            if takes:
                self._opening.require_execution(limit, quantity, market)
            else:
                self._opening.require_limit(limit)
        except Rejected:
            rejected = replace(report, status=OrderStatus.REJECTED, updated_ms=at_ms)
            self._tell(desk.end(rejected))
            return
        self._tell(limit)
        rests = limit.time_in_force in (TimeInForce.GTC, TimeInForce.GTX)
        if takes and limit.time_in_force is not TimeInForce.GTX:
            self._execute(limit, quantity, market, at_ms)
        elif takes or not rests:
            self._tell(desk.end(replace(limit, status=OrderStatus.EXPIRED)))
        else:
            desk.rest(limit, until_ms=until_ms)

    def _executable(self, report: DetailedReport) -> Decimal:
        """How much of an order can execute: a reduce-only one no more than there is to reduce."""
        if not report.reduce_only:
            return left_of(report)
        held = self.ledger.positions.get(report.symbol)
        if held is None or held.side.exit is not report.side:
            return ZERO
        return held.quantity if report.close_position else min(left_of(report), held.quantity)

    # -- liquidation --------------------------------------------------------------------------

    def liquidate(self, symbol: str, at_ms: int) -> None:
        """Close a position at its bankruptcy price; the insurance fund bears what is missing."""
        for order_id in list(self.desks[symbol].resting):
            self._drop(symbol, order_id, OrderStatus.EXPIRED, at_ms)
        held = self.ledger.positions[symbol]
        report = self._forced(LIQUIDATION_PREFIXES[0], held, at_ms)
        price = bankruptcy_of(held, self.costs.taker_fee)
        booked = self.ledger.liquidate(symbol, price, fee_ratio=self.costs.taker_fee)
        report = executed(report, held.quantity, held.quantity, price, at_ms)
        self._record(report, held.quantity, price, booked, at_ms)

    def deleverage(self, symbol: str, quantity: Decimal, price: Decimal, at_ms: int) -> None:
        """Close so much of a position against one that was liquidated."""
        held = self.ledger.positions[symbol]
        report = self._forced(LIQUIDATION_PREFIXES[1], held, at_ms)
        self._execute(report, min(quantity, held.quantity), price, at_ms)

    def _forced(self, prefix: str, held: Position, at_ms: int) -> DetailedReport:
        """An order by which the exchange itself closes a position."""
        request = OrderRequest(
            client_order_id=f"{prefix}{self.next_trade_id[held.symbol]}",
            symbol=held.symbol,
            side=held.side.exit,
            kind=OrderKind.MARKET,
            quantity=held.quantity,
            reduce_only=True,
        )
        return accepted(request, at_ms)

    # -- executions ---------------------------------------------------------------------------

    def _execute(
        self,
        report: DetailedReport,
        quantity: Decimal,
        price: Decimal,
        at_ms: int,
        *,
        is_maker: bool = False,
    ) -> DetailedReport:
        """Book an execution in one or more fills, and tell each: the fill, then the order."""
        symbol = report.symbol
        fee_ratio = self.costs.taker_fee
        if is_maker and self.costs.maker_fee is not None:
            fee_ratio = self.costs.maker_fee
        before = self.ledger.positions.get(symbol)
        side_before = before.side if before is not None else None
        parts = [quantity]
        if self.liquidity is not None:
            step = self.instruments[symbol].step_size
            parts = list(parts_of(quantity, self.liquidity(symbol, price), step))
        for part in parts:
            booked = self.ledger.trade(symbol, report.side, part, price, at_ms, fee_ratio=fee_ratio)
            report = executed(report, part, quantity, price, at_ms)
            self._record(report, part, price, booked, at_ms, is_maker=is_maker)
        if side_before is not None:
            self._position_left(symbol, side_before, at_ms)
        return report

    def _record(
        self,
        report: DetailedReport,
        quantity: Decimal,
        price: Decimal,
        booked: Booked,
        at_ms: int,
        *,
        is_maker: bool = False,
    ) -> None:
        """Remember one fill and tell it, and what is left of its order."""
        symbol = report.symbol
        trade_id = self.next_trade_id[symbol]
        self.next_trade_id[symbol] = trade_id + 1
        fill = DetailedFill(
            symbol=symbol,
            trade_id=trade_id,
            client_order_id=report.client_order_id,
            side=report.side,
            price=price,
            quantity=quantity,
            fee=booked.fee,
            at_ms=at_ms,
            gross=booked.gross,
            is_maker=is_maker,
        )
        self._position_changed(symbol)
        self.fill_log.append(fill)
        self.fills[symbol].add(fill, position_since_ms=self.position_since_ms[symbol])
        if report.status.is_final:
            self.desks[symbol].end(report)
        self._send(symbol, OrderFilled(fill))
        self._tell(report)

    def _position_changed(self, symbol: str) -> None:
        """Work out anew what follows from a position: its liquidation level, since when it is."""
        held = self.ledger.positions.get(symbol)
        self._watch.follow(symbol, held)
        if held is not None:
            self.position_since_ms[symbol] = held.opened_ms

    def _position_left(self, symbol: str, side: Side, at_ms: int) -> None:
        """What was to close a position of that side expires where there is none any more."""
        held = self.ledger.positions.get(symbol)
        if held is not None and held.side is side:
            return
        for order_id, order in list(self.desks[symbol].resting.items()):
            if order.report.kind is OrderKind.LIMIT and order.report.reduce_only:
                self._drop(symbol, order_id, OrderStatus.EXPIRED, at_ms)
        if self._siblings(symbol) and not self.siblings_stay(symbol):
            self.expire_siblings(symbol, at_ms)

    def expire_siblings(self, symbol: str, at_ms: int) -> None:
        """Orders that were to close a position of `symbol` end: it is gone."""
        for order_id in self._siblings(symbol):
            self._drop(symbol, order_id, OrderStatus.EXPIRED, at_ms)

    def _siblings(self, symbol: str) -> list[str]:
        """The resting orders of `symbol` that close whatever position there is."""
        resting = self.desks[symbol].resting
        return [order_id for order_id, order in resting.items() if order.report.close_position]

    def _drop(self, symbol: str, order_id: str, status: OrderStatus, at_ms: int) -> DetailedReport:
        return self._tell(self.desks[symbol].unfilled(order_id, status, at_ms))

    def _tell(self, report: DetailedReport) -> DetailedReport:
        self._send(report.symbol, OrderUpdated(report))
        return report

    def _send(self, symbol: str, event: AccountEvent) -> None:
        for subscription in self.hubs[symbol].live():
            subscription.put(event)

    # -- changes from outside -----------------------------------------------------------------

    def available(self) -> Decimal:
        """Wallet that neither positions nor limit orders hold."""
        return self._opening.available()

    def reserved(self, symbol: str) -> Decimal:
        """Margin that the limit orders of one symbol hold."""
        return self._opening.reserved(symbol)

    def withdraw(self, amount: Decimal) -> None:
        """Money that leaves, as far as nothing holds it."""
        _require_amount(amount)
        available = self._opening.available()
        if amount > available:
            raise Rejected(
                f"{amount} cannot be withdrawn: {available} is available",
                code="-2018",
                todo="withdraw less, or close positions first",
            )
        self.ledger.withdraw(amount)

    def deposit(self, amount: Decimal) -> None:
        _require_amount(amount)
        self.ledger.deposit(amount)

    def change_instrument(self, instrument: Instrument) -> None:
        """New filters hold for new orders; resting orders stay; brackets count at once."""
        symbol = instrument.symbol
        self.instruments[symbol] = instrument
        self.changed_instruments.add(symbol)
        self._position_changed(symbol)

    def close_symbol(self, symbol: str, at_ms: int) -> None:
        """From now on the symbol takes exits only; resting orders that could open expire."""
        self.settling.add(symbol)
        for order_id, order in list(self.desks[symbol].resting.items()):
            if not order.only_reduces:
                self._drop(symbol, order_id, OrderStatus.EXPIRED, at_ms)

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """The leverage of what is opened from now on. An open position keeps its margin."""
        self._opening.require_leverage(symbol, leverage)
        self.ledger.leverages[symbol] = leverage

    def restored(self) -> None:
        """The ledger was replaced: what follows from its positions is worked out anew."""
        for symbol in self.desks:
            self._position_changed(symbol)


def _new_trail(request: OrderRequest, moment: Moment) -> Trail | None:
    """A trailing stop without an activation price trails from where the price is now."""
    if request.callback_ratio is None:
        return None
    latest = moment.quote.mark if request.triggered_by is PriceSource.MARK else moment.last
    activation = request.activation_price
    return Trail(request.callback_ratio, activation, latest if activation is None else None)


def _require_amount(amount: Decimal) -> None:
    if not amount.is_finite() or amount <= 0:
        raise Rejected(f"{amount} is no amount", code="-1130", todo="give one above zero")
