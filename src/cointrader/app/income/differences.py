"""Where two accounts of the same money do not agree, booking by booking. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cointrader.app.income.rows import (
    COMMISSION,
    EXACT,
    FUNDING,
    REALISED,
    TRANSFER,
    IncomeRow,
    plain,
    total,
)
from cointrader.domain.clock import MINUTE_MS

_SAME_DIGITS = Decimal("0.00000001")  # an exchange books so many; our own books have more
_SAME_MS = 16 * MINUTE_MS  # a settlement is booked up to a minute late, a simulated one up to a bar


@dataclass(frozen=True, slots=True)
class Difference:
    """`amount` is what the one side has more than the other, in `asset`."""

    kind: str
    at_ms: int | None
    symbol: str
    asset: str
    amount: Decimal
    text: str


def against_sums(rows: Sequence[IncomeRow], sums: Mapping[str, Decimal]) -> list[Difference]:
    """Bookings against what an exchange says it booked in all, by kind."""
    found = []
    for kind, booked in sums.items():
        own = total(row.amount for row in rows if row.kind == kind)
        more = EXACT.subtract(own, booked)
        if abs(more) >= _SAME_DIGITS:
            text = f"{kind}: the rows come to {plain(own)}, the exchange booked {plain(booked)}"
            found.append(Difference(kind, None, "", "USDT", more, text))
    return found


def against_journal(
    rows: Sequence[IncomeRow], journal: Sequence[IncomeRow], *, since_ms: int
) -> list[Difference]:
    """An exchange's bookings against what a journal wrote down of the same time.

    A fee in another asset is no difference: the journal tells what it was worth. Executions that
    the journal does not have are told in one line for each symbol.
    """
    if not journal:
        return []
    theirs = [row for row in rows if row.at_ms >= since_ms]
    ours = [row for row in journal if row.at_ms >= since_ms]
    return [
        *_executions(theirs, ours),
        *_strangers(theirs, ours),
        *_funding(theirs, ours),
        *_transfers(theirs, ours),
    ]


def _executions(theirs: Sequence[IncomeRow], ours: Sequence[IncomeRow]) -> Iterator[Difference]:
    for kind, words in ((COMMISSION, "fee"), (REALISED, "profit")):
        told = _by_execution(theirs, kind)
        for (symbol, trade_id), row in _by_execution(ours, kind).items():
            name = f"execution {trade_id} of {symbol} ({row.client_order_id})"
            found = told.get((symbol, trade_id))
            if found is None:
                text = (
                    f"{name}: the journal has a {words} of {plain(row.amount)}, the exchange none"
                )
                yield Difference(kind, row.at_ms, symbol, row.asset, -row.amount, text)
            elif found.asset == row.asset and abs(found.amount - row.amount) > _SAME_DIGITS:
                text = (
                    f"{name}: the journal has a {words} of {plain(row.amount)}, the exchange of "
                    f"{plain(found.amount)}"
                )
                more = EXACT.subtract(found.amount, row.amount)
                yield Difference(kind, row.at_ms, symbol, row.asset, more, text)


def _by_execution(rows: Iterable[IncomeRow], kind: str) -> dict[tuple[str, str], IncomeRow]:
    return {(row.symbol, row.trade_id): row for row in rows if row.kind == kind and row.trade_id}


def _strangers(theirs: Sequence[IncomeRow], ours: Sequence[IncomeRow]) -> Iterator[Difference]:
    known = {(row.symbol, row.trade_id) for row in ours}
    of: dict[tuple[str, str], list[IncomeRow]] = {}
    for row in theirs:
        if row.trade_id and (row.symbol, row.trade_id) not in known:
            of.setdefault((row.symbol, row.asset), []).append(row)
    for (symbol, asset), rows in of.items():
        amount, executions = total(r.amount for r in rows), len({r.trade_id for r in rows})
        text = (
            f"{symbol}: {executions} execution{'s' if executions > 1 else ''} that the journal "
            f"does not have, together {plain(amount)} {asset}"
        )
        yield Difference("not in the journal", rows[0].at_ms, symbol, asset, amount, text)


def _funding(theirs: Sequence[IncomeRow], ours: Sequence[IncomeRow]) -> Iterator[Difference]:
    unmatched = [row for row in theirs if row.kind == FUNDING]
    for row in (row for row in ours if row.kind == FUNDING):
        same = next((each for each in unmatched if _is_same_settlement(each, row)), None)
        if same is None:
            text = (
                f"funding of {row.symbol}: the journal has {plain(row.amount)}, the exchange none"
            )
            yield Difference(FUNDING, row.at_ms, row.symbol, row.asset, -row.amount, text)
            continue
        unmatched.remove(same)
        if abs(same.amount - row.amount) > _SAME_DIGITS:
            text = (
                f"funding of {row.symbol}: the journal has {plain(row.amount)}, the exchange "
                f"{plain(same.amount)}"
            )
            more = EXACT.subtract(same.amount, row.amount)
            yield Difference(FUNDING, row.at_ms, row.symbol, row.asset, more, text)
    for row in unmatched:
        text = f"funding of {row.symbol}: {plain(row.amount)} that the journal does not have"
        yield Difference(FUNDING, row.at_ms, row.symbol, row.asset, row.amount, text)


def _is_same_settlement(row: IncomeRow, other: IncomeRow) -> bool:
    return row.symbol == other.symbol and abs(row.at_ms - other.at_ms) <= _SAME_MS


def _transfers(theirs: Sequence[IncomeRow], ours: Sequence[IncomeRow]) -> Iterator[Difference]:
    """Sums only: the journal notes what moved between two looks at the account."""
    booked = total(r.amount for r in theirs if r.kind == TRANSFER and r.asset == "USDT")
    noted = total(r.amount for r in ours if r.kind == TRANSFER)
    more = EXACT.subtract(booked, noted)
    if more:
        text = f"transfers: the exchange booked {plain(booked)}, the journal noted {plain(noted)}"
        yield Difference(TRANSFER, None, "", "USDT", more, text)
