"""What Binance's streams say, as far as we listen. One-letter names end here.

Prices of candles are statistics and become float64 as they are decoded; money in orders and
balances is Decimal. A number that may be blank stays text: "" is not a number.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

ZERO = Decimal(0)

Message = TypeVar("Message")


class Family(StrEnum):
    """Streams live on three routes; on a wrong one they are acknowledged and stay silent."""

    PUBLIC = "public"
    MARKET = "market"
    PRIVATE = "private"


# -- market ---------------------------------------------------------------------------------------


class Kline(
    msgspec.Struct,
    frozen=True,
    rename={
        "open_time_ms": "t",
        "last_ms": "T",
        "interval": "i",
        "open": "o",
        "high": "h",
        "low": "l",
        "close": "c",
        "volume": "v",
        "is_final": "x",
    },
):
    """A candle so far; `last_ms` is its last millisecond."""

    open_time_ms: int
    last_ms: int
    interval: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    is_final: bool


class KlineUpdate(msgspec.Struct, frozen=True, rename={"at_ms": "E", "symbol": "s", "kline": "k"}):
    at_ms: int
    symbol: str
    kline: Kline


class Glance(msgspec.Struct, frozen=True, rename={"at_ms": "E", "symbol": "s"}):
    """Of a message whose content is of no use: when it was sent, and about which symbol."""

    at_ms: int
    symbol: str


class MarkPrice(msgspec.Struct, frozen=True, rename={"at_ms": "E", "symbol": "s", "price": "p"}):
    at_ms: int
    symbol: str
    price: Decimal


class BookTicker(
    msgspec.Struct, frozen=True, rename={"at_ms": "E", "symbol": "s", "bid": "b", "ask": "a"}
):
    at_ms: int
    symbol: str
    bid: Decimal
    ask: Decimal


class _Wrapped(msgspec.Struct, Generic[Message], frozen=True):
    """A frame of the combined form."""

    data: Message


def unwrapping(kind: type[Message]) -> Callable[[str], Message]:
    """A function from frames of the combined form to the messages of `kind` inside them.

    It raises `msgspec.MsgspecError` for any other frame.
    """
    decode = msgspec.json.Decoder(_Wrapped[kind], strict=False).decode  # type: ignore[valid-type]

    def unwrapped(text: str) -> Message:
        return decode(text).data

    return unwrapped


# -- account --------------------------------------------------------------------------------------


class Kind(msgspec.Struct, frozen=True, rename={"name": "e"}):
    """Which message it is: looked at first, because new ones come without notice."""

    name: str


class OrderTrade(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "s",
        "client_order_id": "c",
        "side": "S",
        "kind": "o",
        "original_kind": "ot",
        "quantity": "q",
        "average_price": "ap",
        "trigger_price": "sp",
        "happened": "x",
        "status": "X",
        "order_id": "i",
        "last_quantity": "l",
        "last_price": "L",
        "filled_quantity": "z",
        "fee": "n",
        "fee_asset": "N",
        "at_ms": "T",
        "trade_id": "t",
        "reduce_only": "R",
        "close_position": "cp",
    },
):
    """A plain order, or the child that a conditional order became.

    `fee` is None where an execution is told without one: what it cost is in the books then.
    """

    symbol: str
    client_order_id: str
    side: str
    kind: str
    happened: str
    status: str
    order_id: int
    at_ms: int
    quantity: Decimal = ZERO
    last_quantity: Decimal = ZERO
    last_price: Decimal = ZERO
    filled_quantity: Decimal = ZERO
    average_price: str = ""
    trigger_price: str = ""
    original_kind: str = ""
    fee: Decimal | None = None
    fee_asset: str = ""
    trade_id: int = 0
    reduce_only: bool = False
    close_position: bool = False


class OrderTradeUpdate(msgspec.Struct, frozen=True, rename={"order": "o", "at_ms": "E"}):
    order: OrderTrade
    at_ms: int


class AlgoOrder(
    msgspec.Struct,
    frozen=True,
    rename={
        "client_order_id": "caid",
        "symbol": "s",
        "side": "S",
        "kind": "o",
        "quantity": "q",
        "status": "X",
        "child_order_id": "ai",
        "average_price": "ap",
        "filled_quantity": "aq",
        "trigger_price": "tp",
        "reduce_only": "R",
        "close_position": "cp",
        "reason": "rm",
    },
):
    """A conditional order. What follows from its trigger is blank or absent before."""

    client_order_id: str
    symbol: str
    side: str
    kind: str
    status: str
    quantity: str = ""
    child_order_id: str = ""
    average_price: str = ""
    filled_quantity: str = ""
    trigger_price: str = ""
    reduce_only: bool = False
    close_position: bool = False
    reason: str = ""


class AlgoUpdate(
    msgspec.Struct, frozen=True, rename={"order": "o", "updated_ms": "T", "at_ms": "E"}
):
    order: AlgoOrder
    updated_ms: int
    at_ms: int


class BalanceChange(
    msgspec.Struct, frozen=True, rename={"asset": "a", "wallet": "wb", "change": "bc"}
):
    """`change` is what came in or left; profit and fees are not in it."""

    asset: str
    wallet: Decimal
    change: Decimal = ZERO


class PositionChange(msgspec.Struct, frozen=True, rename={"symbol": "s"}):
    symbol: str


class AccountChange(
    msgspec.Struct,
    frozen=True,
    rename={"reason": "m", "balances": "B", "positions": "P", "symbol": "S"},
):
    reason: str
    balances: tuple[BalanceChange, ...] = ()
    positions: tuple[PositionChange, ...] = ()
    symbol: str = ""  # of a funding payment


class AccountUpdate(
    msgspec.Struct, frozen=True, rename={"account": "a", "happened_ms": "T", "at_ms": "E"}
):
    account: AccountChange
    happened_ms: int
    at_ms: int


class LeverageSetting(msgspec.Struct, frozen=True, rename={"symbol": "s", "leverage": "l"}):
    symbol: str
    leverage: int


class AssetModeSetting(msgspec.Struct, frozen=True, rename={"is_multi_asset": "j"}):
    is_multi_asset: bool


class ConfigUpdate(
    msgspec.Struct,
    frozen=True,
    rename={"leverage": "ac", "asset_mode": "ai", "happened_ms": "T", "at_ms": "E"},
):
    happened_ms: int
    at_ms: int
    leverage: LeverageSetting | None = None
    asset_mode: AssetModeSetting | None = None


class MarginCallPosition(msgspec.Struct, frozen=True, rename={"symbol": "s"}):
    symbol: str


class MarginCall(msgspec.Struct, frozen=True, rename={"at_ms": "E", "positions": "p"}):
    at_ms: int
    positions: tuple[MarginCallPosition, ...]
