"""How much one execution takes at once: with little liquidity an order fills in several parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

Liquidity = Callable[[str, Decimal], Decimal]
"""(symbol, price) -> the most that one fill executes, in base currency."""

MAX_PARTS = 100  # of one execution, more or less


def at_most(notional: Decimal) -> Liquidity:
    """Fills of at most `notional` each, in quote currency."""
    return lambda _symbol, price: notional / price


def parts_of(quantity: Decimal, most: Decimal, step: Decimal | None) -> Iterator[Decimal]:
    """`quantity` in parts of at most `most`, each on the step grid; their sum is exactly it.

    There are about a hundred parts at most, however small `most` is.
    """
    if step is None:
        exponent = quantity.as_tuple().exponent
        step = Decimal(1).scaleb(exponent - 3) if isinstance(exponent, int) else quantity
    part = max(step, quantity / MAX_PARTS // step * step, most // step * step)
    while quantity > part:
        yield part
        quantity -= part
    yield quantity
