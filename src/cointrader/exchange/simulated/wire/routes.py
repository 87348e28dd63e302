"""The table of all REST calls: path, what they ask of the caller, what they cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cointrader.exchange.simulated.wire import (
    calls_account,
    calls_algo,
    calls_data,
    calls_market,
    calls_orders,
)
from cointrader.exchange.simulated.wire.auth import Security
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.venue import Venue

Call = Callable[[Venue, Params], Awaitable[Any]]
Weight = int | Callable[[Params], int]

_NONE, _KEY, _SIGNED = Security.NONE, Security.KEY, Security.SIGNED


@dataclass(frozen=True, slots=True)
class Route:
    """One call. `orders` is what it counts on the 10 s and on the minute's order budget."""

    call: Call
    security: Security
    weight: Weight = 1
    orders: tuple[int, int] = (0, 0)
    pool: str | None = None  # a budget of its own instead of the common weight

    def weight_of(self, params: Params) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(params)


def _per_rows(params: Params) -> int:
    """Klines: by how many rows are asked for."""
    rows = _limit(params, 500)
    return 1 if rows < 100 else 2 if rows < 500 else 5 if rows <= 1000 else 10


def _per_levels(params: Params) -> int:
    levels = _limit(params, 500)
    return 2 if levels <= 50 else 5 if levels <= 100 else 10 if levels <= 500 else 20


def _limit(params: Params, default: int) -> int:
    text = params.given("limit") or ""
    return int(text) if text.isascii() and text.isdigit() else default


def _one_or_all(one: int, every: int) -> Callable[[Params], int]:
    """Cheap for one symbol, dear for all."""
    return lambda params: one if "symbol" in params else every


_market, _data, _account = calls_market, calls_data, calls_account
_orders, _algo = calls_orders, calls_algo


