"""What was fetched, as it was told: candles, funding settlements and open interest, in SQLite.

The memory behind `combined_*.parquet`. Every answer is on disk before the next is asked for, so
a fetch that was killed goes on where it was; and open interest, which the exchange keeps for a
month, stays. Several processes may use the file at once.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import numpy as np

from cointrader.domain.errors import ConfigError, DataError
from cointrader.domain.ports import Settlement
from cointrader.market.frame import Columns, Floats, Times
from cointrader.market.spans import Span, united

FILE_NAME = "history.db"  # in a folder of candles
_VERSION = 1
_WAIT_S = 30.0  # for another process that writes
_SCHEMA = """
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE candles (
    series INTEGER NOT NULL, open_ms INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
    volume REAL NOT NULL,
    PRIMARY KEY (series, open_ms)) WITHOUT ROWID;
CREATE TABLE settlements (
    series INTEGER NOT NULL, at_ms INTEGER NOT NULL, rate REAL NOT NULL, mark_price REAL,
    PRIMARY KEY (series, at_ms)) WITHOUT ROWID;
CREATE TABLE open_interest (
    series INTEGER NOT NULL, at_ms INTEGER NOT NULL, contracts REAL NOT NULL,
    PRIMARY KEY (series, at_ms)) WITHOUT ROWID;
CREATE TABLE asked (
    series INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
    PRIMARY KEY (series, from_ms)) WITHOUT ROWID;
