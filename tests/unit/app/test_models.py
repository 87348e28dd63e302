"""What judges signals in a process: by symbol a model, none, one that may not be used, or off."""

from __future__ import annotations

import pytest

from cointrader.app.config import Config
from cointrader.app.model_state import state_lines
from cointrader.app.model_words import begun_with, pairs, served_in_words
from cointrader.app.models import Models
from cointrader.model.errors import ModelBroken, ModelMissing
from tests.unit.model.making import constant, published

XRP, TRX, DOGE = "XRPUSDT", "TRXUSDT", "DOGEUSDT"


def models_of(folder, *, is_paper=True, begun=None, **settings):
    config = Config(
        overrides={"symbols": f"{XRP},{TRX},{DOGE}", **settings}, environ={}, folder="/no"
    )
    return Models(config, folder, is_paper=is_paper, begun=begun)


def lines(models):
    return list(state_lines(models.states()))


def test_where_there_is_no_model_one_line_says_so_and_what_follows(tmp_path):
    assert lines(models_of(tmp_path)) == ["no model is loaded: every signal trades unfiltered"]
    assert lines(models_of(tmp_path, is_paper=False)) == [
        f"model of {XRP}, {TRX}, {DOGE}: no model: no entries"
    ]


def test_no_filter_says_whose_wish_that_was(tmp_path):
    published(tmp_path, constant(0.6))

    assert lines(models_of(None)) == ["no filter (--no-model): every signal trades unfiltered"]
    assert lines(models_of(tmp_path, no_ml_filter=True)) == [
        "no filter (NO_ML_FILTER): every signal trades unfiltered"
    ]


def test_each_symbol_is_told_on_its_own_where_they_differ(tmp_path):
    published(tmp_path, constant(0.6), gate={"verdict": "failed", "forced_for_paper": True})
    published(tmp_path, constant(0.6), symbol=TRX, gate={"verdict": "failed"})

    xrp, trx, doge = lines(models_of(tmp_path))

    assert xrp.startswith(f"model of {XRP}: lgbm:")
    assert xrp.endswith("passes from 0.5, gate failed, FORCED")
    assert f"model of {TRX}: no entries: the gate says 'failed'" in trx
    assert doge == f"model of {DOGE}: no model: every signal trades unfiltered"


def test_a_forced_model_serves_on_paper_alone(tmp_path):
    published(tmp_path, constant(0.6), gate={"verdict": "failed", "forced_for_paper": True})

    assert models_of(tmp_path).state_of(XRP).is_served
    live = models_of(tmp_path, is_paper=False).state_of(XRP)
    assert (live.identity, "for paper only" in live.words) == ("broken", True)


def test_settings_that_were_others_in_training_are_named(tmp_path):
    strategy = {"ATR_SL_MULT": 1.5, "vol_multiplier": 2.0, "TAKER_FEE": "0.0005", "made": "up"}
    published(tmp_path, constant(0.6), strategy=strategy)

    state = models_of(tmp_path).state_of(XRP)

    assert state.differences == ("VOL_MULTIPLIER 2.0, now 1.5",)
    assert "trained with other settings, XRPUSDT: VOL_MULTIPLIER 2.0, now 1.5" in (
        "\n".join(lines(models_of(tmp_path)))
    )


def test_a_threshold_counts_only_where_somebody_set_it(tmp_path):
    published(tmp_path, constant(0.6), threshold=0.7)

    def passes(**settings):
        found = models_of(tmp_path, **settings).model_of(XRP)
        return found and found[1]

    assert passes() == 0.7
    assert passes(ml_threshold=0.55) == 0.55
    assert passes(ml_threshold_xrpusdt=0.4) == 0.4
    assert passes(ml_threshold=0.3, ml_threshold_xrpusdt=0.4) == 0.4
    assert passes(no_ml_filter=True) is None


def test_a_model_of_another_rule_is_refused(tmp_path):
    published(tmp_path, constant(0.6), rule="breakout")

    assert "another rule" in models_of(tmp_path).state_of(XRP).words


def test_a_history_asks_for_a_model_and_hears_what_speaks_against_one(tmp_path):
    published(tmp_path, constant(0.6), symbol=TRX)
    (tmp_path / "trxusdt" / "lgbm_filter.onnx").unlink()

    assert models_of(tmp_path).model_of(XRP) is None
    with pytest.raises(ModelMissing):
        models_of(tmp_path, is_paper=False).model_of(XRP)
    with pytest.raises(ModelBroken):
        models_of(tmp_path).model_of(TRX)


def test_what_a_run_writes_down_is_what_it_begins_with_again(tmp_path):
    published(tmp_path, constant(0.6))
    begun = models_of(tmp_path, ml_threshold_xrpusdt=0.55).told()

    assert begun_with(begun) == tmp_path.resolve()
    assert pairs(begun["model_thresholds"]) == {XRP: "0.55"}
    assert served_in_words(begun) == (
        f"{XRP} {pairs(begun['model'])[XRP]}, {TRX} none, {DOGE} none"
    )
    for path in (tmp_path / "xrpusdt").iterdir():
        path.unlink()
    again = models_of(tmp_path, begun=begun)
    assert "no entries" in again.state_of(XRP).words
    assert "unfiltered" in again.state_of(TRX).words
    assert pairs(again.told()["model_thresholds"]) == {XRP: "0.55"}
    assert models_of(None).told() == {}
    assert begun_with({}) is None
    assert served_in_words({}) is None
