"""The journal as dashboards and reports read it: read-only, also while the bot writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from cointrader.domain.errors import JournalError
from cointrader.domain.records import (
    Alert,
    BotState,
    Decision,
    EquityMarked,
    ExchangeState,
    FillSeen,
    FundingPaid,
    Intent,
    OrderSeen,
    PositionOpened,
    RiskEvent,
    RiskState,
    RunStarted,
    TradeClosed,
    VerdictOverridden,
)
from cointrader.journal import rows, schema, tables
from cointrader.journal.rows import Condition
from cointrader.journal.tables import Table
from cointrader.journal.trouble import explaining

R = TypeVar("R")


class JournalReader:
    """Everything in a journal file, typed. Sees what is committed, and only that.

    Everywhere alike: records ascend in time; `from_ms` is included, `to_ms` is not; `last` gives
    only the latest so many; what is left out does not restrict. Iterators read as they are
    consumed and show the journal as of their first record. One thread at a time.

    Raises `JournalError` when there is no such journal or it is of another version.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).resolve()
        self._where = str(self.path)
        if not self.path.is_file():
            raise JournalError(
                "there is no such journal",
                where=self._where,
                found="a folder" if self.path.is_dir() else None,
                todo="name another file, or make one with `cointrader paper`",
            )
        with explaining(self._where):
            uri = f"{self.path.as_uri()}?mode=ro"
            self._connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False
            )
            try:
                self._check_version()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
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

    # -- runs and state

    def runs(self) -> Iterator[RunStarted]:
        return self._select(tables.RUNS)

    def last_run(self) -> RunStarted | None:
        with explaining(self._where):
            return rows.newest(self._connection, tables.RUNS)

    def risk_state(self) -> RiskState | None:
        with explaining(self._where):
            return rows.newest(self._connection, tables.RISK_STATE)

    def exchange_state(self) -> ExchangeState | None:
        """The simulated exchange as of its last checkpoint; None when there is none."""
        with explaining(self._where):
            return rows.newest(self._connection, tables.EXCHANGE_STATE)

    def bot_states(self) -> dict[str, BotState]:
        """What became of each bot, by symbol."""
        with explaining(self._where):
            states = rows.last_of_each(self._connection, tables.BOTS, "symbol")
            return {state.symbol: state for state in states}

    def verdict_overrides(self) -> Iterator[VerdictOverridden]:
        """Every time a person let trade what no verdict speaks for, oldest first."""
        return self._select(tables.VERDICT_OVERRIDES)

    def open_position(self, symbol: str) -> PositionOpened | None:
        """The position of `symbol` as its bot last wrote it down; None when flat."""
        with explaining(self._where):
            return rows.open_position(self._connection, symbol)

    # -- decisions

    def decisions(
        self,
        symbol: str | None = None,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        action: str | None = None,
        refusal: str | None = None,
        last: int | None = None,
    ) -> Iterator[Decision]:
        """Decisions by bar; ``refusal=""`` gives those that nobody refused."""
        conditions = (("symbol = ?", symbol), ("action = ?", action), ("refusal = ?", refusal))
        return self._range(tables.DECISIONS, from_ms, to_ms, last, *conditions)

    def count_actions(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> dict[str, int]:
        """How often each action was decided; the most frequent first."""
        return self._count("action", from_ms, to_ms, ("symbol = ?", symbol))

    def count_refusals(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> dict[str, int]:
        """How often an entry was refused for each reason; the most frequent first."""
        refused: Condition = ("refusal <> ?", "")
        return self._count("refusal", from_ms, to_ms, ("symbol = ?", symbol), refused)

    def count_sides(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> dict[str, int]:
        """How many bars signalled each side; bars without a signal are left out."""
        signalled: Condition = ("side <> ?", "")
        return self._count("side", from_ms, to_ms, ("symbol = ?", symbol), signalled)

    # -- orders and money

    def intents(
        self,
        symbol: str | None = None,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        client_order_id: str | None = None,
        last: int | None = None,
    ) -> Iterator[Intent]:
        conditions = (("symbol = ?", symbol), ("client_order_id = ?", client_order_id))
        return self._range(tables.INTENTS, from_ms, to_ms, last, *conditions)

    def orders(
        self,
        symbol: str | None = None,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        client_order_id: str | None = None,
        last: int | None = None,
    ) -> Iterator[OrderSeen]:
        """Every report of every order: an order appears once per state that was seen."""
        conditions = (("symbol = ?", symbol), ("client_order_id = ?", client_order_id))
        return self._range(tables.ORDERS, from_ms, to_ms, last, *conditions)

    def fills(
        self,
        symbol: str | None = None,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        client_order_id: str | None = None,
        last: int | None = None,
    ) -> Iterator[FillSeen]:
        conditions = (("symbol = ?", symbol), ("client_order_id = ?", client_order_id))
        return self._range(tables.FILLS, from_ms, to_ms, last, *conditions)

    def funding(
        self,
        symbol: str | None = None,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        last: int | None = None,
    ) -> Iterator[FundingPaid]:
        return self._range(tables.FUNDING, from_ms, to_ms, last, ("symbol = ?", symbol))

    def positions(
        self,
        symbol: str | None = None,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        trade_id: str | None = None,
        last: int | None = None,
    ) -> Iterator[PositionOpened]:
        """Positions by entry bar, once per move of their protection."""
        conditions = (("symbol = ?", symbol), ("trade_id = ?", trade_id))
        return self._range(tables.POSITIONS, from_ms, to_ms, last, *conditions)

    def trades(
        self,
        symbol: str | None = None,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        last: int | None = None,
    ) -> Iterator[TradeClosed]:
        """Closed trades by exit time."""
        return self._range(tables.TRADES, from_ms, to_ms, last, ("symbol = ?", symbol))

    def equity(
        self,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        last: int | None = None,
    ) -> Iterator[EquityMarked]:
        return self._range(tables.EQUITY, from_ms, to_ms, last)

    # -- what a person should know

    def risk_events(
        self,
        symbol: str | None = None,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        kind: str | None = None,
        last: int | None = None,
    ) -> Iterator[RiskEvent]:
        conditions = (("symbol = ?", symbol), ("kind = ?", kind))
        return self._range(tables.RISK_EVENTS, from_ms, to_ms, last, *conditions)

    def alerts(
        self,
        symbol: str | None = None,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        level: str | None = None,
        last: int | None = None,
    ) -> Iterator[Alert]:
        conditions = (("symbol = ?", symbol), ("level = ?", level))
        return self._range(tables.ALERTS, from_ms, to_ms, last, *conditions)

    # -- how

    def _range(
        self,
        table: Table[R],
        from_ms: int | None,
        to_ms: int | None,
        last: int | None,
        *conditions: Condition,
    ) -> Iterator[R]:
        span = rows.between(table.time, from_ms, to_ms)
        return self._select(table, *conditions, *span, last=last)

    def _select(
        self, table: Table[R], *conditions: Condition, last: int | None = None
    ) -> Iterator[R]:
        with explaining(self._where):
            yield from rows.select(self._connection, table, *conditions, last=last)

    def _count(
        self, column: str, from_ms: int | None, to_ms: int | None, *conditions: Condition
    ) -> dict[str, int]:
        span = rows.between(tables.DECISIONS.time, from_ms, to_ms)
        with explaining(self._where):
            return rows.count(self._connection, tables.DECISIONS, column, *conditions, *span)

    def _check_version(self) -> None:
        found, known = schema.version(self._connection, self._where), len(schema.MIGRATIONS)
        self.version = found
        if found < schema.READABLE:
            raise JournalError(
                "this journal was written by an older cointrader" if found else "empty journal",
                where=self._where,
                found=f"version {found}",
                allowed=f"version {schema.READABLE} to {known}",
                todo="start the bot once with this journal: it brings the file up to date",
            )
