"""`cointrader paper`, `status` and `explain` as people get them wrong; no journal suffers."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing

import polars as pl
import pytest

from cointrader.cli.main import main
from cointrader.journal.lock import WriterLock
from tests.mistakes.asking import (
    SECRET,
    Mistake,
    assert_one_clear_message,
    assert_told,
    in_a_process,
    put_files,
    records_in,
    refused,
    table,
)
from tests.mistakes.test_candles import candles
from tests.unit.market.made import changed, put

QUICK = "paper --to 2026-01-01T06:00 --quiet"
DATE = ("not a date", "2025-03-05T15:00", "UTC without a zone", "year-month-day")
NUMBER = ("not a number that fits", "a number from 1e-9 to")


def date(name: str, text: str) -> Mistake:
    return Mistake(name, ("paper", "--from", text), (*DATE, "--from", text))


def number(name: str, flag: str, text: str, *told: str) -> Mistake:
    return Mistake(name, ("paper", flag, text), (*NUMBER, flag, text, *told))


FLAGS = [
    Mistake(
        "from after to",
        "paper --from 2026-01-03 --to 2026-01-02",
        ("--from is not before --to", "2026-01-03 and 2026-01-02", "exchange the two"),
    ),
    Mistake(
        "from equal to to",
        "paper --from 2026-01-03 --to 2026-01-03",
        ("--from is not before --to", "2026-01-03 and 2026-01-03"),
    ),
    Mistake(
        "from after to in another zone",
        "paper --from 2026-01-03T00:00+09:00 --to 2026-01-02T15:00",
        ("--from is not before --to", "2026-01-03T00:00+09:00 and 2026-01-02T15:00"),
    ),
    date("the thirtieth of February", "2025-02-30"),
    date("a German date", "03.01.2026"),
    date("a word for a date", "yesterday"),
    date("a time in milliseconds", "1700000000000"),
    date("a zone by its name", "2026-01-01T00:00 Asia/Seoul"),
    date("a month for a day", "2026-01"),
    date("nothing for a date", ""),
    Mistake("a year without markets", "paper --from 0001-01-01", ("0001-01-01", "1971 to 2199")),
    Mistake("an end before the beginning", "paper --to 2025-01-01", ("--to", "2025-01-01")),
    number("a wallet with nothing in it", "--balance", "0"),
    number("a wallet of debts", "--balance", "-5"),
    number("a wallet in words", "--balance", "ten"),
    number("a wallet of all money", "--balance", "1e30", "1e+12"),
    number("a wallet that is no number", "--balance", "nan"),
    number("a wallet with a separator", "--balance", "1,000"),
    number("a wallet in full-width digits", "--balance", "１０００"),
    number("a wallet with its currency", "--balance", "1000USDT"),
    number("no speed", "--speed", "0", "or max"),
    number("backwards", "--speed", "-1", "or max"),
    number("a speed in words", "--speed", "fast", "or max"),
    number("no end of speed", "--speed", "inf", "or max"),
    number("a speed with an x", "--speed", "900x", "or max"),
    Mistake("a negative seed", "paper --seed -1", ("a seed is not negative", "--seed", "0 or")),
    Mistake("a seed in words", "paper --seed one", ("'--seed'", "'one'", "integer")),
    Mistake(
        "a flag without its value", "paper --leverage", ("'--leverage' requires an arg", "Try")
    ),
    Mistake("no such candles", "paper --data nowhere", ("'--data'", "'nowhere' does not exist")),
    Mistake(
        "a journal that is a folder",
        f"{QUICK} --journal d",
        ("'--journal'", "'d' is a directory"),
        files={"d": None},
    ),
    Mistake(
        "a journal below a file",
        f"{QUICK} --journal f/j.db",
        ("the journal cannot be made there", "--journal", "name a file in a folder that exists"),
        files={"f": "x"},
    ),
    Mistake(
        "a text file as journal",
        f"{QUICK} --journal t.txt",
        ("exists already", "--journal", "t.txt", "name another file, or move this one away"),
        files={"t.txt": f"BINANCE_API_SECRET={SECRET}\n"},
    ),
    Mistake(
        "trades into a folder that is not there",
        f"{QUICK} --journal j.db --trades no/such/t.csv",
        ("--trades", "there is no such folder", "no/such/t.csv", "name another file"),
    ),
    Mistake(
        "trades onto a folder",
        f"{QUICK} --trades d",
        ("'--trades'", "'d' is a directory"),
        files={"d": None},
    ),
    Mistake(
        "trades onto the journal",
        f"{QUICK} --journal j.db --trades ./j.db",
        ("--trades", "this is the journal", "j.db", "name another file"),
    ),
    Mistake(
        "trades onto the journal's lock",
        f"{QUICK} --journal j.db --trades j.db.lock",
        ("--trades", "this is the journal"),
    ),
    Mistake(
        "going on with what is not there",
        "paper --resume gone.db",
        ("there is no such journal", "gone.db", "make one with `cointrader paper`"),
        code=1,
    ),
    Mistake(
        "going on without any journal",
        "paper --resume",
        ("there is no journal yet", "journals/", "make one with `cointrader paper`"),
        code=1,
    ),
    Mistake(
        "going on with a folder",
        "paper --resume d",
        ("there is no such journal", "a folder", "name another file"),
        code=1,
        files={"d": None},
    ),
    Mistake(
        "going on with a text file",
        "paper --resume t.csv",
        ("not a journal, or its beginning is damaged", "t.csv", "name another file"),
        code=1,
        files={"t.csv": "symbol,side,net\n" * 100},
    ),
    Mistake(
        "going on with an empty file",
        "paper --resume e.db",
        ("tells of no paper run", "e.db", "start a new run"),
        files={"e.db": ""},
    ),
    Mistake(
        "the state of what is not there",
        "status --journal gone.db --json",
        ("there is no such journal", "gone.db", "make one with `cointrader paper`"),
        code=1,
    ),
    Mistake(
        "the state of a CSV",
        "status --journal t.csv",
        ("not a journal, or its beginning is damaged", "t.csv"),
        code=1,
        files={"t.csv": "symbol,side,net\n" * 100},
    ),
    Mistake("the state of nothing yet", "status", ("no journal yet", "cointrader paper"), code=1),
    Mistake("a reason of nothing yet", "explain last", ("no journal yet",), code=1),
]


@table(FLAGS)
def test_a_wrong_flag_is_told_with_its_value_and_leaves_nothing_behind(capsys, home, mistake):
    put_files(home, mistake.files)

    assert_told(refused(capsys, mistake.arguments, mistake.code), mistake.told)


# ------------------------------------------------------------------ journals


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of a run that reached its end."""
    folder = tmp_path_factory.mktemp("finished")
    run = in_a_process(folder, "cointrader paper --to 2026-01-02 --quiet --journal j.db")
    assert run.returncode == 0, run.stderr
    return (folder / "j.db").read_bytes()


