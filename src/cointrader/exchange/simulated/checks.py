"""Why an order is refused, with the code the real exchange gives. Pure.

Filters of the symbol are in `filters`; margin and brackets are asked by the account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.errors import Rejected
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide, PriceSource, TimeInForce
from cointrader.domain.ports import Quote
from cointrader.domain.position import Position
from cointrader.exchange.simulated.filters import check_filters
from cointrader.exchange.simulated.resting import Resting, waits_upwards

_ID_PATTERN = re.compile(r"[.A-Za-z0-9:/_-]{1,36}")
_LOWEST_CALLBACK, _HIGHEST_CALLBACK = Decimal("0.001"), Decimal("0.2")


@dataclass(frozen=True, slots=True)
class Moment:
    """When and at what prices something happens to one symbol."""

    at_ms: int
    quote: Quote
    last: Decimal


def check_order(
    request: OrderRequest,
    *,
    instrument: Instrument,
    moment: Moment,
    position: Position | None,
    resting: Iterable[Resting],
) -> None:
    """Raise `Rejected` unless the exchange would take `request` now; margin is asked elsewhere."""
    _check_shape(request)
    check_filters(request, instrument, moment.quote)
    if request.reduce_only or request.close_position:
        _check_reduces(request, position)
    if request.kind is OrderKind.TRAILING_STOP_MARKET:
        _check_activation(request, moment)
    elif request.kind.is_conditional:
        _check_only_one(request, resting)
        _check_not_through(request, instrument, moment.quote)
    elif request.kind is OrderKind.LIMIT:
        _check_time_in_force(request, moment.quote)


def is_marketable(request: OrderRequest, quote: Quote) -> bool:
    """Whether a limit order would fill at once."""
    if request.price is None:
        return False
    return (
        request.price >= quote.ask
        if request.side is OrderSide.BUY
        else (request.price <= quote.bid)
    )


def _check_shape(request: OrderRequest) -> None:
    if not _ID_PATTERN.fullmatch(request.client_order_id):
        raise Rejected(
            f"client order id {request.client_order_id!r} is not 1 to 36 of A-Z a-z 0-9 . : / _ -",
            code="-4015",
            todo="make it with domain.order.client_order_id",
        )
    kind = request.kind
    is_level = kind in (OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET)
    is_trailing = kind is OrderKind.TRAILING_STOP_MARKET
    if request.close_position and (not is_level or request.price is not None):
        raise Rejected(
            f"a {kind} order{' with a price' if is_level else ''} cannot close a position by "
            "itself",
            code="-4136",
            todo="send reduce_only with the position's quantity",
        )
    if not is_level or request.price is not None:  # with a price it becomes a limit order
        is_wanted = kind is OrderKind.LIMIT or is_level
        _check_given(request, "price", request.price, is_wanted=is_wanted)
    _check_given(request, "trigger_price", request.trigger_price, is_wanted=is_level)
    _check_given(request, "callback_ratio", request.callback_ratio, is_wanted=is_trailing)
    if is_trailing:
        _check_trail(request)
    else:
        _check_given(request, "activation_price", request.activation_price, is_wanted=False)
    if request.close_position and (request.quantity is not None or request.reduce_only):
        raise Rejected(
            "close_position closes whatever is open: it takes no quantity and no reduce_only",
            code="-4137" if request.quantity is not None else "-4138",
            todo="leave quantity and reduce_only out",
        )
    if not request.close_position and request.quantity is None:
        raise Rejected("the order has no quantity", code="-1102", todo="set quantity")


def _check_given(
    request: OrderRequest, name: str, value: Decimal | None, *, is_wanted: bool
) -> None:
    if value is None and is_wanted:
        raise Rejected(f"a {request.kind} order needs a {name}", code="-1102", todo=f"set {name}")
    if value is not None and not is_wanted:
        raise Rejected(
            f"a {request.kind} order has no {name}", code="-1106", todo=f"leave {name} out"
        )
    if value is not None and value <= 0:
        code = "-4001" if name == "price" else "-1102"
        raise Rejected(f"{name} {value} is not above zero", code=code, todo=f"set {name}")


def _check_trail(request: OrderRequest) -> None:
    callback, activation = request.callback_ratio, request.activation_price
    if callback is not None and not _LOWEST_CALLBACK <= callback <= _HIGHEST_CALLBACK:
        raise Rejected(
            f"a callback of {callback} is not between {_LOWEST_CALLBACK} and {_HIGHEST_CALLBACK}",
            code="-2007",
            todo="set callback_ratio, a fraction",
        )
    if activation is not None and activation <= 0:
        raise Rejected(
            f"activation price {activation} is not above zero",
            code="-4135",
            todo="leave activation_price out to trail at once",
        )


def _check_reduces(request: OrderRequest, position: Position | None) -> None:
    if position is not None and request.side is position.side.exit:
        return
    if position is None and request.trigger_price is not None and not request.close_position:
        return  # taken all the same: whether there is something to reduce is asked at its trigger
    state = "flat" if position is None else position.side
    if request.close_position:
        raise Rejected(
            f"{request.symbol} is {state}: a {request.side} close_position order has nothing "
            "to close",
            code="-4509",
            todo="wait for the entry's fill, then protect it",
        )
    raise Rejected(
        f"{request.symbol} is {state}: a reduce-only {request.side} would reduce nothing",
        code="-2022",
        todo="query the position; it may be closed already",
    )


def _check_only_one(request: OrderRequest, resting: Iterable[Resting]) -> None:
    if not request.close_position:
        return
    for order in resting:
        other = order.report
        same = other.kind is request.kind and other.side is request.side
        if other.close_position and same:
            raise Rejected(
                f"{other.client_order_id} is already a {request.side} {request.kind} "
                f"close_position order of {request.symbol}",
                code="-4130",
                todo="cancel it first, or send reduce_only with a quantity",
            )


def _check_not_through(request: OrderRequest, instrument: Instrument, quote: Quote) -> None:
    """A level that the price is strictly past would trigger at once.

    The last trade may have been at the bid or at the ask (a position just bought was bought at
    the ask), so a level inside the spread, or equal to either, is not past yet: it rests. Levels
    are rounded towards the entry, so one on the fill itself may lie a part of a tick past it.
    """
    trigger = request.trigger_price
    if trigger is None:
        return
    tick = instrument.tick_size
    is_on_mark = request.triggered_by is PriceSource.MARK
    if waits_upwards(request.side, request.kind):
        is_through = _grid(quote.mark if is_on_mark else quote.bid, tick, upwards=False) > trigger
    else:
        is_through = _grid(quote.mark if is_on_mark else quote.ask, tick, upwards=True) < trigger
    if is_through:
        raise _at_once(request, f"at {trigger}", quote)


def _check_activation(request: OrderRequest, moment: Moment) -> None:
    activation = request.activation_price
    if activation is None:
        return
    is_on_mark = request.triggered_by is PriceSource.MARK
    latest = moment.quote.mark if is_on_mark else moment.last
    if activation >= latest if request.side is OrderSide.BUY else activation <= latest:
        raise _at_once(request, f"activated at {activation}", moment.quote)


def _at_once(request: OrderRequest, what: str, quote: Quote) -> Rejected:
    return Rejected(
        f"{request.side} {request.kind} of {request.symbol} {what} would trigger at once: "
        f"the price is between {quote.bid} and {quote.ask}",
        code="-2021",
        todo="the price is through already: close at market instead",
    )


def _check_time_in_force(request: OrderRequest, quote: Quote) -> None:
    fills = is_marketable(request, quote)
    if request.time_in_force is TimeInForce.GTX and fills:
        raise Rejected(
            f"a post-only {request.side} of {request.symbol} at {request.price} would take",
            code="-5022",
            todo="send a price on its own side of the spread",
        )
    if request.time_in_force is TimeInForce.FOK and not fills:
        raise Rejected(
            f"a {request.side} of {request.symbol} at {request.price} cannot be filled at once",
            code="-5021",
            todo="send a price through the spread, or another time in force",
        )


def _grid(price: Decimal, tick: Decimal | None, *, upwards: bool) -> Decimal:
    if tick is None:
        return price
    over = price % tick
    if not over:
        return price
    return price - over + (tick if upwards else 0)
