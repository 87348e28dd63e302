"""Calls of the Algo Service: stops, take-profits and trailing stops."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

from cointrader.domain.order import OrderKind, OrderRequest, OrderSide, PriceSource, TimeInForce
from cointrader.exchange.simulated.filters import is_too_precise
from cointrader.exchange.simulated.wire import shapes
from cointrader.exchange.simulated.wire.calls_orders import (
    require_no_price_match,
    require_one_way,
    require_week,
    self_trade_mode,
    unknown_order,
)
from cointrader.exchange.simulated.wire.orders import AlgoOrder, Terms
from cointrader.exchange.simulated.wire.params import Params, not_wanted
from cointrader.exchange.simulated.wire.refusals import refused
from cointrader.exchange.simulated.wire.venue import Venue

_KINDS = ("STOP_MARKET", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
# A stop is a stop in the core's words; one with a price becomes a limit order at its trigger.
_WITH_LIMIT = {"STOP": OrderKind.STOP_MARKET, "TAKE_PROFIT": OrderKind.TAKE_PROFIT_MARKET}
_TIMES = ("GTC", "IOC", "FOK", "GTX", "GTD", "GTE_GTC")
_UNTIL_CANCELLED = ("GTD", "GTE_GTC")  # as far as the simulated exchange is asked
_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


async def place(venue: Venue, params: Params) -> Any:
    request, terms = _read(venue, params)
    await venue.place(request, terms)
    algo = venue.recorder.algo_named(request.client_order_id)
    assert algo is not None, "an order that was taken has been recorded"
    return shapes.algo_accepted(algo)


def _read(venue: Venue, params: Params) -> tuple[OrderRequest, Terms]:
    params.choice("algoType", ("CONDITIONAL",))
    symbol = venue.symbol(params)
    side = OrderSide(params.choice("side", list(OrderSide), code=-1117))
    name = params.choice("type", (*_KINDS, *_WITH_LIMIT), code=-1116)
    require_one_way(params)
    has_limit = name in _WITH_LIMIT
    kind = _WITH_LIMIT[name] if has_limit else OrderKind(name)
    if has_limit:
        require_no_price_match(params)
    elif "price" in params:
        raise not_wanted("price")
    is_closing = params.flag("closePosition")
    is_reducing = params.flag("reduceOnly", code=-4062)
    is_trailing = kind is OrderKind.TRAILING_STOP_MARKET
    trigger = None if is_trailing else params.needed_decimal("triggerPrice")
    times = params.choice("timeInForce", _TIMES, default="GTC", code=-1115)
    good_till_ms = venue.good_till_ms(params, times)
    working = params.choice("workingType", list(PriceSource), default=PriceSource.LAST.value)
    request = OrderRequest(
        client_order_id=params.client_id("clientAlgoId") or secrets.token_urlsafe(16),
        symbol=symbol,
        side=side,
        kind=kind,
        quantity=params.decimal("quantity") if is_closing else params.needed_decimal("quantity"),
        trigger_price=trigger if trigger is None else _on_tick(venue, symbol, trigger),
        reduce_only=is_reducing,
        close_position=is_closing,
        price=params.needed_decimal("price") if has_limit else None,
        time_in_force=TimeInForce("GTC" if times in _UNTIL_CANCELLED else times),
        activation_price=params.decimal("activatePrice") if is_trailing else None,
        callback_ratio=_percent(params.needed_decimal("callbackRate")) if is_trailing else None,
        triggered_by=PriceSource(working),
    )
    if times == "GTE_GTC" and symbol not in venue.exchange.book.ledger.positions:
        raise refused(-4509, "Time in Force (TIF) GTE can only be used with open positions.")
    is_protected, self_trade = params.flag("priceProtect"), self_trade_mode(params)
    if is_closing:
        return request, Terms("GTE_GTC", is_protected, self_trade=self_trade)
    return request, Terms(times, is_protected, good_till_ms, self_trade)


def _percent(value: Decimal) -> Decimal:
    if not Decimal("0.1") <= value <= 20:
        raise refused(-2007, "Invalid callBack rate.")
    return value / 100


def _on_tick(venue: Venue, symbol: str, trigger: Decimal) -> Decimal:
    """The real exchange takes trigger prices off the tick; the simulated one takes the nearest.

    Neither takes more decimals than the symbol's prices have.
    """
    tick = venue.market.instrument(symbol).tick_size
    if tick is None or is_too_precise(trigger, tick):
        return trigger
    return (trigger / tick).quantize(Decimal(1)) * tick


async def query(venue: Venue, params: Params) -> Any:
    algo = _find(venue, params)
    if algo is None:
        raise refused(-2013, "Order does not exist.")
    return shapes.algo_queried(algo)


async def cancel(venue: Venue, params: Params) -> Any:
    algo = _find(venue, params)
    if algo is None or not algo.is_open:
        raise unknown_order()
    await venue.exchange.cancel(algo.symbol, algo.client_id)
    return shapes.algo_cancelled(algo)


def _find(venue: Venue, params: Params) -> AlgoOrder | None:
    algo_id, client_id = params.whole("algoId"), params.given("clientAlgoId")
    if algo_id is not None:
        return venue.recorder.algo(algo_id)
    if client_id is not None:
        return venue.recorder.algo_named(client_id)
    raise refused(-1102, "Param 'algoid' or 'clientalgoid' must be sent, but both were empty/null!")


async def open_algos(venue: Venue, params: Params) -> Any:
    symbol, algo_id = venue.optional_symbol(params), params.whole("algoId")
    params.choice("algoType", ("CONDITIONAL",), default="CONDITIONAL")
    return [
        shapes.algo_listed(algo)
        for algo in venue.recorder.open_algo()
        if symbol in (None, algo.symbol) and algo_id in (None, algo.algo_id)
    ]


async def all_algos(venue: Venue, params: Params) -> Any:
    symbol, from_id = venue.symbol(params), params.whole("algoId")
    start_ms, end_ms = params.whole("startTime"), params.whole("endTime")
    require_week(start_ms, end_ms)
    rows = [
        shapes.algo_listed(algo)
        for algo in venue.recorder.all_algo()
        if algo.symbol == symbol
        and (from_id is None or algo.algo_id >= from_id)
        and (start_ms or 0) <= algo.created_ms
        and (end_ms is None or algo.created_ms <= end_ms)
    ]
    limit = params.limit(500, 1000)
    return rows[-limit:] if from_id is None and start_ms is None else rows[:limit]


async def cancel_all(venue: Venue, params: Params) -> Any:
    symbol = venue.symbol(params)
    for algo in venue.recorder.open_algo():
        if algo.symbol == symbol:
            await venue.exchange.cancel(symbol, algo.client_id)
    return _DONE
