"""Calls about market and limit orders."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import Rejected
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide, TimeInForce
from cointrader.exchange.simulated.checks import Moment, check_order
from cointrader.exchange.simulated.orders import accepted
from cointrader.exchange.simulated.wire import shapes
from cointrader.exchange.simulated.wire.orders import PlainOrder, Terms
from cointrader.exchange.simulated.wire.params import Params, missing, not_wanted
from cointrader.exchange.simulated.wire.refusals import error_body, refused
from cointrader.exchange.simulated.wire.venue import Venue

_CONDITIONAL = (
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)
_MOST_IN_BATCH, _MOST_TO_CANCEL = 5, 10
_WEEK_MS = 7 * DAY_MS
_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


async def place(venue: Venue, params: Params) -> Any:
    (request, terms), as_ack = read_order(venue, params), _wants_ack(params)
    await venue.place(request, terms)
    return shapes.accepted(_newest(venue, request), as_ack=as_ack)


async def try_out(venue: Venue, params: Params) -> Any:
    """Validate an order and forget it; margin is not asked for."""
    request, terms = read_order(venue, params)
    _wants_ack(params)
    now_ms = venue.now_ms()
    book = venue.exchange.book
    symbol = request.symbol
    check_order(
        request,
        instrument=book.instruments[symbol],
        moment=Moment(now_ms, venue.market.quote(symbol), venue.market.last(symbol)),
        position=book.ledger.positions.get(symbol),
        resting=book.desks[symbol].resting.values(),
    )
    report = accepted(request, now_ms)
    return shapes.tried(PlainOrder(0, report, now_ms, now_ms, terms))


def _wants_ack(params: Params) -> bool:
    """Whether an order's answer is to be only an acknowledgement."""
    return params.choice("newOrderRespType", ("ACK", "RESULT"), default="ACK") == "ACK"


def read_order(venue: Venue, params: Params) -> tuple[OrderRequest, Terms]:
    """An order from its parameters."""
    symbol = venue.symbol(params)
    side = OrderSide(params.choice("side", list(OrderSide), code=-1117))
    kind = params.choice("type", ("LIMIT", "MARKET", *_CONDITIONAL), code=-1116)
    if kind in _CONDITIONAL:
        raise refused(
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API "
            "endpoints instead.",
        )
    require_one_way(params)
    match = params.choice("priceMatch", _PRICE_MATCHES, default="NONE", code=-5037)
    if kind == "LIMIT":
        times = params.choice("timeInForce", (*TimeInForce, "GTD"), code=-1115)
        price = _matched(venue, params, symbol, side, match)
    else:
        times, price = TimeInForce.GTC.value, None
        if match != "NONE":
            raise refused(
                -5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT"
            )
        if "timeInForce" in params:
            raise not_wanted("timeInForce")
        if "price" in params:
            raise not_wanted("price")
    if params.flag("closePosition"):
        raise refused(-4136, "Target strategy invalid for orderType MARKET,closePosition true.")
    request = OrderRequest(
        client_order_id=params.client_id("newClientOrderId") or _made_up_id(),
        symbol=symbol,
        side=side,
        kind=OrderKind(kind),
        quantity=params.needed_decimal("quantity"),
        reduce_only=params.flag("reduceOnly", code=-4062),
        price=price,
        time_in_force=TimeInForce.GTC if times == "GTD" else TimeInForce(times),
    )
    return request, Terms(
        times,
        good_till_ms=venue.good_till_ms(params, times),
        self_trade=self_trade_mode(params),
        price_match=match,
    )


def _matched(venue: Venue, params: Params, symbol: str, side: OrderSide, match: str) -> Decimal:
    """The price of a limit order: its own, or that of a level of the book, as `match` says."""
    if match == "NONE":
        return params.needed_decimal("price")
    if "price" in params:
        raise not_wanted("price")
    whose, _, level = match.partition("_")
    place = int(level or 1)
    book = venue.market.book(symbol, place)
    is_asks = (whose == "OPPONENT") is (side is OrderSide.BUY)
    levels = book.asks if is_asks else book.bids
    if len(levels) < place:
        raise refused(-5041, "No depth matches this BBO order")
    return Decimal(levels[-1][0])


