"""What Binance answers, as far as it is read here. Fields that we do not use are not named.

Money is text on the wire and becomes Decimal as it is decoded. What may be missing or blank has a
default; blank numbers stay text, because "" is not a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

ZERO = Decimal(0)


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """One JSON object."""


class Empty(Wire, frozen=True):
    """An object whose content tells nothing that its arrival does not."""


# -- market ---------------------------------------------------------------------------------------


class ServerTime(Wire, frozen=True):
    server_time: int


class LimitRow(Wire, frozen=True):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class Filter(Wire, frozen=True):
    """All filters in one: each has its own fields only."""

    filter_type: str
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    tick_size: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    step_size: Decimal | None = None
    notional: Decimal | None = None
    multiplier_up: Decimal | None = None
    multiplier_down: Decimal | None = None


class SymbolInfo(Wire, frozen=True):
    symbol: str
    status: str
    quote_asset: str
    margin_asset: str
    filters: tuple[Filter, ...]
    contract_type: str = ""


class ExchangeInfo(Wire, frozen=True):
    """`unreadable` has symbols whose row cannot be read, with the reason; the wire has no such."""

    symbols: tuple[SymbolInfo, ...]
    rate_limits: tuple[LimitRow, ...] = ()
    unreadable: Mapping[str, str] = msgspec.field(default_factory=dict)


class ExchangeInfoRows(Wire, frozen=True):
    """Symbols are read one by one: an odd one among hundreds must not hide the others."""

    symbols: tuple[msgspec.Raw, ...]
    rate_limits: tuple[LimitRow, ...] = ()

    def read(self) -> ExchangeInfo:
        found: list[SymbolInfo] = []
        unreadable: dict[str, str] = {}
        for row in self.symbols:
            try:
                found.append(msgspec.json.decode(row, type=SymbolInfo))
            except msgspec.ValidationError as error:
                unreadable[_name_of(row)] = str(error)
        return ExchangeInfo(tuple(found), self.rate_limits, unreadable)


class _Named(Wire, frozen=True):
    symbol: str


def _name_of(row: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(row, type=_Named).symbol
    except msgspec.ValidationError:
        return "(no name)"


class Kline(msgspec.Struct, frozen=True, array_like=True):
    """Slots of the array, the first seven of twelve."""

    open_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_time: int  # last millisecond of the bar


class FundingRate(Wire, frozen=True):
    symbol: str
    funding_rate: Decimal
    funding_time: int
    mark_price: str = ""  # blank in old rows


class OpenInterest(Wire, frozen=True):
    symbol: str
    open_interest: Decimal
    time: int


class OpenInterestRow(Wire, frozen=True):
    symbol: str
    sum_open_interest: Decimal
    timestamp: int


class PremiumIndex(Wire, frozen=True):
    symbol: str
    mark_price: Decimal
    index_price: Decimal
    last_funding_rate: str
    next_funding_time: int
    time: int


class BookTicker(Wire, frozen=True):
    symbol: str
    bid_price: Decimal
    ask_price: Decimal
    time: int = 0


class Bracket(Wire, frozen=True):
    """JSON numbers here, unlike all other money."""

    initial_leverage: int
    notional_cap: Decimal
    maint_margin_ratio: Decimal
    cum: Decimal = ZERO


class SymbolBrackets(Wire, frozen=True):
    symbol: str
    brackets: tuple[Bracket, ...]


# -- account --------------------------------------------------------------------------------------


class AssetBalance(Wire, frozen=True):
    asset: str
    wallet_balance: Decimal
    margin_balance: Decimal
    available_balance: Decimal


class AccountInformation(Wire, frozen=True):
    assets: tuple[AssetBalance, ...] = ()


class Balance(Wire, frozen=True):
    asset: str
    balance: Decimal
    available_balance: Decimal


class PositionRisk(Wire, frozen=True):
    """`leverage` and `margin_type` are in version 2 only."""

    symbol: str
    position_side: str
    position_amt: Decimal
    entry_price: Decimal
    mark_price: Decimal
    liquidation_price: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    update_time: int = 0
    leverage: str | None = None
    margin_type: str | None = None


class AccountConfig(Wire, frozen=True):
    dual_side_position: bool
    multi_assets_margin: bool
    can_trade: bool = True


class SymbolConfig(Wire, frozen=True):
    symbol: str
    margin_type: str  # CROSSED or ISOLATED
    leverage: int


class LeverageSet(Wire, frozen=True):
    symbol: str
    leverage: int


class PositionMode(Wire, frozen=True):
    dual_side_position: bool


class AssetMode(Wire, frozen=True):
    multi_assets_margin: bool


class CommissionRate(Wire, frozen=True):
    symbol: str
    maker_commission_rate: Decimal
    taker_commission_rate: Decimal


class Income(Wire, frozen=True):
    income_type: str
    income: Decimal
    asset: str
    time: int
    tran_id: int | str
    symbol: str | None = None


class UserTrade(Wire, frozen=True):
    symbol: str
    id: int
    order_id: int
    side: str
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    margin_asset: str = "USDT"
    realized_pnl: Decimal = ZERO
    maker: bool = False


class ListenKey(Wire, frozen=True):
    listen_key: str = ""


class KeyRestrictions(Wire, frozen=True):
    """What a key may do, as the spot host tells it."""

    ip_restrict: bool
    enable_reading: bool
    enable_futures: bool
    enable_withdrawals: bool


# -- orders ---------------------------------------------------------------------------------------


class PlainOrder(Wire, frozen=True):
    """`avg_price` and `cum_quote` may be missing from answers to POST and DELETE."""

    order_id: int
    symbol: str
    status: str
    client_order_id: str
    side: str
    orig_qty: Decimal
    executed_qty: Decimal
    update_time: int
    type: str
    orig_type: str = ""
    avg_price: Decimal = ZERO
    cum_quote: Decimal = ZERO
    stop_price: Decimal = ZERO
    reduce_only: bool = False
    close_position: bool = False


class AlgoOrder(Wire, frozen=True):
    """`actual_*` are those of the plain order that it became, blank until then.

    Lists do not have `actual_qty`.
    """

    algo_id: int
    client_algo_id: str
    order_type: str
    symbol: str
    side: str
    algo_status: str
    quantity: Decimal
    update_time: int
    create_time: int = 0
    trigger_price: str | None = None
    close_position: bool = False
    reduce_only: bool = False
    actual_order_id: str | int | None = None
    actual_price: str | None = None
    actual_qty: str | None = None


class AlgoCancelled(Wire, frozen=True):
    algo_id: int
    client_algo_id: str
