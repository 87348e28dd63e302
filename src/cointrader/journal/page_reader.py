"""What pages of a dashboard ask a journal beside records: parts of lists, counts, what is new."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cointrader.domain.records import Alert, Decision, PositionOpened
from cointrader.journal import tables
from cointrader.journal.page_trades import TradePages
from cointrader.journal.paging import Page, Place, where_of

_KINDS = {  # what is new in a journal, by the table that tells
    "runs": "max(rowid) FROM runs",
    "equity": "max(rowid) FROM equity",
    "decisions": "max(rowid) FROM decisions",
    "positions": "max(rowid) FROM positions",
    "trades": "max(rowid) FROM trades",
    "alerts": "max(rowid) FROM alerts",
    "bots": "max(rowid) FROM bots",
    "risk": "max(at_ms) FROM risk_state",
}


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """So many bars answered exactly this."""

    action: str
    reasons: tuple[str, ...]
    refusal: str
    detail: str
    count: int


class PageReader(TradePages):
    """A `JournalReader` for pages. A journal with millions of decisions answers as fast."""

    def tell_questions(self, hear: Callable[[str], None]) -> None:
        """From now on `hear` is told every statement, with its values."""
        self._connection.set_trace_callback(hear)

    # -- what is new

    def data_version(self) -> int:
        """Changes with every commit of another connection."""
        (value,) = self._rows("PRAGMA data_version")[0]
        return int(value)

    def newest(self) -> dict[str, int]:
        """By kind of record a number that grows when one of it is written; 0 for none."""
        selected = ", ".join(f"coalesce((SELECT {sql}), 0)" for sql in _KINDS.values())
        return dict(zip(_KINDS, self._rows(f"SELECT {selected}")[0], strict=True))

    # -- lists

    def decisions_page(
        self,
        *,
        symbol: str | None = None,
        action: str | None = None,
        reason: str | None = None,
        is_refused: bool | None = None,
        side: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        after: Place | None = None,
        limit: int = 100,
        most_looked: int = 60_000,
    ) -> Page[Decision]:
        """Decisions that meet all conditions; `reason` is a reason of its own, or who refused.

        `is_refused`: whether somebody said no.

        Looks at `most_looked` decisions and no more: a rare one may be further down than that.
        """
        wanted: list[tuple[str, Any]] = [
            ("symbol = ?", symbol),
            ("action = ?", action),
            ("(refusal != '') = ?", is_refused),
            ("side = ?", side),
            (
                "(refusal = ? OR instr(reasons, ?) OR detail = ?)",
                None if reason is None else (reason, json.dumps(reason), reason),
            ),
        ]
        span = [("bar_open_ms >= ?", from_ms), ("bar_open_ms < ?", to_ms)]
        return self._page(
            tables.DECISIONS, wanted, span, after=after, limit=limit, most_looked=most_looked
        )

    def alerts_page(
        self,
        *,
        level: str | None = None,
        symbol: str | None = None,
        after: Place | None = None,
        limit: int = 100,
    ) -> Page[Alert]:
        """Alerts, newest first."""
        wanted: list[tuple[str, Any]] = [("level = ?", level), ("symbol = ?", symbol)]
        return self._page(tables.ALERTS, wanted, [], after=after, limit=limit)

    def open_positions(self, symbols: Sequence[str]) -> dict[str, PositionOpened]:
        """`open_position` of each of these symbols that has one, in their order."""
        columns = ", ".join(f"p.{column}" for column in tables.POSITIONS.columns)
        query = (
            f"SELECT {columns} FROM json_each(?) s JOIN positions p ON p.rowid = "
            "(SELECT max(rowid) FROM positions WHERE symbol = s.value) WHERE NOT EXISTS "
            "(SELECT 1 FROM trades t WHERE t.trade_id = p.trade_id AND t.symbol = p.symbol "
            "AND t.exit_time_ms >= p.entry_bar_ms) ORDER BY s.key"
        )
        found = map(tables.POSITIONS.decode, self._rows(query, [json.dumps(list(symbols))]))
        return {position.symbol: position for position in found}

    def last_decisions(self, symbols: Sequence[str], within_ms: int) -> dict[str, Decision]:
        """The last answer of each of these, if it is not older than so long before the newest."""
        newest = self._rows("SELECT max(bar_open_ms) FROM decisions")[0][0]
        if newest is None:
            return {}
        found: dict[str, Decision] = {}
        for span_ms in (within_ms // 48, within_ms):  # all of them are near the end, usually
            found = self._last_decisions(newest - span_ms)
            if set(symbols) <= set(found):
                break
        return {symbol: found[symbol] for symbol in symbols if symbol in found}

    def _last_decisions(self, after_ms: int) -> dict[str, Decision]:
        columns = ", ".join(f"d.{column}" for column in tables.DECISIONS.columns)
        query = (
            f"SELECT {columns} FROM decisions d JOIN (SELECT symbol, max(bar_open_ms) AS newest "
            "FROM decisions WHERE bar_open_ms > ? GROUP BY symbol) l "
            "ON d.bar_open_ms = l.newest AND d.symbol = l.symbol"
        )
        found = map(tables.DECISIONS.decode, self._rows(query, [after_ms]))
        return {decision.symbol: decision for decision in found}

    def decision_span(self) -> tuple[int, int] | None:
        """When the first and the last bar that was decided opened; None without one."""
        first, last = self._rows(
            "SELECT (SELECT min(bar_open_ms) FROM decisions), "
            "(SELECT max(bar_open_ms) FROM decisions)"
        )[0]
        return None if first is None else (first, last)

    def reasons(
        self, symbol: str | None, from_ms: int | None, to_ms: int | None
    ) -> list[ReasonCount]:
        """Answers of bars that opened then, equal ones counted."""
        where, values = where_of(
            [("bar_open_ms >= ?", from_ms), ("bar_open_ms < ?", to_ms), ("symbol = ?", symbol)]
        )
        # What a detail says beyond its key (numbers, mostly) is no reason of its own.
        query = (
            "SELECT action, reasons, refusal, CASE WHEN instr(detail, ' ') THEN '' ELSE detail END,"
            f" count(*) FROM decisions{where} GROUP BY 1, 2, 3, 4"
        )
        return [
            ReasonCount(action, tuple(json.loads(reasons)), refusal, detail, count)
            for action, reasons, refusal, detail, count in self._rows(query, values)
        ]

    def probabilities(
        self, from_ms: int, bins: int = 10
    ) -> dict[str, tuple[list[int], float, int]]:
        """By symbol what its model answered since: counts by equal ranges of 0 to 1, their sum, and
        how many were not refused by it."""
        query = (
            f"SELECT symbol, min(CAST(probability * {bins} AS INTEGER), {bins - 1}), count(*), "
            "sum(probability), sum(refusal <> 'filter') FROM decisions "
            "WHERE bar_open_ms >= ? AND probability IS NOT NULL GROUP BY 1, 2"
        )
        found: dict[str, tuple[list[int], float, int]] = {}
        for symbol, place, count, total, passed in self._rows(query, [from_ms]):
            counts, before, so_far = found.get(symbol, ([0] * bins, 0.0, 0))
            counts[place] = count
            found[symbol] = counts, before + total, so_far + passed
        return found

    # -- equity

    def equity_curve(self, from_ms: int | None = None) -> list[tuple[int, float, float]]:
        """Time, equity and wallet of each mark from then on, ascending, money as float64."""
        where, values = where_of([("at_ms >= ?", from_ms)])
        return self._rows(
            "SELECT at_ms, CAST(equity AS REAL), CAST(wallet AS REAL) "
            f"FROM equity{where} ORDER BY at_ms",
            values,
        )
