"""Account calls: balances, positions, settings, history, listen keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cointrader.domain.clock import DAY_MS
from cointrader.domain.order import LIQUIDATION_PREFIXES
from cointrader.exchange.simulated.wire import shapes
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.refusals import refused
from cointrader.exchange.simulated.wire.texts import plain
from cointrader.exchange.simulated.wire.venue import Venue

_WEEK_MS = 7 * DAY_MS
_KEPT_MS = 90 * DAY_MS


async def account_v2(venue: Venue, _params: Params) -> Any:
    return venue.account.account(version=2)


async def account_v3(venue: Venue, _params: Params) -> Any:
    return venue.account.account(version=3)


async def balance(venue: Venue, _params: Params) -> Any:
    return venue.account.balances()


async def position_risk_v2(venue: Venue, params: Params) -> Any:
    return venue.account.position_risk(venue.symbols_of(params), version=2)


async def position_risk_v3(venue: Venue, params: Params) -> Any:
    wanted = venue.symbols_of(params)
    symbols = [symbol for symbol in venue.account.in_use() if symbol in wanted]
    return venue.account.position_risk(symbols, version=3)


async def account_config(_venue: Venue, _params: Params) -> Any:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": False,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


async def symbol_config(venue: Venue, params: Params) -> Any:
    return [
        {
            "symbol": symbol,
            "marginType": "ISOLATED",
            "isAutoAddMargin": False,
            "leverage": venue.exchange.book.ledger.leverage_of(symbol),
            "maxNotionalValue": venue.account.max_notional(symbol),
        }
        for symbol in venue.symbols_of(params)
    ]


# ---------------------------------------------------------------------- settings


async def set_leverage(venue: Venue, params: Params) -> Any:
    symbol, leverage = venue.symbol(params), params.needed_whole("leverage")
    venue.set_leverage(symbol, leverage)
    return {
        "symbol": symbol,
        "leverage": leverage,
        "maxNotionalValue": venue.account.max_notional(symbol),
    }


async def set_margin_type(venue: Venue, params: Params) -> Any:
    venue.symbol(params)
    if params.choice("marginType", ("ISOLATED", "CROSSED")) == "ISOLATED":
        raise refused(-4046, "No need to change margin type.")
    raise _unsupported("cross margin")


async def position_mode(_venue: Venue, _params: Params) -> Any:
    return {"dualSidePosition": False}


async def set_position_mode(_venue: Venue, params: Params) -> Any:
    params.text("dualSidePosition")
    if not params.flag("dualSidePosition"):
        raise refused(-4059, "No need to change position side.")
    raise _unsupported("hedge mode")


async def asset_mode(_venue: Venue, _params: Params) -> Any:
    return {"multiAssetsMargin": False}


async def set_asset_mode(_venue: Venue, params: Params) -> Any:
    params.text("multiAssetsMargin")
    if not params.flag("multiAssetsMargin"):
        raise refused(-4171, "No need to change Multi-Assets Mode.")
    raise _unsupported("multi-assets mode")


async def position_margin(venue: Venue, params: Params) -> Any:
    venue.symbol(params)
    params.needed_decimal("amount")
    params.choice("type", ("1", "2"))
    raise _unsupported("way to move the margin of a position")


def _unsupported(what: str) -> Exception:
    return refused(-1020, f"This operation is not supported: the simulated exchange has no {what}.")


async def margin_history(venue: Venue, params: Params) -> Any:
    """The margin of a position was never moved."""
    venue.symbol(params)
    return []


async def fee_burn(_venue: Venue, _params: Params) -> Any:
    return {"feeBurn": False}


async def set_fee_burn(_venue: Venue, params: Params) -> Any:
    params.text("feeBurn")
    if params.flag("feeBurn"):
        raise _unsupported("fees in BNB")
    return {"code": 200, "msg": "success"}


async def adl_quantiles(venue: Venue, params: Params) -> Any:
    """How near positions are to being closed for others: there are no others."""
    wanted, held = venue.symbols_of(params), venue.exchange.book.ledger.positions
    quantile = {"LONG": 0, "SHORT": 0, "BOTH": 0}
    return [{"symbol": symbol, "adlQuantile": quantile} for symbol in wanted if symbol in held]


async def adl_risk(venue: Venue, params: Params) -> Any:
    now_ms, symbol = venue.now_ms(), venue.optional_symbol(params)
    rows = [
        {"symbol": each, "adlRisk": "low", "updateTime": now_ms}
        for each in venue.symbols_of(params)
    ]
    return rows if symbol is None else rows[0]


async def trading_status(venue: Venue, _params: Params) -> Any:
    """The account broke none of the quantitative rules."""
    return {"indicators": {}, "updateTime": venue.now_ms()}


async def leverage_brackets(venue: Venue, params: Params) -> Any:
    return [venue.market.brackets(symbol) for symbol in venue.symbols_of(params)]


async def commission_rate(venue: Venue, params: Params) -> Any:
    costs = venue.exchange.book.costs
    maker = costs.taker_fee if costs.maker_fee is None else costs.maker_fee
    return {
        "symbol": venue.symbol(params),
        "makerCommissionRate": plain(maker),
        "takerCommissionRate": plain(costs.taker_fee),
        "rpiCommissionRate": "0.00005",
    }


# ---------------------------------------------------------------------- history


async def income(venue: Venue, params: Params) -> Any:
    symbol, kind = venue.optional_symbol(params), params.given("incomeType")
    start_ms, end_ms = _window(venue, params)
    rows = [
        shapes.income_row(each)
        for each in venue.recorder.income
        if start_ms <= each.at_ms <= end_ms
        and symbol in (None, each.symbol)
        and kind in (None, each.kind)
    ]
    return _rows(rows, params, 100, is_from_start=params.whole("startTime") is not None)


async def user_trades(venue: Venue, params: Params) -> Any:
    symbol = venue.symbol(params)
    from_id, order_id = params.whole("fromId"), params.whole("orderId")
    if from_id is not None and ("startTime" in params or "endTime" in params):
        raise refused(-1128, "Combination of optional parameters invalid.")
    start_ms, end_ms = (
        (0, venue.now_ms()) if from_id is not None else _window(venue, params, week=True)
    )
    rows = [
        shapes.user_trade(each)
        for each in venue.recorder.executions
        if each.fill.symbol == symbol
        and start_ms <= each.at_ms <= end_ms
        and (from_id is None or each.fill.trade_id >= from_id)
        and order_id in (None, each.order_id)
    ]
    is_from_start = from_id is not None or params.whole("startTime") is not None
    return _rows(rows, params, 500, is_from_start=is_from_start)


async def force_orders(venue: Venue, params: Params) -> Any:
    symbol = venue.optional_symbol(params)
    start_ms, end_ms = _window(venue, params)
    rows = [
        shapes.forced(order)
        for order in venue.recorder.all_plain()
        if order.client_id.startswith(LIQUIDATION_PREFIXES)
        and symbol in (None, order.symbol)
        and start_ms <= order.created_ms <= end_ms
    ]
    return rows[-params.limit(50, 100) :]


def _window(venue: Venue, params: Params, *, week: bool = False) -> tuple[int, int]:
    """Start and end of a history, by default its last seven days."""
    now_ms = venue.now_ms()
    start_ms, end_ms = params.whole("startTime"), params.whole("endTime")
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise refused(-1128, "Combination of optional parameters invalid.")
    if week and start_ms is not None and end_ms is not None and end_ms - start_ms > _WEEK_MS:
        raise refused(-4165, "Invalid time interval: maximum time interval is 7 days.")
    if start_ms is None:
        start_ms = (now_ms if end_ms is None else end_ms) - _WEEK_MS
    elif end_ms is None and week:
        end_ms = start_ms + _WEEK_MS
    return max(start_ms, now_ms - _KEPT_MS), now_ms if end_ms is None else end_ms


def _rows(
    rows: Sequence[Any], params: Params, default: int, *, is_from_start: bool
) -> Iterable[Any]:
    """As many rows as asked for: the first ones after a start, else the newest."""
    limit = params.limit(default, 1000)
    return rows[:limit] if is_from_start else rows[-limit:]


async def order_limits(venue: Venue, _params: Params) -> Any:
    return [row for row in venue.limits.told() if row["rateLimitType"] == "ORDERS"]


# ---------------------------------------------------------------------- listen keys


async def start_listen_key(venue: Venue, _params: Params) -> Any:
    return {"listenKey": venue.listen_keys.start(venue.now_ms())}


async def extend_listen_key(venue: Venue, _params: Params) -> Any:
    return {"listenKey": venue.listen_keys.extend(venue.now_ms())}


async def close_listen_key(venue: Venue, _params: Params) -> Any:
    venue.listen_keys.close()
    return {}


# ---------------------------------------------------------------------- spot


async def key_restrictions(_venue: Venue, _params: Params) -> Any:
    """What the key may do: trade futures, and nothing with money."""
    return {
        "ipRestrict": False,
        "createTime": 1_569_398_400_000,
        "enableReading": True,
        "enableFutures": True,
        "enableSpotAndMarginTrading": False,
        "enableMargin": False,
        "enableVanillaOptions": False,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": False,
        "enablePortfolioMarginTrading": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
    }
