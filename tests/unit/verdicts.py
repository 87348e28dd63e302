"""Verdicts as a test needs them."""

from __future__ import annotations

from cointrader.app.config import Config
from cointrader.app.verdict.kept import KeptVerdict, Occasion
from cointrader.app.verdict.subject import NO_MODEL, Identity
from cointrader.backtest.criteria import Criteria, load_criteria
from cointrader.backtest.verdict import Subject, judge
from cointrader.domain.clock import DAY_MS

AN_EDGE = {
    "trades": 500.0,
    "days": 365.0,
    "detectable_r": 0.2,
    "luck": 0.001,
    "mean_r_low": 0.1,
    "profit_factor": 1.4,
    "random_p": 0.01,
    "weakest_side_r": 0.1,
    "mean_r_without_best_month": 0.1,
    "bearable_costs": 2.0,
}


def a_config(**settings: object) -> Config:
    overrides = {"symbols": "XRPUSDT", **settings}
    return Config(overrides=overrides, environ={}, folder="/nonexistent")


def an_edge(
    config: Config,
    *,
    end_ms: int,
    is_made_up: bool = False,
    criteria: Criteria | None = None,
    **measures: float,
) -> KeptVerdict:
    """A verdict on a configuration: an edge, unless some `measures` say otherwise."""
    identity = Identity.of(config)
    verdict = judge(
        {**AN_EDGE, **measures},
        criteria or load_criteria(),
        Subject(identity.hash, "d" * 64, NO_MODEL),
    )
    occasion = Occasion(
        made_ms=end_ms,
        market="candles of a test",
        is_made_up=is_made_up,
        symbols=tuple(config.symbols),
        start_ms=end_ms - 365 * DAY_MS,
        end_ms=end_ms,
        settings=identity.settings,
    )
    return KeptVerdict(verdict, occasion)
