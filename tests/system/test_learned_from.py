"""Learning from more than the strategy's own signals, as a person asks for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cointrader.backtest.trial_ledger import TrialLedger
from cointrader.cli.main import main
from cointrader.market.combined import write_combined
from cointrader.market.synthetic import SyntheticSource
from cointrader.training.alpha import data_set_of
from cointrader.training.candidate import read_tested
from cointrader.training.card import read_cards
from tests.markets import BAR_MS, START_MS

pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")
pytestmark = pytest.mark.slow

DAYS = 50
SYMBOLS = ("XRPUSDT", "DOGEUSDT")
SMALL = ("--signal-threshold", "2", "--folds", "2", "--params", "few.json", "--ledger", "tried.db",
         "--quiet")  # fmt: skip
BOTH = ("--symbols", ",".join(SYMBOLS), *SMALL)


@pytest.fixture(scope="module")
def candles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("candles")
    source = SyntheticSource(SYMBOLS, 3, START_MS, 96 * DAYS, BAR_MS,
                             correlation_symbols=("BTCUSDT", "ETHUSDT"))  # fmt: skip
    for symbol in SYMBOLS:
        write_combined(folder, source.frame(symbol), stored_ms=START_MS + DAYS * 96 * BAR_MS)
    return folder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, candles):
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST",
                                   "XDG_CACHE_HOME"}:  # fmt: skip
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(candles)
    (tmp_path / "few.json").write_text('{"params": {"num_boost_round": 6, "learning_rate": 0.1}}')
    return tmp_path


def candidate_of(symbol, models="models"):
    return Path(models) / symbol.lower() / "candidate"


def test_a_pool_makes_a_candidate_of_each_symbol_and_the_gate_judges_each_by_its_own_trades(capsys):
    wide = ("--pooled", "--population-threshold", "1", "--hold-negatives", "0.5")
    assert main(["train", *BOTH, "--models", "alone"]) == 0
    assert main(["train", *BOTH, *wide]) == 0
    out = capsys.readouterr().out
    assert "rows of other symbols" in out
    assert "count as lost" in out

    for symbol, other in (SYMBOLS, SYMBOLS[::-1]):
        folder = candidate_of(symbol)
        card, tested = read_cards(folder)["lgbm"], read_tested(folder, "lgbm")
        told = card.data.learned_from
        assert told is not None
        assert (told.decision_threshold, told.population_threshold) == (2, 1)
        assert told.pooled == SYMBOLS
        assert told.rows[other].all > 100
        plain = read_tested(candidate_of(symbol, "alone"), "lgbm")
        assert tested.open_ms.tolist() == plain.open_ms.tolist()
        assert tested.net_r.tolist() == plain.net_r.tolist()
        with TrialLedger(Path("tried.db")) as ledger:
            names = [trial.settings for trial in ledger.trials(data_set_of(card))]
        assert f"learned from {told.text}" in names[-1]
        assert "learned from" not in names[0]

    assert main(["promote", *BOTH[:4], "--ledger", "tried.db", "--json", "--quiet"]) == 4
    judged = json.loads(capsys.readouterr().out)["promotions"]
    assert [each["symbol"] for each in judged] == list(SYMBOLS)
    assert [each["gate"]["attempt"] for each in judged] == [2, 2]

    assert main(["promote", *BOTH[:4], "--ledger", "tried.db", "--quiet"]) == 4
    assert "0.5 bars without a signal for each, rows of DOGEUSDT; judged by" in (
        capsys.readouterr().out
    )

    assert main(["train", *BOTH, *wide]) == 0
    assert capsys.readouterr().out.count("it was there already") == 2


def test_a_symbol_of_a_pool_that_cannot_be_read_does_not_keep_the_others_from_it(capsys):
    words = ["train", "--symbols", "XRPUSDT,DOGEUSDT,SOLUSDT", *SMALL, "--pooled", "--json"]
    assert main(words) == 3

    told = json.loads(capsys.readouterr().out)
    assert [each["card"]["symbol"] for each in told["models"]] == list(SYMBOLS)
    assert list(told["failed"]) == ["SOLUSDT"]
    assert told["models"][0]["card"]["data"]["learned_from"]["pooled"] == list(SYMBOLS)


@pytest.mark.parametrize("command", ["train", "tune"])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--population-threshold", "4"), "stricter signals than it is asked about"),
        (("--population-threshold", "0"), "--population-threshold"),
        (("--hold-negatives", "-1"), "--hold-negatives"),
        (("--hold-negatives", "101"), "--hold-negatives"),
        (("--pooled",), "nothing to pool"),
    ],
)
def test_mistakes_are_answered_and_nothing_is_written(capsys, command, arguments, told):
    assert main([command, "--symbol", "XRPUSDT", "--quiet", *arguments]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert not Path("models").exists()


def test_settings_that_were_chosen_for_other_rows_are_not_what_trainings_begin_with(capsys):
    pytest.importorskip("optuna", reason="Optuna is not installed here")
    words = ("--signal-threshold", "2", "--folds", "3", "--inner-folds", "2", "--trials", "1")
    assert main(["tune", "--symbols", ",".join(SYMBOLS), *words, "--pooled", "--hold-negatives",
                 "0.5", "--quiet"]) == 0  # fmt: skip
    assert "cointrader train --params" in capsys.readouterr().out

    (path,) = Path("models/xrpusdt").glob("tune_results_*.json")
    told = json.loads(path.read_text())
    assert "rows of DOGEUSDT" in told["learned_from"]
    assert "0.5 bars without a signal" in told["learned_from"]
    assert main(["promote", "--params", str(path)]) == 2
    assert "usual rows" in capsys.readouterr().err