RESUME = "paper --resume j.db"
STATUS = "status --journal j.db"
EXPLAIN = "explain {} --journal j.db"
IN_JOURNAL = ("settings from its journal", "leave these out, or start a new run")

ON_A_JOURNAL = [
    Mistake(
        "a journal that has a run already",
        f"{QUICK} --journal j.db",
        ("exists already", "--journal", "j.db", "name another file"),
    ),
    Mistake(
        "other candles beside resume",
        f"{RESUME} --data .",
        ("where: --data", *IN_JOURNAL),
    ),
    Mistake(
        "other settings beside resume",
        f"{RESUME} --leverage 3 --set SIZING=risk",
        ("--leverage", "--set", *IN_JOURNAL),
    ),
    Mistake(
        "trades onto the journal of resume",
        f"{RESUME} --trades j.db",
        ("this is the journal", "--trades", "j.db"),
    ),
    Mistake("what is neither", EXPLAIN.format("that"), ("neither a trade nor a time", "that")),
    Mistake("a day that is none", EXPLAIN.format("2026-02-30"), ("2026-02-30", "a trade's id")),
    Mistake("a trade too many", EXPLAIN.format("99999"), ("99999",)),
    Mistake(
        "an order that opened nothing",
        EXPLAIN.format("ct-XRPUSDT-0-e0"),
        ("no trade was opened by this order", "ct-XRPUSDT-0-e0", "`cointrader status` lists"),
    ),
    Mistake(
        "a time between two bars",
        EXPLAIN.format("2026-01-01T00:07"),
        ("no bar opened at this time", "2026-01-01 00:07", "ask for 2026-01-01 00:00"),
    ),
    Mistake(
        "a time before the run",
        EXPLAIN.format("2025-01-01"),
        ("before the first one of the run", "2026-01-01 00:00 to", "300 bars"),
    ),
    Mistake(
        "a symbol that was not traded",
        EXPLAIN.format("2026-01-01T01:00") + " --symbol ADAUSDT",
        ("ADAUSDT is not traded here", "XRPUSDT, TRXUSDT, DOGEUSDT"),
    ),
]


@table(ON_A_JOURNAL)
def test_a_journal_is_as_it_was_after_any_mistake(capsys, home, finished, mistake):
    (home / "j.db").write_bytes(finished)
    before = records_in(home / "j.db")

    assert_told(refused(capsys, mistake.arguments, mistake.code), mistake.told)

    assert records_in(home / "j.db") == before
    assert before["decisions"] == 3 * 95


