import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cointrader.domain.errors import JournalError
from cointrader.journal import schema
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from tests.unit.journal.examples import EVERY_KIND, NEW_SINCE_VERSION_1

VERSION_1 = Path(__file__).with_name("version_1.sql")  # a file as released: never edit it


def a_file(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def test_a_file_without_a_table_has_not_begun_and_anything_else_has(tmp_path):
    half = a_file(tmp_path / "half.db", "PRAGMA journal_mode = WAL;")
    (tmp_path / "empty.db").touch()
    (tmp_path / "letter.txt").write_text("Dear reader, this is no database at all.")
    whole = a_file(tmp_path / "whole.db", VERSION_1.read_text())

    assert half.stat().st_size > 0
    assert not schema.has_begun(half)
    assert not schema.has_begun(tmp_path / "empty.db")
    assert not schema.has_begun(tmp_path / "missing.db")
    assert schema.has_begun(tmp_path / "letter.txt")
    assert schema.has_begun(whole)


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version)


def test_journal_of_version_1_opens_and_keeps_every_record(tmp_path):
    path = a_file(tmp_path / "old.db", VERSION_1.read_text())

    SqliteJournal(path, threaded=False).close()

    with JournalReader(path) as reader:
        found = [
            next(reader.runs()),
            next(reader.decisions()),
            next(reader.intents()),
            next(reader.orders()),
            next(reader.fills()),
            next(reader.funding()),
            next(reader.positions()),
            next(reader.trades()),
            next(reader.equity()),
            next(reader.risk_events()),
            reader.risk_state(),
            next(reader.alerts()),
        ]
    assert found == [record for record in EVERY_KIND if not isinstance(record, NEW_SINCE_VERSION_1)]


def test_migration_runs_the_missing_steps_only_and_in_order(tmp_path):
    path = a_file(tmp_path / "old.db", VERSION_1.read_text())
    later = (
        *schema.MIGRATIONS,
        "ALTER TABLE alerts ADD COLUMN seen INTEGER NOT NULL DEFAULT 0",
        "UPDATE alerts SET seen = 1",
    )

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.migrate(connection, str(path), later)

        assert connection.execute("SELECT seen FROM alerts").fetchall() == [(1,)]
    assert version_of(path) == len(schema.MIGRATIONS) + 2


def test_migration_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = a_file(tmp_path / "old.db", VERSION_1.read_text())
    broken = (*schema.MIGRATIONS, "CREATE TABLE more (x); INSERT INTO nowhere VALUES (1)")

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            schema.migrate(connection, str(path), broken)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'more'")

        assert tables.fetchall() == []
    assert version_of(path) == 1


@pytest.mark.parametrize("opener", [lambda p: SqliteJournal(p, threaded=False), JournalReader])
def test_journal_of_a_newer_version_is_refused_in_clear_words(tmp_path, opener):
    path = a_file(tmp_path / "new.db", VERSION_1.read_text() + "PRAGMA user_version = 99;")

    with pytest.raises(JournalError, match="newer cointrader") as caught:
        opener(path)

    assert "version 99" in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("opener", [lambda p: SqliteJournal(p, threaded=False), JournalReader])
def test_database_of_another_program_is_refused_and_left_alone(tmp_path, opener):
    path = a_file(tmp_path / "photos.db", "CREATE TABLE photos (name); PRAGMA user_version = 1;")
    before = path.read_bytes()

    with pytest.raises(JournalError, match="not a cointrader journal"):
        opener(path)

    assert path.read_bytes() == before


@pytest.mark.parametrize("opener", [lambda p: SqliteJournal(p, threaded=False), JournalReader])
def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path, opener):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 1000)

    with pytest.raises(JournalError, match="not a journal") as caught:
        opener(path)

    assert str(path) in str(caught.value)
    assert path.read_text() == "dear diary, " * 1000
