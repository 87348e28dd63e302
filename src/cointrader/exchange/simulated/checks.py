"""Why an order is refused, with the code the real exchange gives. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from cointrader.domain.errors import Rejected
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderRequest
from cointrader.domain.ports import Quote
from cointrader.domain.position import Position
from cointrader.exchange.simulated.matching import Resting, is_through

_ID_PATTERN = re.compile(r"[.A-Za-z0-9:/_-]{1,36}")


def check_order(
    request: OrderRequest,
    *,
    instrument: Instrument,
    quote: Quote,
    position: Position | None,
    resting: Iterable[Resting],
) -> None:
    """Raise `Rejected` unless the exchange would take `request` now; margin is asked elsewhere."""
    _check_shape(request)
    _check_grid(request, instrument)
    if request.reduce_only or request.close_position:
        _check_reduces(request, position)
    elif request.quantity is not None:
        _check_notional(request, request.quantity, instrument, quote.mark)
    if request.kind.is_conditional:
        _check_only_one(request, resting)
        _check_not_through(request, instrument, quote)


def _check_shape(request: OrderRequest) -> None:
    if not _ID_PATTERN.fullmatch(request.client_order_id):
        raise Rejected(
            f"client order id {request.client_order_id!r} is not 1 to 36 of A-Z a-z 0-9 . : / _ -",
            code="-4015",
            todo="make it with domain.order.client_order_id",
        )
    if not request.kind.is_conditional:
        if request.close_position:
            raise Rejected(
                "a MARKET order cannot close a position by itself",
                code="-4136",
                todo="send reduce_only with the position's quantity",
            )
        if request.trigger_price is not None:
            raise Rejected(
                "a MARKET order has no trigger price",
                code="-1106",
                todo="leave trigger_price out",
            )
    else:
        if request.trigger_price is None or request.trigger_price <= 0:
            raise Rejected(
                f"{request.kind} needs a trigger price above zero",
                code="-1102",
                todo="set trigger_price",
            )
        if request.close_position and (request.quantity is not None or request.reduce_only):
            raise Rejected(
                "close_position closes whatever is open: it takes no quantity and no reduce_only",
                code="-4137" if request.quantity is not None else "-4138",
                todo="leave quantity and reduce_only out",
            )
        if not request.close_position and not request.reduce_only:
            raise Rejected(
                "the simulated exchange takes conditional orders as exits only",
                code="-1116",
                todo="send close_position, or reduce_only with a quantity",
            )
    if not request.close_position and request.quantity is None:
        raise Rejected("the order has no quantity", code="-1102", todo="set quantity")


def _check_grid(request: OrderRequest, instrument: Instrument) -> None:
    symbol, quantity, trigger = request.symbol, request.quantity, request.trigger_price
    if quantity is not None:
        if quantity <= 0:
            raise Rejected(
                f"quantity {quantity} is not above zero", code="-4003", todo="skip the trade"
            )
        if instrument.step_size is not None and quantity % instrument.step_size:
            raise Rejected(
                f"quantity {quantity} is not on {symbol}'s step of {instrument.step_size}",
                code="-1111",
                todo="round it with Instrument.quantity",
            )
        if quantity < instrument.min_quantity and not request.reduce_only:
            raise Rejected(
                f"quantity {quantity} is below {symbol}'s minimum of {instrument.min_quantity}",
                code="-4004",
                todo="skip the trade",
            )
        if instrument.max_quantity is not None and quantity > instrument.max_quantity:
            raise Rejected(
                f"quantity {quantity} is above {symbol}'s maximum of {instrument.max_quantity}",
                code="-4005",
                todo="send a smaller order",
            )
    if trigger is not None and instrument.tick_size is not None and trigger % instrument.tick_size:
        raise Rejected(
            f"trigger price {trigger} is not on {symbol}'s tick of {instrument.tick_size}",
            code="-4014",
            todo="round it with Instrument.stop_price or target_price",
        )


def _check_notional(
    request: OrderRequest, quantity: Decimal, instrument: Instrument, mark: Decimal
) -> None:
    if quantity * mark < instrument.min_notional:
        raise Rejected(
            f"notional {quantity * mark} of {request.symbol} is below the minimum of "
            f"{instrument.min_notional}",
            code="-4164",
            todo="skip the trade (reduce-only orders are exempt)",
        )


def _check_reduces(request: OrderRequest, position: Position | None) -> None:
    if position is not None and request.side is position.side.exit:
        return
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
    trigger = request.trigger_price
    if trigger is None:
        return
    # Levels are rounded towards the entry, so one on the fill itself may lie a part of a tick
    # past it. That is still the level it was meant to be, and it rests.
    bid = _grid(quote.bid, instrument.tick_size, upwards=False)
    ask = _grid(quote.ask, instrument.tick_size, upwards=True)
    if is_through(request.side, request.kind, trigger, bid=bid, ask=ask):
        raise Rejected(
            f"{request.side} {request.kind} of {request.symbol} at {trigger} would trigger at "
            f"once: the price is {quote.mark}",
            code="-2021",
            todo="the price is through already: close at market instead",
        )


def _grid(price: Decimal, tick: Decimal | None, *, upwards: bool) -> Decimal:
    if tick is None:
        return price
    over = price % tick
    if not over:
        return price
    return price - over + (tick if upwards else 0)
