"""`cointrader backtest --model`: played with the model that is there, and counted as what it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cointrader.app.config import Config
from cointrader.app.verdict.kept import default_path
from cointrader.app.verdict.subject import Identity
from cointrader.cli.main import main
from tests.unit.backtest.folders import stored
from tests.unit.market.made import BAR_MS, START_MS
from tests.unit.model.making import constant, linear, published

XRP = ["--symbols", "XRPUSDT"]


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("SYMBOLS", "PROFILE", "SIGNAL", "SIZING", "INTERVAL", "ML_THRESHOLD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path):
    symbols = ("XRPUSDT", "BTCUSDT", "ETHUSDT")
    return ["--data", str(stored(tmp_path / "data", symbols, bars=2000)), *XRP]


def told(capsys, *arguments):
    code = main(["backtest", "--json", *arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def test_a_model_that_refuses_everything_leaves_no_trade(capsys, data):
    published(Path("models"), constant(0.2))

    assert told(capsys, *data, "--no-verdict")["trades"] > 0
    filtered = told(capsys, *data, "--model", "--no-verdict")
    assert filtered["trades"] == 0
    assert set(filtered["refusals"]) == {"filter"}


def test_models_may_be_elsewhere_and_thresholds_may_be_given(capsys, data):
    published(Path("elsewhere"), constant(0.4))
    asked = [*data, "--model", "--models", "elsewhere", "--no-verdict"]

    assert told(capsys, *asked)["trades"] == 0
    assert told(capsys, *asked, "--ml-threshold", "0.41")["trades"] == 0
    assert told(capsys, *asked, "--ml-threshold", "0.39")["trades"] > 0


def test_without_a_model_it_plays_unfiltered_and_says_so_once(capsys, data):
    assert main(["backtest", *data, "--model", "--no-verdict"]) == 0

    err = capsys.readouterr().err
    assert err.count("no model is loaded: every signal trades unfiltered") == 1


def test_candles_without_the_correlation_symbols_of_the_model_are_told(capsys, tmp_path):
    published(Path("models"), constant(0.6))
    alone = stored(tmp_path / "alone", ("XRPUSDT",), bars=400)

    assert main(["backtest", "--data", str(alone), *XRP, "--model", "--no-verdict"]) == 1

    err = capsys.readouterr().err
    assert "it expects btc_ret_1" in err
    assert "CORRELATION_SYMBOLS" in err


def test_people_are_told_which_model_judged(capsys, data):
    published(Path("models"), constant(0.6))

    assert main(["backtest", *data, "--model", "--no-verdict"]) == 0

    assert "model of XRPUSDT: lgbm:" in capsys.readouterr().err


def test_a_broken_model_is_an_error_and_nothing_is_played(capsys, data):
    published(Path("models"), constant(0.6))
    Path("models/xrpusdt/lgbm_filter.onnx").write_bytes(b"half")

    assert main(["backtest", *data, "--model"]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert "do not belong together" in err
    assert not Path("verdicts").exists()


def test_each_model_and_threshold_is_a_trial_and_a_verdict_of_its_own(capsys, data):
    """No verdict on filtered signals may let a live run trade unfiltered, nor the other way."""
    files, trials = [], []
    filtered, stricter = ["--model"], ["--model", "--ml-threshold", "0.65"]
    for bias, more in ((0.6, []), (0.6, filtered), (0.7, filtered), (0.7, stricter)):
        published(Path("models"), linear({"rsi": 0.001}, bias))
        verdict = told(capsys, *data, *more)["verdict"]
        files.append(verdict["file"])
        trials.append(verdict["trials"])

    assert trials == [1, 2, 3, 4]
    assert len(set(files)) == 4
    config = Config(overrides={"symbols": "XRPUSDT"}, environ={}, folder="/nonexistent")
    assert files[0] == str(default_path(Identity.of(config).hash))
    assert told(capsys, *data, "--model", "--ml-threshold", "0.65")["verdict"]["trials"] == 4


MEMORY = START_MS + 1_000 * BAR_MS  # of a model that learned from the first half of the candles


def test_what_a_model_learned_from_is_played_and_not_judged(capsys, data):
    published(Path("models"), constant(0.9), trained_to_ms=MEMORY)

    result = told(capsys, *data, "--model")

    assert result["trades"] > 0
    assert result["verdict"] is None
    assert "have learned from these very candles" in result["not_judged"]
    assert not list(Path().glob("verdicts/*"))
    assert main(["backtest", *data, "--model"]) == 0
    assert capsys.readouterr().out.startswith("NOT JUDGED: models have learned from these very")


def test_what_came_after_it_is_judged(capsys, data):
    published(Path("models"), constant(0.9), trained_to_ms=MEMORY)
    later = datetime.fromtimestamp(MEMORY / 1000, UTC).strftime("%Y-%m-%dT%H:%M")

    result = told(capsys, *data, "--model", "--from", later)

    assert result["not_judged"] is None
    assert result["verdict"]["answer"]
