"""Orders as we speak of them: side, kind, request, report, fill, client order id."""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

OWN_PREFIX = "ct-"  # marks what this program opened; it never touches anything else
GUARD_PREFIX = "ctg-"  # stops that a guarding process of ours put behind positions left alone
SETTLEMENT_PREFIX = "settlement_autoclose-"  # the exchange closed it: the symbol is over
LIQUIDATION_PREFIXES = ("autoclose-", "adl_autoclose")
_DIGITS = string.digits + string.ascii_lowercase


class Side(StrEnum):
    """Direction of a position."""

    LONG = "LONG"
    SHORT = "SHORT"

    @property
    def sign(self) -> int:
        return 1 if self is Side.LONG else -1

    @property
    def opposite(self) -> Side:
        return Side.SHORT if self is Side.LONG else Side.LONG

    @property
    def entry(self) -> OrderSide:
        return OrderSide.BUY if self is Side.LONG else OrderSide.SELL

    @property
    def exit(self) -> OrderSide:
        return self.opposite.entry

    @staticmethod
    def of_sign(sign: int) -> Side | None:
        return None if sign == 0 else Side.LONG if sign > 0 else Side.SHORT


class OrderSide(StrEnum):
    """Direction of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        return 1 if self is OrderSide.BUY else -1


class OrderKind(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"

    @property
    def is_conditional(self) -> bool:
        """Conditional orders wait for their trigger price; on Binance they live elsewhere."""
        return self not in (OrderKind.MARKET, OrderKind.LIMIT)


class TimeInForce(StrEnum):
    """How long a limit order may rest."""

    GTC = "GTC"  # until cancelled
    IOC = "IOC"  # not at all: what does not fill at once expires
    FOK = "FOK"  # not at all: it fills whole and at once, or is refused
    GTX = "GTX"  # until cancelled, but refused where it would fill at once (post-only)


class PriceSource(StrEnum):
    """Which price triggers a conditional order."""

    LAST = "CONTRACT_PRICE"
    MARK = "MARK_PRICE"


class OrderStatus(StrEnum):
    NEW = "NEW"
    TRIGGERED = "TRIGGERED"  # a conditional order became a market order
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"

    @property
    def is_final(self) -> bool:
        return self not in _LIVING


_LIVING = (OrderStatus.NEW, OrderStatus.TRIGGERED, OrderStatus.PARTIALLY_FILLED)


class Leg(StrEnum):
    """What an order is for. One letter: it is part of the client order id."""

    ENTRY = "e"
    STOP = "s"
    TARGET = "t"
    TRAIL = "m"  # the moving stop inside the outer one
    PASSED = "g"  # closed at market: the price was past the moved stop before it could rest
    CLOSE = "c"
    EMERGENCY = "x"  # closed because its protection could not be confirmed
    FLATTEN = "f"  # closed because a person said so
    ADOPTED = "a"  # taken over: it names a position that somebody else opened, no order is sent
    PROBE = "p"  # far from the price, while flat: does the exchange keep stops again?


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order to be sent. A `close_position` order has no quantity: it closes whatever is open.

    `price` and `time_in_force` are a limit order's, `trigger_price` a stop's or take-profit's,
    `activation_price` and `callback_ratio` (a fraction) a trailing stop's.
    """

    client_order_id: str
    symbol: str
    side: OrderSide
    kind: OrderKind
    quantity: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    close_position: bool = False
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    activation_price: Decimal | None = None  # where trailing begins; None: at once
    callback_ratio: Decimal | None = None
    triggered_by: PriceSource = PriceSource.LAST


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the exchange says of one order."""

    client_order_id: str
    symbol: str
    side: OrderSide
    kind: OrderKind
    status: OrderStatus
    updated_ms: int
    quantity: Decimal | None = None
    filled_quantity: Decimal = Decimal(0)
    average_price: Decimal | None = None
    trigger_price: Decimal | None = None
    close_position: bool = False
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class DetailedReport(OrderReport):
    """A report with the terms of its order, which a bot never asks about and others may."""

    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    activation_price: Decimal | None = None
    callback_ratio: Decimal | None = None
    triggered_by: PriceSource = PriceSource.LAST


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `trade_id` is unique per symbol: fold fills by it, they may arrive twice."""

    symbol: str
    trade_id: int
    client_order_id: str
    side: OrderSide
    price: Decimal
    quantity: Decimal
    fee: Decimal  # in quote currency, positive when paid
    at_ms: int


@dataclass(frozen=True, slots=True)
class DetailedFill(Fill):
    """A fill with what it did to the account, which a bot works out for itself."""

    gross: Decimal = Decimal(0)  # profit realised by it, before its fee
    is_maker: bool = False


def client_order_id(symbol: str, bar_open_ms: int, leg: Leg, attempt: int = 0) -> str:
    """The one id of one intent, so that asking twice is recognisably asking the same.

    At most 36 characters of ``[A-Za-z0-9-]``; a symbol that does not fit is named by its hash.
    """
    fits = len(symbol) <= 16 and symbol.isascii() and symbol.isalnum()
    name = symbol if fits else "h" + hashlib.sha256(symbol.encode()).hexdigest()[:12]
    return f"{OWN_PREFIX}{name}-{_base36(bar_open_ms // 1000)}-{leg.value}{attempt}"


def next_attempt(order_id: str) -> str:
    """The id under which the order `order_id`, which ended without effect, is sent again."""
    stem, attempt = order_id.rsplit("-", 1)
    return f"{stem}-{attempt[0]}{int(attempt[1:]) + 1}"


def is_ours(order_id: str) -> bool:
    """Whether this program sent the order, or its guard did."""
    return order_id.startswith((OWN_PREFIX, GUARD_PREFIX))


def is_same_intent(order_id: str, other_id: str) -> bool:
    """Whether two of our ids differ in the attempt only."""
    (stem, attempt), (other_stem, other) = order_id.rsplit("-", 1), other_id.rsplit("-", 1)
    return stem == other_stem and attempt[:1] == other[:1]


def leg_of(order_id: str) -> Leg | None:
    """The leg in one of our client order ids; None for anybody else's."""
    if not order_id.startswith(OWN_PREFIX):
        return None
    try:
        return Leg(order_id.rsplit("-", 1)[1][:1])
    except ValueError:
        return None


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"
