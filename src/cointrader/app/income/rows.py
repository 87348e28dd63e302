"""What an account was paid and what it paid: single bookings, and readings of its wallet.

Values only. Amounts are Decimal and never rounded; a booking belongs to one asset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal

EXACT = Context(prec=60)  # the default of 28 digits would round the sums of a large account

_DECIMALS = 8
REALISED, COMMISSION, FUNDING, TRANSFER = "REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "TRANSFER"


@dataclass(frozen=True, slots=True)
class IncomeRow:
    """One booking. `kind` is the exchange's own name for it; a negative `amount` was paid.

    `trade_id` is the execution's number, "" for what is no execution; `client_order_id` is ours,
    "" where nobody told it.
    """

    at_ms: int
    kind: str
    asset: str
    amount: Decimal
    symbol: str = ""
    transaction_id: str = ""
    trade_id: str = ""
    info: str = ""
    client_order_id: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """The same for one booking that is told twice. Numbers are unique within a kind only."""
        return self.kind, self.asset, self.transaction_id, self.symbol, self.trade_id


@dataclass(frozen=True, slots=True)
class Reading:
    """The wallet of one asset at a moment: realised balance, open positions not among it."""

    at_ms: int
    asset: str
    wallet: Decimal
    source: str  # who said so, in words


def total(amounts: Iterable[Decimal]) -> Decimal:
    """An exact sum."""
    found = Decimal(0)
    for amount in amounts:
        found = EXACT.add(found, amount)
    return found


def sums_by_kind(rows: Iterable[IncomeRow]) -> dict[tuple[str, str], Decimal]:
    """Exact sums by asset and kind, in the order of their names."""
    found: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        key = row.asset, row.kind
        found[key] = EXACT.add(found.get(key, Decimal(0)), row.amount)
    return dict(sorted(found.items()))


def in_order(rows: Iterable[IncomeRow]) -> list[IncomeRow]:
    """By time; of one moment in the order in which they are given."""
    return sorted(rows, key=lambda row: row.at_ms)


def named(rows: Iterable[IncomeRow], ids: Mapping[tuple[str, str], str]) -> list[IncomeRow]:
    """The rows with our client order ids, by symbol and trade id; what is known stays."""
    found = []
    for row in rows:
        ours = ids.get((row.symbol, row.trade_id), "") if row.trade_id else ""
        found.append(replace(row, client_order_id=ours) if ours else row)
    return found


def plain(amount: Decimal) -> str:
    """All digits but zeros past the eighth decimal; no exponent, and no negative zero."""
    text = format(amount if amount else amount.copy_abs(), "f")
    point = text.find(".")
    if point < 0 or len(text) <= point + 1 + _DECIMALS:
        return text
    shortest = text[: point + 1 + _DECIMALS]
    return shortest + text[len(shortest) :].rstrip("0")
