"""What may be opened: margin, leverage brackets, number of orders, symbols that take exits only.

Codes are those of the real exchange. Nothing here is asked of what only reduces a position.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from decimal import Decimal

from cointrader.domain.errors import Rejected
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import DetailedReport
from cointrader.exchange.simulated.ledger import ZERO, Ledger
from cointrader.exchange.simulated.margin import reserved_margin
from cointrader.exchange.simulated.orders import OrderDesk, left_of

MAX_CONDITIONAL_ORDERS = 200  # Binance's limit for one account, all symbols together
MAX_LIMIT_ORDERS = 200  # and for the limit orders of one symbol
_HIGHEST_LEVERAGE = 125  # of any symbol, with or without brackets


class OpeningRules:
    """Asked before anything opens or adds to a position. Looks at the account, changes nothing."""

    def __init__(
        self,
        ledger: Ledger,
        desks: Mapping[str, OrderDesk],
        instruments: Mapping[str, Instrument],
        settling: Set[str],
        *,
        check_margin: bool,
    ) -> None:
        self._ledger = ledger
        self._desks = desks
        self._instruments = instruments
        self._settling = settling
        self._check_margin = check_margin

    def available(self, *, without: str | None = None) -> Decimal:
        """Wallet that neither positions nor limit orders hold; `without` one order's share."""
        available = self._ledger.available()
        for symbol, desk in self._desks.items():
            if limits := [o for o in desk.limits() if o.client_order_id != without]:
                available -= self._reserved(symbol, limits)
        return available

    def reserved(self, symbol: str) -> Decimal:
        """Margin that the limit orders of one symbol hold."""
        return self._reserved(symbol, self._desks[symbol].limits())

    def require_execution(self, report: DetailedReport, quantity: Decimal, price: Decimal) -> None:
        """Raise `Rejected` unless `quantity` of an order may execute at `price`."""
        added = quantity - self._closable(report)
        if added <= 0:
            return
        self._require_position(report, added, price)
        if self._check_margin:
            needed = self._ledger.added_margin(report.symbol, report.side, quantity, price)
            _require_margin(report, needed, self.available(without=report.client_order_id))

    def allows_execution(self, report: DetailedReport, quantity: Decimal, price: Decimal) -> bool:
        """Whether `require_execution` lets it pass."""
        try:
            self.require_execution(report, quantity, price)
        except Rejected:
            return False
        return True

    def require_limit(self, report: DetailedReport) -> None:
        """Raise `Rejected` unless a limit order may rest, with the margin it holds."""
        limits = self._desks[report.symbol].limits()
        if len(limits) >= MAX_LIMIT_ORDERS:
            raise Rejected(
                f"{report.symbol} has {MAX_LIMIT_ORDERS} limit orders open",
                code="-2025",
                todo="cancel orders first",
            )
        if report.reduce_only or report.price is None:
            return
        added = left_of(report) - self._closable(report)
        if added > 0:
            self._require_position(report, added, report.price)
        if self._check_margin:
            reserved = self._reserved(report.symbol, limits)
            needed = self._reserved(report.symbol, [*limits, report]) - reserved
            _require_margin(report, needed, self.available())

    def require_conditional(self, report: DetailedReport) -> None:
        """Raise `Rejected` unless a conditional order may rest. Margin is asked at its trigger."""
        if not report.reduce_only:
            self._require_trading(report.symbol)
        orders = [order for desk in self._desks.values() for order in desk.resting.values()]
        if sum(order.report.kind.is_conditional for order in orders) >= MAX_CONDITIONAL_ORDERS:
            raise Rejected(
                f"the account has {MAX_CONDITIONAL_ORDERS} conditional orders open",
                code="-4045",
                todo="cancel orders that protect nothing",
            )

    def require_leverage(self, symbol: str, leverage: int) -> None:
        """Raise `Rejected` unless `symbol` may be set to `leverage` now."""
        instrument = self._instruments[symbol]
        highest = instrument.max_leverage if instrument.brackets else _HIGHEST_LEVERAGE
        if not 1 <= leverage <= highest:
            raise Rejected(
                f"leverage {leverage} of {symbol} is not between 1 and {highest}",
                code="-4028",
                todo="set one that its brackets allow",
            )
        held = self._ledger.positions.get(symbol)
        if held is None:
            return
        if leverage < self._ledger.leverage_of(symbol):
            raise Rejected(
                f"{symbol} has an isolated position: its leverage cannot be lowered",
                code="-4161",
                todo="close the position first",
            )
        _require_allowed(symbol, held.quantity * held.entry_price, instrument, leverage)

    def _closable(self, report: DetailedReport) -> Decimal:
        """How much of the position an order may close before it opens anything."""
        held = self._ledger.positions.get(report.symbol)
        return held.quantity if held is not None and held.side.exit is report.side else ZERO

    def _reserved(self, symbol: str, limits: list[DetailedReport]) -> Decimal:
        held = self._ledger.positions.get(symbol)
        return reserved_margin(limits, held, self._ledger.leverage_of(symbol))

    def _require_position(self, report: DetailedReport, added: Decimal, price: Decimal) -> None:
        """Its symbol must be traded, and its bracket allow the position with all that may add."""
        symbol = report.symbol
        self._require_trading(symbol)
        instrument = self._instruments[symbol]
        if not instrument.brackets:
            return
        held = self._ledger.positions.get(symbol)
        total = added
        if held is not None and held.side.entry is report.side:
            total += held.quantity
        for order in self._desks[symbol].limits():
            is_itself = order.client_order_id == report.client_order_id
            if order.side is report.side and not order.reduce_only and not is_itself:
                total += left_of(order)
        _require_allowed(symbol, total * price, instrument, self._ledger.leverage_of(symbol))

    def _require_trading(self, symbol: str) -> None:
        if symbol in self._settling:
            raise Rejected(
                f"{symbol} is being settled: it takes exits only",
                code="-4140",
                todo="trade another symbol",
            )


def _require_allowed(symbol: str, notional: Decimal, instrument: Instrument, leverage: int) -> None:
    largest = instrument.max_notional(leverage)
    if largest is not None and notional > largest:
        raise Rejected(
            f"a position of {notional} in {symbol} is above the {largest} allowed at leverage "
            f"{leverage}",
            code="-2027",
            todo="send a smaller order, or lower the leverage",
        )


def _require_margin(report: DetailedReport, needed: Decimal, available: Decimal) -> None:
    if 0 < needed > available:
        raise Rejected(
            f"{report.symbol} needs {needed} of margin, {available} is available",
            code="-2019",
            todo="send a smaller order, or free margin first",
        )
