"""`cointrader sweep` and `walkforward` as a person types them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from cointrader.app.paper.market import SYNTHETIC_START_MS
from cointrader.cli.main import main
from tests.markets import DAY_MS
from tests.unit.model.making import linear, published

ORACLE = Path(__file__).parents[1] / "walkforward" / "oracle.py"
SMALL = ("--to", "2026-02-01", "--symbol", "XRPUSDT", "--least-trades", "15", "--jobs", "1")
AXES = ("--set", "atr_sl_mult=1,2", "--set", "signal_threshold=2,3")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def swept(*arguments, command="sweep"):
    kept = ["--store", "cells.db"] if "--no-store" not in arguments else []
    return main([command, *SMALL, *AXES, *kept, *arguments])


def test_a_sweep_says_what_the_best_of_so_many_is_worth(capsys):
    assert swept() == 0

    out = capsys.readouterr().out
    assert "4 cells over XRPUSDT" in out
    for words in ("trials", "enough trades", "profitable", "best / median", "deflated Sharpe",
                  "overfitting", "slump", "ATR_SL_MULT  SIGNAL_THRESHOLD"):  # fmt: skip
        assert words in out


def test_json_and_csv_tell_the_same(capsys, folder):
    assert swept("--json", "--top", "4", "--out", "cells.csv") == 0

    told = json.loads(capsys.readouterr().out)
    with (folder / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert told["cells"] == told["trials"] == len(rows) == 4
    assert told["sizing"] == "fixed:1000"
    by_name = {row["configuration"]: row for row in rows}
    assert len(told["top"]) == told["enough_trades"] > 0
    for cell in told["top"]:
        row = by_name[cell["configuration"]]
        assert float(row["mean_r"]) == cell["mean_r"]
        assert float(row["trades"]) == cell["trades"]
        assert row["ATR_SL_MULT"] == cell["settings"]["ATR_SL_MULT"]
    t_values = [cell["t"] for cell in told["top"]]
    assert t_values == sorted(t_values, reverse=True)


def test_a_second_run_plays_nothing_and_says_the_same(capsys):
    swept("--json")
    first = json.loads(capsys.readouterr().out)
    swept("--json")
    second = json.loads(capsys.readouterr().out)

    assert (first["remembered"], second["remembered"]) == (0, 4)
    for changed in ("remembered", "new_trials"):
        del first[changed], second[changed]
    assert first == second


def test_where_no_cell_has_enough_trades_the_exit_code_says_so(capsys):
    assert swept("--least-trades", "5000") == 3

    assert "no cell has 5000 trades" in capsys.readouterr().err


def test_a_walk_forward_is_told_fold_by_fold(capsys):
    lengths = ("--train", "12", "--test", "5", "--embargo", "0.5", "--least-trades", "5")

    assert swept(*lengths, command="walkforward") == 0
    out = capsys.readouterr().out
    assert "tested             100.0 %" in out
    assert "mean result of a trade" in out

    assert swept(*lengths, "--anchored", "--json", command="walkforward") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["coverage"] == 1.0
    assert len({fold["train_from_ms"] for fold in told["folds"]}) == 1
    assert sum(fold["test"]["trades"] for fold in told["folds"]) == told["measures"]["trades"]
    assert told["equity"]["value"][-1] == pytest.approx(
        1000.0 + sum(fold["test"]["net"] for fold in told["folds"])
    )


@pytest.mark.parametrize("command", ["sweep", "walkforward"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "atr_stop=1"], "did you mean"),
        (["--cluster", "tcp://127.0.0.1:1", "--jobs", "2"], "exclude each other"),
        (["--store", "x.db", "--no-store"], "exclude each other"),
        (["--from", "2026-01-05", "--to", "2026-01-03"], "not before"),
    ],
)
def test_mistakes_are_told_before_anything_is_played(capsys, command, arguments, words):
    assert main([command, *SMALL, *arguments]) == 2

    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        ("walkforward", ["--model", "forest"], "'lgbm', 'mlx'"),
        ("walkforward", ["--model", "lgbm", "--no-model"], "exclude each other"),
    ],
)
def test_which_filter_is_no_question_of_chance(capsys, command, arguments, words):
    assert main([command, *SMALL, *arguments]) == 2

    assert words in capsys.readouterr().err


def test_a_sweep_with_a_model_says_which_and_is_not_judged_where_it_is_memory(capsys, folder):
    published(folder / "models", linear({"rsi": 0.01}, -0.5), trained_to_ms=SYNTHETIC_START_MS)

    assert swept("--model", "--set", "ml_threshold=0.4,0.5,0.6", "--json") == 0
    told = capsys.readouterr()
    judged = json.loads(told.out)
    assert "model of XRPUSDT: lgbm:" in told.err
    assert (judged["cells"], judged["not_judged"]) == (12, None)
    assert judged["deflated_sharpe"] is not None
    assert len({cell["trades"] for cell in judged["top"]}) > 2

    later = SYNTHETIC_START_MS + 15 * DAY_MS
    published(folder / "models", linear({"rsi": 0.01}, -0.5), trained_to_ms=later)
    report = ("--report", "sweep.html")
    assert swept("--model", "--json", *report) == 0
    shown = json.loads(capsys.readouterr().out)
    assert "have learned from these very candles" in shown["not_judged"]
    assert shown["deflated_sharpe"] is shown["overfitting"] is shown["slump"] is None
    assert shown["top"]
    assert "their memory, and no evidence" in (folder / "sweep.html").read_text()

    assert swept("--model") == 0
    out = capsys.readouterr().out
    assert out.lstrip().startswith("NOT JUDGED: models have learned from these very candles")
    assert "deflated Sharpe" not in out


def test_a_walk_forward_trains_a_filter_for_each_fold(capsys):
    """The filters of the second run are those of the first."""
    pytest.importorskip("lightgbm")
    pytest.importorskip("onnx")
    asked = (
        "walkforward", "--model", "lgbm", "--to", "2026-02-12", "--symbol", "XRPUSDT", "--jobs",
        "1", "--signal", f"{ORACLE}:Knowing", "--set", "atr_sl_mult=2", "--store", "cells.db",
        "--train", "25", "--test", "7", "--least-trades", "15",
    )  # fmt: skip

    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    trained = told["filter"]["trained"]
    assert [(each["fold"], each["symbol"]) for each in trained] == [(0, "XRPUSDT"), (1, "XRPUSDT")]
    for each, fold in zip(trained, told["folds"], strict=True):
        assert each["rows"] >= 200
        assert each["last_outcome_known_ms"] <= fold["train_to_ms"] == each["judges_from_ms"]
        assert each["judges_from_ms"] < fold["test_from_ms"]
    alone = told["filter"]["unfiltered_measures"]
    assert told["measures"]["trades"] < alone["trades"]
    assert told["measures"]["mean_r"] > alone["mean_r"]
    assert told["trials"] == 2

    assert main([*asked]) == 0
    out = capsys.readouterr().out
    assert "filters by lgbm, each trained on its fold's training alone" in out
    assert "all tests together, filtered and unfiltered:" in out


def test_a_file_that_cannot_be_written_is_told_before(capsys):
    assert swept("--out", "nowhere/cells.csv") == 2

    assert "cells cannot be written there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "lengths", "title"),
    [("sweep", (), "Sweep"), ("walkforward", ("--train", "15", "--test", "5"), "Walk-forward")],
)
def test_a_report_shows_what_was_searched(folder, command, lengths, title):
    assert swept(*lengths, "--report", "page.html", "--quiet", command=command) == 0

    page = (folder / "page.html").read_text()
    assert f">{title}</h2>" in page
    assert "ATR_SL_MULT" in page
    assert "The account was traded" in page


@pytest.mark.parametrize("command", ["sweep", "walkforward"])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_played(capsys, command):
    assert swept("--report", "nowhere/page.html", command=command) == 2

    assert "nowhere" in capsys.readouterr().err


def test_too_few_candles_have_an_exit_code(capsys):
    assert swept("--train", "3000", command="walkforward") == 3

    assert "too few candles" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sweep", "walkforward"])
def test_help_shows_examples_and_one_set(capsys, command):
    assert main([command, "--help"]) == 0

    out = capsys.readouterr().out
    assert out.count(f"cointrader {command} --data") >= 2
    assert out.count("--set NAME=") == 1
    assert "Exit codes" in out
