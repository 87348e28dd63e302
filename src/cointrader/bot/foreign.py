"""Positions and orders that this program did not open: found, told, never silently mixed with ours.

A symbol with something foreign gets no entry. What else happens is the owner's policy: `leave` it
alone (and trade on once it is gone), `adopt` a position (protect and manage it from then on), or
`refuse` to start beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cointrader.domain.errors import CointraderError
from cointrader.domain.order import OrderReport, is_ours
from cointrader.domain.ports import Clock, Exchange, Journal
from cointrader.domain.position import Position
from cointrader.domain.records import Alert, BotState

_LOOK_AGAIN_MS = 500


class ForeignPolicy(StrEnum):
    LEAVE = "leave"
    ADOPT = "adopt"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Foreign:
    """What one symbol has that is not ours."""

    symbol: str
    position: Position | None
    orders: tuple[OrderReport, ...]

    def __str__(self) -> str:
        parts = [] if self.position is None else [_of_position(self.position)]
        if self.orders:
            ids = ", ".join(order.client_order_id for order in self.orders)
            parts.append(f"{len(self.orders)} order{'s' * (len(self.orders) > 1)} ({ids})")
        return " and ".join(parts)


async def find_foreign(
    exchange: Exchange, symbol: str, *, since_ms: int | None = None
) -> Foreign | None:
    """What `symbol` has, asked while this program itself holds nothing of it.

    As of a moment after the call, or of any since `since_ms`.
    """
    found = await exchange.holdings(symbol, since_ms=since_ms)
    orders = tuple(o for o in found.orders if not is_ours(o.client_order_id))
    return Foreign(symbol, found.position, orders) if found.position or orders else None


async def refuse_foreign(exchange: Exchange, journal: Journal, symbols: Iterable[str]) -> None:
    """For the policy `refuse`: raise when one of `symbols` has what this journal knows nothing of.

    Before any bot runs. A symbol whose last entry is not booked as closed is the bot's own affair.
    """
    for symbol in symbols:
        entry = journal.last_entry(symbol)
        if entry is not None and not journal.has_trade(entry.client_order_id):
            continue
        found = await find_foreign(exchange, symbol)
        if found is not None:
            raise CointraderError(
                f"{symbol} has something that this program did not open",
                where=symbol,
                found=str(found),
                allowed="nothing, because FOREIGN_POSITIONS = refuse",
                todo="close and cancel it, leave the symbol out, or set FOREIGN_POSITIONS to "
                "leave or adopt",
            )


class ForeignWatch:
    """Looks for what is foreign in one symbol and tells when it comes, changes or goes."""

    def __init__(self, symbol: str, exchange: Exchange, journal: Journal, clock: Clock) -> None:
        self._symbol = symbol
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._told = ""

    @property
    def is_in_the_way(self) -> bool:
        """Whether something was there at the last look."""
        return bool(self._told)

    async def look(self, since_ms: int | None) -> Foreign | None:
        """What is there since `since_ms`, told; to be asked while the bot holds nothing."""
        found = await self.find(since_ms)
        self.tell(found)
        return found

    async def find(self, since_ms: int | None = None) -> Foreign | None:
        """What is there now, or since `since_ms`.

        A position that has just been closed may still be shown: it is looked for again before
        anything is said.
        """
        found = await find_foreign(self._exchange, self._symbol, since_ms=since_ms)
        if found is None or found.position is None or self._told:
            return found
        await self._clock.sleep_ms(_LOOK_AGAIN_MS)
        return await find_foreign(self._exchange, self._symbol)

    def adopted(self, found: Foreign) -> None:
        """The position found is ours from now on."""
        self._told = ""
        at_ms, symbol = self._clock.now_ms(), self._symbol
        self._journal.note(BotState(at_ms, symbol, "running", f"took over {found}"))
        words = f"{symbol}: took over {found}; it has a stop and a target of ours now"
        self._journal.note(Alert(at_ms, "warning", symbol, words))

    def tell(self, found: Foreign | None) -> None:
        """Say what is there, unless it was said already."""
        text = "" if found is None else str(found)
        if text == self._told:
            return
        self._told = text
        at_ms, symbol = self._clock.now_ms(), self._symbol
        if text:
            self._journal.note(BotState(at_ms, symbol, "not-traded", f"not ours: {text}"))
            words = f"{symbol} is not traded: it has {text}, which this program did not open"
            self._journal.note(Alert(at_ms, "warning", symbol, words))
        else:
            self._journal.note(BotState(at_ms, symbol, "running", "what was not ours is gone"))


def _of_position(held: Position) -> str:
    quantity, price = held.quantity.normalize(), held.entry_price.normalize()
    return f"a {held.side.lower()} position of {quantity:f} at {price:f}"
