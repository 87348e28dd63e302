"""Changes to a journal that no run would have written: each as SQL over a copy of the file."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

Change = Callable[[sqlite3.Connection], None]


def tampered(journal: Path, change: Change, to: Path) -> Path:
    """A copy of `journal` with `change` made to it. It must change something."""
    shutil.copyfile(journal, to)
    connection = sqlite3.connect(to)
    with connection:
        before = connection.total_changes
        change(connection)
        assert connection.total_changes > before
    connection.close()
    return to


def sql(statement: str) -> Change:
    def change(connection: sqlite3.Connection) -> None:
        connection.execute(statement)

    return change


A_TRADE = "trade_id = (SELECT trade_id FROM trades ORDER BY exit_time_ms LIMIT 1 OFFSET 5)"
ITS_ENTRY = "client_order_id = (SELECT trade_id FROM trades ORDER BY exit_time_ms LIMIT 1 OFFSET 5)"
AN_ENTRY = (
    "rowid = (SELECT rowid FROM decisions WHERE action = 'ENTER' AND refusal = '' "
    "ORDER BY bar_open_ms LIMIT 1 OFFSET 5)"
)
A_REFUSED = "rowid = (SELECT rowid FROM decisions WHERE refusal <> '' ORDER BY bar_open_ms LIMIT 1)"
A_HOLD = (
    "rowid = (SELECT rowid FROM decisions WHERE action = 'HOLD' AND side IS NULL "
    "ORDER BY bar_open_ms LIMIT 1 OFFSET 700)"
)
A_PAYMENT = "rowid = (SELECT rowid FROM funding LIMIT 1)"


def scaled(table: str, column: str, factor: float, where: str) -> Change:
    return sql(
        f"UPDATE {table} SET {column} = printf('%.12f', CAST({column} AS REAL) * {factor}) "
        f"WHERE {where}"
    )


def all_of(*changes: Change) -> Change:
    def change(connection: sqlite3.Connection) -> None:
        for each in changes:
            each(connection)

    return change


def _doubled(connection: sqlite3.Connection) -> None:
    """A size that is doubled wherever it stands, and what follows from it for the trade."""
    all_of(
        scaled("trades", "quantity", 2, A_TRADE),
        scaled("trades", "gross", 2, A_TRADE),
        scaled("trades", "fee", 2, A_TRADE),
        scaled("trades", "funding", 2, A_TRADE),
        scaled("trades", "net", 2, A_TRADE),
        scaled("positions", "quantity", 2, A_TRADE),
        scaled("positions", "entry_fee", 2, A_TRADE),
        scaled("intents", "quantity", 2, ITS_ENTRY),
        scaled("fills", "quantity", 2, ITS_ENTRY),
        scaled("fills", "fee", 2, ITS_ENTRY),
    )(connection)


def _moved_everywhere(connection: sqlite3.Connection) -> None:
    """An entry 0.1 % dearer in all three places where its price stands."""
    all_of(
        scaled("trades", "entry_price", 1.001, A_TRADE),
        scaled("positions", "entry_price", 1.001, A_TRADE),
        scaled("fills", "price", 1.001, ITS_ENTRY),
    )(connection)


# What was done, and the aspects of which at least one must be told.
TAMPERINGS: Mapping[str, tuple[Change, set[str]]] = {
    "a signal's side turned": (
        sql(f"UPDATE decisions SET side = iif(side = 'LONG', 'SHORT', 'LONG') WHERE {AN_ENTRY}"),
        {"signal"},
    ),
    "a signal on a bar without one": (
        sql(f"UPDATE decisions SET side = 'LONG', strength = 3 WHERE {A_HOLD}"),
        {"signal"},
    ),
    "a strength changed": (
        sql(f"UPDATE decisions SET strength = strength + 1 WHERE {A_HOLD}"),
        {"signal"},
    ),
    "reasons changed": (
        sql(f"UPDATE decisions SET reasons = '[\"macd+2\"]' WHERE {AN_ENTRY}"),
        {"signal"},
    ),
    "an action changed": (
        sql(f"UPDATE decisions SET action = 'HOLD' WHERE {AN_ENTRY}"),
        {"action"},
    ),
    "a hold that became an entry": (
        sql(f"UPDATE decisions SET action = 'ENTER' WHERE {A_HOLD}"),
        {"action"},
    ),
    "a decision missing": (sql(f"DELETE FROM decisions WHERE {AN_ENTRY}"), {"decision"}),
    "a hold missing": (sql(f"DELETE FROM decisions WHERE {A_HOLD}"), {"decision"}),
    "a probability invented": (
        sql(f"UPDATE decisions SET probability = 0.61 WHERE {AN_ENTRY}"),
        {"probability"},
    ),
    "a refusal invented by the account": (
        sql(f"UPDATE decisions SET refusal = 'daily-loss' WHERE {AN_ENTRY}"),
        {"gate"},
    ),
    "a refusal invented as lateness": (
        sql(
            "UPDATE decisions SET refusal = 'late', detail = 'a later bar has closed since' "
            f"WHERE {AN_ENTRY}"
        ),
        {"gate"},
    ),
    "a refusal invented by a command": (
        sql(f"UPDATE decisions SET refusal = 'paused' WHERE {AN_ENTRY}"),
        {"gate"},
    ),
    "a refusal taken away": (
        sql(f"UPDATE decisions SET refusal = '' WHERE {A_REFUSED}"),
        {"gate"},
    ),
    "a refusal's reason changed": (
        sql(f"UPDATE decisions SET refusal = 'margin' WHERE {A_REFUSED}"),
        {"gate"},
    ),
    "an entry price moved in the trade": (
        scaled("trades", "entry_price", 1.0001, A_TRADE),
        {"books"},
    ),
    "an entry price moved everywhere": (_moved_everywhere, {"fill"}),
    "an exit price moved": (scaled("trades", "exit_price", 1.0001, A_TRADE), {"exit", "books"}),
    "an exit's reason changed": (
        sql(f"UPDATE trades SET reason = iif(reason = 'TP', 'SL', 'TP') WHERE {A_TRADE}"),
        {"exit"},
    ),
    "an exit called manual": (
        sql(f"UPDATE trades SET reason = 'MANUAL' WHERE {A_TRADE}"),
        {"exit"},
    ),
    "an exit a bar later": (
        sql(f"UPDATE trades SET exit_time_ms = exit_time_ms + 900000 WHERE {A_TRADE}"),
        {"exit"},
    ),
    "an entry a bar earlier": (
        sql(f"UPDATE trades SET entry_time_ms = entry_time_ms - 900000 WHERE {A_TRADE}"),
        {"books"},
    ),
    "a size doubled in the trade": (scaled("trades", "quantity", 2, A_TRADE), {"books"}),
    "a size doubled everywhere": (_doubled, {"size"}),
    "a fee lowered": (scaled("trades", "fee", 0.5, A_TRADE), {"fee", "books"}),
    "a net improved": (
        sql(f"UPDATE trades SET net = CAST(CAST(net AS REAL) + 5 AS TEXT) WHERE {A_TRADE}"),
        {"books"},
    ),
    "a trade missing": (sql(f"DELETE FROM trades WHERE {A_TRADE}"), {"exit", "books"}),
    "a trade invented": (
        sql(
            "INSERT INTO trades (symbol, side, entry_time_ms, exit_time_ms, entry_price, "
            "exit_price, quantity, reason, gross, fee, funding, net, trade_id) "
            "SELECT symbol, side, entry_time_ms, exit_time_ms, entry_price, exit_price, quantity, "
            "reason, gross, fee, funding, net, trade_id || '9' FROM trades "
            f"WHERE {A_TRADE}"
        ),
        {"books"},
    ),
    "an entry's fill missing": (sql(f"DELETE FROM fills WHERE {ITS_ENTRY}"), {"fill", "books"}),
    "a stop moved": (scaled("positions", "stop", 0.999, A_TRADE), {"levels"}),
    "a target moved": (scaled("positions", "target", 1.001, A_TRADE), {"levels"}),
    "a funding payment missing": (
        sql(f"DELETE FROM funding WHERE {A_PAYMENT}"),
        {"funding"},
    ),
    "a funding payment changed": (scaled("funding", "amount", 3, A_PAYMENT), {"funding"}),
    "a wallet changed": (
        scaled("equity", "wallet", 1.01, "rowid = (SELECT rowid FROM equity LIMIT 1 OFFSET 9)"),
        {"account"},
    ),
    "a bonus called a deposit": (
        sql(
            "INSERT INTO risk_events (at_ms, kind, symbol, reason, detail) "
            "SELECT at_ms, 'deposit', '', '', '100' FROM equity LIMIT 1 OFFSET 9"
        ),
        {"account"},
    ),
}