def _statistics() -> dict[tuple[str, str], Route]:
    calls: dict[str, Call] = {
        "openInterestHist": _data.open_interest_history,
        "globalLongShortAccountRatio": _data.long_short_ratio,
        "topLongShortAccountRatio": _data.long_short_ratio,
        "topLongShortPositionRatio": _data.long_short_ratio,
        "takerlongshortRatio": _data.taker_ratio,
        "basis": _data.basis,
        "delivery-price": _data.delivery_price,
    }
    return {
        ("GET", f"/futures/data/{name}"): Route(call, _NONE, pool="data")
        for name, call in calls.items()
    }


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/fapi/v1/ping"): Route(_market.ping, _NONE),
    ("GET", "/fapi/v1/time"): Route(_market.server_time, _NONE),
    ("GET", "/fapi/v1/exchangeInfo"): Route(_market.exchange_info, _NONE),
    ("GET", "/fapi/v1/klines"): Route(_market.klines, _NONE, _per_rows),
    ("GET", "/fapi/v1/continuousKlines"): Route(_market.continuous_klines, _NONE, _per_rows),
    ("GET", "/fapi/v1/markPriceKlines"): Route(_market.mark_price_klines, _NONE, _per_rows),
    ("GET", "/fapi/v1/indexPriceKlines"): Route(_market.index_price_klines, _NONE, _per_rows),
    ("GET", "/fapi/v1/premiumIndexKlines"): Route(_market.premium_index_klines, _NONE, _per_rows),
    ("GET", "/fapi/v1/fundingRate"): Route(_market.funding_rate, _NONE, pool="funding"),
    ("GET", "/fapi/v1/fundingInfo"): Route(_market.funding_info, _NONE, pool="funding"),
    ("GET", "/fapi/v1/premiumIndex"): Route(_market.premium_index, _NONE, _one_or_all(1, 10)),
    ("GET", "/fapi/v1/constituents"): Route(_market.constituents, _NONE, 2),
    ("GET", "/fapi/v1/indexInfo"): Route(_market.index_info, _NONE, _one_or_all(1, 10)),
    ("GET", "/fapi/v1/assetIndex"): Route(_market.asset_index, _NONE, _one_or_all(1, 10)),
    ("GET", "/fapi/v1/openInterest"): Route(_data.open_interest, _NONE),
    **_statistics(),
    ("GET", "/fapi/v1/depth"): Route(_market.depth, _NONE, _per_levels),
    ("GET", "/fapi/v1/rpiDepth"): Route(_market.depth, _NONE, 20),
    ("GET", "/fapi/v1/trades"): Route(_market.trades, _NONE, 5),
    ("GET", "/fapi/v1/historicalTrades"): Route(_market.trades, _KEY, 20),
    ("GET", "/fapi/v1/aggTrades"): Route(_market.agg_trades, _NONE, 20),
    ("GET", "/fapi/v1/ticker/price"): Route(_market.ticker_price, _NONE, _one_or_all(1, 2)),
    ("GET", "/fapi/v2/ticker/price"): Route(_market.ticker_price, _NONE, _one_or_all(1, 2)),
    ("GET", "/fapi/v1/ticker/bookTicker"): Route(_market.book_ticker, _NONE, _one_or_all(2, 5)),
    ("GET", "/fapi/v1/ticker/24hr"): Route(_market.ticker_24hr, _NONE, _one_or_all(1, 40)),
    ("GET", "/fapi/v2/account"): Route(_account.account_v2, _SIGNED, 5),
    ("GET", "/fapi/v3/account"): Route(_account.account_v3, _SIGNED, 5),
    ("GET", "/fapi/v2/balance"): Route(_account.balance, _SIGNED, 5),
    ("GET", "/fapi/v3/balance"): Route(_account.balance, _SIGNED, 5),
    ("GET", "/fapi/v2/positionRisk"): Route(_account.position_risk_v2, _SIGNED, 5),
    ("GET", "/fapi/v3/positionRisk"): Route(_account.position_risk_v3, _SIGNED, 5),
    ("GET", "/fapi/v1/accountConfig"): Route(_account.account_config, _SIGNED, 5),
    ("GET", "/fapi/v1/symbolConfig"): Route(_account.symbol_config, _SIGNED, 5),
    ("POST", "/fapi/v1/leverage"): Route(_account.set_leverage, _SIGNED),
    ("POST", "/fapi/v1/marginType"): Route(_account.set_margin_type, _SIGNED),
    ("GET", "/fapi/v1/positionSide/dual"): Route(_account.position_mode, _SIGNED, 30),
    ("POST", "/fapi/v1/positionSide/dual"): Route(_account.set_position_mode, _SIGNED),
    ("GET", "/fapi/v1/multiAssetsMargin"): Route(_account.asset_mode, _SIGNED, 30),
    ("POST", "/fapi/v1/multiAssetsMargin"): Route(_account.set_asset_mode, _SIGNED),
    ("POST", "/fapi/v1/positionMargin"): Route(_account.position_margin, _SIGNED),
    ("GET", "/fapi/v1/positionMargin/history"): Route(_account.margin_history, _SIGNED),
    ("GET", "/fapi/v1/adlQuantile"): Route(_account.adl_quantiles, _SIGNED, 5),
    ("GET", "/fapi/v1/symbolAdlRisk"): Route(_account.adl_risk, _NONE),
    ("GET", "/fapi/v1/apiTradingStatus"): Route(_account.trading_status, _SIGNED),
    ("GET", "/fapi/v1/feeBurn"): Route(_account.fee_burn, _SIGNED, 30),
    ("POST", "/fapi/v1/feeBurn"): Route(_account.set_fee_burn, _SIGNED),
    ("GET", "/fapi/v1/leverageBracket"): Route(_account.leverage_brackets, _SIGNED),
    ("GET", "/fapi/v1/commissionRate"): Route(_account.commission_rate, _SIGNED, 20),
    ("GET", "/fapi/v1/income"): Route(_account.income, _SIGNED, 30),
    ("GET", "/fapi/v1/userTrades"): Route(_account.user_trades, _SIGNED, 5),
    ("GET", "/fapi/v1/forceOrders"): Route(_account.force_orders, _SIGNED, _one_or_all(20, 50)),
    ("GET", "/fapi/v1/rateLimit/order"): Route(_account.order_limits, _SIGNED),
    ("POST", "/fapi/v1/listenKey"): Route(_account.start_listen_key, _KEY),
    ("PUT", "/fapi/v1/listenKey"): Route(_account.extend_listen_key, _KEY),
    ("DELETE", "/fapi/v1/listenKey"): Route(_account.close_listen_key, _KEY),
    ("POST", "/fapi/v1/order"): Route(_orders.place, _SIGNED, 0, (1, 1)),
    ("PUT", "/fapi/v1/order"): Route(_orders.amend, _SIGNED, 0, (1, 1)),
    ("GET", "/fapi/v1/order"): Route(_orders.query, _SIGNED),
    ("DELETE", "/fapi/v1/order"): Route(_orders.cancel, _SIGNED),
    ("POST", "/fapi/v1/order/test"): Route(_orders.try_out, _SIGNED, 0),
    ("POST", "/fapi/v1/batchOrders"): Route(_orders.place_batch, _SIGNED, 5, (5, 1)),
    ("PUT", "/fapi/v1/batchOrders"): Route(_orders.amend_batch, _SIGNED, 5, (5, 1)),
    ("DELETE", "/fapi/v1/batchOrders"): Route(_orders.cancel_batch, _SIGNED),
    ("DELETE", "/fapi/v1/allOpenOrders"): Route(_orders.cancel_all, _SIGNED),
    ("GET", "/fapi/v1/openOrders"): Route(_orders.open_orders, _SIGNED, _one_or_all(1, 40)),
    ("GET", "/fapi/v1/openOrder"): Route(_orders.query_open, _SIGNED),
    ("GET", "/fapi/v1/orderAmendment"): Route(_orders.amendments, _SIGNED),
    ("GET", "/fapi/v1/allOrders"): Route(_orders.all_orders, _SIGNED, 5),
    ("POST", "/fapi/v1/countdownCancelAll"): Route(_orders.countdown_cancel_all, _SIGNED, 10),
    ("POST", "/fapi/v1/algoOrder"): Route(_algo.place, _SIGNED, 0, (1, 1)),
    ("GET", "/fapi/v1/algoOrder"): Route(_algo.query, _SIGNED),
    ("DELETE", "/fapi/v1/algoOrder"): Route(_algo.cancel, _SIGNED),
    ("GET", "/fapi/v1/openAlgoOrders"): Route(_algo.open_algos, _SIGNED, _one_or_all(1, 40)),
    ("GET", "/fapi/v1/allAlgoOrders"): Route(_algo.all_algos, _SIGNED, 5),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Route(_algo.cancel_all, _SIGNED),
    ("GET", "/api/v3/ping"): Route(_market.ping, _NONE),
    ("GET", "/api/v3/time"): Route(_market.server_time, _NONE),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route(_account.key_restrictions, _SIGNED),
}
