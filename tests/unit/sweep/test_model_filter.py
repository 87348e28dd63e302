"""A search whose signals a model judges: every cell is what `backtest --model` makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cointrader.app.backtest import prepared
from cointrader.app.models import Models
from cointrader.app.paper.market import SYNTHETIC_START_MS
from cointrader.app.search.model_filter import ModelFilter
from cointrader.app.search.space import search_space
from cointrader.app.search.sweep import Where, player_of, sweep
from cointrader.app.verdict.trial import count_trial
from cointrader.backtest.run import run
from cointrader.domain.errors import ConfigError, UsageError
from cointrader.model.errors import ModelBroken
from tests.markets import DAY_MS
from tests.unit.model.making import constant, linear, published, trees
from tests.unit.sweep.searching import a_config, a_market, by_settings

AXES = (
    "atr_sl_mult=1,2",
    "signal_threshold=2,3",
    "rsi_period=14,21",
    "ml_threshold=0.45,0.5,0.55",
)
BEFORE = SYNTHETIC_START_MS - 30 * DAY_MS


@pytest.fixture
def models(tmp_path):
    """Of XRPUSDT and DOGEUSDT; none of TRXUSDT."""
    folder = tmp_path / "models"
    published(folder, trees(["rsi", "btc_ret_1", "signal_strength"]), trained_to_ms=BEFORE)
    published(folder, linear({"rsi": 0.01}, -0.6), trained_to_ms=BEFORE, symbol="DOGEUSDT")
    return folder


def configured(symbols=("XRPUSDT",), **settings):
    both = ["BTCUSDT", "ETHUSDT"]
    return a_config(symbols=list(symbols), correlation_symbols=both, **settings)


def searched(folder, models, axes=AXES, *, config=None, where=None, days=20, **how):
    config = config or configured()
    judging = ModelFilter(config, models)
    space = search_space(config, axes, models=judging)
    where = where or Where(jobs=1, store=folder / "cells.db", ledger=folder / "trials.db")
    market = a_market(config, days=days)
    return sweep(space, market, least_trades=5, where=where, models=judging, **how), judging, market


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"symbols": ("XRPUSDT", "TRXUSDT", "DOGEUSDT")},
        {"symbols": ("XRPUSDT", "DOGEUSDT"), "sizing": "account", "tie_break": "probability"},
    ],
    ids=["one symbol", "one without a model", "on an account, the likeliest first"],
)
def test_every_cell_is_its_backtest_with_the_model_to_the_last_bit(tmp_path, models, how):
    config = configured(**how)
    result, _, market = searched(tmp_path, models, config=config)
    player, counts = player_of(result, market), set()

    for cell, figures in zip(result.space.cells, result.table.figures, strict=True):
        own = result.space.config_of(cell)
        ready = prepared(own, market, models=Models(own, models, is_paper=True))
        alone = run(ready.candles, ready.signals, ready.settings(), with_equity=False).trades
        mine = player.trades(cell)
        for name in alone.dtype.names or ():
            assert mine[name].tobytes() == alone[name].tobytes(), (cell, name)
        assert figures["trades"][0] == len(alone)
        assert figures["net"][0] == pytest.approx(alone["net"].sum(), abs=1e-6)
        counts.add(len(alone))

    assert len(result.space.cells) == 24
    assert len(counts) > 6  # the model and its thresholds tell cells apart


def test_a_cell_is_the_trial_that_its_backtest_with_the_model_is(tmp_path, models):
    result, _, market = searched(tmp_path, models)
    cell = result.space.cells[5]
    own = result.space.config_of(cell)
    ledger = tmp_path / "trials.db"

    with_it = prepared(own, market, models=Models(own, models, is_paper=True))

    assert not count_trial(with_it, ledger=ledger, now_ms=1).is_new
    assert count_trial(prepared(own, market), ledger=ledger, now_ms=1).is_new


def test_a_row_of_features_is_scored_once_whatever_cells_it_is_of(tmp_path, models):
    few, small, market = searched(tmp_path, models, ["signal_threshold=2,3"])
    many, large, _ = searched(
        tmp_path, models, ["signal_threshold=2,3", "atr_sl_mult=1,2,3", "ml_threshold=0.4,0.6"]
    )
    signals = [len(player_of(few, market).signals(cell)["XRPUSDT"]) for cell in few.space.cells]

    assert (len(few.space.cells), len(many.space.cells)) == (2, 12)
    assert max(signals) <= small.asked < sum(signals)  # the thresholds have most rows in common
    assert large.asked == small.asked


def test_where_it_is_played_changes_nothing(tmp_path, models):
    here, _, _ = searched(tmp_path, models, where=Where(1, is_stored=False, ledger=tmp_path / "a"))
    there, _, _ = searched(tmp_path, models, where=Where(2, is_stored=False, ledger=tmp_path / "b"))

    assert by_settings(here) == by_settings(there)


def test_what_was_finished_is_found_again_unless_the_model_is_another(tmp_path, models):
    first, _, _ = searched(tmp_path, models)
    again, _, _ = searched(tmp_path, models)
    cut_elsewhere, _, _ = searched(tmp_path, models, past=0.4)
    published(models, trees(["rsi"], seed=2), trained_to_ms=BEFORE)
    other, _, _ = searched(tmp_path, models)

    assert (first.remembered, again.remembered, other.remembered) == (0, 24, 0)
    assert cut_elsewhere.remembered == 0
    assert (first.new_trials, again.new_trials, other.new_trials) == (24, 0, 24)
    assert by_settings(first) == by_settings(again) != by_settings(other)


def test_without_a_model_the_cells_are_those_of_a_search_without_models(tmp_path):
    axes = AXES[:3]
    none, judging, market = searched(tmp_path, tmp_path / "nowhere", axes)
    plain = sweep(
        search_space(configured(), axes), market, least_trades=5,
        where=Where(1, is_stored=False, ledger=tmp_path / "other.db"),
    )  # fmt: skip

    assert judging.asked == 0
    assert none.space.identities == plain.space.identities
    assert by_settings(none) == by_settings(plain)


def test_on_candles_that_the_model_learned_from_nothing_is_judged(tmp_path, models):
    judged, _, _ = searched(tmp_path, models, AXES[:2], days=60)
    until_ms = SYNTHETIC_START_MS + 5 * DAY_MS
    published(models, trees(["rsi", "btc_ret_1", "signal_strength"]), trained_to_ms=until_ms)
    shown, _, _ = searched(tmp_path, models, AXES[:2], days=60)

    assert judged.learned == {}
    assert np.isfinite(judged.header.deflated_sharpe)
    assert judged.header.slump is not None
    assert shown.learned == {"XRPUSDT": until_ms}
    assert np.isnan([shown.header.deflated_sharpe, shown.header.luck]).all()
    assert np.isnan(shown.header.overfitting)
    assert shown.header.slump is None
    assert shown.header.best == judged.header.best


def test_a_model_that_may_not_be_used_ends_the_search_before_it_begins(tmp_path, models):
    Path(models / "xrpusdt" / "lgbm_filter.onnx").write_bytes(b"half")

    with pytest.raises(ModelBroken):
        searched(tmp_path, models)

    assert not (tmp_path / "trials.db").exists()


def test_the_threshold_of_a_filter_is_searched_where_there_is_a_filter_only(tmp_path):
    published(tmp_path, constant(0.6))

    with pytest.raises(UsageError, match="say --model"):
        search_space(configured(), ["ml_threshold=0.5,0.7"])
    nothing = ModelFilter(configured(), tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="ML_THRESHOLD changes nothing here"):
        search_space(configured(), ["ml_threshold=0.5,0.7"], models=nothing)
