"""Real money asks for a verdict on exactly the rule and the model that trade."""

from __future__ import annotations

from pathlib import Path

from cointrader.app.config import Config
from cointrader.app.models import Models
from cointrader.app.preflight.reading import judged_by
from cointrader.app.verdict.live import verdict_now
from tests.unit.model.making import constant, published
from tests.unit.model.test_backtest_command import (
    _nothing_of_this_machine as nothing_of_this_machine,
)
from tests.unit.model.test_backtest_command import data, told

__all__ = ["data", "nothing_of_this_machine"]  # fixtures


def refusal(config, *, with_models):
    judged = None
    if with_models:
        models = Models(config, Path("models"), is_paper=False)
        judged = judged_by(config, models, models.states())
    return verdict_now(config, journal=Path("no.db"), now_ms=10**13, judged=judged).refusal


def test_a_verdict_with_a_model_is_found_for_that_model_and_for_no_other(capsys, data):
    config = Config(overrides={"symbols": "XRPUSDT"}, environ={}, folder="/nonexistent")
    published(Path("models"), constant(0.6))
    told(capsys, *data, "--model")

    assert "too little data" in refusal(config, with_models=True)
    assert "there is none on this configuration" in refusal(config, with_models=False)

    published(Path("models"), constant(0.7))
    assert "there is none on this configuration" in refusal(config, with_models=True)