def self_trade_mode(params: Params) -> str:
    """What is to become of orders of one's own that meet; here none ever do."""
    modes = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
    name = "selfTradePreventionMode"
    return params.choice(name, modes, default="EXPIRE_MAKER", code=-5039)


def require_one_way(params: Params) -> None:
    """Raise `Rejected` for a position side of hedge mode."""
    if (
        params.choice("positionSide", ("BOTH", "LONG", "SHORT"), default="BOTH", code=-4060)
        != "BOTH"
    ):
        raise refused(-4061, "Order's position side does not match user's setting.")


def require_no_price_match(params: Params) -> None:
    """Raise `Rejected` for a price that the exchange is to find by itself, at a trigger."""
    if params.choice("priceMatch", _PRICE_MATCHES, default="NONE") != "NONE":
        raise refused(-1020, "This operation is not supported: priceMatch of this order.")


_PRICE_MATCHES = (
    "NONE",
    "OPPONENT",
    "OPPONENT_5",
    "QUEUE",
    "QUEUE_5",
    "QUEUE_10",
    "QUEUE_20",
)


def _made_up_id() -> str:
    return secrets.token_urlsafe(16)


def _newest(venue: Venue, request: OrderRequest) -> PlainOrder:
    order = venue.recorder.plain_named(request.symbol, request.client_order_id)
    assert order is not None, "an order that was taken has been recorded"
    return order


# ---------------------------------------------------------------------- one order


async def query(venue: Venue, params: Params) -> Any:
    order = _find(venue, params)
    if order is None:
        raise refused(-2013, "Order does not exist.")
    return shapes.queried(order)


async def query_open(venue: Venue, params: Params) -> Any:
    order = _find(venue, params)
    if order is None or not order.is_open:
        raise refused(-2013, "Order does not exist.")
    return shapes.queried(order)


async def cancel(venue: Venue, params: Params) -> Any:
    order = _find_open(venue, params)
    await venue.exchange.cancel(order.symbol, order.client_id)
    return shapes.changed(order)


async def amend(venue: Venue, params: Params) -> Any:
    """Another price or quantity for a limit order, which goes to the end of the queue."""
    order, modify_id = _find_open(venue, params), params.whole("modifyId")
    side = OrderSide(params.choice("side", list(OrderSide), code=-1117))
    price, quantity = params.needed_decimal("price"), params.needed_decimal("quantity")
    before = order.report
    if side is not before.side:
        raise refused(-1117, "Invalid side.")
    if (price, quantity) == (before.price, before.quantity):
        raise refused(-5027, "No need to modify the order.")
    good_till_ms = order.terms.good_till_ms or None
    with venue.recorder.amending(order, modify_id):
        await venue.exchange.cancel(order.symbol, order.client_id)
        try:
            await venue.exchange.place(_again(order, price, quantity), good_till_ms=good_till_ms)
        except Rejected:
            put_back = _again(order, before.price, before.quantity)
            await venue.exchange.place(put_back, good_till_ms=good_till_ms)
            raise
    return shapes.amended(order, modify_id)


async def amendments(venue: Venue, params: Params) -> Any:
    """What was amended, the newest first."""
    symbol, order_id = venue.symbol(params), params.whole("orderId")
    client_id = params.given("origClientOrderId")
    start_ms, end_ms = params.whole("startTime"), params.whole("endTime")
    rows = [
        shapes.amendment(each)
        for each in reversed(venue.recorder.amendments)
        if each.after.symbol == symbol
        and order_id in (None, each.order_id)
        and client_id in (None, each.after.client_order_id)
        and (start_ms or 0) <= each.at_ms
        and (end_ms is None or each.at_ms <= end_ms)
    ]
    return rows[: params.limit(50, 100)]


def _again(order: PlainOrder, price: Decimal | None, quantity: Decimal | None) -> OrderRequest:
    report = order.report
    return OrderRequest(
        client_order_id=order.client_id,
        symbol=order.symbol,
        side=report.side,
        kind=report.kind,
        quantity=quantity,
        reduce_only=report.reduce_only,
        price=price,
        time_in_force=report.time_in_force,
    )


def _find(venue: Venue, params: Params) -> PlainOrder | None:
    symbol = venue.symbol(params)
    order_id, client_id = params.whole("orderId"), params.given("origClientOrderId")
    if order_id is not None:
        order = venue.recorder.plain(order_id)
        return order if order is not None and order.symbol == symbol else None
    if client_id is not None:
        return venue.recorder.plain_named(symbol, client_id)
    raise refused(
        -1102,
        "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
    )


