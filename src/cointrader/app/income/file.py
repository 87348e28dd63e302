"""The kept ledger: every booking ever seen, in one CSV file that any program reads.

The exchange forgets after three months; this file does not. Rows are added, never taken out, and
the file is written aside and moved into place. Beside bookings it has two kinds of its own: WALLET
(the wallet as it was read, which the next run is held against) and SINCE (from when on no booking
is missing).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from cointrader.app.income.rows import EXACT, IncomeRow, Reading, in_order, plain
from cointrader.app.whole_file import written_whole
from cointrader.domain.errors import DataError

COLUMNS = (
    "time_ms",
    "utc",
    "kind",
    "asset",
    "amount",
    "symbol",
    "trade_id",
    "client_order_id",
    "transaction_id",
    "info",
)
_WALLET, _SINCE = "WALLET", "SINCE"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a ledger file holds. From `since_ms` on no booking is missing; None: it is empty."""

    rows: Sequence[IncomeRow] = ()
    readings: Sequence[Reading] = ()
    since_ms: int | None = None

    @property
    def last_ms(self) -> int | None:
        """The last moment it knows something of."""
        moments = [row.at_ms for row in self.rows] + [read.at_ms for read in self.readings]
        return max(moments, default=self.since_ms)

    def with_rows(self, more: Iterable[IncomeRow], *, since_ms: int) -> Kept:
        """With further bookings, each once; asked for from `since_ms` on without a hole.

        One that came late, after a wallet was read that does not have it, is added to that reading.
        """
        known = {row.key: row for row in self.rows}
        readings = list(self.readings)
        for row in more:
            if row.key not in known:
                readings = [_with_late(each, row, self.since_ms) for each in readings]
            known[row.key] = row if row.client_order_id else _still_named(row, known.get(row.key))
        begun = since_ms if self.since_ms is None else min(self.since_ms, since_ms)
        return Kept(in_order(known.values()), readings, begun)

    def with_readings(self, more: Iterable[Reading]) -> Kept:
        """With further readings."""
        readings = sorted([*self.readings, *more], key=lambda each: each.at_ms)
        return replace(self, readings=readings)


def _with_late(reading: Reading, row: IncomeRow, since_ms: int | None) -> Reading:
    is_late = since_ms is not None and since_ms <= row.at_ms <= reading.at_ms
    if not is_late or reading.asset != row.asset:
        return reading
    return replace(reading, wallet=EXACT.add(reading.wallet, row.amount))


def _still_named(row: IncomeRow, before: IncomeRow | None) -> IncomeRow:
    ours = "" if before is None else before.client_order_id
    return replace(row, client_order_id=ours) if ours else row


def read_kept(path: Path) -> Kept:
    """What a file holds; nothing where there is none yet.

    `DataError` where it is another kind of file, or a line of it makes no sense: it is left as it
    is.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Kept()
    except (OSError, UnicodeDecodeError) as error:
        raise _strange(path, 0, str(error)) from None
    if not text.strip():
        return Kept()
    lines = csv.reader(io.StringIO(text))
    if tuple(next(lines)) != COLUMNS:
        raise _strange(path, 1, "other columns than a ledger's")
    rows, readings, since = list[IncomeRow](), list[Reading](), list[int]()
    for number, line in enumerate(lines, 2):
        try:
            told = dict(zip(COLUMNS, line, strict=True))
            at_ms = int(told["time_ms"])
            if told["kind"] == _SINCE:
                since.append(at_ms)
            elif told["kind"] == _WALLET:
                wallet = _amount(told["amount"])
                readings.append(Reading(at_ms, told["asset"], wallet, told["info"]))
            else:
                rows.append(_row(told, at_ms))
        except (ValueError, InvalidOperation) as error:
            raise _strange(path, number, str(error)) from None
    return Kept(in_order(rows), readings, min(since, default=None))


def write_kept(path: Path, kept: Kept) -> None:
    """Write the file whole or not at all; its folder is made. `CointraderError` on a full disk."""
    lines: list[tuple[int, int, list[str]]] = [
        (row.at_ms, 1, _line(row.at_ms, row.kind, row.asset, row.amount, row)) for row in kept.rows
    ]
    lines += [
        (r.at_ms, 2, _line(r.at_ms, _WALLET, r.asset, r.wallet, info=r.source))
        for r in kept.readings
    ]
    if kept.since_ms is not None:
        lines.append((kept.since_ms, 0, _line(kept.since_ms, _SINCE, "", None)))
    lines.sort(key=lambda line: line[:2])
    write_lines(path, COLUMNS, [line for _, _, line in lines])


def write_lines(path: Path, head: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """A CSV file, written aside and moved into place. `CointraderError` where the disk refuses."""
    with written_whole(path, "the ledger") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(lines)


def utc_text(at_ms: int) -> str:
    """A moment to the millisecond, UTC."""
    moment = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _row(told: dict[str, str], at_ms: int) -> IncomeRow:
    return IncomeRow(
        at_ms=at_ms,
        kind=told["kind"],
        asset=told["asset"],
        amount=_amount(told["amount"]),
        symbol=told["symbol"],
        transaction_id=told["transaction_id"],
        trade_id=told["trade_id"],
        info=told["info"],
        client_order_id=told["client_order_id"],
    )


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite():
        raise ValueError(f"no amount: {text}")
    return amount


def _line(
    at_ms: int,
    kind: str,
    asset: str,
    amount: Decimal | None,
    row: IncomeRow | None = None,
    *,
    info: str = "",
) -> list[str]:
    of = row or IncomeRow(at_ms, kind, asset, Decimal(0), info=info)
    return [
        str(at_ms),
        utc_text(at_ms),
        kind,
        asset,
        "" if amount is None else plain(amount),
        of.symbol,
        of.trade_id,
        of.client_order_id,
        of.transaction_id,
        of.info,
    ]


def _strange(path: Path, line: int, found: str) -> DataError:
    return DataError(
        "this is no ledger that could be gone on with",
        where=f"{path}, line {line}" if line else str(path),
        found=found,
        todo="name another file with --keep, or put this one right; it was left as it is",
    )
