"""May a model trade? Only where the strategy is better with it, out of sample, and good.

    attempt = count_attempt(ledger, card, at_ms=now_ms)  # before any result is looked at
    judged, play = on_market(tested, market, symbol, signals, settings)
    verdict = judge(judged, play, card, attempt, load_gate_criteria())

Judged are the strategy's own trades on time that the folds' models had not seen, through the
kernel, costs included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from cointrader.model.manifest import FAILED, PASSED
from cointrader.training.alpha import Attempt, level_of
from cointrader.training.card import Card
from cointrader.training.gate_criteria import DATA, MEASURES, GateCriteria, GateCriterion
from cointrader.training.gate_measures import measured
from cointrader.training.gate_play import Judged, Player


@dataclass(frozen=True, slots=True)
class GateFinding:
    """One criterion and what became of it. `direction` is "at least", "above" or "at most"."""

    measure: str
    about: str
    value: float
    direction: str
    bound: float
    passed: bool
    why: str

    @property
    def line(self) -> str:
        """For people, such as ``failed: trades that the filter lets pass 61, at least 100``."""
        words, unit = MEASURES[self.measure]
        word = "passed" if self.passed else "failed"
        bound = _told(self.bound, unit)
        return f"{word}: {words} {_told(self.value, unit)}, {self.direction} {bound}"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The answer with everything it rests on.

    Parameters
    ----------
    model : SHA-256 of the model
    level : at which this attempt was judged
    measures : all that was measured, judged or not
    """

    model: str
    attempt: Attempt
    level: float
    findings: tuple[GateFinding, ...]
    measures: Mapping[str, float]
    criteria_hash: str
    criteria_source: str

    @property
    def passed(self) -> bool:
        return all(finding.passed for finding in self.findings)

    @property
    def summary(self) -> str:
        """The answer in a sentence."""
        failed = [finding for finding in self.findings if not finding.passed]
        of = f"{len(self.findings)} criteria"
        if not failed:
            return f"passed: all {of} are met"
        told = f"failed: {len(failed)} of {of} are not met"
        missing = [MEASURES[each.measure][0] for each in failed if each.about == DATA]
        return f"{told}; too little data: {', '.join(missing)}" if missing else told

    def as_plain(self) -> dict[str, object]:
        """For a manifest, a card, or any JSON writer; what cannot be told is None."""
        return {
            "verdict": PASSED if self.passed else FAILED,
            "forced_for_paper": False,
            "summary": self.summary,
            "model": self.model,
            "attempt": self.attempt.number,
            "level": self.level,
            "criteria": {"hash": self.criteria_hash, "source": self.criteria_source},
            "findings": [
                {
                    **asdict(each),
                    "value": _plain(each.value),
                    "bound": _plain(each.bound),
                    "text": each.line,
                }
                for each in self.findings
            ],
            "measures": {name: _plain(value) for name, value in self.measures.items()},
        }


def judge(
    judged: Judged,
    play: Player,
    card: Card,
    attempt: Attempt,
    criteria: GateCriteria,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> GateVerdict:
    """Hold a model against criteria.

    Parameters
    ----------
    judged, play : its signals out of fold, and what plays them
    card : of the same model
    attempt : as it was counted before
    on_progress : told how many random filters more were played, and of how many
    """
    level = level_of(attempt.number, criteria.method.alpha)
    found = measured(judged, play, card, criteria.method, level, on_progress)
    return GateVerdict(
        card.final.sha256,
        attempt,
        level,
        tuple(finding_of(each, found[each.measure], level) for each in criteria.criteria),
        found,
        criteria.hash,
        criteria.source,
    )


def finding_of(criterion: GateCriterion, value: float, level: float) -> GateFinding:
    """What became of one criterion."""
    return GateFinding(
        criterion.measure,
        criterion.about,
        float(value),
        criterion.direction,
        criterion.bound(level),
        criterion.is_met(value, level),
        criterion.why,
    )


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _told(value: float, unit: str) -> str:
    """A value with its unit, as a person reads it."""
    if math.isnan(value):
        return "(cannot be told)"
    match unit:
        case "count":
            return f"{value:,.0f}"
        case "R":
            return f"{value:+.3f} R" if value else "0 R"
        case "p":
            return f"{value:.2g}"
        case _:
            return f"{value:.3g}"
