"""What the statistics read: closed trades and marked equity as columns.

Whoever plays trades makes these; nothing here knows how they were played.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import DataError

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Truths: TypeAlias = NDArray[np.bool_]
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class TradeColumns:
    """Closed trades, one per row, in any order.

    Parameters
    ----------
    entry_ms, exit_ms : int64, epoch milliseconds; a trade belongs to the UTC day of its exit
    side : int64, +1 long, -1 short
    net : float64, quote currency: what the trade came to after all costs and funding
    risk : float64, quote currency, above 0: quantity times the distance from the fill to the
        first stop
    fees, slippage : float64, quote currency, what they took; positive
    funding : float64, quote currency; positive was received

    Raises `DataError` where the columns are no trades: lengths that differ, a side that is none,
    a number that is none, a risk that is not above 0, an exit before its entry.
    """

    entry_ms: Integers
    exit_ms: Integers
    side: Integers
    net: Floats
    risk: Floats
    fees: Floats
    slippage: Floats
    funding: Floats

    def __post_init__(self) -> None:
        for name in _names():
            column = getattr(self, name)
            if column.shape != self.net.shape or column.ndim != 1:
                raise _wrong(name, f"shape {column.shape}", f"shape {(len(self.net),)}")
            if not np.isfinite(column).all():
                raise _wrong(name, f"no number in row {_first(~np.isfinite(column))}", "numbers")
        if (np.abs(self.side) != 1).any():
            raise _wrong("side", f"row {_first(np.abs(self.side) != 1)}", "+1 or -1")
        if not (self.risk > 0.0).all():
            found = f"{self.risk[_first(self.risk <= 0.0)]} in row {_first(self.risk <= 0.0)}"
            raise _wrong("risk", found, "above 0: a trade without a stop has no R")
        if (self.exit_ms < self.entry_ms).any():
            raise _wrong("exit_ms", f"row {_first(self.exit_ms < self.entry_ms)}", "entry or later")

    def __len__(self) -> int:
        return len(self.net)

    @property
    def r(self) -> Floats:
        """Net result in units of the risk."""
        result: Floats = self.net / self.risk
        return result

    @property
    def costs(self) -> Floats:
        """Fees and slippage in quote currency. Funding is none: it goes either way."""
        total: Floats = self.fees + self.slippage
        return total

    def take(self, rows: NDArray[np.intp] | Truths) -> TradeColumns:
        """The rows of these numbers in their order, or those that are True."""
        return TradeColumns(*(getattr(self, name)[rows] for name in _names()))

    def in_order(self) -> TradeColumns:
        """By exit, then by entry. Neighbours in time are neighbours in the columns."""
        return self.take(np.lexsort((self.entry_ms, self.exit_ms)))

    def with_net(self, net: Floats) -> TradeColumns:
        """The same trades with another result."""
        return replace(self, net=net)


def joined(parts: list[TradeColumns]) -> TradeColumns:
    """The trades of several symbols as one list, in order."""
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in _names())
    return TradeColumns(*columns).in_order()


def no_trades() -> TradeColumns:
    """Columns of length 0."""
    return TradeColumns(*(np.zeros(0, np.int64),) * 3, *(np.zeros(0),) * 5)


@dataclass(frozen=True, slots=True, eq=False)
class Equity:
    """Marked equity: wallet and unrealised profit, as of each time.

    Parameters
    ----------
    time_ms : int64, epoch milliseconds, never falling
    value : float64, quote currency; the first one is what it began with
    """

    time_ms: Integers
    value: Floats

    def __post_init__(self) -> None:
        if len(self.time_ms) != len(self.value) or len(self.value) == 0:
            found = f"{len(self.time_ms)} times, {len(self.value)} values"
            raise DataError("equity is no column", found=found, allowed="as many, at least 1")
        if (np.diff(self.time_ms) < 0).any() or not np.isfinite(self.value).all():
            raise DataError("equity is no column", allowed="times that never fall, and numbers")


def distinct(values: NDArray[Kind]) -> NDArray[Kind]:
    """The different values, ascending. numpy's own loads its masked arrays for that."""
    values = np.sort(values)
    is_first = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=is_first[1:])
    return values[is_first]


def _names() -> tuple[str, ...]:
    return tuple(field.name for field in fields(TradeColumns))


def _first(marks: Truths) -> int:
    return int(np.argmax(marks))


def _wrong(name: str, found: str, allowed: str) -> DataError:
    return DataError("these columns are no trades", where=name, found=found, allowed=allowed)
