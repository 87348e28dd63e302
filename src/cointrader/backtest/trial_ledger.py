"""Every configuration ever tried, by the data it was tried on.

Whoever tries enough configurations finds one that shines by luck. How many were tried is known to
nobody's memory, so it is written down: each configuration counts once per data set, however often
it runs, and nothing is ever taken back. One SQLite file per user; any number of processes may write
to it at the same time, and a crash loses nothing that was counted.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cointrader.domain.errors import CointraderError

FILE_NAME = "trials.db"
_APPLICATION = 0x43545452  # "CTTR": says whose file this is
_VERSION = 1
_WAIT_S = 60.0  # for other writers, who hold the file for milliseconds

_SCHEMA = """
CREATE TABLE datasets (
    data TEXT NOT NULL, symbol TEXT NOT NULL, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
    PRIMARY KEY (data, symbol)
) WITHOUT ROWID, STRICT;
CREATE TABLE trials (
    data TEXT NOT NULL, configuration TEXT NOT NULL, first_ms INTEGER NOT NULL,
    source TEXT NOT NULL, settings TEXT NOT NULL,
    PRIMARY KEY (data, configuration)
) WITHOUT ROWID, STRICT;
CREATE INDEX datasets_by_symbol ON datasets (symbol, start_ms, end_ms);
"""
# The file itself refuses to forget, whoever opens it.
_SEALS = "".join(
    f"CREATE TRIGGER {table}_{event.lower()} BEFORE {event} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'trials are never taken back'); END;\n"
    for table in ("datasets", "trials")
    for event in ("UPDATE", "DELETE")
)


@dataclass(frozen=True, slots=True)
class DataSet:
    """Candles that were tried on.

    `hash` names exactly these; symbols and time say which other data sets share candles with them.
    """

    hash: str
    symbols: tuple[str, ...]
    start_ms: int
    end_ms: int  # excluded


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration that was tried: its hash, and for people its settings as text."""

    configuration: str
    settings: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """A trial as it was first written down. `source` is the command that made it."""

    data: str
    configuration: str
    first_ms: int
    source: str
    settings: str


def default_path() -> Path:
    """``cointrader/trials.db`` in this user's state folder (``XDG_STATE_HOME``)."""
    told = os.environ.get("XDG_STATE_HOME", "")
    try:
        base = Path(told) if told else Path.home() / ".local" / "state"
    except RuntimeError:  # a user without a home
        base = Path(tempfile.gettempdir()) / f"cointrader-{os.getuid()}"
    return base / "cointrader" / FILE_NAME


class TrialLedger:
    """The ledger in a file, made if missing. A context manager; may be opened many times.

    Parameters
    ----------
    path : the file; by default `default_path`

    Raises `CointraderError` when the file is damaged, someone else's, newer, or not writable: a
    search that cannot be counted does not begin.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()
        with self._explaining():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def record(
        self, data: DataSet, trials: Iterable[Trial], *, at_ms: int, source: str = ""
    ) -> int:
        """Write trials down, all or none of them; on disk when this returns.

        Call it before the first result is looked at.

        Returns
        -------
        how many were new on these data
        """
        new = [(data.hash, each.configuration, at_ms, source, each.settings) for each in trials]
        spans = [(data.hash, symbol, data.start_ms, data.end_ms) for symbol in data.symbols]
        with self._explaining(), self._transaction():
            self._connection.executemany("INSERT OR IGNORE INTO datasets VALUES (?,?,?,?)", spans)
            before = self._connection.total_changes
            self._connection.executemany("INSERT OR IGNORE INTO trials VALUES (?,?,?,?,?)", new)
            return self._connection.total_changes - before

    def count(self, data: DataSet) -> int:
        """How many different configurations were ever tried on these data.

        On the same candles, or on others that share a symbol and some time with them: a search
        does not begin anew because a candle was added, or one symbol was left out.
        """
        with self._explaining():
            (count,) = self._connection.execute(
                f"SELECT count(DISTINCT configuration) FROM trials WHERE data IN ({_SHARING})",
                _names(data),
            ).fetchone()
        return int(count)

    def trials(self, data: DataSet) -> list[Counted]:
        """What `count` counts, oldest first; a configuration once per data set it was tried on."""
        with self._explaining():
            rows = self._connection.execute(
                "SELECT data, configuration, first_ms, source, settings FROM trials "
                f"WHERE data IN ({_SHARING}) ORDER BY first_ms, configuration",
                _names(data),
            ).fetchall()
        return [Counted(*row) for row in rows]

    def close(self) -> None:
        """Let go of the file. Asking twice is fine."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        """Make the tables, unless they are there; refuse a file that holds something else."""
        # Extra sync with a rollback journal: what was counted survives a loss of power, and the
        # ledger stays one file.
        self._connection.execute("PRAGMA synchronous = EXTRA")
        with self._transaction():
            (application,) = self._connection.execute("PRAGMA application_id").fetchone()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if (application, version) == (_APPLICATION, _VERSION):
                return
            if application == _APPLICATION:
                raise self._refused(f"version {version}", "a newer cointrader made it: update")
            if tables:
                raise self._refused("another program's database", "name another file")
            for statement in _statements(_SCHEMA + _SEALS):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._refused(
                str(error), "see that the file is whole and that this user may write it"
            ) from error

    def _refused(self, found: str, todo: str) -> CointraderError:
        return CointraderError(
            "the ledger of trials cannot be used", where=str(self.path), found=found, todo=todo
        )


# The data set itself, also when no symbol of it was told, and those that share candles with it.
_SHARING = (
    "SELECT :data UNION SELECT data FROM datasets "
    "WHERE symbol IN (SELECT value FROM json_each(:symbols)) "
    "AND start_ms < :end_ms AND :start_ms < end_ms"
)


def _names(data: DataSet) -> dict[str, str | int]:
    return {
        "data": data.hash,
        "symbols": json.dumps(data.symbols),
        "start_ms": data.start_ms,
        "end_ms": data.end_ms,
    }


def _statements(script: str) -> Iterator[str]:
    """One statement at a time: `executescript` would commit on its own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
