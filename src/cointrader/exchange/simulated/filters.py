"""Whether prices, quantity and notional of an order are within its symbol's filters. Pure.

Codes are those of the real exchange. Prices are in quote currency.
"""

from __future__ import annotations

from decimal import Decimal

from cointrader.domain.errors import Rejected
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide
from cointrader.domain.ports import Quote


def check_filters(request: OrderRequest, instrument: Instrument, quote: Quote) -> None:
    """Raise `Rejected` where a filter of the symbol refuses `request`."""
    if request.quantity is not None:
        _check_quantity(request, request.quantity, instrument)
    for price in (request.price, request.trigger_price, request.activation_price):
        if price is not None:
            _check_tick(request.symbol, price, instrument)
    if request.price is not None:
        _check_price(request, request.price, instrument)
        _check_distance(request, request.price, instrument, quote.mark)
    if request.kind is OrderKind.MARKET:
        _check_counter_price(request, instrument, quote)
    if request.quantity is not None and not request.reduce_only:
        price = request.price or request.trigger_price or quote.mark
        _check_notional(request.symbol, request.quantity * price, instrument)


def _check_quantity(request: OrderRequest, quantity: Decimal, instrument: Instrument) -> None:
    symbol = request.symbol
    if quantity <= 0:
        raise Rejected(
            f"quantity {quantity} is not above zero", code="-4003", todo="skip the trade"
        )
    if instrument.step_size is not None and quantity % instrument.step_size:
        raise Rejected(
            f"quantity {quantity} is not on {symbol}'s step of {instrument.step_size}",
            code=_off_grid(quantity, instrument.step_size, code="-4023"),
            todo="round it with Instrument.quantity",
        )
    if quantity < instrument.min_quantity and not request.reduce_only:
        raise Rejected(
            f"quantity {quantity} is below {symbol}'s minimum of {instrument.min_quantity}",
            code="-4004",
            todo="skip the trade",
        )
    is_limit = request.price is not None
    largest = instrument.max_limit_quantity if is_limit else instrument.max_quantity
    if largest is not None and quantity > largest:
        raise Rejected(
            f"quantity {quantity} is above {symbol}'s maximum of {largest}",
            code="-4005",
            todo="send a smaller order",
        )


def _check_tick(symbol: str, price: Decimal, instrument: Instrument) -> None:
    if instrument.tick_size is not None and price % instrument.tick_size:
        raise Rejected(
            f"price {price} is not on {symbol}'s tick of {instrument.tick_size}",
            code=_off_grid(price, instrument.tick_size, code="-4014"),
            todo="round it with Instrument.stop_price or target_price",
        )


def precision_of(grid: Decimal) -> int:
    """How many decimals prices or quantities on a grid may have: those that it is written with.

    A tick of 0.10 is one of two decimals, as on Binance, where tick and precision are two things.
    """
    exponent = grid.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def is_too_precise(value: Decimal, grid: Decimal) -> bool:
    """Whether a number has more decimals than its grid; zeros at its end do not count."""
    return precision_of(value.normalize()) > precision_of(grid)


def _off_grid(value: Decimal, grid: Decimal, *, code: str) -> str:
    """Precision is asked before the grid: `code` is for what has few enough decimals."""
    return "-1111" if is_too_precise(value, grid) else code


def _check_price(request: OrderRequest, price: Decimal, instrument: Instrument) -> None:
    lowest, highest = instrument.min_price, instrument.max_price
    if lowest is not None and price < lowest:
        raise _out_of_bounds(request, price, "below", lowest, code="-4013")
    if highest is not None and price > highest:
        raise _out_of_bounds(request, price, "above", highest, code="-4002")


def _check_distance(
    request: OrderRequest, price: Decimal, instrument: Instrument, mark: Decimal
) -> None:
    """Not too far from the mark price; of a conditional order, from its trigger price."""
    trigger = request.trigger_price
    base, above, below = (
        (mark, "-4016", "-4024") if trigger is None else (trigger, "-4183", "-4184")
    )
    up, down = instrument.price_multiplier_up, instrument.price_multiplier_down
    if request.side is OrderSide.BUY and up is not None and price > base * up:
        raise _out_of_bounds(request, price, "above", base * up, code=above)
    if request.side is OrderSide.SELL and down is not None and price < base * down:
        raise _out_of_bounds(request, price, "below", base * down, code=below)


def _out_of_bounds(
    request: OrderRequest, price: Decimal, where: str, bound: Decimal, *, code: str
) -> Rejected:
    return Rejected(
        f"a {request.side} limit of {request.symbol} at {price} is {where} {bound}",
        code=code,
        todo="send a price nearer to the mark price",
    )


def _check_counter_price(request: OrderRequest, instrument: Instrument, quote: Quote) -> None:
    up, down = instrument.price_multiplier_up, instrument.price_multiplier_down
    if request.side is OrderSide.BUY:
        is_far = up is not None and quote.ask > quote.mark * up
    else:
        is_far = down is not None and quote.bid < quote.mark * down
    if is_far:
        raise Rejected(
            f"the best counter price of {request.symbol} is too far from the mark price",
            code="-4131",
            todo="wait, or send a limit order",
        )


def _check_notional(symbol: str, notional: Decimal, instrument: Instrument) -> None:
    if notional < instrument.min_notional:
        raise Rejected(
            f"notional {notional} of {symbol} is below the minimum of {instrument.min_notional}",
            code="-4164",
            todo="skip the trade (reduce-only orders are exempt)",
        )
