"""Edge, no edge, or too little data: measures held against criteria, in plain words.

Judged are the strategy's own trades, of a fixed size and without halts. How an account would have
fared with them is told beside, and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cointrader.backtest.criteria import About, Criteria
from cointrader.backtest.statistics.evidence import MEASURES
from cointrader.domain.errors import ConfigError


class Answer(StrEnum):
    """What a verdict says."""

    EDGE = "edge"
    NO_EDGE = "no edge"
    TOO_LITTLE_DATA = "too little data"


@dataclass(frozen=True, slots=True)
class Subject:
    """What was judged, by hash.

    Parameters
    ----------
    model : of the filter that judged entries, "" where every signal passed; None where a verdict
        is so old that its configuration's hash alone tells, into which the model goes as well
    """

    configuration: str
    data: str
    model: str | None = ""


@dataclass(frozen=True, slots=True)
class AccountRun:
    """The same configuration with its own sizing, limits and halts. Money in quote currency."""

    start_wallet: float
    final_wallet: float
    trades: int
    max_drawdown_ratio: float  # of marked equity
    halted_ms: int | None  # when a halt ended all entries for good; None: none did
    halt_reason: str = ""

    @property
    def line(self) -> str:
        """In a line, with the day on which it halted."""
        told = (
            f"the account: {_told(self.start_wallet, 'money')} became "
            f"{_told(self.final_wallet, 'money')} in {self.trades:,} trades, "
            f"largest fall {_told(self.max_drawdown_ratio, 'share')}"
        )
        if self.halted_ms is None:
            return told
        day = datetime.fromtimestamp(self.halted_ms / 1_000, UTC).date()
        return f"{told}, halted on {day}" + (f" ({self.halt_reason})" if self.halt_reason else "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One criterion and what became of it. `direction` is "at least" or "at most"."""

    measure: str
    about: About
    value: float
    direction: str
    bound: float
    passed: bool
    why: str

    @property
    def line(self) -> str:
        """In a line, such as ``failed: mean result of a trade -0.161 R, at least 0 R``."""
        measure = MEASURES[self.measure]
        word = "passed" if self.passed else "failed"
        value, bound = _told(self.value, measure.unit), _told(self.bound, measure.unit)
        return f"{word}: {measure.words} {value}, {self.direction} {bound}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer with everything it rests on.

    Parameters
    ----------
    measures : all that was measured, judged or not, by the names of `MEASURES`
    criteria_hash, criteria_source : the file that was fixed before the run
    account : the account run beside it, if there was one
    """

    answer: Answer
    findings: tuple[Finding, ...]
    measures: Mapping[str, float]
    subject: Subject
    criteria_hash: str
    criteria_source: str
    account: AccountRun | None = None

    @property
    def summary(self) -> str:
        """The answer in a sentence."""
        failed = [finding for finding in self.findings if not finding.passed]
        of = f"{len(self.findings)} criteria"
        if self.answer is Answer.EDGE:
            return f"edge: all {of} are met"
        if self.answer is Answer.TOO_LITTLE_DATA:
            missing = [MEASURES[f.measure].words for f in failed if f.about is About.DATA]
            return f"too little data to tell: {'; '.join(missing)}"
        return f"no edge: {len(failed)} of {of} are not met"

    def refusal(self, *, configuration: str, model: str) -> str | None:
        """Why this verdict does not speak for what is about to trade; None when it does."""
        if self.answer is not Answer.EDGE:
            return f"the verdict is {self.answer}"
        if self.subject.configuration != configuration:
            return "the verdict is about another configuration"
        if self.subject.model not in (model, None):
            return "the verdict is about another model"
        return None


def judge(
    measures: Mapping[str, float],
    criteria: Criteria,
    subject: Subject,
    account: AccountRun | None = None,
) -> Verdict:
    """Hold measures against criteria.

    All met is an edge; one about the data not met is too little data; anything else is no edge. So
    a clear loser of a few trades is still too little data.

    Raises `ConfigError` where a criterion asks for what this run did not measure.
    """
    missing = sorted(criteria.measures - measures.keys())
    if missing:
        raise ConfigError(
            "the criteria ask for what was not measured",
            where=criteria.source,
            found=", ".join(missing),
            allowed=", ".join(sorted(measures)),
        )
    findings = tuple(
        Finding(
            criterion.measure,
            criterion.about,
            float(measures[criterion.measure]),
            "at least" if criterion.at_least is not None else "at most",
            _bound(criterion.at_least, criterion.at_most),
            criterion.is_met(measures[criterion.measure]),
            criterion.why,
        )
        for criterion in criteria.criteria
    )
    answer = _answer(findings)
    return Verdict(
        answer, findings, dict(measures), subject, criteria.hash, criteria.source, account
    )


def _answer(findings: tuple[Finding, ...]) -> Answer:
    failed = {finding.about for finding in findings if not finding.passed}
    if About.DATA in failed:
        return Answer.TOO_LITTLE_DATA
    return Answer.NO_EDGE if failed else Answer.EDGE


def _bound(at_least: float | None, at_most: float | None) -> float:
    bound = at_least if at_least is not None else at_most
    assert bound is not None, "a criterion has a bound"
    return bound


def _told(value: float, unit: str) -> str:
    """A value with its unit, as a person reads it."""
    if math.isnan(value):
        return "(cannot be told)"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    match unit:
        case "count":
            return f"{value:,.0f}"
        case "days":
            return f"{value:,.0f} days"
        case "share":
            return f"{100 * value:.3g} %"
        case "money":
            return f"{value:,.2f}"
        case "R":
            return f"{value:+.3f} R" if value else "0 R"
        case _:
            return f"{value:.3g}"
