"""Real money asks for a verdict on exactly the rule and the model that trade."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from cointrader.app.config import Config
from cointrader.app.filtered_rule import FilteredRule
from cointrader.app.models import Models
from cointrader.app.preflight.reading import judged_by
from cointrader.app.verdict.live import Asked, Override, verdict_now
from cointrader.app.verdict.subject import model_of
from cointrader.signals.score import ScoreRule
from tests.unit.model.making import constant, published
from tests.unit.model.test_backtest_command import (
    _nothing_of_this_machine as nothing_of_this_machine,
)
from tests.unit.model.test_backtest_command import data, told

MODEL = hashlib.sha256(constant(0.6)).hexdigest()

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

    (file,) = Path("verdicts").iterdir()
    kept = json.loads(file.read_text())
    assert (kept["version"], kept["model"]) == (2, MODEL)
    file.write_text(json.dumps(kept | {"model": "0" * 64, "answer": "edge"}))
    assert "contradict" in refusal(config, with_models=True)  # an answer is not written by hand

    published(Path("models"), constant(0.7))
    assert "there is none on this configuration" in refusal(config, with_models=True)


def test_models_of_several_symbols_are_named_with_their_symbols():
    def judged(model):
        return FilteredRule("score", model, 0.5, ScoreRule())

    both = {"XRPUSDT": judged("a"), "DOGEUSDT": judged("b")}

    assert model_of(["XRPUSDT"], {}) == model_of(["XRPUSDT", "DOGEUSDT"], {}) == ""
    assert model_of(["XRPUSDT"], {"XRPUSDT": ScoreRule()}) == ""
    assert model_of(["XRPUSDT"], both) == "a"
    assert model_of(["XRPUSDT", "TRXUSDT", "DOGEUSDT"], both) == "XRPUSDT=a DOGEUSDT=b"


def test_an_override_is_of_the_model_that_trades_too(data):
    config = Config(overrides={"symbols": "XRPUSDT"}, environ={}, folder="/nonexistent")
    published(Path("models"), constant(0.6))
    models = Models(config, Path("models"), is_paper=False)
    judged = judged_by(config, models, models.states())
    asked = Asked(override=Override("to see how it does with a little money", 3))

    made = verdict_now(config, journal=Path("no.db"), now_ms=1, asked=asked, judged=judged).override

    assert made is not None
    assert made.model == MODEL
