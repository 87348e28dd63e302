"""From when deposits and withdrawals of a journal are counted, and what came before.

The exchange forgets them after three months. An older journal goes on from what it last knew: it
counts anew from a moment around which nothing was moved, so that nothing is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cointrader.domain.clock import DAY_MS, HOUR_MS
from cointrader.domain.ports import Journal
from cointrader.journal.reader import JournalReader
from cointrader.risk.state import restored

_REMEMBERED_MS = 80 * DAY_MS  # of the three months, with a margin
_BACK_MS = 7 * DAY_MS  # before what was last known: rows of that time are all there
_LAG_MS = 12 * HOUR_MS  # a bar and more: between a row and the reading that counted it


@dataclass(frozen=True, slots=True)
class Anchor:
    """`before` is what had been transferred until `since_ms`, in quote currency."""

    since_ms: int
    before: Decimal = Decimal(0)
    starts: int = 0  # of the journal, so far

    @property
    def is_first(self) -> bool:
        return self.starts == 0


def transfers_anchor(journal: Journal, path: Path, *, now_ms: int) -> Anchor:
    """Where to count from. `journal` is open; `path` is its file."""
    first_ms = journal.first_started_ms()
    if first_ms is None:
        return Anchor(now_ms)
    with JournalReader(path) as reader:
        starts = sum(1 for _ in reader.runs())
        recorded = journal.risk_state()
        if recorded is None or now_ms - first_ms < _REMEMBERED_MS:
            return Anchor(first_ms, starts=starts)
        standing = restored(recorded.state)[0]
        account = standing.account
        if account is None or account.transfers is None:
            return Anchor(first_ms, starts=starts)
        moves = [(e.at_ms, Decimal(e.detail)) for e in reader.risk_events(kind="deposit")]
        spans = [(_read_before(reader, at_ms) - _LAG_MS, at_ms + _LAG_MS) for at_ms, _ in moves]
    since_ms = _quiet_until(standing.bar_ms - _BACK_MS, spans)
    counted_since = sum((amount for at_ms, amount in moves if at_ms > since_ms), Decimal(0))
    return Anchor(since_ms, account.transfers - counted_since, starts)


def _read_before(reader: JournalReader, at_ms: int) -> int:
    """The reading of the account before the one at `at_ms`: what moved did so after it."""
    return max((mark.at_ms for mark in reader.equity(to_ms=at_ms, last=1)), default=at_ms)


def _quiet_until(at_ms: int, spans: list[tuple[int, int]]) -> int:
    """The latest moment until `at_ms` that is in none of `spans`."""
    for from_ms, to_ms in sorted(spans, reverse=True):
        if from_ms <= at_ms <= to_ms:
            at_ms = from_ms - 1
    return at_ms
