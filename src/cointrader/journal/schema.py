"""The journal file: its tables, its version, and how an older file is brought up to date.

`MIGRATIONS[n]` leads from version n to n + 1. A step that was released is never edited: files in
the world are made of it. Versions only rise; a file newer than this program is refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from cointrader.domain.errors import JournalError

APPLICATION_ID = 0x63747264  # "ctrd": marks the file as ours

_VERSION_1 = """
CREATE TABLE owner (
    id INTEGER NOT NULL UNIQUE DEFAULT 1 CHECK (id = 1),
    mode TEXT NOT NULL,
    account TEXT NOT NULL
);
CREATE TABLE runs (
    at_ms INTEGER NOT NULL,
    mode TEXT NOT NULL,
    market TEXT NOT NULL,
    profile TEXT NOT NULL,
    symbols TEXT NOT NULL,
    interval TEXT NOT NULL,
    base_balance TEXT NOT NULL,
    version TEXT NOT NULL,
    settings TEXT NOT NULL
);
-- A year of three symbols is 105,000 rows. With time first in the key, new rows go to the end of
-- the file and of the index, and one symbol's bars are still found in the index alone.
CREATE TABLE decisions (
    symbol TEXT NOT NULL,
    bar_open_ms INTEGER NOT NULL,
    action TEXT NOT NULL,
    side TEXT,
    strength INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    refusal TEXT NOT NULL,
    detail TEXT NOT NULL,
    probability REAL,
    UNIQUE (bar_open_ms, symbol)
);
CREATE TABLE intents (
    client_order_id TEXT NOT NULL UNIQUE,
    symbol TEXT NOT NULL,
    bar_open_ms INTEGER NOT NULL,
    leg TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    quantity TEXT,
    trigger_price TEXT,
    at_ms INTEGER NOT NULL,
    exits TEXT NOT NULL
);
CREATE INDEX intents_by_time ON intents (symbol, at_ms);
CREATE TABLE orders (
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    quantity TEXT,
    filled_quantity TEXT NOT NULL,
    average_price TEXT,
    trigger_price TEXT,
    close_position INTEGER NOT NULL,
    reduce_only INTEGER NOT NULL
);
CREATE INDEX orders_by_id ON orders (client_order_id);
CREATE INDEX orders_by_time ON orders (updated_ms);
CREATE TABLE fills (
    symbol TEXT NOT NULL,
    trade_id INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    side TEXT NOT NULL,
    price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    fee TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    UNIQUE (symbol, trade_id)
);
CREATE INDEX fills_by_order ON fills (client_order_id);
CREATE INDEX fills_by_time ON fills (at_ms);
CREATE TABLE funding (
    symbol TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    rate TEXT NOT NULL,
    amount TEXT NOT NULL,
    UNIQUE (symbol, at_ms)
);
CREATE TABLE positions (
    symbol TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    entry_price TEXT NOT NULL,
    entry_bar_ms INTEGER NOT NULL,
    entry_fee TEXT NOT NULL,
    stop TEXT NOT NULL,
    target TEXT NOT NULL,
    best_close REAL NOT NULL
);
CREATE INDEX positions_by_symbol ON positions (symbol);
CREATE TABLE trades (
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    entry_time_ms INTEGER NOT NULL,
    exit_time_ms INTEGER NOT NULL,
    entry_price TEXT NOT NULL,
    exit_price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    reason TEXT NOT NULL,
    gross TEXT NOT NULL,
    fee TEXT NOT NULL,
    funding TEXT NOT NULL,
    net TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    UNIQUE (trade_id, symbol, entry_time_ms)
);
CREATE INDEX trades_by_time ON trades (exit_time_ms);
CREATE TABLE equity (
    at_ms INTEGER NOT NULL PRIMARY KEY,
    wallet TEXT NOT NULL,
    equity TEXT NOT NULL
);
CREATE TABLE risk_events (
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    symbol TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX risk_events_by_time ON risk_events (at_ms);
-- Only the last state counts, so only the last is kept: `id` is never given and always 1.
CREATE TABLE risk_state (
    id INTEGER NOT NULL UNIQUE DEFAULT 1 CHECK (id = 1),
    at_ms INTEGER NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE alerts (
    at_ms INTEGER NOT NULL,
    level TEXT NOT NULL,
    symbol TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX alerts_by_time ON alerts (at_ms);
"""

_VERSION_2 = """
ALTER TABLE runs ADD COLUMN source TEXT NOT NULL DEFAULT '{}';
CREATE TABLE bots (
    at_ms INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE TABLE exchange_state (
    id INTEGER NOT NULL UNIQUE DEFAULT 1 CHECK (id = 1),
    at_ms INTEGER NOT NULL,
    state TEXT NOT NULL
);
"""

_VERSION_3 = """
CREATE TABLE verdict_overrides (
    at_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    configuration TEXT NOT NULL,
    model TEXT NOT NULL,
    found TEXT NOT NULL,
    reason TEXT NOT NULL,
    who TEXT NOT NULL
);
"""

# The stops of a trade are asked for by pages again and again.
_VERSION_4 = """
CREATE INDEX positions_by_trade ON positions (trade_id);
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
READABLE = 3  # the oldest version with every table and column of today; what came since is speed


def version(connection: sqlite3.Connection, where: str, *, known: int = len(MIGRATIONS)) -> int:
    """The version of the journal behind `connection`, 0 when the file is new and empty.

    Raises `JournalError` when the file is another program's or newer than this one.
    """
    found = _pragma(connection, "user_version")
    if _pragma(connection, "application_id") != APPLICATION_ID and not _is_empty(connection):
        raise JournalError(
            "this SQLite file is not a cointrader journal",
            where=where,
            todo="name another file for the journal; this one was left as it is",
        )
    if found > known:
        raise JournalError(
            "this journal was written by a newer cointrader",
            where=where,
            found=f"version {found}",
            allowed=f"up to version {known}",
            todo="update cointrader, or name another file for the journal",
        )
    return found


def has_begun(path: Path) -> bool:
    """Whether anything stands in the file, a journal or not.

    A process that was killed while it made its journal leaves one without a table: nothing yet.
    """
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return not _is_empty(connection)
    except sqlite3.Error:
        return True


def migrate(
    connection: sqlite3.Connection, where: str, migrations: Sequence[str] = MIGRATIONS
) -> None:
    """Bring the file up to date in one transaction: nobody sees, and no kill leaves, half of it."""
    steps = migrations[version(connection, where, known=len(migrations)) :]
    if not steps:
        return
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; {';'.join(steps)};"
            f"PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {len(migrations)};"
            "COMMIT;"
        )
    except sqlite3.Error:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
