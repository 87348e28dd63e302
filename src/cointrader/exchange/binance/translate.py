"""Wire to domain and back: the only file that knows both. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.candle import Candle
from cointrader.domain.clock import HOUR_MS, MINUTE_MS
from cointrader.domain.errors import InvariantBroken
from cointrader.domain.events import FundingSettled
from cointrader.domain.instrument import Instrument, LeverageBracket
from cointrader.domain.order import (
    DetailedFill,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    Side,
)
from cointrader.domain.ports import Account, Settlement
from cointrader.domain.position import Position
from cointrader.exchange.binance.rate_limit import Limit, Pool
from cointrader.exchange.binance.schemas import (
    AccountInformation,
    AlgoOrder,
    ExchangeInfo,
    Filter,
    FundingRate,
    Income,
    KeyRestrictions,
    Kline,
    PlainOrder,
    PositionRisk,
    SymbolBrackets,
    SymbolConfig,
    SymbolInfo,
    UserTrade,
)

_UNIT_MS = {"SECOND": 1_000, "MINUTE": MINUTE_MS, "HOUR": HOUR_MS, "DAY": 24 * HOUR_MS}
_POOLS = {
    ("REQUEST_WEIGHT", MINUTE_MS): Pool.WEIGHT,
    ("ORDERS", 10_000): Pool.ORDERS_10S,
    ("ORDERS", MINUTE_MS): Pool.ORDERS_1M,
}
# Kinds that we never send, named by the nearest that we know.
_KINDS = {
    "STOP": OrderKind.STOP_MARKET,
    "TAKE_PROFIT": OrderKind.TAKE_PROFIT_MARKET,
    "LIQUIDATION": OrderKind.MARKET,
    **{kind.value: kind for kind in OrderKind},
}
_STATUSES = {
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    **{status.value: status for status in OrderStatus},
}
_ALGO_STATUSES = {
    "NEW": OrderStatus.NEW,
    "TRIGGERING": OrderStatus.TRIGGERED,
    "TRIGGERED": OrderStatus.TRIGGERED,
    "CANCELED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
_LATE_MS = 2 * MINUTE_MS  # by which funding is booked at the latest


# -- what is sent ---------------------------------------------------------------------------------


def plain_parameters(request: OrderRequest) -> dict[str, str]:
    """A market or limit order as POST /fapi/v1/order wants it, in one-way mode."""
    parameters = {
        "symbol": request.symbol,
        "side": request.side.value,
        "type": request.kind.value,
        "positionSide": "BOTH",
        "newClientOrderId": request.client_order_id,
    }
    if request.quantity is not None:
        parameters["quantity"] = amount(request.quantity)
    if request.kind is OrderKind.LIMIT:
        parameters["timeInForce"] = request.time_in_force.value
        if request.price is not None:
            parameters["price"] = amount(request.price)
    if request.reduce_only:
        parameters["reduceOnly"] = "true"
    return parameters


def algo_parameters(request: OrderRequest) -> dict[str, str]:
    """A conditional order as POST /fapi/v1/algoOrder wants it, in one-way mode.

    What closes the position has neither quantity nor reduceOnly.
    """
    parameters = {
        "symbol": request.symbol,
        "side": request.side.value,
        "type": request.kind.value,
        "positionSide": "BOTH",
        "clientAlgoId": request.client_order_id,
        "workingType": request.triggered_by.value,
        "priceProtect": "false",
    }
    if request.close_position:
        parameters["closePosition"] = "true"
    else:
        if request.quantity is not None:
            parameters["quantity"] = amount(request.quantity)
        if request.reduce_only:
            parameters["reduceOnly"] = "true"
    if request.trigger_price is not None:
        parameters["triggerPrice"] = amount(request.trigger_price)
    if request.activation_price is not None:
        parameters["activatePrice"] = amount(request.activation_price)
    if request.callback_ratio is not None:
        parameters["callbackRate"] = amount(request.callback_ratio * 100)
    return parameters


def amount(value: Decimal) -> str:
    """Digits without an exponent, without zeros that say nothing."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# -- orders ---------------------------------------------------------------------------------------


def plain_report(order: PlainOrder) -> OrderReport:
    """A status that we do not know counts as alive: it may still execute."""
    average = order.avg_price
    if not average and order.cum_quote and order.executed_qty:
        average = order.cum_quote / order.executed_qty
    return OrderReport(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=OrderSide(order.side),
        kind=_kind(order.orig_type or order.type),
        status=_STATUSES.get(order.status, OrderStatus.NEW),
        updated_ms=order.update_time,
        quantity=order.orig_qty or None,
        filled_quantity=order.executed_qty,
        average_price=average or None,
        trigger_price=order.stop_price or None,
        close_position=order.close_position,
        reduce_only=order.reduce_only,
    )


