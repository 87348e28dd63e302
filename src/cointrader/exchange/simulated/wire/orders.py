"""Orders, executions and income as the wire numbers them. Values; `recorder` makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from cointrader.domain.order import DetailedFill, DetailedReport, OrderKind, OrderStatus

FIRST_ORDER_ID = 9_001
FIRST_ALGO_ID = 3_000_000_000_001


@dataclass(frozen=True, slots=True)
class Terms:
    """What a request says beyond what the simulated exchange acts on; it is echoed."""

    time_in_force: str = "GTC"
    price_protect: bool = False
    good_till_ms: int = 0  # 0: not GTD
    self_trade: str = "EXPIRE_MAKER"
    price_match: str = "NONE"  # how the price was found that the order has


NO_TERMS = Terms()


# A conditional order with a limit price has a name of its own.
_WITH_LIMIT = {OrderKind.STOP_MARKET: "STOP", OrderKind.TAKE_PROFIT_MARKET: "TAKE_PROFIT"}


@dataclass(slots=True)
class PlainOrder:
    """A market or limit order, sent or made by a conditional one (`parent`) that triggered."""

    order_id: int
    report: DetailedReport
    created_ms: int
    updated_ms: int
    terms: Terms = NO_TERMS
    parent: AlgoOrder | None = field(default=None, repr=False)
    amendments: int = 0

    @property
    def is_open(self) -> bool:
        return not self.report.status.is_final

    @property
    def symbol(self) -> str:
        return self.report.symbol

    @property
    def client_id(self) -> str:
        return self.report.client_order_id

    @property
    def time_in_force(self) -> str:
        return "GTD" if self.terms.good_till_ms else self.report.time_in_force.value


@dataclass(slots=True)
class AlgoOrder:
    """A conditional order. `status` is the Algo Service's, `child` what it became."""

    algo_id: int
    report: DetailedReport
    terms: Terms
    created_ms: int
    updated_ms: int
    status: str = "NEW"
    triggered_ms: int = 0
    child: PlainOrder | None = None
    reason: str = ""  # of a rejection at the trigger
    was_activated: bool = False  # a trailing order, after it was placed

    @property
    def is_open(self) -> bool:
        """Whether the Algo Service still holds it: one that triggered is on the book."""
        return self.status in ("NEW", "TRIGGERING")

    @property
    def symbol(self) -> str:
        return self.report.symbol

    @property
    def client_id(self) -> str:
        return self.report.client_order_id

    @property
    def type_name(self) -> str:
        kind = self.report.kind
        return kind.value if self.report.price is None else _WITH_LIMIT[kind]

    @property
    def is_trailing(self) -> bool:
        return self.report.kind is OrderKind.TRAILING_STOP_MARKET

    @property
    def is_active(self) -> bool:
        """Whether a trailing order trails already."""
        return self.is_trailing and (self.was_activated or self.report.activation_price is None)


@dataclass(frozen=True, slots=True)
class Amendment:
    """A limit order got another price or quantity; `count` is how many times by then."""

    amendment_id: int
    order_id: int
    before: DetailedReport
    after: DetailedReport
    at_ms: int
    count: int
    modify_id: int | None


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill with the number of its order."""

    fill: DetailedFill
    order_id: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Income:
    """One booking: `kind` as in Binance's list; negative was paid."""

    kind: str
    symbol: str
    amount: Decimal
    at_ms: int
    transaction_id: int
    trade_id: str = ""


def wire_status(report: DetailedReport) -> str:
    """A plain order's status; one that triggered and is not filled yet is new."""
    status = report.status
    return OrderStatus.NEW.value if status is OrderStatus.TRIGGERED else status.value
