"""What the private stream says, told once, in order, and under the ids of our own orders.

Pure: no clock, socket or task. A conditional order that triggers becomes a plain order, its child,
with a number of its own; whatever happens to the child is told of the conditional order. The two
are known to belong together once the exchange says so, which may be after the child was filled:
until then the child's messages are held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.order import (
    LIQUIDATION_PREFIXES,
    OWN_PREFIX,
    SETTLEMENT_PREFIX,
    Fill,
    OrderKind,
    OrderReport,
    OrderSide,
    OrderStatus,
)
from cointrader.exchange.binance.account_notices import (
    AccountNotice,
    AssetModeChanged,
    LeverageChanged,
    MarginCalled,
    PaidInOtherAsset,
    Transferred,
    TriggerRejected,
)
from cointrader.exchange.binance.recent import Recent
from cointrader.exchange.binance.stream_messages import (
    ZERO,
    AccountUpdate,
    AlgoOrder,
    AlgoUpdate,
    ConfigUpdate,
    MarginCall,
    OrderTrade,
    OrderTradeUpdate,
)

Told = AccountEvent | AccountNotice
PriceOf = Callable[[str], Decimal | None]  # of an asset, in quote currency, now
OrderKey = tuple[str, int]  # symbol and the exchange's order number

_REMEMBERED = 20_000  # trades, orders, notices; a gap that is filled goes back a few hundred
_MOST_HELD = 1_000  # orders whose origin is not known yet
_BY_EXCHANGE = (*LIQUIDATION_PREFIXES, SETTLEMENT_PREFIX)
_NO_TRANSFER = ("ORDER", "FUNDING_FEE", "MARGIN_TRANSFER", "MARGIN_TYPE_CHANGE")
_KINDS = {
    "LIMIT": OrderKind.LIMIT,
    "STOP": OrderKind.STOP_MARKET,
    "STOP_MARKET": OrderKind.STOP_MARKET,
    "TAKE_PROFIT": OrderKind.TAKE_PROFIT_MARKET,
    "TAKE_PROFIT_MARKET": OrderKind.TAKE_PROFIT_MARKET,
    "TRAILING_STOP_MARKET": OrderKind.TRAILING_STOP_MARKET,
}
_STATUSES = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
_PROGRESS = {
    OrderStatus.NEW: 0,
    OrderStatus.TRIGGERED: 1,
    OrderStatus.PARTIALLY_FILLED: 2,
}
_AT_THE_END = 3


class AccountStory:
    """Messages in, events and notices out. Each thing is told once, however often it is heard.

    `price_of` values fees that were paid in another asset; where it knows none, they count as 0.
    """

    def __init__(self, price_of: PriceOf) -> None:
        self._price_of = price_of
        # By symbol and client order id: the last that was told of an order.
        self._seen: Recent[tuple[str, str], OrderReport] = Recent(_REMEMBERED)
        self._living: dict[str, dict[str, None]] = {}  # our client order ids, by symbol
        self._origins: Recent[OrderKey, str | None] = Recent(_REMEMBERED)  # None: no child
        self._held: dict[OrderKey, list[OrderTrade]] = {}
        self._trades: Recent[tuple[str, int], None] = Recent(_REMEMBERED)
        self._executed_ms: dict[str, int] = {}  # by symbol: the newest execution heard of
        self._others: Recent[tuple[object, ...], None] = Recent(_REMEMBERED)

    # -- from the stream ----------------------------------------------------------------------

    def on_order(self, update: OrderTradeUpdate) -> list[Told]:
        """A plain order's message; nothing yet where it may be a child: see `holds`."""
        order = update.order
        key = (order.symbol, order.order_id)
        if order.last_quantity:
            self._heard_execution(order.symbol, order.at_ms)
        if key in self._origins:
            return self._of_order(order, self._origins.get(key))
        known = self._seen.get((order.symbol, order.client_order_id))
        if known is not None and known.kind.is_conditional:
            return self._of_order(order, order.client_order_id)
        if order.client_order_id.startswith((OWN_PREFIX, *_BY_EXCHANGE)):
            return self._of_order(order, None)
        self._held.setdefault(key, []).append(order)
        if len(self._held) > _MOST_HELD:
            return self.resolve(next(iter(self._held)), None)
        return []

    def on_algo(self, update: AlgoUpdate) -> list[Told]:
        """A conditional order's message."""
        order = update.order
        told: list[Told] = []
        status = _algo_status(order)
        if status is not None:
            report = _algo_report(order, status, update.updated_ms)
            told += self.on_report(report)
            if status is OrderStatus.REJECTED and told:
                told.append(
                    TriggerRejected(
                        order.symbol, order.client_order_id, order.reason, update.updated_ms
                    )
                )
        if order.child_order_id.isdigit() and int(order.child_order_id):
            key = (order.symbol, int(order.child_order_id))
            self._origins.put(key, order.client_order_id)
            told += self._let_go(key)
        return told

    def on_account(self, update: AccountUpdate) -> list[Told]:
        """Balances that changed for another reason than trading and funding."""
        reason, at_ms = update.account.reason, update.happened_ms
        if reason in _NO_TRANSFER:
            return []
        return [
            Transferred(balance.asset, balance.change, reason, at_ms)
            for balance in update.account.balances
            if balance.change
            and self._is_new(reason, at_ms, balance.asset, balance.change, balance.wallet)
        ]

    def lacks_execution(self, symbol: str, at_ms: int) -> bool:
        """Whether the newest execution heard of is older than a position that changed then."""
        return self._executed_ms.get(symbol, 0) < at_ms

    def _heard_execution(self, symbol: str, at_ms: int) -> None:
        self._executed_ms[symbol] = max(at_ms, self._executed_ms.get(symbol, 0))

    def on_config(self, update: ConfigUpdate) -> list[Told]:
        at_ms = update.happened_ms
        told: list[Told] = []
        if update.leverage is not None:
            told.append(LeverageChanged(update.leverage.symbol, update.leverage.leverage, at_ms))
        if update.asset_mode is not None:
            told.append(AssetModeChanged(update.asset_mode.is_multi_asset, at_ms))
        return [notice for notice in told if self._is_new(notice)]

    def on_margin_call(self, update: MarginCall) -> list[Told]:
        symbols = tuple(position.symbol for position in update.positions)
        notice = MarginCalled(symbols, update.at_ms)
        return [notice] if self._is_new(notice) else []

    # -- children whose parent is not known ---------------------------------------------------

    def holds(self, key: OrderKey) -> bool:
        """Whether messages of this plain order wait for somebody to say where it comes from."""
        return key in self._held

    def held_fills(self, key: OrderKey) -> list[Fill]:
        """Executions of a held order, under the id that the exchange gave it."""
        held = self._held.get(key, ())
        return [self._fill(order, order.client_order_id) for order in held if _is_fill(order)]

    def resolve(self, key: OrderKey, parent: OrderReport | None) -> list[Told]:
        """The plain order `key` is the child of `parent`; of none: it is an order of its own.

        Of none is taken back when it was never executed: its parent may not be known yet.
        """
        told: list[Told] = [] if parent is None else self.on_report(parent)
        if key not in self._origins and (parent is not None or self.held_fills(key)):
            self._origins.put(key, None if parent is None else parent.client_order_id)
        return told + self._let_go(key)

    def _let_go(self, key: OrderKey) -> list[Told]:
        origin = self._origins.get(key)
        return [told for order in self._held.pop(key, ()) for told in self._of_order(order, origin)]

    # -- from a look at the exchange ----------------------------------------------------------

    def on_fill(self, fill: Fill) -> list[Told]:
        self._heard_execution(fill.symbol, fill.at_ms)
        is_new = self._trades.is_new((fill.symbol, fill.trade_id), None)
        return [OrderFilled(fill)] if is_new else []

    def on_funding(self, payment: FundingSettled) -> list[Told]:
        return [payment] if self._is_new("funding", payment.symbol, payment.at_ms) else []

    def on_report(self, report: OrderReport) -> list[Told]:
        """An order as it stands, if that is more than what was told of it."""
        key = (report.symbol, report.client_order_id)
        known = self._seen.get(key)
        if known is not None and _rank(report) <= _rank(known):
            return []
        self._seen.put(key, report)
        if report.client_order_id.startswith(OWN_PREFIX):
            living = self._living.setdefault(report.symbol, {})
            if report.status.is_final:
                living.pop(report.client_order_id, None)
            else:
                living[report.client_order_id] = None
        return [OrderUpdated(report)]

    def living(self, symbol: str) -> list[str]:
        """Our orders of `symbol` of which no end was told."""
        return list(self._living.get(symbol, ()))

    # -- shared -------------------------------------------------------------------------------

    def _of_order(self, order: OrderTrade, parent: str | None) -> list[Told]:
        """What one message of a plain order says: its fill, then how the order stands."""
        told: list[Told] = []
        name = parent or order.client_order_id
        if _is_fill(order):
            told += self._of_fill(order, name)
        status = _STATUSES.get(order.status, OrderStatus.NEW)
        if parent is None:
            return told + self.on_report(_plain_report(order, status))
        known = self._seen.get((order.symbol, parent))
        if known is None or status is OrderStatus.NEW:  # a child that is new is TRIGGERED
            return told
        return told + self.on_report(
            replace(
                known,
                status=status,
                updated_ms=order.at_ms,
                quantity=order.quantity,
                filled_quantity=order.filled_quantity,
                average_price=_positive(order.average_price),
            )
        )

    def _of_fill(self, order: OrderTrade, name: str) -> list[Told]:
        """Nothing yet of a fill without its fee: see `is_told_in_full`."""
        if order.fee is None:
            return []
        told = self.on_fill(self._fill(order, name))
        if told and order.fee and not _is_in_quote(order):
            told.append(
                PaidInOtherAsset(
                    order.symbol, order.trade_id, order.fee_asset, order.fee, order.at_ms
                )
            )
        return told

    def _fill(self, order: OrderTrade, client_order_id: str) -> Fill:
        price = Decimal(1) if _is_in_quote(order) else self._price_of(order.fee_asset)
        return Fill(
            symbol=order.symbol,
            trade_id=order.trade_id,
            client_order_id=client_order_id,
            side=OrderSide(order.side),
            price=order.last_price,
            quantity=order.last_quantity,
            fee=(order.fee or ZERO) * (price or ZERO),
            at_ms=order.at_ms,
        )

    def _is_new(self, *what: object) -> bool:
        return self._others.is_new(what, None)


