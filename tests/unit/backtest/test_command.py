"""`cointrader backtest` from the shell, over made-up and stored candles."""

from __future__ import annotations

import csv
import json

import pytest

from cointrader.cli.main import main
from cointrader.journal.export import COLUMNS
from tests.unit.market.made import put, raw

QUICK = ["--symbols", "XRPUSDT,TRXUSDT", "--to", "2026-01-08"]


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("SYMBOLS", "PROFILE", "SIGNAL", "SIZING", "INTERVAL"):
        monkeypatch.delenv(name, raising=False)


def told(capsys, *arguments):
    """The result as JSON, and what was said on stderr."""
    code = main(["backtest", *QUICK, "--json", *arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out), err


def test_without_candles_of_your_own_it_plays_the_synthetic_market(capsys):
    result, said = told(capsys)

    assert result["market"].startswith("synthetic")
    assert result["profile"] == "default"
    assert set(result["symbols"]) == {"XRPUSDT", "TRXUSDT"}
    assert result["trades"] == sum(line["trades"] for line in result["symbols"].values()) > 0
    assert result["net"] == pytest.approx(result["final_wallet"] - result["start_wallet"])
    assert said == ""


def test_the_same_command_gives_the_same_result(capsys):
    first, _ = told(capsys)
    second, _ = told(capsys)

    for result in (first, second):
        result["elapsed_s"] = result["verdict"]["occasion"]["made_ms"] = 0
    assert first == second


def test_trades_go_to_a_csv_file_with_the_columns_of_paper(capsys, tmp_path):
    result, _ = told(capsys, "--trades", "trades.csv")

    with (tmp_path / "trades.csv").open() as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert len(rows) == result["trades"]
    assert sum(float(row[-1]) for row in rows) == pytest.approx(result["net"])


def test_settings_are_flags_and_deviations_are_told(capsys):
    result, _ = told(capsys, "--sizing", "fixed:500", "--set", "ATR_SL_MULT_XRPUSDT=2.5")

    assert result["deviations"] == {"SIZING": "fixed:500", "ATR_SL_MULT_XRPUSDT": "2.5"}
    assert result["refusals"] == {}


def test_people_get_a_table_on_stdout_and_remarks_on_stderr(capsys):
    assert main(["backtest", *QUICK, "--leverage", "5"]) == 0

    out, err = capsys.readouterr()
    assert "profit factor" in out
    assert "LEVERAGE = 5 (the profile has 10)" in err
    assert "unfiltered" in err


def test_quiet_says_nothing_but_the_result(capsys):
    assert main(["backtest", *QUICK, "--quiet"]) == 0

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--from", "2026-01-09", "--to", "2026-01-08"], 2, "--from is not before --to"),
        (["--balance", "-1"], 2, "--balance"),
        (["--data", ".", "--planted-edge", "0.1"], 2, "synthetic market only"),
        (["--data", "."], 3, "combined_15m.parquet"),
        (["--trades", "no/such/folder.csv"], 2, "there is no such folder"),
        (["--sizing", "most"], 2, "SIZING cannot be"),
    ],
)
def test_what_cannot_be_played_is_refused_with_its_exit_code(arguments, code, said, capsys):
    assert main(["backtest", "--symbols", "XRPUSDT", *arguments]) == code

    assert said in capsys.readouterr().err


def test_too_few_candles_are_an_exit_code_of_their_own(capsys, tmp_path):
    put(tmp_path, raw(100))

    assert main(["backtest", "--data", str(tmp_path), "--symbol", "XRPUSDT"]) == 3
    assert "300 warm the indicators up" in capsys.readouterr().err


def test_a_report_is_one_page_with_the_verdict_or_without(capsys, tmp_path):
    told(capsys, "--report", "judged.html")
    told(capsys, "--report", "played.html", "--no-verdict")

    judged, played = (
        (tmp_path / name).read_text("utf-8") for name in ("judged.html", "played.html")
    )
    assert judged.startswith("<!doctype html>")
    assert "Not judged" in played
    assert "Not judged" not in judged


def test_a_report_that_could_not_be_written_is_told_before_anything_is_played(capsys, tmp_path):
    code = main(["backtest", *QUICK, "--report", "nowhere/report.html"])

    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert "nowhere" in err
    assert not (tmp_path / "state").exists()  # no trial was counted
