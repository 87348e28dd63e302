"""`cointrader paper` as a person types it: results, files, and what is said about mistakes."""

from __future__ import annotations

import csv
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from cointrader.cli.main import main
from cointrader.journal.export import COLUMNS
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from cointrader.market.combined import write_combined
from cointrader.market.synthetic import SyntheticSource
from tests.markets import BAR_MS, START_MS
from tests.unit.journal.examples import a_run

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


# ---------------------------------------------------------------------- while it runs


def test_each_event_is_one_line_of_plain_words(capsys):
    assert main(["paper"]) == 0

    out, err = capsys.readouterr()
    lines = err.splitlines()
    opened = [line for line in lines if " opened " in line]
    closed = [line for line in lines if " closed " in line]
    assert len(opened) == len(closed) > 10
    assert all("stop" in line and "target" in line for line in opened)
    assert " opened " not in out


def test_quiet_says_nothing_but_the_result(capsys):
    assert main(["paper", *SHORT, "--quiet"]) == 0

    out, err = capsys.readouterr()
    assert "Finished" in out
    assert err == ""


def test_quiet_does_not_hide_that_a_model_cannot_be_trusted(capsys, folder):
    (folder / "models" / "xrpusdt").mkdir(parents=True)
    (folder / "models" / "xrpusdt" / "active.json").write_text("half of a poin")

    assert main(["paper", *SHORT, "--symbols", "XRPUSDT", "--quiet"]) == 0

    (line,) = capsys.readouterr().err.splitlines()
    assert "XRPUSDT    ALERT: there is no model to trust for XRPUSDT" in line


def test_a_planted_edge_is_labelled_and_pays_the_rule(capsys):
    def played(*arguments):
        assert main(["paper", "--quiet", "--json", *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    bare, planted = played(), played("--planted-edge", "0.5")

    assert planted["market"] == "synthetic market, seed 1, planted edge of 0.50 R"
    assert planted["net"] > 0 > bare["net"]


def test_an_edge_is_planted_only_where_it_makes_sense(capsys, folder):
    stored(folder, ["XRPUSDT"])
    for arguments, words in (
        (["--data", str(folder), "--symbols", "XRPUSDT", "--planted-edge", "0.1"], "synthetic"),
        (["--planted-edge", "5"], "-2 to 2"),
        (["--planted-edge", "0.1", "--set", "ATR_TP_MULT_XRPUSDT=9"], "2, 6"),
    ):
        assert main(["paper", *arguments]) == 2
        err = capsys.readouterr().err
        assert "--planted-edge" in err
        assert words in err


# ---------------------------------------------------------------------- going on


def test_a_finished_run_resumed_tells_its_result_again(capsys):
    assert main(["paper", *SHORT, "--quiet", "--json", "--journal", "j.db"]) == 0
    first = json.loads(capsys.readouterr().out)

    assert main(["paper", "--resume", "j.db", "--quiet", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)

    assert {**again, "elapsed_s": 0} == {**first, "elapsed_s": 0}


def test_resume_without_a_file_takes_the_newest_journal(capsys):
    assert main(["paper", *SHORT, "--quiet", "--seed", "2", "--json"]) == 0
    newest = json.loads(capsys.readouterr().out)["journal"]

    assert main(["paper", "--resume", "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["journal"].endswith(newest)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume", "j.db", "--seed", "2"], ("--seed", "from its journal")),
        (["--resume", "j.db", "--leverage", "3"], ("--leverage", "from its journal")),
        (["--resume", "j.db", "--symbol", "XRPUSDT"], ("--symbol", "from its journal")),
        (["--resume", "live.db"], ("no paper run", "live.db")),
    ],
)
def test_a_resumed_run_takes_nothing_from_the_command_line(capsys, arguments, words):
    assert main(["paper", *SHORT, "--quiet", "--journal", "j.db"]) == 0
    with SqliteJournal("live.db", threaded=False) as journal:
        journal.note(a_run("live"))
    capsys.readouterr()

    assert main(["paper", *arguments]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in words)


def test_a_folder_whose_candles_changed_is_not_resumed(capsys, folder):
    stored(folder, ["XRPUSDT"])
    start = ["--data", str(folder), "--symbols", "XRPUSDT", "--quiet"]
    assert main(["paper", *start, "--journal", "j.db"]) == 0
    stored(folder, ["XRPUSDT"], bars=700)
    capsys.readouterr()

    assert main(["paper", "--resume", "j.db"]) == 1
    assert "have changed since the run began" in capsys.readouterr().err


# ---------------------------------------------------------------------- alerts


def test_alerts_reach_the_webhook_and_the_result_does_not_wait_for_it(capsys, monkeypatch):
    with a_webhook() as (url, told):
        monkeypatch.setenv("DISCORD_WEBHOOK_URL", url)
        reckless = ["--leverage", "40", "--no-liquidation-distance", "--atr-sl-mult", "20"]
        assert main(["paper", "--quiet", *reckless, "--max-daily-loss", "1"]) == 0

    out, err = capsys.readouterr()
    assert "LIQUIDATED" in out
    assert any("was liquidated" in text and "paper" in text for text in told)
    assert url not in out + err


@contextmanager
def a_webhook():
    """A local server that takes every message, and what it was told."""
    told = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Takes) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/webhooks/1/secret", told
        finally:
            server.shutdown()
            thread.join()
