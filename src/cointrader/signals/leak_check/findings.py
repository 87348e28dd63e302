"""What the look-ahead prover has to tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cointrader.market.quality import utc


class Kind(StrEnum):
    """What is wrong with a rule. All but `memory` make every test of it worthless."""

    LOOK_AHEAD = "look-ahead"  # an answer changes with what comes after its bar
    IMPURE = "impure"  # the same candles are answered differently
    WRITES_INPUT = "writes-input"  # it changes the candles it is shown
    LOOK_BACK = "look-back"  # it reads more bars than it declares: live it answers otherwise
    MEMORY = "memory"  # it remembers more than a running bot's window; no look-ahead


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. Times are open times of bars.

    Parameters
    ----------
    column : of the answer: side, strength, stop_distance, extra 'x', feature 'x', ...
    bar_ms : the bar whose answer changed
    source : the input that changed it, e.g. "close of BTCUSDT"; empty when it is no single one
    source_bar_ms : the nearest bar of it that matters
    was, became : the answer before and after
    detail : in words
    """

    kind: Kind
    column: str
    bar_ms: int
    source: str = ""
    source_bar_ms: int | None = None
    was: str = ""
    became: str = ""
    detail: str = ""

    @property
    def fails(self) -> bool:
        return self.kind is not Kind.MEMORY

    def __str__(self) -> str:
        answer = f"{self.column} of the bar {utc(self.bar_ms)}"
        values = f" ({self.was} becomes {self.became})" if self.was != self.became else ""
        if self.kind is not Kind.LOOK_AHEAD:
            return f"{self.kind}: {answer}{values}: {self.detail}"
        at = f" of the bar {utc(self.source_bar_ms)}" if self.source_bar_ms is not None else ""
        return f"{self.kind}: {answer} depends on {self.source}{at}{values}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was tried on one symbol, and what was found."""

    symbol: str
    rule: str
    interval_ms: int
    bars: int
    first_ms: int
    last_ms: int
    signals: int  # bars with a side, of those that may be decided
    moments: int  # bars at which the future was cut off or changed
    answers: int  # times the rule was asked
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """What must not be: everything but a long memory."""
        return tuple(finding for finding in self.findings if finding.fails)

    @property
    def is_clean(self) -> bool:
        return not self.leaks
