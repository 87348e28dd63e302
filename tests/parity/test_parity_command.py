"""`cointrader parity` as a person types it, on paper runs that differ in nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from html.parser import HTMLParser

import pytest

from cointrader.app.parity.parity import parity
from cointrader.backtest.parity.report import seal
from cointrader.cli.main import main
from cointrader.journal.sqlite import SqliteJournal
from tests.parity.playing import SHARED
from tests.parity.tampering import sql, tampered

COMBINED = SHARED / "combined"


def played(folder, *arguments):
    """The journal of a paper run, played without anything of this machine."""
    path = folder / "journals" / "paper.db"
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - {"PATH", "HOME", "TMPDIR"}:
            patch.delenv(name)
        patch.chdir(folder)
        assert main(["paper", "--quiet", "--journal", str(path), *arguments]) == 0
    return path


@pytest.fixture(scope="module", params=["default", "founding"])
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return played(folder, "--to", "2026-01-06", "--profile", request.param)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(capsys, *arguments):
    capsys.readouterr()
    code = main(["parity", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_every_decision_of_a_synthetic_market_is_the_replays(run, capsys):
    code, out, _ = asked(capsys, run, "--json")

    told = json.loads(out)
    assert code == 0
    assert told["verdict"] == "equal"
    assert told["differences"] == 0
    assert told["decisions"]["compared"] == told["decisions"]["equal"] > 1_000
    assert told["trades"] > 10
    whole = told["whole_run"]
    assert whole["equal_trades"] == whole["trades"] == whole["replayed_trades"] == told["trades"]


def test_a_person_reads_the_verdict_last(run, capsys):
    code, out, _ = asked(capsys, run)

    assert code == 0
    assert out.splitlines()[-1] == "equal: every decision is the replay's"


@pytest.mark.skipif(not COMBINED.is_dir(), reason="the shared real candles are not here")
@pytest.mark.parametrize("profile", ["default", "founding"])
def test_every_decision_of_a_real_week_is_the_replays(profile, tmp_path, capsys):
    journal = played(
        tmp_path,
        *("--data", str(COMBINED), "--from", "2025-06-01", "--to", "2025-06-08"),
        *("--profile", profile),
    )

    code, out, _ = asked(capsys, journal, "--json")

    told = json.loads(out)
    assert (code, told["verdict"]) == (0, "equal")
    assert told["trades"] > 5


RULE = """
import numpy as np
from cointrader.signals.indicators import signed
from cointrader.signals.rules import Signals


class Breakout:
    name = "breakout"
    warm_up = 300

    def evaluate(self, frame, indicators):
        up = indicators.close > indicators.band_upper
        down = indicators.close < indicators.band_lower
        side = signed(up, down)
        return Signals(side=side, strength=np.abs(side), parts={"breakout": side})
