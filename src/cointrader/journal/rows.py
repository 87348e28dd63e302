"""Records in and out of an open connection. The writer and the readers both ask here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from cointrader.domain.records import PositionOpened, Record
from cointrader.journal.tables import POSITIONS, TABLES, Table

R = TypeVar("R")
Condition = tuple[str, object]  # SQL with one "?", and its value; without a value it is left out


def insert(connection: sqlite3.Connection, records: Iterable[Record]) -> None:
    """Write `records` inside the open transaction. Records of one kind keep their order."""
    rows: dict[str, list[list[object]]] = {}
    for record in records:
        table = TABLES[type(record)]
        rows.setdefault(table.insert, []).append(table.encode(record))
    for statement, values in rows.items():
        connection.executemany(statement, values)


def select(
    connection: sqlite3.Connection,
    table: Table[R],
    *conditions: Condition,
    last: int | None = None,
) -> Iterator[R]:
    """Records that meet all conditions, ascending in time, then as written.

    `last` gives only the latest so many of them, still ascending.
    """
    where, values = _where(conditions)
    query = f"SELECT {', '.join(table.columns)} FROM {table.name}{where} ORDER BY {table.time}"
    if last is None:
        yield from map(table.decode, connection.execute(f"{query}, rowid", values))
        return
    newest = connection.execute(f"{query} DESC, rowid DESC LIMIT ?", [*values, last])
    yield from map(table.decode, reversed(newest.fetchall()))


def count(
    connection: sqlite3.Connection, table: Table[Any], column: str, *conditions: Condition
) -> dict[str, int]:
    """How many records hold each value of `column`; the most frequent first."""
    where, values = _where(conditions)
    query = f"SELECT {column}, count(*) FROM {table.name}{where} GROUP BY 1 ORDER BY 2 DESC, 1"
    return dict(connection.execute(query, values))


def newest(connection: sqlite3.Connection, table: Table[R], *conditions: Condition) -> R | None:
    """The record written last."""
    where, values = _where(conditions)
    query = f"SELECT {', '.join(table.columns)} FROM {table.name}{where}"
    row = connection.execute(f"{query} ORDER BY rowid DESC LIMIT 1", values).fetchone()
    return None if row is None else table.decode(row)


def last_of_each(connection: sqlite3.Connection, table: Table[R], column: str) -> Iterator[R]:
    """For each value of `column` the record written last, in order of the values."""
    query = (
        f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE rowid IN "
        f"(SELECT max(rowid) FROM {table.name} GROUP BY {column}) ORDER BY {column}"
    )
    yield from map(table.decode, connection.execute(query))


def open_position(connection: sqlite3.Connection, symbol: str) -> PositionOpened | None:
    """The last `PositionOpened` of `symbol`, None when a trade of its id has ended it."""
    position = newest(connection, POSITIONS, ("symbol = ?", symbol))
    if position is None:
        return None
    ended = connection.execute(
        "SELECT 1 FROM trades WHERE symbol = ? AND trade_id = ? AND exit_time_ms >= ?",
        (symbol, position.trade_id, position.entry_bar_ms),
    ).fetchone()
    return position if ended is None else None


def has_trade(connection: sqlite3.Connection, trade_id: str) -> bool:
    found = connection.execute("SELECT 1 FROM trades WHERE trade_id = ? LIMIT 1", (trade_id,))
    return found.fetchone() is not None


def latest(connection: sqlite3.Connection, table: Table[R], *conditions: Condition) -> R | None:
    """The latest record by its own time, which need not be the one written last."""
    return next(select(connection, table, *conditions, last=1), None)


def between(column: str, from_ms: int | None, to_ms: int | None) -> tuple[Condition, Condition]:
    """From `from_ms` on, up to but without `to_ms`."""
    return (f"{column} >= ?", from_ms), (f"{column} < ?", to_ms)


def claim(connection: sqlite3.Connection, mode: str, account: str) -> tuple[str, str]:
    """Make the journal that of `account` unless it is somebody's; return (mode, account) of whose.

    A journal that already tells of runs belongs to the mode of the last one.
    """
    connection.execute(
        "INSERT INTO owner (mode, account) "
        "SELECT coalesce((SELECT mode FROM runs ORDER BY rowid DESC LIMIT 1), ?), ? "
        "WHERE NOT EXISTS (SELECT 1 FROM owner)",
        (mode, account),
    )
    owner, owned = connection.execute("SELECT mode, account FROM owner").fetchone()
    return owner, owned


def _where(conditions: Iterable[Condition]) -> tuple[str, list[object]]:
    given = [(sql, value) for sql, value in conditions if value is not None]
    where = " WHERE " + " AND ".join(sql for sql, _ in given) if given else ""
    return where, [value for _, value in given]
