"""Closed trades as pages ask for them: lists, sums, and what each risked at first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cointrader.domain.order import Side
from cointrader.domain.position import CloseReason, Trade
from cointrader.journal import tables
from cointrader.journal.paging import Page, PagingReader, Place, where_of
from cointrader.journal.trouble import explaining


@dataclass(frozen=True, slots=True)
class TradeSums:
    """Some trades of one symbol and side added up, in quote currency, float64.

    `entered` and `left` are price times quantity at both ends.
    """

    symbol: str
    side: Side
    is_liquidated: bool
    trades: int
    wins: int
    gross: float
    fee: float
    funding: float
    net: float
    entered: float
    left: float


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """Conditions on closed trades, all of which are met; None: any.

    `result` is ``win`` (net above zero) or ``loss``; `from_ms` to `to_ms`, excluded, is when they
    ended.
    """

    symbol: str | None = None
    side: str | None = None
    reason: str | None = None
    result: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None

    def conditions(self) -> list[tuple[str, Any]]:
        """As SQL, each with its value, but for the time."""
        sign = {"win": "CAST(net AS REAL) > ?", "loss": "CAST(net AS REAL) <= ?"}
        return [
            ("symbol = ?", self.symbol),
            ("side = ?", self.side),
            ("reason = ?", self.reason),
            (sign.get(self.result or "", ""), None if self.result is None else 0.0),
        ]

    def span(self) -> list[tuple[str, Any]]:
        """The time, as SQL."""
        return [("exit_time_ms >= ?", self.from_ms), ("exit_time_ms < ?", self.to_ms)]


EVERY = TradeFilter()


class TradePages(PagingReader):
    """The part of a `PageReader` that tells of closed trades."""

    def trades_page(
        self,
        wanted: TradeFilter = EVERY,
        *,
        after: Place | None = None,
        limit: int = 100,
    ) -> Page[Trade]:
        """Closed trades by exit, newest first."""
        page = self._page(
            tables.TRADES, wanted.conditions(), wanted.span(), after=after, limit=limit
        )
        trades = [record.trade for record in page.records]
        return Page(trades, page.next, page.looked_to_ms)

    def nets(self, wanted: TradeFilter = EVERY) -> dict[str, tuple[int, float]]:
        """By symbol how many closed trades meet the conditions, and their net, float64."""
        where, values = where_of([*wanted.conditions(), *wanted.span()])
        query = (
            f"SELECT symbol, count(*), sum(CAST(net AS REAL)) FROM trades{where} GROUP BY symbol"
        )
        return {name: (count, net) for name, count, net in self._rows(query, values)}

    def sums(self, wanted: TradeFilter = EVERY) -> list[TradeSums]:
        """Closed trades that meet the conditions, added up by symbol, side and kind of end."""
        where, values = where_of([*wanted.conditions(), *wanted.span()])
        added = ", ".join(
            f"sum({each})"
            for each in (
                "CAST(net AS REAL) > 0",
                *(f"CAST({name} AS REAL)" for name in ("gross", "fee", "funding", "net")),
                *(f"CAST({name} AS REAL) * quantity" for name in ("entry_price", "exit_price")),
            )
        )
        query = (
            f"SELECT symbol, side, reason = '{CloseReason.LIQUIDATED}', count(*), {added} "
            f"FROM trades{where} GROUP BY 1, 2, 3"
        )
        return [
            TradeSums(name, Side(way), bool(liquidated), *rest)
            for name, way, liquidated, *rest in self._rows(query, values)
        ]

    def all_trades(self, wanted: TradeFilter = EVERY) -> Iterator[Trade]:
        """Every closed trade that meets the conditions, oldest first."""
        where, values = where_of([*wanted.conditions(), *wanted.span()])
        table = tables.TRADES
        query = f"SELECT {', '.join(table.columns)} FROM trades{where} ORDER BY exit_time_ms, rowid"
        with explaining(self._where):
            for row in self._connection.execute(query, values):
                yield table.decode(row).trade

    def first_stops(self, trade_ids: Sequence[str]) -> dict[str, Decimal]:
        """The stop each of these trades began with, as far as it was ever protected."""
        query = (
            "SELECT trade_id, stop, min(rowid) FROM positions "
            "WHERE trade_id IN (SELECT value FROM json_each(?)) GROUP BY trade_id"
        )
        rows = self._rows(query, [json.dumps(list(trade_ids))])
        return {trade_id: Decimal(stop) for trade_id, stop, _ in rows}
