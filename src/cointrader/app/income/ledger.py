"""The money ledger of an account: every booking, and whether their sum is what the wallet did.

Of an exchange: its list of income, kept in a file that outlives the exchange's memory, held against
the wallet now and against a journal. Of a journal alone: its own bookings, held against the
simulated exchange they were booked by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from cointrader.app.income.account import (
    AssetAccount,
    State,
    held_against,
    running_balances,
)
from cointrader.app.income.differences import Difference, against_journal, against_sums
from cointrader.app.income.file import Kept, read_kept, write_kept
from cointrader.app.income.journal import (
    client_ids,
    exchange_sums,
    first_reading,
    journal_rows,
    last_reading,
)
from cointrader.app.income.pages import KEPT_MS, PAGE, income_pages, wallets_now
from cointrader.app.income.rows import IncomeRow, Reading, named
from cointrader.app.live.wiring import Access
from cointrader.domain.clock import DAY_MS, Clock
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.rest import RestClient
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun

_OVERLAP_MS = DAY_MS  # asked for again: rows may appear late
_LOOKS = 5  # at a wallet that moves, or at a list that lags behind it
_LAG_MS = 2_000
_TIMEOUT_S = 10.0  # of one request, by the wall clock


@dataclass(frozen=True, slots=True)
class Ledger:
    """All bookings known, oldest first, with the wallet after each, and what they add up to.

    `differences` name what does not agree, with the wallet or with the journal; `source` says
    whose bookings these are.
    """

    source: str
    rows: Sequence[IncomeRow]
    balances: Sequence[Decimal | None]
    accounts: Sequence[AssetAccount]
    differences: Sequence[Difference]
    since_ms: int | None  # from when on none is missing
    kept: Path | None = None

    @property
    def state(self) -> State:
        """Of all assets together: one that differs is enough, one that was checked too."""
        states = {each.state for each in self.accounts}
        if State.DIFFERS in states:
            return State.DIFFERS
        return State.RECONCILED if State.RECONCILED in states else State.NOT_CHECKED

    def between(
        self, from_ms: int | None, to_ms: int | None
    ) -> list[tuple[IncomeRow, Decimal | None]]:
        """Bookings from `from_ms` on, before `to_ms`, with the wallet after each."""
        return [
            (row, balance)
            for row, balance in zip(self.rows, self.balances, strict=True)
            if (from_ms is None or row.at_ms >= from_ms) and (to_ms is None or row.at_ms < to_ms)
        ]


def ledger_of_journal(reader: JournalReader) -> Ledger:
    """The ledger of a journal alone. `JournalError` where it tells of no run."""
    opening, rows = first_reading(reader), journal_rows(reader)
    closing = last_reading(reader, rows)
    ends = {} if closing is None else {closing.asset: closing}
    accounts = held_against(rows, [opening], ends)
    sums = {} if closing is None else exchange_sums(reader)
    return Ledger(
        source=f"the journal {reader.path.name}",
        rows=rows,
        balances=running_balances(rows, accounts),
        accounts=accounts,
        differences=against_sums(rows, sums),
        since_ms=opening.at_ms,
    )


async def ledger_of_exchange(
    access: Access,
    clock: Clock,
    *,
    keep: Path,
    journal: Path | None = None,
    from_ms: int | None = None,
    page: int = PAGE,
    speed: float = 1.0,
) -> Ledger:
    """Ask the exchange, bring the kept file up to date, and hold all of it against the wallet.

    What was asked for before an error or Ctrl-C is in the file, and the next call goes on there.

    Parameters
    ----------
    keep : the file that is gone on with, or begun
    journal : names client order ids, and knows an earlier wallet
    from_ms : how far back to ask; by default where the file ends, or as far as the exchange goes
    speed : how many times as fast as the wall clock the exchange's time goes, and `clock` with it
    """
    before, told = read_kept(keep), _told_by(journal)
    rest = RestClient(
        access.endpoints.rest,
        clock,
        credentials=access.credentials,
        timeout_s=_TIMEOUT_S * speed,
        vital_timeout_s=_TIMEOUT_S * speed,
        connect_timeout_s=_TIMEOUT_S * speed,
    )
    api = BinanceApi(rest)
    try:
        start_ms = _start(before, await api.futures.now_ms(), from_ms)
        if before.last_ms is not None and start_ms > before.last_ms:
            before = replace(before, since_ms=None)  # between the two the exchange has forgotten
        look = _Look(api, clock, access.name, keep, start_ms, page)
        kept, ends = await _up_to_now(look, before, told)
    finally:
        await api.close()
    since_ms = start_ms if kept.since_ms is None else kept.since_ms
    kept = Kept(named(kept.rows, told.ids), kept.readings, since_ms)
    accounts = _accounts(kept, told, ends)
    settled = [a.closing for a in accounts if a.state is not State.DIFFERS and a.closing]
    write_kept(keep, kept.with_readings(settled))
    return Ledger(
        source=access.name,
        rows=kept.rows,
        balances=running_balances(kept.rows, accounts),
        accounts=accounts,
        differences=against_journal(
            kept.rows, told.rows, since_ms=max(since_ms, told.opening.at_ms)
        )
        if told.opening
        else [],
        since_ms=since_ms,
        kept=keep,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What a journal adds to an exchange's list; nothing where there is none."""

    ids: Mapping[tuple[str, str], str] = field(default_factory=dict)
    rows: Sequence[IncomeRow] = ()
    opening: Reading | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    """How an exchange is asked."""

    api: BinanceApi
    clock: Clock
    source: str
    keep: Path
    start_ms: int
    page: int


