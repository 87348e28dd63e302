"""`cointrader status` and `cointrader explain` as a person types them, on a real short run."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from decimal import Decimal

import pytest

from cointrader.app.trade_story import TradeStory, explain_trade
from cointrader.cli.inspect_output import plain, trade_lines
from cointrader.cli.main import main
from cointrader.domain.order import Leg, Side
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The journal of two days of a synthetic market."""
    path = tmp_path_factory.mktemp("run") / "journals" / "paper-run.db"
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - {"PATH", "HOME", "TMPDIR"}:
            patch.delenv(name)
        patch.chdir(path.parent.parent)
        assert main(["paper", "--to", "2026-01-04", "--journal", str(path)]) == 0
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(capsys, *arguments):
    capsys.readouterr()
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def trades_of(run):
    with JournalReader(run) as reader:
        return [record.trade for record in reader.trades()]


# ------------------------------------------------------------------ status


def test_status_tells_the_run_its_money_and_its_trades(capsys, run):
    code, out, err = asked(capsys, "status", "--journal", str(run))

    trades = trades_of(run)
    assert (code, err) == (0, "")
    assert "paper, synthetic market, seed 1, profile default, version " in out
    assert "2026-01-01 00:00 to 2026-01-03 23:45 UTC, 15m bars, started once; " in out
    assert "began with 1,000.00" in out
    assert "limit 5.0%" in out
    assert "alerts         no alert" in out
    assert f"#{len(trades)} " in out
    for symbol in ("XRPUSDT", "TRXUSDT", "DOGEUSDT"):
        assert symbol in out


def test_status_is_the_same_for_machines(capsys, run):
    code, out, _ = asked(capsys, "status", "--json", "--journal", str(run))

    document = json.loads(out)
    trades = trades_of(run)
    assert code == 0
    assert document["journal"] == str(run)
    assert document["run"]["settings"]["MAX_DAILY_LOSS"] == "0.05"
    assert document["trades"] == len(trades)
    assert document["net"] == pytest.approx(float(sum(trade.net for trade in trades)))
    assert document["account"]["wallet"] == pytest.approx(1000 + document["net"], abs=2)
    assert [each["symbol"] for each in document["symbols"]] == ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
    assert document["last_trades"][-1]["number"] == len(trades)


def test_without_a_file_the_newest_journal_is_read_and_named(capsys, run, folder):
    (folder / "journals").mkdir()
    shutil.copy(run, folder / "journals" / "paper-copy.db")

    code, out, err = asked(capsys, "status")

    assert code == 0
    assert "reading journals/paper-copy.db" in err
    assert "paper-copy.db" in out


def test_status_of_a_running_process_says_so(capsys, run, folder):
    copy = shutil.copy(run, folder / "j.db")

    with SqliteJournal(copy, threaded=False):
        _, out, _ = asked(capsys, "status", "--journal", "j.db")

    assert f"RUNNING: process {os.getpid()} writes it since " in out


def test_a_journal_that_is_none_ends_with_one_message(capsys, folder):
    (folder / "text.db").write_text("this is no journal, and long enough to be looked at\n" * 40)
    (folder / "empty.db").touch()
    with sqlite3.connect(folder / "other.db") as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")

    for name, words in (
        ("gone.db", "there is no such journal"),
        ("empty.db", "empty journal"),
        ("text.db", "not a journal"),
        ("other.db", "not a cointrader journal"),
    ):
        for command in (["status"], ["explain", "last"]):
            code, out, err = asked(capsys, *command, "--journal", name)
            assert (code, out) == (1, ""), name
            assert words in err
            assert name in err


def test_without_any_journal_the_way_to_one_is_told(capsys):
    code, _, err = asked(capsys, "status")

    assert code == 1
    assert "there is no journal yet" in err
    assert "cointrader paper" in err


# ------------------------------------------------------------------ explain


def test_the_last_trade_is_told_from_its_bar_to_its_net(capsys, run):
    last = trades_of(run)[-1]

    code, out, _ = asked(capsys, "explain", "last", "--journal", str(run))

    assert code == 0
    assert last.trade_id in out.splitlines()[0]
    for words in ("decided by", "signal", "size", "slot", "entered", "stop", "target", "net"):
        assert f"\n  {words} " in out
    assert "x ATR" in out
    assert "2 bps worse than the bar's open of" in out


