"""A position as a fold over fills: what is held, what it cost, and the trade it becomes.

Pure. Fills may arrive twice, in parts, or again after a restart: each trade id counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from cointrader.domain.events import FundingSettled
from cointrader.domain.order import (
    GUARD_PREFIX,
    LIQUIDATION_PREFIXES,
    SETTLEMENT_PREFIX,
    Fill,
    Leg,
    Side,
    leg_of,
)
from cointrader.domain.position import CloseReason, Trade, gross_pnl
from cointrader.strategy.plan import Levels

_WORSE_THAN_SLIPPED = Decimal("1e-12")  # relative: float residue is not a gap


@dataclass(frozen=True, slots=True)
class Holding:
    """One position from its entry order to flat.

    `trade_id` is the client order id of the entry order; `levels` is None until planned.
    """

    symbol: str
    side: Side
    trade_id: str
    bar_ms: int  # length of a bar, which turns fill times into bars
    levels: Levels | None = None
    bought: Decimal = Decimal(0)  # quantity of all entry fills
    entry_price: Decimal = Decimal(0)  # their average
    sold: Decimal = Decimal(0)
    exit_price: Decimal = Decimal(0)
    entry_fee: Decimal = Decimal(0)
    exit_fee: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    entered_ms: int = 0
    exited_ms: int = 0
    exit_order_id: str = ""
    seen: frozenset[int] = frozenset()
    settled: frozenset[int] = field(default=frozenset())

    @property
    def quantity(self) -> Decimal:
        return self.bought - self.sold

    @property
    def is_closed(self) -> bool:
        return self.bought > 0 and self.quantity <= 0

    def bar_of(self, at_ms: int) -> int:
        return at_ms // self.bar_ms * self.bar_ms

    def with_fill(self, fill: Fill) -> Holding:
        """This holding after `fill`; unchanged if that trade id was already counted."""
        if fill.trade_id in self.seen:
            return self
        after = replace(self, seen=self.seen | {fill.trade_id})
        if fill.side is self.side.entry:
            return replace(
                after,
                bought=self.bought + fill.quantity,
                entry_price=_average(self.entry_price, self.bought, fill),
                entry_fee=self.entry_fee + fill.fee,
                entered_ms=self.entered_ms or fill.at_ms,
            )
        is_last = fill.at_ms >= self.exited_ms  # fills need not arrive in the order they happened
        return replace(
            after,
            sold=self.sold + fill.quantity,
            exit_price=_average(self.exit_price, self.sold, fill),
            exit_fee=self.exit_fee + fill.fee,
            exited_ms=max(self.exited_ms, fill.at_ms),
            exit_order_id=fill.client_order_id if is_last else self.exit_order_id,
        )

    def with_funding(self, event: FundingSettled) -> Holding:
        """This holding after a funding settlement; each settlement time counts once."""
        if event.at_ms in self.settled:
            return self
        return replace(
            self, funding=self.funding + event.amount, settled=self.settled | {event.at_ms}
        )

    def to_trade(self, slippage: Decimal) -> Trade:
        """The closed trade.

        Parameters
        ----------
        slippage : fraction of the price expected against us on a fill; a stop that filled worse
            than its level and this is a gap
        """
        gross = gross_pnl(self.side.sign, self.entry_price, self.exit_price, self.sold)
        fee = self.entry_fee + self.exit_fee
        return Trade(
            symbol=self.symbol,
            side=self.side,
            entry_time_ms=self.bar_of(self.entered_ms),
            exit_time_ms=self.bar_of(self.exited_ms),
            entry_price=self.entry_price,
            exit_price=self.exit_price,
            quantity=self.sold,
            reason=self._reason(slippage),
            gross=gross,
            fee=fee,
            funding=self.funding,
            net=gross - fee + self.funding,
            trade_id=self.trade_id,
        )

    def _reason(self, slippage: Decimal) -> CloseReason:
        order_id = self.exit_order_id
        if order_id.startswith(SETTLEMENT_PREFIX):
            return CloseReason.END
        if order_id.startswith(LIQUIDATION_PREFIXES):
            return CloseReason.LIQUIDATED
        leg = leg_of(order_id)
        if leg is Leg.TARGET:
            return CloseReason.TARGET
        if leg is Leg.CLOSE:
            return CloseReason.REVERSE
        if leg is Leg.EMERGENCY:
            return CloseReason.UNPROTECTED
        if leg in (Leg.STOP, Leg.TRAIL, Leg.PASSED) or order_id.startswith(GUARD_PREFIX):
            return self._stop_reason(slippage)
        return CloseReason.MANUAL

    def _stop_reason(self, slippage: Decimal) -> CloseReason:
        if self.levels is None:
            return CloseReason.STOP
        allowed = self.levels.stop * (slippage + _WORSE_THAN_SLIPPED)
        beyond = (self.levels.stop - self.exit_price) * self.side.sign
        return CloseReason.STOP_GAP if beyond > allowed else CloseReason.STOP


def _average(price: Decimal, quantity: Decimal, fill: Fill) -> Decimal:
    """Average price of `quantity` at `price` and one more fill; exact while prices are equal."""
    if not quantity or fill.price == price:
        return fill.price
    return (price * quantity + fill.price * fill.quantity) / (quantity + fill.quantity)