def _find_open(venue: Venue, params: Params) -> PlainOrder:
    order = _find(venue, params)
    if order is None or not order.is_open:
        raise unknown_order()
    return order


def unknown_order() -> Rejected:
    """What a cancellation of something that is not open gets."""
    return refused(-2011, "Unknown order sent.")


# ---------------------------------------------------------------------- many orders


async def open_orders(venue: Venue, params: Params) -> Any:
    symbol = venue.optional_symbol(params)
    return [
        shapes.queried(order)
        for order in venue.recorder.open_plain()
        if symbol in (None, order.symbol)
    ]


async def all_orders(venue: Venue, params: Params) -> Any:
    symbol, from_id = venue.optional_symbol(params), params.whole("orderId")
    start_ms, end_ms = params.whole("startTime"), params.whole("endTime")
    require_week(start_ms, end_ms)
    rows = [
        shapes.queried(order)
        for order in venue.recorder.all_plain()
        if symbol in (None, order.symbol)
        and (from_id is None or order.order_id >= from_id)
        and (start_ms or 0) <= order.created_ms
        and (end_ms is None or order.created_ms <= end_ms)
    ]
    limit = params.limit(500, 1000)
    return rows[-limit:] if from_id is None and start_ms is None else rows[:limit]


def require_week(start_ms: int | None, end_ms: int | None) -> None:
    """Raise `Rejected` for a window of a week or more."""
    if start_ms is not None and end_ms is not None and end_ms - start_ms >= _WEEK_MS:
        raise refused(-4165, "Invalid time interval: maximum time interval is 7 days.")


async def cancel_all(venue: Venue, params: Params) -> Any:
    await venue.cancel_all_plain(venue.symbol(params))
    return _DONE


async def place_batch(venue: Venue, params: Params) -> Any:
    return await _each_of_batch(venue, params, place)


async def amend_batch(venue: Venue, params: Params) -> Any:
    return await _each_of_batch(venue, params, amend)


async def _each_of_batch(
    venue: Venue, params: Params, call: Callable[[Venue, Params], Awaitable[Any]]
) -> list[Any]:
    """Each order's own answer, or the error that it would have got."""
    orders = params.json_list("batchOrders")
    if not 1 <= len(orders) <= _MOST_IN_BATCH:
        raise refused(-4082, "Invalid number of batch place orders.")
    answers: list[Any] = []
    for each in orders:
        try:
            if not isinstance(each, dict):
                raise refused(-1130, "Data sent for parameter 'batchOrders' is not valid.")
            answers.append(await call(venue, Params.of_json(each)))
        except Rejected as error:
            answers.append(error_body(error))
    return answers


async def cancel_batch(venue: Venue, params: Params) -> Any:
    symbol = venue.symbol(params)
    name = next((name for name in _ID_LISTS if name in params), None)
    if name is None:
        raise missing("orderIdList")
    ids = params.json_list(name)
    if not 1 <= len(ids) <= _MOST_TO_CANCEL:
        raise refused(-4082, "Invalid number of batch place orders.")
    return await _cancel_each(venue, symbol, _ID_LISTS[name], ids)


# name of a list, in its two spellings -> name of one of it
_ID_LISTS = {
    "orderIdList": "orderId",
    "orderidlist": "orderId",
    "origClientOrderIdList": "origClientOrderId",
    "origclientorderidlist": "origClientOrderId",
}


async def _cancel_each(venue: Venue, symbol: str, name: str, ids: Sequence[Any]) -> list[Any]:
    answers: list[Any] = []
    for each in ids:
        try:
            answers.append(await cancel(venue, Params.of_json({"symbol": symbol, name: each})))
        except Rejected as error:
            answers.append(error_body(error))
    return answers


async def countdown_cancel_all(venue: Venue, params: Params) -> Any:
    symbol, wait_ms = venue.symbol(params), params.needed_whole("countdownTime")
    if wait_ms < 0:
        raise refused(-1130, "Data sent for parameter 'countdownTime' is not valid.")
    venue.count_down(symbol, wait_ms)
    return {"symbol": symbol, "countdownTime": str(wait_ms)}
