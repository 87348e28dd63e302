"""The signal rule that one symbol's settings ask for: bots, backtests and training alike."""

from __future__ import annotations

from typing import Protocol

from cointrader.signals.rules import SignalRule
from cointrader.signals.score import ScoreRule, ScoreSettings

BUILT_IN = "score"


class RuleSettings(Protocol):
    """What the choice of a rule reads; `Config.for_symbol` has it."""

    @property
    def signal(self) -> str: ...
    @property
    def signal_threshold(self) -> int: ...
    @property
    def vol_multiplier(self) -> float: ...
    @property
    def adx_threshold(self) -> float: ...


def configured_rule(settings: RuleSettings) -> SignalRule:
    """The rule named by `settings.signal`; ``ConfigError`` when there is no such rule."""
    if settings.signal != BUILT_IN:
        from cointrader.signals.user_rules import load_rule  # slow to import, seldom needed

        return load_rule(settings.signal)
    return ScoreRule(
        ScoreSettings(
            signal_threshold=settings.signal_threshold,
            vol_multiplier=settings.vol_multiplier,
            adx_threshold=settings.adx_threshold,
        )
    )


def rule_identity(settings: RuleSettings) -> str:
    """What stands for the rule in a configuration's hash: its name, and the hash of its file.

    ``"score"``, or ``"sha256:<64 digits>:<Name>"``: where the file lies does not count, what is
    in it does.
    """
    if settings.signal == BUILT_IN:
        return BUILT_IN
    from cointrader.signals.user_rules import rule_sha256

    return f"sha256:{rule_sha256(settings.signal)}:{settings.signal.rpartition(':')[2]}"
