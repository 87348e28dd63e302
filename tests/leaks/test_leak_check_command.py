"""`cointrader data leak-check` and `cointrader new-signal`, as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cointrader.cli.main import main
from cointrader.market.combined import write_combined
from cointrader.signals.leak_check import trial_frame
from tests.full import some

SOURCE = Path(__file__).parents[2] / "src"
RULE = """\
import numpy as np

from cointrader.signals.indicators import signed
from cointrader.signals.rules import Signals


class {name}:
    warm_up = 300

    def evaluate(self, frame, indicators):
        close = indicators.close
        {body}
        return Signals(side, np.abs(side))
"""
CLEAN = "side = signed(close < indicators.band_lower, close > indicators.band_upper)"
LEAKY = "coming = np.append(close[1:], close[-1]); side = signed(coming > close, coming < close)"
SILENT = "side = np.zeros(len(close), np.int8)"
LONG = "m = np.cumsum(close) / np.arange(1, len(close) + 1); side = signed(close < m, close > m)"
BROKEN = "side = nobody_knows"
QUICK = ("--seconds", "1")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, body in (("Clean", CLEAN), ("Leaky", LEAKY), ("Silent", SILENT), ("Long", LONG),
                       ("Broken", BROKEN)):  # fmt: skip
        Path(f"{name.lower()}.py").write_text(RULE.format(name=name, body=body))
    return tmp_path


def check(capsys, *arguments):
    code = main(["data", "leak-check", *QUICK, *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("rule", "code", "told"),
    [
        ("clean.py:Clean", 0, "clean: no future made a difference"),
        ("leaky.py:Leaky", 4, "depends on close of XRPUSDT of the bar"),
        ("silent.py:Silent", 3, "too little data: the rule gave no signal"),
        ("long.py:Long", 0, "no look-ahead, but live it will not do"),
    ],
)
def test_the_exit_code_is_the_verdict(folder, capsys, rule, code, told):
    answer, out, _ = check(capsys, "--signal", rule)

    assert answer == code, out
    assert told in out


@pytest.mark.parametrize(
    ("rule", "code", "told"),
    [
        ("broken.py:Broken", 1, "NameError: name 'nobody_knows' is not defined"),
        ("nowhere.py:Rule", 2, "does not exist"),
        ("clean.py:Claen", 2, "did you mean Clean?"),
    ],
)
def test_a_rule_that_cannot_be_asked_is_told_on_stderr(folder, capsys, rule, code, told):
    answer, out, err = check(capsys, "--signal", rule)

    assert (answer, out) == (code, "")
    assert told in err


def test_each_symbol_is_checked_with_its_own_rule_and_machines_can_read_it(folder, capsys):
    code, out, _ = check(
        capsys, "--symbols", "XRPUSDT,TRXUSDT", "--signal", "clean.py:Clean",
        "--set", "SIGNAL_TRXUSDT=leaky.py:Leaky", "--json",
    )  # fmt: skip

    result = json.loads(out)
    assert (code, result["exit_code"]) == (4, 4)
    assert [one["verdict"] for one in result["symbols"]] == ["clean", "leak"]
    finding = result["symbols"][1]["findings"][0]
    assert (finding["kind"], finding["column"]) == ("look-ahead", "side")
    assert finding["source"] == "close of TRXUSDT"
    assert finding["source_bar_ms"] - finding["bar_ms"] == 900_000


@pytest.fixture
def stored(folder):
    """3,000 quarters of an hour of one symbol with its context."""
    pytest.importorskip("polars", reason="candle files need the research extra")
    frame = trial_frame("XRPUSDT", bars=3_000)
    write_combined(folder / "data", frame, stored_ms=int(frame.open_time_ms[-1]) + 10**9)
    return folder


def test_stored_candles_are_taken_at_any_longer_interval(stored, capsys):
    code, out, _ = check(
        capsys, "--data", "data", "--symbols", "XRPUSDT", "--interval", "1h",
        "--signal", "leaky.py:Leaky",
    )  # fmt: skip

    assert code == 4
    assert "1h: 750 bars" in out
    assert "made up here, because missing" not in out


def test_too_few_candles_are_told(stored, capsys):
    code, _, err = check(
        capsys, "--data", "data", "--symbols", "XRPUSDT", "--interval", "4h",
        "--signal", "clean.py:Clean",
    )  # fmt: skip

    assert code == 3
    assert "too few candles to prove anything" in err


@pytest.mark.parametrize("interval", some(["1h", "30m"], 2))
def test_paper_trades_a_rule_of_ones_own_at_other_intervals(stored, capsys, interval):
    code = main(
        ["paper", "--data", "data", "--symbols", "XRPUSDT", "--signal", "clean.py:Clean",
         "--interval", interval, "--journal", f"{interval}.db", "--json"]
    )  # fmt: skip

    out, err = capsys.readouterr()
    assert code == 0, err
    (symbol,) = json.loads(out)["symbols"].values()
    assert symbol["long_signals"] + symbol["short_signals"] > 0


@pytest.mark.parametrize("interval", some(["4h", "5m"], 2))
def test_so_does_a_made_up_market_with_a_rule_for_each_symbol(folder, capsys, interval):
    code = main(
        ["paper", "--symbols", "XRPUSDT,TRXUSDT", "--signal", "clean.py:Clean",
         "--set", "SIGNAL_TRXUSDT=silent.py:Silent", "--interval", interval,
         "--to", "2026-01-08", "--journal", "own.db", "--json"]
    )  # fmt: skip

    out, err = capsys.readouterr()
    assert code == 0, err
    own, silent = json.loads(out)["symbols"].values()
    assert own["long_signals"] + own["short_signals"] > 0
    assert silent["long_signals"] + silent["short_signals"] == 0


def test_settings_of_the_score_are_idle_beside_a_rule_of_ones_own(folder, capsys):
    code = main(["config", "check", "--signal", "clean.py:Clean", "--signal-threshold", "4"])

    out, _ = capsys.readouterr()
    assert code == 0
    assert "SIGNAL_THRESHOLD" in out
    assert "while SIGNAL is clean.py:Clean; it needs score" in " ".join(out.split())


@pytest.mark.parametrize("like", ["trend", "mean-reversion"])
def test_a_new_signal_works_and_its_test_passes(folder, capsys, like):
    assert main(["new-signal", "night-owl", "--like", like]) == 0

    out, err = capsys.readouterr()
    assert out == ""
    assert "signals/night_owl.py:NightOwl" in err
    rule = Path("signals/night_owl.py").read_text()
    assert "class NightOwl:" in rule
    assert 'name = "night_owl"' in rule
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "signals"],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout


@pytest.mark.parametrize(
    ("name", "class_name", "stem"),
    [
        ("Breakout", "Breakout", "breakout"),
        ("RSI2", "RSI2", "rsi_2"),
        ("my_first_rule", "MyFirstRule", "my_first_rule"),
    ],
)
def test_any_way_to_write_a_name_will_do(folder, name, class_name, stem):
    assert main(["new-signal", name]) == 0

    assert f"class {class_name}:" in Path(f"signals/{stem}.py").read_text()
    assert Path(f"signals/test_{stem}.py").is_file()


@pytest.mark.parametrize("name", ["2fast", "class", "a b", "../up", ""])
def test_what_cannot_be_a_name_is_told_and_nothing_written(folder, capsys, name):
    assert main(["new-signal", name]) == 2

    assert "cannot name a signal rule" in capsys.readouterr().err
    assert not Path("signals").exists()


def test_no_file_is_ever_overwritten(folder, capsys):
    Path("signals").mkdir()
    mine = Path("signals/test_breakout.py")
    mine.write_text("# mine\n")

    assert main(["new-signal", "Breakout"]) == 2

    assert "left alone" in capsys.readouterr().err
    assert mine.read_text() == "# mine\n"
    assert not Path("signals/breakout.py").exists()