def algo_report(order: AlgoOrder) -> OrderReport:
    """FINISHED is said of what was executed and of what was cancelled after its trigger alike."""
    filled, average = _number(order.actual_qty), _number(order.actual_price)
    if order.algo_status == "FINISHED":
        has_effect = bool(filled if order.actual_qty else average)  # lists have no quantity
        status = OrderStatus.FILLED if has_effect else OrderStatus.CANCELED
    else:
        status = _ALGO_STATUSES.get(order.algo_status, OrderStatus.NEW)
    return OrderReport(
        client_order_id=order.client_algo_id,
        symbol=order.symbol,
        side=OrderSide(order.side),
        kind=_kind(order.order_type),
        status=status,
        updated_ms=order.update_time,
        quantity=order.quantity or None,
        filled_quantity=filled,
        average_price=average or None,
        trigger_price=_number(order.trigger_price) or None,
        close_position=order.close_position,
        reduce_only=order.reduce_only,
    )


def became(order: AlgoOrder) -> int | None:
    """The id of the plain order that a conditional order turned into; None before."""
    return int(order.actual_order_id) if order.actual_order_id else None


def _kind(name: str) -> OrderKind:
    return _KINDS.get(name, OrderKind.LIMIT)


# -- executions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Commission:
    """A fee as it was paid, in whatever asset."""

    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class BinanceFill(DetailedFill):
    """`fee` is the commission at the asset's price then; `commission` is what was really paid."""

    commission: Commission = Commission("", Decimal(0))


def commission_of(trade: UserTrade) -> Commission:
    return Commission(trade.commission_asset, trade.commission)


def fill(
    trade: UserTrade, client_order_id: str, *, asset_price: Decimal = Decimal(1)
) -> BinanceFill:
    """One execution.

    Parameters
    ----------
    client_order_id : of the order it belongs to, which a trade does not tell
    asset_price : of the commission's asset in quote currency; 1 where they are the same
    """
    paid = commission_of(trade)
    return BinanceFill(
        symbol=trade.symbol,
        trade_id=trade.id,
        client_order_id=client_order_id,
        side=OrderSide(trade.side),
        price=trade.price,
        quantity=trade.qty,
        fee=paid.amount * asset_price,
        at_ms=trade.time,
        gross=trade.realized_pnl,
        is_maker=trade.maker,
        commission=paid,
    )


# -- money ----------------------------------------------------------------------------------------


def account(info: AccountInformation, quote_asset: str, transfers: Decimal | None) -> Account:
    """The part of the account that is in `quote_asset`; nothing where there is none of it."""
    for row in info.assets:
        if row.asset == quote_asset:
            return Account(
                wallet=row.wallet_balance,
                equity=row.margin_balance,
                available=row.available_balance,
                transfers=transfers,
            )
    return Account(Decimal(0), Decimal(0), Decimal(0), transfers)


def position(rows: Iterable[PositionRisk], symbol: str) -> Position | None:
    """The open position of `symbol`, None when flat.

    The exchange tells when it last changed, not when it was opened: `opened_ms` may be too late.
    Raises `InvariantBroken` where it is held in hedge mode, which we never trade in.
    """
    held = [row for row in rows if row.symbol == symbol and row.position_amt]
    if not held:
        return None
    row = held[0]
    if row.position_side != "BOTH":
        raise InvariantBroken(
            "the position is held in hedge mode",
            where=symbol,
            found=row.position_side,
            allowed="one-way mode",
            todo="close it yourself, set Position Mode to one-way, then start again",
        )
    return Position(
        symbol=symbol,
        side=Side.LONG if row.position_amt > 0 else Side.SHORT,
        quantity=abs(row.position_amt),
        entry_price=row.entry_price,
        opened_ms=row.update_time,
        liquidation_price=row.liquidation_price if row.liquidation_price > 0 else None,
        margin=row.isolated_wallet,
    )


def funding(
    paid: Iterable[Income], rates: Iterable[FundingRate], symbol: str
) -> list[FundingSettled]:
    """Funding payments as they were booked, with the rates of their settlements, oldest first.

    A payment whose settlement is not among the rates has a rate of 0; its amount is right.
    """
    rate_at = {settlement_ms(rate.funding_time): rate.funding_rate for rate in rates}
    events = [
        FundingSettled(
            symbol=symbol,
            at_ms=row.time,
            rate=rate_at.get(settlement_ms(row.time), Decimal(0)),
            amount=row.income,
        )
        for row in paid
    ]
    return sorted(events, key=lambda event: event.at_ms)