def test_a_trade_is_found_by_id_and_by_number(capsys, run):
    first = trades_of(run)[0].trade_id

    told = [asked(capsys, "explain", name, "--journal", str(run))[1] for name in (first, "1", "#1")]

    assert told[0] == told[1] == told[2]
    assert told[0].startswith(f"#1 {first}: ")


def test_the_result_of_every_trade_adds_up(capsys, run):
    for number, trade in enumerate(trades_of(run), 1):
        _, out, _ = asked(capsys, "explain", str(number), "--json", "--journal", str(run))
        story = json.loads(out)["trade"]
        result = story["result"]
        assert story["trade_id"] == trade.trade_id
        assert result["net"] == pytest.approx(
            result["gross"] - result["entry_fee"] - result["exit_fee"] + result["funding"]
        )
        assert sum(paid["amount"] for paid in story["funding"]) == pytest.approx(result["funding"])
        assert story["decision"]["trade_id"] == trade.trade_id
        assert story["exit"]["order"]["client_order_id"] == story["exit"]["client_order_id"]


def test_a_bar_is_told_for_all_symbols_or_for_one(capsys, run):
    for bar in ("2026-01-01T04:15", "2026-01-01 04:15", "1767240900000"):
        code, out, _ = asked(capsys, "explain", bar, "--journal", str(run))
        assert code == 0
        assert out.count("bar 2026-01-01 04:15 to 2026-01-01 04:30 UTC") == 3

    code, out, _ = asked(capsys, "explain", bar, "--symbol", "trxusdt", "--journal", str(run))

    assert (code, out.count("answer")) == (0, 1)


def test_a_bar_is_the_same_for_machines(capsys, run):
    _, out, _ = asked(capsys, "explain", "2026-01-01T04:15", "--json", "--journal", str(run))

    bars = json.loads(out)["bars"]
    assert [bar["symbol"] for bar in bars] == ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
    assert {bar["bar_open_ms"] for bar in bars} == {1_767_240_900_000}


def test_every_decided_bar_and_every_trade_can_be_told(run):
    with JournalReader(run) as reader:
        stories = [explain_trade(reader, trade.trade_id) for trade in trades_of(run)]

    assert len(stories) > 5
    for story in stories:
        assert isinstance(story, TradeStory)
        assert all(len(line) < 160 for line in trade_lines(story))


MISTAKES = [
    (["what"], 2, ("neither a trade nor a time", "what", "last")),
    (["99999"], 2, ("no trade of this number", "99999", "1 to ")),
    (["ct-XRPUSDT-none-e0"], 2, ("no trade was opened by this order", "for example ct-")),
    (["2020-01-01"], 2, ("before the first one of the run", "2026-01-01 00:00 to", "300 bars")),
    (["2027-01-01"], 2, ("after the last one of the run", "2027-01-01 00:00")),
    (["2026-01-01T04:17"], 2, ("no bar opened at this time", "2026-01-01 04:15")),
    (["99999999999999999999"], 2, ("neither a trade nor a time",)),
    (["last", "--symbol", "XRPUSDT"], 2, ("--symbol belongs to a bar",)),
    (["2026-01-01T04:15", "--symbol", "BTCUSDT"], 2, ("BTCUSDT is not traded here", "XRPUSDT")),
    ([], 2, ("TRADE_ID|BAR",)),
]


@pytest.mark.parametrize(("arguments", "code", "told"), MISTAKES, ids=lambda v: str(v)[:40])
def test_a_mistake_is_told_with_what_would_be_right(capsys, run, arguments, code, told):
    found, out, err = asked(capsys, "explain", *arguments, "--journal", str(run))

    assert (found, out) == (code, "")
    for words in told:
        assert words in err


# ------------------------------------------------------------------ both


@pytest.mark.parametrize("command", ["status", "explain"])
def test_help_has_two_examples(capsys, command):
    code, out, _ = asked(capsys, command, "--help")

    assert code == 0
    assert out.count(f"\n    cointrader {command}") == 2
    assert "--journal FILE" in out


def test_values_become_plain_json(tmp_path):
    values = {"a": (Decimal("1.5"), None), "side": Side.LONG, "leg": Leg.TRAIL, "at": tmp_path}

    assert plain(values) == {
        "a": [1.5, None],
        "side": "long",
        "leg": "trail",
        "at": str(tmp_path),
    }
