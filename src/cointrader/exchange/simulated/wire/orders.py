"""Orders, executions and income as the wire numbers them. Values; `recorder` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.order import DetailedFill, DetailedReport, OrderKind, OrderStatus

FIRST_ORDER_ID = 9_001
FIRST_ALGO_ID = 3_000_000_000_001


@dataclass(frozen=True, slots=True)
class Terms:
    """What a request says beyond what the simulated exchange acts on; it is echoed."""

    time_in_force: str = "GTC"
    price_protect: bool = False


@dataclass(slots=True)
class PlainOrder:
    """A market or limit order, sent or made by a conditional one that triggered."""

    order_id: int
    report: DetailedReport
    created_ms: int
    updated_ms: int
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

    @property
    def is_open(self) -> bool:
        return self.status in ("NEW", "TRIGGERING", "TRIGGERED")

    @property
    def symbol(self) -> str:
        return self.report.symbol

    @property
    def client_id(self) -> str:
        return self.report.client_order_id

    @property
    def is_trailing(self) -> bool:
        return self.report.kind is OrderKind.TRAILING_STOP_MARKET

    @property
    def is_active(self) -> bool:
        """Whether a trailing order trails already."""
        return self.is_trailing and self.report.activation_price is None


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
