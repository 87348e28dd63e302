"""A position closed at market without its bot: for a person who wants to be flat, and nothing else.

What belongs to this program goes with it: its orders are cancelled once the position reads zero.
The bot finds the fill when it starts again, and books it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from cointrader.domain.errors import CointraderError, Rejected
from cointrader.domain.order import (
    GUARD_PREFIX,
    OWN_PREFIX,
    OrderKind,
    OrderReport,
    OrderRequest,
)
from cointrader.domain.ports import Clock
from cointrader.domain.position import Position

BY_HAND_PREFIX = "cth-"  # neither a bot's nor a guard's: whoever keeps books asks for its fills
_TRIES = 5
_PAUSE_MS = 1_000  # an order may take a moment to be seen in the position
_OURS = (OWN_PREFIX, GUARD_PREFIX)


class ClosingExchange(Protocol):
    """The part of an exchange that closing needs."""

    async def place(self, request: OrderRequest) -> OrderReport: ...

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None: ...

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]: ...

    async def position(self, symbol: str) -> Position | None: ...


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of one symbol. `problem` is empty when it is flat and its orders are gone."""

    symbol: str
    quantity: Decimal = Decimal(0)  # that was open; 0 when nothing was
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.symbol}: {self.problem}"
        if not self.quantity:
            return f"{self.symbol}: nothing was open"
        return f"{self.symbol}: closed {self.quantity.normalize():f} at market"


def not_ours(symbol: str) -> Closed:
    """What is said of a position that nobody asked to be closed."""
    return Closed(
        symbol, problem=f"its position is not ours; `--symbols {symbol}` closes it all the same"
    )


async def close_at_market(exchange: ClosingExchange, clock: Clock, symbol: str) -> Closed:
    """Close what is open of `symbol`, see that it reads zero, cancel what is left of our orders.

    Orders are reduce-only, so one too many opens nothing. Whatever goes wrong is in
    the answer.
    """
    first = Decimal(0)
    problem = ""
    for attempt in range(_TRIES):
        try:
            held = await exchange.position(symbol)
            if held is None:
                await _sweep(exchange, symbol)
                return Closed(symbol, first)
            first = first or held.quantity
            await exchange.place(_order(held, clock.now_ms(), attempt))
        except Rejected as refused:
            problem = f"the exchange refused: {refused.what}"
        except CointraderError as error:
            problem = error.what  # whatever it was, the next look at the position tells
        await clock.sleep_ms(_PAUSE_MS)
    try:
        if await exchange.position(symbol) is None:
            await _sweep(exchange, symbol)
            return Closed(symbol, first)
    except CointraderError as error:
        problem = error.what
    return Closed(symbol, first, f"NOT seen flat: {problem or 'the position still shows'}")


def _order(held: Position, now_ms: int, attempt: int) -> OrderRequest:
    return OrderRequest(
        client_order_id=f"{BY_HAND_PREFIX}{held.symbol[:16]}-{now_ms}-{attempt}"[:36],
        symbol=held.symbol,
        side=held.side.exit,
        kind=OrderKind.MARKET,
        quantity=held.quantity,
        reduce_only=True,
    )


async def _sweep(exchange: ClosingExchange, symbol: str) -> None:
    for order in await exchange.open_orders(symbol):
        if order.client_order_id.startswith(_OURS):
            await exchange.cancel(symbol, order.client_order_id)
