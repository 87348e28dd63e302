"""`cointrader paper` as a person types it: results, files, and what is said about mistakes."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.cli.main import main
from cointrader.journal.export import COLUMNS
from cointrader.journal.reader import JournalReader
from cointrader.market.combined import write_combined
from cointrader.market.synthetic import SyntheticSource
from tests.markets import BAR_MS, START_MS

SHORT = ("--to", "2026-01-03")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored(folder, symbols, bars=600):
    source = SyntheticSource(symbols, 3, START_MS, bars, BAR_MS)
    for symbol in symbols:
        alone = replace(source.frame(symbol), correlated={})
        write_combined(folder, alone, stored_ms=START_MS + bars * BAR_MS)


def test_without_arguments_two_weeks_are_traded_and_summed_up(capsys):
    assert main(["paper"]) == 0

    out, err = capsys.readouterr()
    assert "Finished: synthetic market, seed 1, 2026-01-01 00:00 to 2026-01-15 00:00 UTC" in out
    for words in ("wallet", "fees", "funding", "refused", "halted days", "journal"):
        assert words in out
    assert "every signal trades unfiltered" in err


def test_json_csv_and_journal_tell_the_same(capsys, folder):
    arguments = ["--json", "--trades", "t.csv", "--journal", "j.db", "--balance", "2000"]

    assert main(["paper", *arguments]) == 0

    result = json.loads(capsys.readouterr().out)
    with (folder / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    with JournalReader(folder / "j.db") as reader:
        trades = [record.trade for record in reader.trades()]
    assert tuple(rows[0]) == COLUMNS
    assert result["trades"] == len(rows) == len(trades) > 10
    assert sum(Decimal(row["net"]) for row in rows) == sum(trade.net for trade in trades)
    assert result["final_wallet"] == pytest.approx(2000 + result["net"], rel=1e-12)
    assert result["net"] == pytest.approx(
        result["gross"] - result["fees"] + result["funding"], rel=1e-12
    )
    assert result["finished"] is True
    assert [row["exit_time_ms"] for row in rows] == sorted(row["exit_time_ms"] for row in rows)


def test_the_same_seed_is_the_same_run_and_another_is_not(capsys, folder):
    for seed, name in (("7", "a"), ("7", "b"), ("8", "c")):
        assert main(["paper", *SHORT, "--seed", seed, "--trades", name, "--json"]) == 0

    a, b, c = ((folder / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_the_pace_changes_no_trade(folder):
    for speed, name in (("max", "a"), ("2000000", "b")):
        assert main(["paper", *SHORT, "--speed", speed, "--trades", name]) == 0

    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_one_symbol_from_the_environment_is_the_same_code(capsys, monkeypatch):
    monkeypatch.setenv("SYMBOL", "XRPUSDT")

    assert main(["paper", *SHORT, "--json"]) == 0

    assert list(json.loads(capsys.readouterr().out)["symbols"]) == ["XRPUSDT"]


def test_a_folder_without_correlation_symbols_is_traded_without_them(capsys, folder):
    stored(folder / "data", ["AAAUSDT"])

    assert main(["paper", "--data", "data", "--symbols", "AAAUSDT", "--json"]) == 0

    out, err = capsys.readouterr()
    assert "no candles of BTCUSDT, ETHUSDT here: trading without them" in err
    assert json.loads(out)["bars"] == 599  # the last one is decided by nobody


def test_a_result_names_every_deviation_from_its_profile(capsys):
    assert main(["paper", *SHORT, "--profile", "founding", "--leverage", "3", "--json"]) == 0

    out, err = capsys.readouterr()
    assert json.loads(out)["deviations"] == {"LEVERAGE": "3"}
    assert "LEVERAGE = 3 (the profile has 10)" in err


MISTAKES = [
    (["--speed", "fast"], 2, ("--speed", "fast", "max")),
    (["--speed", "0"], 2, ("--speed", "0")),
    (["--balance", "-5"], 2, ("--balance", "-5")),
    (["--balance", "nan"], 2, ("--balance", "nan")),
    (["--balance", "1e300"], 2, ("--balance", "1e300")),
    (["--seed", "-1"], 2, ("--seed", "-1")),
    (["--seed", "one"], 2, ("--seed", "one")),
    (["--from", "yesterday"], 2, ("--from", "yesterday", "2025-03-05")),
    (["--from", "0001-01-01"], 2, ("--from", "0001-01-01", "1971")),
    (["--from", "2026-02-01", "--to", "2026-01-01"], 2, ("--from is not before --to",)),
    (["--to", "2025-01-01"], 2, ("--to", "2025-01-01")),
    (["--data", "nowhere"], 2, ("--data", "nowhere")),
    (["--data", "."], 3, ("no candles",)),
    (["--symbols", "XRPUSDT,XRPUSDT"], 2, ("SYMBOLS", "XRPUSDT")),
    (["--leverage", "0"], 2, ("LEVERAGE", "0", "flag --leverage")),
    (["--leverge", "3"], 2, ("--leverge", "--leverage")),
    (["--max-same-direction", "4"], 2, ("MAX_SAME_DIRECTION", "4")),
    (["--signal", "mine.py:Rule"], 2, ("SIGNAL", "mine.py:Rule", "score")),
    (["--signal-threshold", "7"], 2, ("SIGNAL_THRESHOLD", "7", "1 to 6")),
    (["--interval", "7m"], 2, ("INTERVAL", "7m", "15m")),
    (["--profile", "founder"], 2, ("PROFILE", "founder", "founding")),
    (["--trades", "no/such/folder/t.csv"], 2, ("--trades", "no/such/folder/t.csv")),
    (["--journal", "j.db", "--trades", "j.db"], 2, ("--trades", "this is the journal")),
]


@pytest.mark.parametrize(("arguments", "code", "told"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_told_with_its_place_and_value_and_leaves_nothing_behind(
    capsys, folder, arguments, code, told
):
    assert main(["paper", *arguments]) == code

    out, err = capsys.readouterr()
    assert out == ""
    for words in told:
        assert words in err
    assert "Traceback" not in err
    assert [path.name for path in folder.rglob("*") if path.is_file()] == []


def test_a_journal_that_exists_is_never_mixed_with_another_run(capsys, folder):
    assert main(["paper", *SHORT, "--journal", "j.db"]) == 0
    before = (folder / "j.db").read_bytes()

    assert main(["paper", *SHORT, "--journal", "j.db"]) == 2

    assert "exists already" in capsys.readouterr().err
    assert (folder / "j.db").read_bytes() == before


def test_too_few_candles_to_decide_anything_are_not_enough_data(capsys, folder):
    stored(folder / "data", ["AAAUSDT"], bars=300)

    assert main(["paper", "--data", "data", "--symbols", "AAAUSDT"]) == 3

    assert "AAAUSDT 300" in capsys.readouterr().err


def test_after_a_run_the_journal_is_one_file(folder):
    assert main(["paper", *SHORT, "--journal", "j.db"]) == 0

    assert sorted(path.name for path in folder.iterdir()) == ["j.db", "j.db.lock"]
