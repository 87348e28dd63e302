"""A ledger as lines: CSV for spreadsheets and tax offices, words for people, values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from cointrader.app.income.account import AssetAccount, State
from cointrader.app.income.file import utc_text
from cointrader.app.income.ledger import Ledger
from cointrader.app.income.rows import IncomeRow, Reading, plain, sums_by_kind
from cointrader.app.words import moment

COLUMNS = (
    "utc",
    "local_date",
    "local_time",
    "kind",
    "asset",
    "amount",
    "balance",
    "symbol",
    "trade_id",
    "client_order_id",
    "transaction_id",
    "info",
)
_SHOWN = 20  # differences told one by one to a person

Told = Sequence[tuple[IncomeRow, Decimal | None]]


def csv_lines(told: Told, zone: ZoneInfo) -> Iterator[list[str]]:
    """One line for each booking, as `COLUMNS` says; amounts with all their digits."""
    for row, balance in told:
        local = datetime.fromtimestamp(row.at_ms / 1_000, zone)
        yield [
            utc_text(row.at_ms),
            local.date().isoformat(),
            local.isoformat(timespec="milliseconds")[11:],
            row.kind,
            row.asset,
            plain(row.amount),
            "" if balance is None else plain(balance),
            row.symbol,
            row.trade_id,
            row.client_order_id,
            row.transaction_id,
            row.info,
        ]


def summary_lines(ledger: Ledger, told: Told) -> Iterator[str]:
    """What was booked, and whether it explains the wallet."""
    since = "" if ledger.since_ms is None else f", complete since {moment(ledger.since_ms)} UTC"
    yield f"bookings of {ledger.source}: {len(ledger.rows):,}{since}"
    if len(told) != len(ledger.rows):
        yield f"told here: {len(told):,}"
    for (asset, kind), amount in sums_by_kind(row for row, _ in told).items():
        yield f"  {asset:<6} {kind:<28} {plain(amount):>28}"
    for account in ledger.accounts:
        yield from _account_lines(account)
    if ledger.differences:
        yield f"what does not agree otherwise: {len(ledger.differences):,}"
    for difference in ledger.differences[:_SHOWN]:
        when = "" if difference.at_ms is None else f"{moment(difference.at_ms)} UTC "
        yield f"  {when}{difference.text}"
    if len(ledger.differences) > _SHOWN:
        yield f"  and {len(ledger.differences) - _SHOWN:,} more: --json tells all"
    if ledger.kept is not None:
        yield f"kept in {ledger.kept}"


def document(ledger: Ledger, told: Told) -> dict[str, object]:
    """The same as JSON values; amounts are text, so that no digit is lost."""
    verdict = {State.RECONCILED: True, State.DIFFERS: False, State.NOT_CHECKED: None}
    return {
        "source": ledger.source,
        "is_reconciled": verdict[ledger.state],
        "since_ms": ledger.since_ms,
        "kept": None if ledger.kept is None else str(ledger.kept),
        "rows": len(ledger.rows),
        "sums": [
            {"asset": asset, "kind": kind, "amount": plain(amount)}
            for (asset, kind), amount in sums_by_kind(row for row, _ in told).items()
        ],
        "accounts": [_plain_account(account) for account in ledger.accounts],
        "differences": [
            {
                "kind": each.kind,
                "at_ms": each.at_ms,
                "symbol": each.symbol,
                "asset": each.asset,
                "amount": plain(each.amount),
                "text": each.text,
            }
            for each in ledger.differences
        ],
        "bookings": [_plain_row(row, balance) for row, balance in told],
    }


def _account_lines(account: AssetAccount) -> Iterator[str]:
    opening, closing = account.opening, account.closing
    if account.state is State.NOT_CHECKED:
        why = (
            "nobody tells its wallet"
            if closing is None
            else f"{plain(closing.wallet)} now, and no earlier wallet to hold the bookings against"
        )
        yield f"{account.asset}: NOT CHECKED: {why}"
        return
    assert opening is not None, "it was checked"
    assert closing is not None, "it was checked"
    assert account.difference is not None, "it was checked"
    course = (
        f"{plain(opening.wallet)} at {moment(opening.at_ms)} UTC ({opening.source}), "
        f"{_signed(account.booked)} in {account.rows:,} bookings, "
        f"{plain(closing.wallet)} at {moment(closing.at_ms)} UTC ({closing.source})"
    )
    if account.state is State.RECONCILED:
        exactly = "" if account.difference else ", to the last digit"
        yield f"{account.asset}: reconciled{exactly}: {course}"
        return
    yield f"{account.asset}: DOES NOT ADD UP by {_signed(account.difference)}: {course}"
    for stretch in account.stretches:
        if abs(stretch.difference) >= account.tolerance:
            yield (
                f"  from {moment(stretch.from_ms)} to {moment(stretch.to_ms)} UTC the wallet moved "
                f"by {_signed(stretch.wallet_change)}, and {stretch.rows:,} bookings come to "
                f"{_signed(stretch.booked)}"
            )


def _signed(amount: Decimal) -> str:
    return plain(amount) if amount <= 0 else f"+{plain(amount)}"


def _plain_account(account: AssetAccount) -> dict[str, object]:
    return {
        "asset": account.asset,
        "state": account.state.value,
        "opening": _plain_reading(account.opening),
        "closing": _plain_reading(account.closing),
        "rows": account.rows,
        "booked": plain(account.booked),
        "difference": None if account.difference is None else plain(account.difference),
        "tolerance": plain(account.tolerance),
        "stretches": [
            {
                "from_ms": each.from_ms,
                "to_ms": each.to_ms,
                "wallet_change": plain(each.wallet_change),
                "rows": each.rows,
                "booked": plain(each.booked),
                "difference": plain(each.difference),
            }
            for each in account.stretches
        ],
    }


def _plain_reading(reading: Reading | None) -> dict[str, object] | None:
    if reading is None:
        return None
    return {"at_ms": reading.at_ms, "wallet": plain(reading.wallet), "source": reading.source}


def _plain_row(row: IncomeRow, balance: Decimal | None) -> dict[str, object]:
    return {
        "at_ms": row.at_ms,
        "utc": utc_text(row.at_ms),
        "kind": row.kind,
        "asset": row.asset,
        "amount": plain(row.amount),
        "balance": None if balance is None else plain(balance),
        "symbol": row.symbol,
        "trade_id": row.trade_id,
        "client_order_id": row.client_order_id,
        "transaction_id": row.transaction_id,
        "info": row.info,
    }