def test_a_journal_cut_off_in_its_middle_is_told_as_damaged(capsys, home, finished):
    (home / "j.db").write_bytes(finished[: len(finished) // 2])

    for command in (RESUME, STATUS):
        told = ("the journal is damaged", "j.db", "keep a copy", "put a backup in its place")
        assert_told(refused(capsys, command.split(), 1), told)


def altered(home, finished: bytes, *statements: str) -> None:
    (home / "j.db").write_bytes(finished)
    with closing(sqlite3.connect(home / "j.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_live_journal_is_not_gone_on_with_on_paper(capsys, home, finished):
    altered(home, finished, "UPDATE owner SET mode = 'testnet'", "UPDATE runs SET mode = 'testnet'")

    told = ("no paper run that could go on", "--resume", "j.db", "start a new run")
    assert_told(refused(capsys, RESUME.split()), told)


def test_the_journal_of_a_newer_cointrader_is_left_alone(capsys, home, finished):
    altered(home, finished, "PRAGMA user_version = 99")

    for command in (RESUME, STATUS):
        told = ("a newer cointrader", "version 99", "update cointrader", "j.db")
        assert_told(refused(capsys, command.split(), 1), told)


def test_the_file_of_another_program_is_left_alone(capsys, home):
    with closing(sqlite3.connect(home / "recipes.db")) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")

    err = refused(capsys, f"{QUICK} --journal recipes.db".split())
    assert_told(err, ("exists already", "recipes.db"))
    for command in ("paper --resume recipes.db", "status --journal recipes.db"):
        told = ("not a cointrader journal", "recipes.db", "was left as it is")
        assert_told(refused(capsys, command.split(), 1), told)


def test_candles_that_changed_since_are_not_gone_on_with(capsys, home):
    put(home / "data", candles())
    run = "paper --data data --symbols XRPUSDT --journal j.db --quiet"
    assert main(run.split()) == 0
    capsys.readouterr()
    put(home / "data", changed(candles(), 500, volume=1.0))

    told = ("have changed since the run began", "fingerprint", "put the old files back")
    assert_told(refused(capsys, RESUME.split(), 1), told)


def test_a_range_without_candles_is_not_enough(capsys, home):
    put(home / "data", candles())

    for span in ("--from 2026-06-01", "--to 2024-06-01"):
        arguments = f"paper --data data --symbols XRPUSDT --journal j.db {span}".split()
        assert_told(refused(capsys, arguments, 3), ("candle", "choose", "--to"))


def test_candles_that_are_all_of_other_symbols_are_not_enough(capsys, home):
    put(home / "data", candles().with_columns(pl.col("open")), "trxusdt")

    err = refused(capsys, ["paper", "--data", "data", "--journal", "j.db"], 3)

    assert_told(err, ("no candles of XRPUSDT are stored", "stored are TRXUSDT"))


# ------------------------------------------------------------------ a disk that is full


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """What a run says that cannot write any more, and the journal that it leaves."""
    folder = tmp_path_factory.mktemp("stopped")
    command = "cointrader paper --to 2026-01-08 --quiet --journal j.db"
    run = in_a_process(folder, command, largest=260_000)
    assert (run.returncode, run.stdout) == (1, ""), run.stderr
    return run.stderr, (folder / "j.db").read_bytes()


def test_a_full_disk_is_told_with_what_to_do(stopped):
    err, _ = stopped

    assert_one_clear_message(err)
    told = ("the disk is full", "limit on file sizes", "j.db", "free some space", "--resume")
    assert_told(err, told)


def test_after_a_full_disk_the_run_goes_on_to_the_same_result(capsys, home, stopped):
    (home / "j.db").write_bytes(stopped[1])
    before = records_in(home / "j.db")
    assert before["runs"] == 1

    assert main(f"{RESUME} --json".split()) == 0
    result = json.loads(capsys.readouterr().out)
    assert main(["paper", "--to", "2026-01-08", "--json", "--journal", "whole.db"]) == 0
    whole = json.loads(capsys.readouterr().out)

    assert result["final_wallet"] == whole["final_wallet"]
    assert result["trades"] == whole["trades"] > 0
    assert records_in(home / "j.db")["trades"] == records_in(home / "whole.db")["trades"]


def test_a_run_that_another_process_writes_is_not_gone_on_with(capsys, home, stopped):
    (home / "j.db").write_bytes(stopped[1])
    lock = WriterLock(home / "j.db")
    try:
        err = refused(capsys, [*RESUME.split(), "--quiet"], 1)
    finally:
        lock.release()

    told = ("another process writes to this journal", f"process {os.getpid()}", "stop that process")
    assert_told(err, told)
