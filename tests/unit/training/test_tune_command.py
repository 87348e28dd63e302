"""`cointrader tune` as a person runs it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cointrader.cli.main import main
from cointrader.market.combined import write_combined
from cointrader.market.synthetic import SyntheticSource
from cointrader.training.gate_params import read_tuned
from tests.full import IS_FULL
from tests.markets import BAR_MS, START_MS

pytest.importorskip("optuna", reason="Optuna is not installed here")
pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")
pytestmark = pytest.mark.slow

DAYS = 50
SMALL = ("--symbol", "XRPUSDT", "--signal-threshold", "2", "--folds", "2", "--inner-folds", "2",
         "--quiet")  # fmt: skip


@pytest.fixture(scope="module")
def candles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("candles")
    source = SyntheticSource(("XRPUSDT",), 3, START_MS, 96 * DAYS, BAR_MS,
                             correlation_symbols=("BTCUSDT", "ETHUSDT"))  # fmt: skip
    write_combined(folder, source.frame("XRPUSDT"), stored_ms=START_MS + DAYS * 96 * BAR_MS)
    return folder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, candles):
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST",
                                   "XDG_CACHE_HOME"}:  # fmt: skip
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(candles)
    return tmp_path


def results(folder):
    return sorted((folder / "models" / "xrpusdt").glob("tune_results_*.json"))


def told_by(path):
    told = json.loads(path.read_text())
    return {name: told[name] for name in ("params", "baseline", "tuned", "trials")}


def test_the_result_is_what_promote_reads(folder, capsys):
    assert main(["tune", *SMALL, "--trials", "2"]) == 0

    (path,) = results(folder)
    tuned = read_tuned(path)
    assert (tuned.symbol, tuned.backend, tuned.score) == ("XRPUSDT", "lgbm", "auc")
    assert len(tuned.baseline) == len(tuned.tuned) == 2
    out = capsys.readouterr().out
    assert "AUC by fold, usual settings" in out
    assert f"cointrader promote --params {path.relative_to(folder)}" in out


def test_after_ctrl_c_it_goes_on_to_the_same_result(folder, tmp_path_factory, capsys):
    trials = ("--trials", "16" if IS_FULL else "9")  # a batch and more
    main(["tune", *SMALL, *trials, "--models", "whole"])
    (whole,) = (folder / "whole" / "xrpusdt").glob("tune_results_*.json")
    process = subprocess.Popen(
        [sys.executable, "-m", "cointrader", "tune", *SMALL, *trials],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        journals = (folder / "models" / "xrpusdt" / ".tuning").glob("*.journal")
        if any(path.read_text().count("\n") > 8 for path in journals):  # a batch of trials
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "stopped" in err
    assert results(folder) == []

    assert main(["tune", *SMALL, *trials]) == 0

    assert told_by(results(folder)[0]) == told_by(whole)


def test_two_tunings_of_a_symbol_are_not_mixed(folder, capsys):
    place = folder / "models" / "xrpusdt" / ".tuning"
    place.mkdir(parents=True)
    with (place / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert main(["tune", *SMALL, "--trials", "1"]) == 1
    assert "another tuning of this symbol is running" in capsys.readouterr().err


def test_what_cannot_be_is_refused(capsys):
    assert main(["tune", "--symbol", "XRPUSDT", "--data", "nowhere"]) == 2
    assert main(["tune", "--symbol", "XRPUSDT", "--jobs", "2", "--cluster", "tcp://x:1"]) == 2