CREATE TABLE files (name TEXT PRIMARY KEY, sha256 TEXT, read_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


def candle_series(symbol: str, interval: str) -> str:
    return f"candles {symbol} {interval}"


def funding_series(symbol: str) -> str:
    return f"funding {symbol}"


def open_interest_series(symbol: str) -> str:
    return f"open-interest {symbol}"


def settlements_in(path: Path, symbol: str) -> list[Settlement]:
    """Every stored settlement of `symbol`, ascending; none where there is no such file.

    Reads only, also where nothing may be written. `DataError` for a file that cannot be read.
    """
    if not path.is_file():
        return []
    try:
        try:
            # Who may write takes away what SQLite puts beside the file, and who may not leaves it.
            rows = _settled(f"{path.resolve().as_uri()}?mode=rw", symbol)
        except sqlite3.OperationalError:  # a folder in which SQLite may put nothing beside it
            rows = _settled(f"{path.resolve().as_uri()}?mode=ro&immutable=1", symbol)
    except sqlite3.Error as error:
        raise DataError(
            "the history of funding cannot be read",
            where=str(path),
            found=str(error),
            todo="fetch it again: move the file away, and run cointrader fetch",
        ) from None
    return [Settlement(at_ms, rate) for at_ms, rate in rows]


def _settled(uri: str, symbol: str) -> list[tuple[int, float]]:
    with closing(sqlite3.connect(uri, timeout=_WAIT_S, uri=True)) as connection:
        connection.execute("PRAGMA query_only = ON")
        return connection.execute(
            "SELECT at_ms, rate FROM settlements JOIN series ON series.id = settlements.series"
            " WHERE name = ? ORDER BY at_ms",
            (funding_series(symbol),),
        ).fetchall()


class History:
    """The file, made if missing. A context manager.

    Times are epoch ms. Writing the same again changes nothing; writing something else for a time
    that is known replaces it.

    Raises
    ------
    DataError : the file is none of ours, broken, or cannot be read or written (also later)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._numbers: dict[str, int] = {}
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Every write names its own transaction: see `_writing`.
            self._connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
        try:
            with self._told():
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
            self._begin()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    # -- candles ----------------------------------------------------------------------------------

    def candles(self, symbol: str, interval: str, span: Span) -> tuple[Times, Columns]:
        """Stored candles that open in `span`, ascending."""
        rows = self._rows(
            "SELECT open_ms, open, high, low, close, volume FROM candles"
            " WHERE series = ? AND open_ms >= ? AND open_ms < ? ORDER BY open_ms",
            candle_series(symbol, interval),
            span,
        )
        times = np.array([row[0] for row in rows], dtype=np.int64)
        values = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 5)
        return times, Columns(*(np.ascontiguousarray(column) for column in values.T))

    def candle_times(self, symbol: str, interval: str, span: Span) -> Times:
        """When they open."""
        rows = self._rows(
            "SELECT open_ms FROM candles"
            " WHERE series = ? AND open_ms >= ? AND open_ms < ? ORDER BY open_ms",
            candle_series(symbol, interval),
            span,
        )
        return np.array([row[0] for row in rows], dtype=np.int64)

    def keep_candles(
        self,
        symbol: str,
        interval: str,
        times: Times,
        columns: Columns,
        *,
        asked: Sequence[Span] = (),
        file: tuple[str, str] | None = None,
        replace: bool = True,
    ) -> None:
        """Store closed candles. `asked`: where there are none, and the exchange knows of none.

        `file` is the archive file they come from, and its SHA-256. Without `replace`, candles
        that are there already stay.
        """
        values = (column.tolist() for column in columns.arrays())
        with self._writing() as write:
            number = self._number(candle_series(symbol, interval))
            rows = zip([number] * len(times), times.tolist(), *values, strict=True)
            verb = "REPLACE" if replace else "IGNORE"
            write.executemany(f"INSERT OR {verb} INTO candles VALUES (?,?,?,?,?,?,?)", rows)
            self._note(candle_series(symbol, interval), asked, file)

    # -- funding ----------------------------------------------------------------------------------

    def settlements(self, symbol: str, span: Span) -> list[Settlement]:
        """Stored settlements of `span`, ascending; times as the exchange tells them."""
        rows = self._rows(
            "SELECT at_ms, rate, mark_price FROM settlements"
            " WHERE series = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms",
            funding_series(symbol),
            span,
        )
        return [Settlement(at_ms, rate, mark) for at_ms, rate, mark in rows]

    def keep_settlements(
        self,
        symbol: str,
        settlements: Iterable[Settlement],
        *,
        asked: Sequence[Span] = (),
        file: tuple[str, str] | None = None,
    ) -> None:
        """Store settlements; one without a mark price leaves a stored mark price as it is."""
        with self._writing() as write:
            number = self._number(funding_series(symbol))
            write.executemany(
                "INSERT INTO settlements VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET"
                " rate = excluded.rate, mark_price = coalesce(excluded.mark_price, mark_price)",
                [(number, each.at_ms, each.rate, each.mark_price) for each in settlements],
            )
            self._note(funding_series(symbol), asked, file)

    # -- open interest ----------------------------------------------------------------------------

    def open_interest(self, symbol: str, span: Span) -> tuple[Times, Floats]:
        """Stored (time, contracts) of `span`, ascending."""
        rows = self._rows(
            "SELECT at_ms, contracts FROM open_interest"
            " WHERE series = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms",
            open_interest_series(symbol),
            span,
        )
        times = np.array([row[0] for row in rows], dtype=np.int64)
        return times, np.array([row[1] for row in rows], dtype=np.float64)

    def last_open_interest_ms(self, symbol: str) -> int | None:
        """Time of the newest one; None where there is none."""
        rows = self._rows(
            "SELECT max(at_ms) FROM open_interest WHERE series = ? AND at_ms >= ? AND at_ms < ?",
            open_interest_series(symbol),
            (0, 2**62),
        )
        newest: int | None = rows[0][0] if rows else None
        return newest

    def keep_open_interest(
        self,
        symbol: str,
        times: Times,
        contracts: Floats,
        *,
        asked: Sequence[Span] = (),
        file: tuple[str, str] | None = None,
    ) -> None:
        """Store amounts. `asked`: what need not be asked for again, also where nothing is known."""
        with self._writing() as write:
            number = self._number(open_interest_series(symbol))
            write.executemany(
                "INSERT OR REPLACE INTO open_interest VALUES (?,?,?)",
                zip([number] * len(times), times.tolist(), contracts.tolist(), strict=True),
            )
            self._note(open_interest_series(symbol), asked, file)

    # -- what was asked ---------------------------------------------------------------------------

    def asked(self, series: str) -> tuple[Span, ...]:
        """What of a series was asked for and answered for good."""
        rows = self._rows(
            "SELECT from_ms, to_ms FROM asked WHERE series = ? AND from_ms >= ? AND from_ms < ?",
            series,
            (-(2**62), 2**62),
        )
        return united((start, end) for start, end in rows)

    def has_read(self, name: str) -> bool:
        """Whether an archive file was read, or is known not to exist."""
        with self._told():
            found = self._connection.execute("SELECT 1 FROM files WHERE name = ?", (name,))
            return found.fetchone() is not None

    def note_absent(self, name: str, series: str, asked: Sequence[Span] = ()) -> None:
        """Remember that the archive has no such file, and will not have it."""
        with self._writing() as write:
            write.execute("INSERT OR IGNORE INTO files VALUES (?, NULL, ?)", (name, _now_ms()))
            self._note(series, asked, None)

    def require_origin(self, origin: str) -> None:
        """Refuse to mix the candles of two exchanges; the first one asked is remembered."""
        with self._writing() as write:
            write.execute("INSERT OR IGNORE INTO facts VALUES ('origin', ?)", (origin,))
            ((known,),) = write.execute("SELECT value FROM facts WHERE name = 'origin'").fetchall()
        if known != origin:
            raise ConfigError(
                "this folder holds the history of another exchange",
                where=str(self.path),
                found=f"asked for: {origin}",
                allowed=known,
                todo="name another folder with --data",
            )

    # -- the file ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Make the tables where there are none; refuse what is not ours."""
        with self._writing() as write:
            ((version,),) = write.execute("PRAGMA user_version").fetchall()
            ((tables,),) = write.execute("SELECT count(*) FROM sqlite_master").fetchall()
            if version == 0 and tables == 0:
                for statement in _SCHEMA.split(";"):
                    write.execute(statement)
                write.execute(f"PRAGMA user_version = {_VERSION}")
                version = _VERSION
        if version != _VERSION:
            raise DataError(
                "the file of fetched history is not of this version",
                where=str(self.path),
                found=f"version {version}",
                allowed=f"version {_VERSION}",
                todo="use the version of cointrader that made it, or name another --data",
            )

    def _number(self, series: str) -> int:
        """The number of a series, given to it where it has none; inside `_writing`."""
        if series not in self._numbers:
            self._connection.execute("INSERT OR IGNORE INTO series (name) VALUES (?)", (series,))
            query = "SELECT id FROM series WHERE name = ?"
            ((number,),) = self._connection.execute(query, (series,)).fetchall()
            self._numbers[series] = number
        return self._numbers[series]

    def _note(self, series: str, asked: Sequence[Span], file: tuple[str, str] | None) -> None:
        """Write down what was asked and read, with what it told; inside `_writing`."""
        if file is not None:
            entry = (*file, _now_ms())
            self._connection.execute("INSERT OR REPLACE INTO files VALUES (?,?,?)", entry)
        if not asked:
            return
        number = self._number(series)
        known = self._connection.execute(
            "SELECT from_ms, to_ms FROM asked WHERE series = ?", (number,)
        ).fetchall()
        self._connection.execute("DELETE FROM asked WHERE series = ?", (number,))
        self._connection.executemany(
            "INSERT INTO asked VALUES (?,?,?)",
            [(number, start, end) for start, end in united([*known, *asked])],
        )

    def _rows(self, query: str, series: str, span: Span) -> list[tuple[int, ...]]:
        with self._told():
            found = self._connection.execute("SELECT id FROM series WHERE name = ?", (series,))
            number = found.fetchone()
            if number is None:
                return []
            return self._connection.execute(query, (*number, *span)).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All of it is written, or nothing."""
        numbers = dict(self._numbers)
        with self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._numbers = numbers
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the file or the disk refuses, as an error of ours."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            is_other = isinstance(error, sqlite3.DatabaseError) and not isinstance(
                error, sqlite3.OperationalError
            )
            raise DataError(
                "the file of fetched history cannot be used",
                where=str(self.path),
                found=str(error),
                todo="move it away: all but old open interest can be fetched again"
                if is_other
                else "check the free space and the permissions of the folder",
            ) from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
