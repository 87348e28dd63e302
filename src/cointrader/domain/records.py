"""What is written down: rooms make these values, the journal keeps them, readers read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cointrader.domain.order import Fill, Leg, OrderKind, OrderReport, OrderSide, Side
from cointrader.domain.position import Trade


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A process began to trade with this journal. `settings` as shown by `config show`.

    `source` says how a paper run makes its market again, and from when to when it plays it.
    """

    at_ms: int
    mode: str  # paper, rehearsal, testnet or live
    market: str  # what the candles are: "synthetic seed 1", a folder, an exchange
    profile: str
    symbols: tuple[str, ...]
    interval: str
    base_balance: Decimal
    version: str
    settings: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """One bar's answer, HOLD included.

    `action` is HOLD, ENTER, EXIT, REVERSE; `refusal` is the reason key of whoever said no to the
    entry (filter, risk, size, lateness), empty when nobody did.
    """

    symbol: str
    bar_open_ms: int
    action: str
    side: Side | None
    strength: int
    reasons: tuple[str, ...]
    refusal: str = ""
    detail: str = ""
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """An order about to be sent. On disk before the request leaves."""

    client_order_id: str
    symbol: str
    bar_open_ms: int  # the bar whose close decided it
    leg: Leg
    side: OrderSide
    kind: OrderKind
    quantity: Decimal | None
    trigger_price: Decimal | None
    at_ms: int
    exits: str = ""  # of an entry: how its stop and target follow from the fill


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """An order's state as the exchange reported it."""

    report: OrderReport


@dataclass(frozen=True, slots=True)
class FillSeen:
    """A fill, once per trade id."""

    fill: Fill


@dataclass(frozen=True, slots=True)
class FundingPaid:
    symbol: str
    at_ms: int
    rate: Decimal
    amount: Decimal  # positive received


@dataclass(frozen=True, slots=True)
class PositionOpened:
    """A position as its bot must know it to manage it again after a restart.

    Written anew whenever its protection moves; the last one of a symbol counts.
    """

    symbol: str
    trade_id: str  # the client order id of its entry
    side: Side
    quantity: Decimal
    entry_price: Decimal
    entry_bar_ms: int  # open time of the bar in which the entry filled
    entry_fee: Decimal
    stop: Decimal
    target: Decimal
    best_close: float  # for a trailing stop


@dataclass(frozen=True, slots=True)
class TradeClosed:
    trade: Trade


@dataclass(frozen=True, slots=True)
class EquityMarked:
    """The account at the open of a bar: `wallet` realised, `equity` with open positions marked."""

    at_ms: int
    wallet: Decimal
    equity: Decimal


@dataclass(frozen=True, slots=True)
class RiskEvent:
    """Something the risk manager did.

    `kind`: refused, halted (one per halted UTC day), day-started, drawdown-halted, lifted,
    paused, resumed, kill-switch, deposit.
    """

    at_ms: int
    kind: str
    symbol: str = ""
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RiskState:
    """The shared book's state as plain values; the last one counts."""

    at_ms: int
    state: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BotState:
    """What became of a bot; the last one of a symbol counts.

    `state`: running, crashed (starts again by itself), quarantined, ended, not-traded (something
    that this program did not open is in the way), unprotected (a stop was not kept: no entries
    until one is), protected (one was).
    """

    at_ms: int
    symbol: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """A simulated exchange as plain values; paper trading goes on from the last one."""

    at_ms: int
    state: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class VerdictOverridden:
    """A person lets a configuration trade that no verdict speaks for, up to a moment.

    It counts for this configuration and model alone, and once: the same `reason` never counts for
    longer than this, however often it is given.
    """

    at_ms: int
    until_ms: int  # excluded
    configuration: str  # by hash, as a verdict names it
    model: str
    found: str  # what spoke against it then
    reason: str  # in the person's own words
    who: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know. `level`: info, warning, critical."""

    at_ms: int
    level: str
    symbol: str
    text: str


Record = (
    RunStarted
    | Decision
    | Intent
    | OrderSeen
    | FillSeen
    | FundingPaid
    | PositionOpened
    | TradeClosed
    | EquityMarked
    | RiskEvent
    | RiskState
    | BotState
    | ExchangeState
    | VerdictOverridden
    | Alert
)
