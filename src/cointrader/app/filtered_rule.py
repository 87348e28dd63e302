"""A signal rule together with the model that judges its signals, as one rule.

Trials and verdicts know a strategy by its rules. The same rule with a model, with another model, or
with another threshold is another strategy: it is counted as a trial of its own, and no verdict on
one speaks for the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cointrader.market.frame import Frame
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import SignalRule, Signals


@dataclass(frozen=True, slots=True)
class FilteredRule:
    """`rule`, whose signals a model judges.

    Parameters
    ----------
    identity : what stands for the rule alone
    model : SHA-256 of the model
    threshold : probability from which on a signal passes
    """

    identity: str
    model: str
    threshold: float
    rule: SignalRule = field(repr=False)

    @property
    def name(self) -> str:
        return self.rule.name

    @property
    def warm_up(self) -> int:
        return self.rule.warm_up

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        """The signals before they are judged."""
        return self.rule.evaluate(frame, indicators)
