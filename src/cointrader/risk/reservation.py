"""An entry that is asked for, and the reservation that answers it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Side

Amount = Decimal | float | int


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """What a bot would like to open. `price` is what a market order would fill at now."""

    side: Side
    price: float
    stop_distance: float
    instrument: Instrument
    probability: float | None = None  # of the entry filter, for `tie_break = probability`

    def __post_init__(self) -> None:
        # Checked here, in the bot that asks: the bot that serves the auction may be another.
        object.__setattr__(self, "side", Side(self.side))
        object.__setattr__(self, "price", float(self.price))
        object.__setattr__(self, "stop_distance", float(self.stop_distance))
        if not 0.0 < self.price < math.inf:
            raise ValueError(f"an entry needs a price above 0, not {self.price!r}")
        if not 0.0 <= self.stop_distance < math.inf:
            raise ValueError(f"an entry needs a stop distance, not {self.stop_distance!r}")


class Done:
    """Already done: a caller may await it or leave it."""

    __slots__ = ()

    def __await__(self) -> Iterator[None]:
        yield from ()


DONE = Done()


class Holder(Protocol):
    """Who keeps the slot of a reservation."""

    def position_opened(
        self,
        symbol: str,
        side: Side,
        quantity: Amount | None = None,
        entry_price: Amount | None = None,
        stop: Amount | None = None,
    ) -> None: ...

    def free_reserved(self, symbol: str, ticket: int) -> None: ...


class Reservation:
    """A slot held for one entry: `commit` it when the entry filled, `release` it when it did not.

    The first of the two counts and may be repeated; whatever follows changes nothing.
    """

    __slots__ = (
        "_holder",
        "_is_settled",
        "margin",
        "price",
        "quantity",
        "side",
        "symbol",
        "ticket",
    )

    def __init__(
        self,
        holder: Holder,
        symbol: str,
        side: Side,
        *,
        ticket: int,
        quantity: Decimal = Decimal(0),
        price: float | None = None,
        margin: Decimal = Decimal(0),
    ) -> None:
        self._holder = holder
        self._is_settled = False
        self.symbol = symbol
        self.side = side
        self.ticket = ticket
        self.quantity = quantity  # rounded to the grid; 0 where only a slot was asked for
        self.price = price
        self.margin = margin

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Reservation({self.symbol} {self.side} {self.quantity})"

    def commit(
        self,
        quantity: Amount | None = None,
        entry_price: Amount | None = None,
        stop: Amount | None = None,
    ) -> Done:
        """The entry filled: the slot is a position. What is left out is as it was reserved."""
        if not self._is_settled:
            self._is_settled = True
            self._holder.position_opened(
                self.symbol,
                self.side,
                self.quantity if quantity is None else quantity,
                self.price if entry_price is None else entry_price,
                stop,
            )
        return DONE

    def release(self) -> Done:
        """There will be no position: the slot is free."""
        if not self._is_settled:
            self._is_settled = True
            self._holder.free_reserved(self.symbol, self.ticket)
        return DONE
