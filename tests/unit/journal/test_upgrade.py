"""Journals of every released version: opened, brought up to date, and kept as they were beside."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cointrader.domain.errors import JournalError
from cointrader.domain.records import BotState, ExchangeState, RunStarted, VerdictOverridden
from cointrader.journal import schema
from cointrader.journal.copying import copy_journal
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from tests.unit.journal.examples import EVERY_KIND, NEW_SINCE_VERSION_1, a_fill, a_run

HERE = Path(__file__).parent
RELEASED = tuple(sorted(HERE.glob("version_*.sql")))  # files as released: never edit them
NEWEST = len(schema.MIGRATIONS)


def a_journal(path: Path, version: int) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((HERE / f"version_{version}.sql").read_text())
    return path


def everything_in(path: Path) -> dict[str, list[tuple]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall()
            for (name,) in tables.fetchall()
        }


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def beside(path: Path) -> list[str]:
    """What stands beside a journal, without its lock."""
    return sorted(
        each.name
        for each in path.parent.iterdir()
        if each != path and not each.name.endswith(".lock")
    )


def columns_of(path: Path) -> dict[str, list[tuple]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: connection.execute(f"PRAGMA table_info({name})").fetchall()
            for (name,) in tables.fetchall()
        }


def test_every_released_version_before_this_one_has_a_file():
    assert len(RELEASED) >= 3
    assert [path.stem for path in RELEASED[: NEWEST - 1]] == [
        f"version_{number}" for number in range(1, min(NEWEST, len(RELEASED) + 1))
    ]


@pytest.mark.parametrize("version", range(1, len(RELEASED) + 1))
def test_a_journal_of_an_older_version_has_the_shape_of_a_new_one_once_opened(version, tmp_path):
    old, new = a_journal(tmp_path / "old.db", version), tmp_path / "new.db"
    SqliteJournal(old, threaded=False).close()
    SqliteJournal(new, threaded=False).close()

    assert version_of(old) == NEWEST
    assert columns_of(old) == columns_of(new)


@pytest.mark.parametrize("version", range(1, len(RELEASED) + 1))
def test_no_row_of_an_older_version_is_lost(version, tmp_path):
    path = a_journal(tmp_path / "old.db", version)
    before = everything_in(path)

    SqliteJournal(path, threaded=False).close()

    after = everything_in(path)
    assert sum(len(rows) for rows in before.values()) >= 12
    for name, rows in before.items():
        assert [row[: len(old)] for row, old in zip(after[name], rows, strict=True)] == rows


@pytest.mark.parametrize("version", [2, 3])
def test_what_came_with_a_later_version_is_read_as_it_was_written(version, tmp_path):
    path = a_journal(tmp_path / "old.db", version)
    SqliteJournal(path, threaded=False).close()
    known = {type(record): record for record in EVERY_KIND}

    with JournalReader(path) as reader:
        assert reader.bot_states() == {"XRPUSDT": known[BotState]}
        assert reader.exchange_state() == known[ExchangeState]
        assert next(reader.runs()).source == {"market": "synthetic", "seed": "1"}
        overrides = list(reader.verdict_overrides())
    assert overrides == ([known[VerdictOverridden]] if version >= 3 else [])
    assert {BotState, ExchangeState, VerdictOverridden} == set(NEW_SINCE_VERSION_1)


def test_a_journal_that_lacks_nothing_but_an_index_is_read_as_it_is(tmp_path):
    path = a_journal(tmp_path / "old.db", schema.READABLE)

    with JournalReader(path) as reader:
        assert reader.version == schema.READABLE < NEWEST
        assert next(reader.runs()).source == {"market": "synthetic", "seed": "1"}
        assert list(reader.positions())

    assert version_of(path) == schema.READABLE


def test_a_journal_that_lacks_more_is_refused_with_what_to_do(tmp_path):
    path = a_journal(tmp_path / "old.db", schema.READABLE - 1)

    with pytest.raises(JournalError, match="older cointrader") as refused:
        JournalReader(path)
    assert "start the bot once" in str(refused.value)


@pytest.mark.parametrize("version", [v for v in range(1, len(RELEASED) + 1) if v < NEWEST])
def test_the_journal_as_it_was_stays_beside_the_one_brought_up_to_date(version, tmp_path):
    path = a_journal(tmp_path / "live.db", version)
    before = everything_in(path)

    SqliteJournal(path, threaded=False).close()

    kept = tmp_path / f"live.db.version-{version}"
    assert beside(path) == [kept.name]
    assert everything_in(kept) == before
    assert version_of(kept) == version
    assert kept.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_process_left_in_the_wal_file_is_in_the_copy(tmp_path):
    origin = a_journal(tmp_path / "origin.db", 1)
    with closing(sqlite3.connect(origin, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO alerts VALUES (1, 'info', '', 'only in the wal')")
        path = tmp_path / "folder" / "live.db"
        path.parent.mkdir()
        for ending in ("", "-wal"):  # as if the power had gone here
            shutil.copy(f"{origin}{ending}", f"{path}{ending}")

    SqliteJournal(path, threaded=False).close()

    alerts = everything_in(path.with_name("live.db.version-1"))["alerts"]
    assert alerts[-1] == (1, "info", "", "only in the wal")


def test_an_up_to_date_journal_is_not_copied(tmp_path):
    path = tmp_path / "live.db"
    for _ in range(3):
        SqliteJournal(path, threaded=False).close()

    assert beside(path) == []


def test_an_upgrade_that_fails_again_and_again_leaves_one_copy_and_the_old_journal(tmp_path):
    path = a_journal(tmp_path / "live.db", 1)
    with closing(sqlite3.connect(path)) as connection:  # what the second step wants to make
        connection.execute("CREATE TABLE bots (x)")
        connection.commit()
    before = everything_in(path)

    for _ in range(3):
        with pytest.raises(JournalError):
            SqliteJournal(path, threaded=False)

    assert [name for name in beside(path) if "version" in name] == ["live.db.version-1"]
    assert everything_in(path) == before
    assert version_of(path) == 1


def test_another_journal_of_the_same_version_later_does_not_take_the_place_of_the_first(tmp_path):
    path = a_journal(tmp_path / "live.db", 1)
    SqliteJournal(path, threaded=False).close()
    first = everything_in(tmp_path / "live.db.version-1")
    path.unlink()
    with closing(sqlite3.connect(a_journal(path, 1))) as connection:
        connection.execute("DELETE FROM alerts")
        connection.commit()

    SqliteJournal(path, threaded=False).close()

    assert everything_in(tmp_path / "live.db.version-1") == first
    assert everything_in(tmp_path / "live.db.version-1-2")["alerts"] == []


def test_a_journal_that_is_too_new_or_foreign_leaves_no_copy(tmp_path):
    path = a_journal(tmp_path / "live.db", 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="newer cointrader"):
        SqliteJournal(path, threaded=False)

    assert beside(path) == []


def test_a_copy_is_taken_while_the_journal_is_written_and_shows_what_was_committed(tmp_path):
    path, copy = tmp_path / "live.db", tmp_path / "copy.db"
    with SqliteJournal(path, threaded=False) as journal:
        journal.checkpoint(a_run(), a_fill(1))
        copy_journal(path, copy)
        journal.checkpoint(a_fill(2))

        with JournalReader(copy) as reader:
            assert isinstance(reader.last_run(), RunStarted)
            assert [fill.fill.trade_id for fill in reader.fills()] == [1]
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "copy.db",
        "live.db",
        "live.db.lock",
    ]


def test_a_copy_never_takes_the_place_of_a_file(tmp_path):
    path, copy = a_journal(tmp_path / "live.db", 1), tmp_path / "copy.db"
    copy.write_text("mine")

    with pytest.raises(JournalError):
        copy_journal(path, copy)

    assert copy.read_text() == "mine"
    assert beside(path) == ["copy.db"]


def test_a_damaged_journal_is_not_passed_off_as_a_copy(tmp_path):
    path, copy = a_journal(tmp_path / "live.db", 3), tmp_path / "copy.db"
    content = bytearray(path.read_bytes())
    content[8192:12_288] = bytes(4096)
    path.write_bytes(content)

    with pytest.raises(JournalError, match="damaged"):
        copy_journal(path, copy)

    assert beside(path) == []