"""


def test_a_run_with_a_rule_of_its_own_is_replayed_with_that_rule(tmp_path, capsys):
    (tmp_path / "breakout.py").write_text(RULE)
    rule = f"{tmp_path / 'breakout.py'}:Breakout"
    journal = played(tmp_path, "--to", "2026-01-03", "--signal", rule)

    code, out, _ = asked(capsys, journal, "--json")

    assert (code, json.loads(out)["verdict"]) == (0, "equal")
    assert json.loads(out)["trades"] > 10

    (tmp_path / "breakout.py").write_text(RULE.replace("> indicators", ">= indicators"))
    code, _, err = asked(capsys, journal)
    assert code == 1
    assert "a signal rule has changed since the run began" in err


# ---------------------------------------------------------------------- the certificate


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not any(name in ("src", "href", "onload") for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


def test_the_certificate_is_sealed_and_the_same_every_time(run, tmp_path, capsys):
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        assert asked(capsys, run, "--certificate", file)[0] == 0

    assert files[0].read_bytes() == files[1].read_bytes()
    told = json.loads(files[0].read_text())
    assert told["seal"] == seal(told)
    told["verdict"] = "explained"
    assert told["seal"] != seal(told)
    assert str(run.parent) not in files[0].read_text()


def test_the_page_stands_alone_and_escapes_what_it_shows(run, tmp_path, capsys):
    broken = tampered(
        run,
        sql("UPDATE decisions SET reasons = '[\"<b>bold</b>\"]' WHERE rowid = 700"),
        tmp_path / "broken.db",
    )

    code, _, _ = asked(capsys, broken, "--page", tmp_path / "page.html")

    page, tags = (tmp_path / "page.html").read_text(), Tags()
    tags.feed(page)
    assert code == 4
    assert "<b>bold</b>" not in page
    assert "<b>bold</b>" in tags.text
    assert tags.seen.isdisjoint({"script", "img", "link", "iframe", "b"})
    assert "prefers-color-scheme: dark" in page


# ---------------------------------------------------------------------- a part of it


def test_only_what_is_asked_for_is_told(run, tmp_path, capsys):
    broken = tampered(
        run,
        sql("UPDATE decisions SET strength = 9 WHERE rowid = 700"),
        tmp_path / "broken.db",
    )
    found = json.loads(asked(capsys, broken, "--json")[1])["found"]
    (one,) = found
    others = {"XRPUSDT", "TRXUSDT", "DOGEUSDT"} - {one["symbol"]}

    assert asked(capsys, broken, "--symbols", one["symbol"])[0] == 4
    assert asked(capsys, broken, "--symbols", ",".join(others))[0] == 0
    assert asked(capsys, broken, "--from", "2026-01-05")[0] == 0
    assert asked(capsys, broken, "--to", "2026-01-05")[0] == 4


def test_a_run_that_goes_on_meanwhile_is_read_and_not_written(run, tmp_path, capsys):
    going_on = tmp_path / "j.db"
    shutil.copyfile(run, going_on)
    with SqliteJournal(going_on, threaded=False):
        code, _, _ = asked(capsys, going_on)

    assert code == 0
    assert parity(going_on).digest == parity(run).digest


# ---------------------------------------------------------------------- what cannot be compared


def test_a_journal_that_is_not_there_is_told(capsys):
    code, _, err = asked(capsys, "nowhere.db")

    assert code == 1
    assert "there is no such journal" in err


def test_a_journal_of_another_version_is_told(run, tmp_path, capsys):
    shutil.copyfile(run, tmp_path / "old.db")
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("PRAGMA user_version = 1")

    code, _, err = asked(capsys, tmp_path / "old.db")

    assert code == 1
    assert "older cointrader" in err


def test_a_journal_without_a_decision_is_told(run, tmp_path, capsys):
    empty = tampered(run, sql("DELETE FROM decisions"), tmp_path / "empty.db")

    code, _, err = asked(capsys, empty)

    assert code == 2
    assert "no decision to compare" in err


def test_a_testnet_journal_asks_for_candles(run, tmp_path, capsys):
    testnet = tampered(
        run, sql("UPDATE runs SET mode = 'testnet', source = '{}'"), tmp_path / "t.db"
    )

    code, _, err = asked(capsys, testnet)

    assert code == 2
    assert "--data" in err


@pytest.mark.skipif(not COMBINED.is_dir(), reason="the shared real candles are not here")
def test_a_testnet_journal_is_compared_with_the_candles_that_are_named(tmp_path, capsys):
    """Its market goes on after the last decision, so nothing ends with the candles."""
    journal = played(
        tmp_path, "--data", str(COMBINED), "--from", "2025-06-01", "--to", "2025-06-05"
    )
    testnet = tampered(
        journal,
        sql(
            "UPDATE runs SET mode = 'testnet', source = '{}', "
            "settings = json_set(settings, '$.NO_ML_FILTER', 'true')"
        ),
        tmp_path / "t.db",
    )
    with sqlite3.connect(testnet) as connection:
        connection.execute("DELETE FROM trades WHERE reason = 'END'")
        connection.execute("DELETE FROM fills WHERE client_order_id LIKE 'settlement%'")

    code, out, _ = asked(capsys, testnet, "--data", COMBINED, "--json")

    told = json.loads(out)
    assert (code, told["verdict"]) == (0, "equal")
    assert told["trades"] > 5


def test_other_candles_than_those_of_the_run_are_refused(run, tmp_path, capsys):
    other = tampered(
        run,
        sql("UPDATE runs SET source = json_set(source, '$.candles', '00000000')"),
        tmp_path / "other.db",
    )

    code, _, err = asked(capsys, other)

    assert code == 1
    assert "the candles have changed since the run began" in err


def test_candles_that_do_not_cover_the_journal_are_not_enough(run, tmp_path, capsys):
    later = tampered(
        run,
        sql("UPDATE decisions SET bar_open_ms = bar_open_ms + 315360000000"),
        tmp_path / "later.db",
    )

    code, _, err = asked(capsys, later)

    assert code == 3
    assert "do not cover this journal" in err


def test_an_unknown_symbol_and_a_folder_that_is_not_there_are_usage(run, tmp_path, capsys):
    assert asked(capsys, run, "--symbols", "SOLUSDT")[0] == 2
    assert asked(capsys, run, "--certificate", tmp_path / "no" / "c.json")[0] == 2