def settlement_ms(booked_ms: int) -> int:
    """The settlement that funding booked at `booked_ms` belongs to: they are on full hours."""
    nearest_ms = (booked_ms + HOUR_MS // 2) // HOUR_MS * HOUR_MS
    return nearest_ms if abs(booked_ms - nearest_ms) <= _LATE_MS else booked_ms


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What an API key may do."""

    trades_futures: bool
    withdraws: bool
    is_bound_to_addresses: bool


def key_rights(restrictions: KeyRestrictions) -> KeyRights:
    return KeyRights(
        trades_futures=restrictions.enable_futures,
        withdraws=restrictions.enable_withdrawals,
        is_bound_to_addresses=restrictions.ip_restrict,
    )


@dataclass(frozen=True, slots=True)
class SymbolSettings:
    """How the account trades one symbol."""

    leverage: int
    is_isolated: bool


def symbol_settings(config: SymbolConfig) -> SymbolSettings:
    return SymbolSettings(config.leverage, config.margin_type.upper() == "ISOLATED")


# -- the market -----------------------------------------------------------------------------------


def candle(kline: Kline, symbol: str, interval_ms: int) -> Candle:
    return Candle(
        symbol=symbol,
        open_time_ms=kline.open_time,
        close_time_ms=kline.open_time + interval_ms,
        open=float(kline.open),
        high=float(kline.high),
        low=float(kline.low),
        close=float(kline.close),
        volume=float(kline.volume),
    )


def settlement(rate: FundingRate) -> Settlement:
    return Settlement(
        at_ms=rate.funding_time,
        rate=float(rate.funding_rate),
        mark_price=float(rate.mark_price) if rate.mark_price else None,
    )


def instrument(info: SymbolInfo, brackets: SymbolBrackets) -> Instrument:
    """What the exchange allows for one symbol. Grids are the filters', never the precisions."""
    filters: Mapping[str, Filter] = {each.filter_type: each for each in info.filters}
    none = Filter("")
    price = filters.get("PRICE_FILTER", none)
    lot = filters.get("LOT_SIZE", none)
    market_lot = filters.get("MARKET_LOT_SIZE", none)
    percent = filters.get("PERCENT_PRICE", none)
    # A market order obeys both grids; where the second has no step the first one's holds.
    return Instrument(
        symbol=info.symbol,
        tick_size=price.tick_size or None,
        step_size=_coarser(lot.step_size, market_lot.step_size),
        min_quantity=max(lot.min_qty or Decimal(0), market_lot.min_qty or Decimal(0)),
        max_quantity=_smaller(lot.max_qty, market_lot.max_qty),
        min_notional=filters.get("MIN_NOTIONAL", none).notional or Decimal(0),
        brackets=_brackets(brackets),
        max_limit_quantity=lot.max_qty or None,
        min_price=price.min_price or None,
        max_price=price.max_price or None,
        price_multiplier_up=percent.multiplier_up or None,
        price_multiplier_down=percent.multiplier_down or None,
    )


def limits(info: ExchangeInfo) -> dict[Pool, Limit]:
    """The rate limits that the exchange declares, as far as we count them."""
    found = {}
    for row in info.rate_limits:
        window_ms = _UNIT_MS.get(row.interval, 0) * row.interval_num
        pool = _POOLS.get((row.rate_limit_type, window_ms))
        if pool is not None and row.limit > 0:
            found[pool] = Limit(window_ms, row.limit)
    return found


def _brackets(symbol: SymbolBrackets) -> tuple[LeverageBracket, ...]:
    return tuple(
        LeverageBracket(
            notional_cap=row.notional_cap,
            max_leverage=row.initial_leverage,
            maintenance_margin_ratio=row.maint_margin_ratio,
            maintenance_amount=row.cum,
        )
        for row in sorted(symbol.brackets, key=lambda row: row.notional_cap)
    )


def _coarser(*steps: Decimal | None) -> Decimal | None:
    return max((step for step in steps if step), default=None)


def _smaller(*limits: Decimal | None) -> Decimal | None:
    return min((limit for limit in limits if limit), default=None)


def _number(text: str | None) -> Decimal:
    return Decimal(text) if text else Decimal(0)
