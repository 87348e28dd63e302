"""A filter trained anew for each fold: it helps where there is something to know, and only there.

Whatever it knows it knows from its own training.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from cointrader.app.backtest import market_of
from cointrader.app.search.fold_filter import FoldChoice, Judgement, judged_signals
from cointrader.app.search.play import Job, Player
from cointrader.app.search.space import search_space
from cointrader.app.search.sweep import Where
from cointrader.app.search.walkforward import Plan, walk_forward
from cointrader.backtest.codes import NO_MODEL
from cointrader.backtest.statistics.evidence import Method
from cointrader.backtest.trial_ledger import TrialLedger
from cointrader.backtest.walkforward.folds import first_decision_ms, folds_of
from cointrader.cli.main import main
from cointrader.domain.errors import InvariantBroken, MissingCandles
from cointrader.training.boosting import Boosting, BoostingSettings
from tests.markets import DAY_MS
from tests.unit.sweep.searching import AXES, a_config, a_market

pytest.importorskip("lightgbm", reason="the filters are trained by LightGBM")
pytest.importorskip("onnx", reason="trained filters are written as ONNX")

from cointrader.cli.walkforward_work import Common, Piece, Retrained, trained

ORACLE = Path(__file__).with_name("oracle.py")
PLAN = Plan(train=25.0, test=7.0, embargo=0.5)
QUICK = Retrained(Boosting(BoostingSettings(num_boost_round=40, learning_rate=0.1)))
DAYS = 46
ONE_CELL = ["atr_sl_mult=2"]


def walked(folder, rule, *, days=DAYS, plan=PLAN, retrain=QUICK, stored=False, **how):
    config = a_config(signal=f"{ORACLE}:{rule}", slippage_bps=0, taker_fee=0)
    where = Where(jobs=1, is_stored=stored, store=folder / "cells.db", ledger=folder / "trials.db")
    market = a_market(config, days=days)
    space = search_space(config, ONE_CELL)
    usual = {"least_trades": 10, "where": where, "retrain": retrain,
             "method": Method(draws=400)}  # fmt: skip
    return walk_forward(space, market, plan, **(usual | how))


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    return walked(tmp_path_factory.mktemp("knowing"), "Knowing")


@pytest.fixture(scope="module")
def guessing(tmp_path_factory):
    return walked(tmp_path_factory.mktemp("guessing"), "Guessing")


def test_where_a_feature_knows_the_filter_helps_out_of_sample(knowing):
    filtered = knowing.filtered

    assert len(knowing.tested) >= 2
    assert all(each.is_filter and each.rows >= 200 for each in filtered.judgements)
    assert min(each.auc for each in filtered.judgements) > 0.7
    assert knowing.measures["trades"] < filtered.measures["trades"]
    assert knowing.measures["mean_r"] > filtered.measures["mean_r"] + 0.2
    assert knowing.measures["mean_r_low"] > 0.0


def test_where_nothing_is_known_the_filter_does_not_help(guessing):
    filtered = guessing.filtered

    assert max(each.auc for each in filtered.judgements) < 0.62
    assert guessing.measures["mean_r"] < filtered.measures["mean_r"] + 0.2
    assert guessing.measures["mean_r_low"] < 0.0


def test_a_filter_speaks_of_nothing_that_was_known_when_it_was_made(knowing):
    for judgement in knowing.filtered.judgements:
        fold = knowing.folds[judgement.number]
        assert judgement.known_ms <= fold.train_to_ms == judgement.from_ms < fold.test_from_ms


def test_every_trade_of_a_test_passed_the_filter_and_the_unfiltered_ones_are_told_beside(knowing):
    market = knowing.space.base, a_market(knowing.space.base, days=DAYS)
    for number, each in enumerate(knowing.tested):
        job, choice = parts_of(*market, PLAN, knowing.space.cells[0], number)
        judgement = knowing.filtered.judgements[number]
        signals = judged_signals(Player(job), job.market, choice, [judgement])["XRPUSDT"]
        assert signals.probability is not None
        assert signals.refused is not None
        times = job.market.frames["XRPUSDT"].open_time_ms
        probability = dict(zip(times[signals.rows].tolist(), signals.probability, strict=True))
        played = job.market.between(job.start_ms, job.end_ms).candles.time_ms
        signalled = played[each.trades["entry_bar"] - 1]
        assert all(probability[at] >= judgement.threshold for at in signalled.tolist())
        assert 0 < each.test["trades"][0] < knowing.filtered.unfiltered[number]["trades"][0]
        before = times[signals.rows] < choice.fold.train_to_ms
        assert (signals.refused[before] == NO_MODEL).all()


def parts_of(config, market, plan, cell, number=0):
    """A fold with all that is needed to train its filter."""
    candles = market_of(config, market.source)
    stretch = candles.between(market.start_ms, market.end_ms)
    folds = folds_of(
        first_decision_ms(stretch), stretch.to_ms,
        train_ms=round(plan.train * DAY_MS), test_ms=round(plan.test * DAY_MS),
        embargo_ms=round(plan.embargo * DAY_MS), anchored=False,
    )  # fmt: skip
    job = Job(config, candles, 1000.0, market.start_ms, market.end_ms, ((0, 1, 1),))
    return job, FoldChoice(number, folds[number], cell, "cell")


def test_other_candles_after_the_training_change_nothing_that_was_learned():
    """Threshold and ranking come from the training; the hint of its last bars is cut off too."""
    config = a_config(signal=f"{ORACLE}:Guessing")
    job, choice = parts_of(config, a_market(config, days=40), PLAN, {"ATR_SL_MULT": "2"})
    frame = job.market.frames["XRPUSDT"]
    after = frame.open_time_ms >= choice.fold.train_to_ms
    candles = frame.candles
    other = replace(candles, **{
        name: np.where(after, getattr(candles, name) * 1.5, getattr(candles, name))
        for name in ("open", "high", "low", "close", "volume")
    })  # fmt: skip
    poisoned = replace(job.market, frames={"XRPUSDT": replace(frame, candles=other)})

    own = trained(Common(job, QUICK), Piece(choice, "XRPUSDT"))
    others = trained(Common(replace(job, market=poisoned), QUICK), Piece(choice, "XRPUSDT"))

    assert own.is_filter
    assert (own.rows, own.known_ms, own.auc, own.threshold) == (
        others.rows, others.known_ms, others.auc, others.threshold,
    )  # fmt: skip
    assert own.probability is not None
    assert others.probability is not None
    assert len(own.probability) == len(others.probability) > 0
    assert own.probability.tolist() != others.probability.tolist()


def test_what_a_filter_had_learned_from_it_may_not_judge():
    job_config = a_config(signal=f"{ORACLE}:Knowing")
    job, choice = parts_of(job_config, a_market(job_config, days=40), PLAN, {"ATR_SL_MULT": "2"})
    late = Judgement(
        0, "XRPUSDT", from_ms=choice.fold.train_to_ms, known_ms=choice.fold.train_to_ms + 1,
        probability=np.empty(0),
    )  # fmt: skip

    with pytest.raises(InvariantBroken, match="learned from what it judges"):
        judged_signals(Player(job), job.market, choice, [late])


def test_each_chosen_cell_with_its_filter_is_one_more_trial(tmp_path, knowing):
    result = walked(tmp_path, "Knowing", stored=True)
    assert result.trials == 2  # the cell, and the cell with its filter
    again = walked(tmp_path, "Knowing", stored=True)
    assert again.trials == 2
    other = walked(tmp_path, "Knowing", retrain=replace(QUICK, seed=2))
    assert other.trials == 3
    with TrialLedger(tmp_path / "trials.db") as ledger:
        assert ledger.count(other.data) == 3
    assert result.measures == knowing.measures


@dataclass
class Stopped:
    """Somebody who presses Ctrl-C after so much was done."""

    at: int
    done: int = 0

    def __call__(self, done, _of):
        self.done += done
        if self.done >= self.at:
            raise KeyboardInterrupt


def test_what_was_stopped_goes_on_and_says_the_same(tmp_path, knowing):
    with pytest.raises(KeyboardInterrupt):
        walked(tmp_path, "Knowing", stored=True, on_progress=Stopped(at=2))  # a cell, a filter
    told = []
    result = walked(tmp_path, "Knowing", stored=True, on_progress=lambda *each: told.append(each))

    assert told[0] == (1, 1 + len(result.folds))  # the cell was known
    assert told[1] == (1, 1 + len(result.folds))  # and so was a filter
    assert sum(done for done, _ in told) == 1 + len(result.folds)
    assert result.trades["net"].tolist() == knowing.trades["net"].tolist()
    assert result.measures == knowing.measures


def test_a_kept_filter_that_is_not_what_was_written_is_trained_again(tmp_path, knowing):
    walked(tmp_path, "Knowing", stored=True)
    with sqlite3.connect(tmp_path / "cells.db") as kept:
        kept.execute("UPDATE filters SET content = x'00ff'")
    result = walked(tmp_path, "Knowing", stored=True)

    assert result.measures == knowing.measures


def test_where_there_is_too_little_to_learn_from_the_test_says_so(tmp_path):
    with pytest.raises(MissingCandles, match="no fold has signals enough"):
        walked(tmp_path, "Knowing", plan=replace(PLAN, train=10.0))


def test_a_fold_with_too_few_signals_trades_unfiltered_and_says_why(tmp_path):
    result = walked(tmp_path, "Knowing", plan=Plan(17.0, 7.0, 0.5, anchored=True))

    first, *later = result.filtered.judgements
    assert "too few signals" in first.why_none
    assert all(each.is_filter for each in later)
    assert result.tested[0].test["trades"][0] == result.filtered.unfiltered[0]["trades"][0]


def test_the_usual_walk_has_no_filter(tmp_path):
    config = a_config()
    where = Where(jobs=1, is_stored=False, ledger=tmp_path / "trials.db")
    result = walk_forward(
        search_space(config, AXES[:1]), a_market(config, days=45), Plan(15.0, 6.0, 0.5),
        least_trades=10, where=where,
    )  # fmt: skip

    assert result.filtered is None
    assert isinstance(result.measures, Mapping)


def test_the_command_trains_networks_and_goes_on_with_what_it_kept(tmp_path, capsys, monkeypatch):
    pytest.importorskip("mlx.core", reason="MLX is not installed here")
    monkeypatch.setenv("MLX_DISABLE_COMPILE", "1")
    monkeypatch.chdir(tmp_path)
    asked = [
        "walkforward", "--signal", f"{ORACLE}:Knowing", "--symbol", "XRPUSDT",
        "--from", "2025-01-01", "--to", "2025-02-02", "--train", "25", "--test", "6",
        "--embargo", "0.5", "--set", "atr_sl_mult=2", "--least-trades", "10",
        "--correlation-symbols", "off", "--store", "cells.db", "--ledger", "trials.db",
        "--model", "mlx", "--quiet", "--json",
    ]  # fmt: skip

    assert main(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(asked) == 0

    assert json.loads(capsys.readouterr().out) == told
    judged = told["filter"]
    assert judged["name"] == "mlx"
    assert judged["trained"][0]["auc"] > 0.6
    assert told["measures"]["mean_r"] > judged["unfiltered_measures"]["mean_r"] + 0.2