def is_told_in_full(order: OrderTrade) -> bool:
    """Whether a message of an execution says all of it; else the exchange has to be asked.

    Some forced closes are told without their trade, and some trades without their fee.
    """
    return not order.last_quantity or (bool(order.trade_id) and order.fee is not None)


def _is_fill(order: OrderTrade) -> bool:
    is_execution = order.happened in ("TRADE", "CALCULATED")
    return is_execution and bool(order.last_quantity and order.trade_id)


def _is_in_quote(order: OrderTrade) -> bool:
    return order.symbol.partition("_")[0].endswith(order.fee_asset)


def _rank(report: OrderReport) -> tuple[int, Decimal]:
    """How far an order has come. An end is an end: nothing follows it."""
    rank = _PROGRESS.get(report.status, _AT_THE_END)
    return rank, ZERO if rank == _AT_THE_END else report.filled_quantity


def _algo_status(order: AlgoOrder) -> OrderStatus | None:
    """How a conditional order stands; None for a step that changes nothing for us."""
    if order.status == "FINISHED":  # filled or cancelled after its trigger
        return OrderStatus.FILLED if _positive(order.filled_quantity) else OrderStatus.CANCELED
    if order.status in ("TRIGGERING", "TRIGGERED"):
        return OrderStatus.TRIGGERED
    return _STATUSES.get(order.status)


def _algo_report(order: AlgoOrder, status: OrderStatus, at_ms: int) -> OrderReport:
    return OrderReport(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=OrderSide(order.side),
        kind=_KINDS.get(order.kind, OrderKind.STOP_MARKET),
        status=status,
        updated_ms=at_ms,
        quantity=_positive(order.quantity),
        filled_quantity=_positive(order.filled_quantity) or ZERO,
        average_price=_positive(order.average_price),
        trigger_price=_positive(order.trigger_price),
        close_position=order.close_position,
        reduce_only=order.reduce_only,
    )


def _plain_report(order: OrderTrade, status: OrderStatus) -> OrderReport:
    return OrderReport(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=OrderSide(order.side),
        kind=_KINDS.get(order.original_kind or order.kind, OrderKind.MARKET),
        status=status,
        updated_ms=order.at_ms,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        average_price=_positive(order.average_price),
        trigger_price=_positive(order.trigger_price),
        close_position=order.close_position,
        reduce_only=order.reduce_only,
    )


def _positive(text: str) -> Decimal | None:
    """A number that may be blank or zero, which both mean that there is none."""
    number = Decimal(text or "0")
    return number if number > 0 else None