def _told_by(path: Path | None) -> _Told:
    if path is None or not has_begun(path):
        return _Told()
    with JournalReader(path) as reader:
        return _Told(client_ids(reader), journal_rows(reader), first_reading(reader))


def _start(before: Kept, now_ms: int, from_ms: int | None) -> int:
    """From when on to ask: where the file ends, or earlier where that was asked for."""
    oldest_ms = now_ms - KEPT_MS
    if before.last_ms is None or before.since_ms is None:
        return max(oldest_ms, from_ms or 0)
    resumed_ms = max(before.last_ms - _OVERLAP_MS, before.since_ms)
    if from_ms is not None and from_ms < before.since_ms:
        resumed_ms = from_ms
    return max(oldest_ms, resumed_ms)


async def _up_to_now(look: _Look, before: Kept, told: _Told) -> tuple[Kept, Mapping[str, Reading]]:
    """Bookings up to a moment at which the wallets stand still, and those wallets.

    Looked at again while they move, and while bookings that explain them may still be on their way.
    """
    kept, ends = before, dict[str, Reading]()
    for remaining in range(_LOOKS - 1, -1, -1):
        ends = await wallets_now(look.api, look.source)
        now_ms = max((each.at_ms for each in ends.values()), default=look.start_ms)
        pages = income_pages(look.api, start_ms=look.start_ms, end_ms=now_ms + 1, page=look.page)
        try:
            async for rows in pages:
                kept = kept.with_rows(rows, since_ms=look.start_ms)
        except BaseException:
            write_kept(look.keep, kept)
            raise
        again = await wallets_now(look.api, look.source)
        is_still = _amounts(ends) == _amounts(again)
        is_explained = all(a.state is not State.DIFFERS for a in _accounts(kept, told, ends))
        if (is_still and is_explained) or not remaining:
            break
        await look.clock.sleep_ms(_LAG_MS)
    return kept, ends


def _accounts(kept: Kept, told: _Told, ends: Mapping[str, Reading]) -> list[AssetAccount]:
    """Earlier readings count as far back as no booking is missing."""
    readings = [*kept.readings, *([told.opening] if told.opening else [])]
    since_ms = kept.since_ms
    known = [r for r in readings if since_ms is not None and r.at_ms >= since_ms]
    return held_against(kept.rows, known, ends)


def _amounts(readings: Mapping[str, Reading]) -> dict[str, Decimal]:
    return {asset: reading.wallet for asset, reading in readings.items()}
