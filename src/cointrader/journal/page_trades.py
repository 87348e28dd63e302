"""Closed trades as pages ask for them: lists, sums, and what each risked at first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cointrader.domain.order import Side
from cointrader.domain.position import CloseReason, Trade
from cointrader.journal import tables
from cointrader.journal.paging import Page, PagingReader, Place, where_of
from cointrader.journal.trouble import explaining

_RECENT = 5_000  # positions among which those of the newest trades are looked for first


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


class TradePages(PagingReader):
    """The part of a `PageReader` that tells of closed trades."""

    def trades_page(
        self,
        *,
        symbol: str | None = None,
        side: str | None = None,
        reason: str | None = None,
        result: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        after: Place | None = None,
        limit: int = 100,
    ) -> Page[Trade]:
        """Closed trades by exit; `result` is ``win`` (net above zero), ``loss``, or left out."""
        wanted = _of_trades(symbol, side, reason, result)
        span = [("exit_time_ms >= ?", from_ms), ("exit_time_ms < ?", to_ms)]
        page = self._page(tables.TRADES, wanted, span, after=after, limit=limit)
        trades = [record.trade for record in page.records]
        return Page(trades, page.next, page.looked_to_ms)

    def nets(
        self,
        *,
        symbol: str | None = None,
        side: str | None = None,
        reason: str | None = None,
        result: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
    ) -> dict[str, tuple[int, float]]:
        """By symbol how many closed trades meet the conditions, and their net, float64."""
        wanted = _of_trades(symbol, side, reason, result)
        span = [("exit_time_ms >= ?", from_ms), ("exit_time_ms < ?", to_ms)]
        where, values = where_of([*wanted, *span])
        query = (
            f"SELECT symbol, count(*), sum(CAST(net AS REAL)) FROM trades{where} GROUP BY symbol"
        )
        return {name: (count, net) for name, count, net in self._rows(query, values)}

    def sums(
        self,
        *,
        symbol: str | None = None,
        side: str | None = None,
        reason: str | None = None,
        result: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
    ) -> list[TradeSums]:
        """Closed trades that meet the conditions, added up by symbol, side and kind of end."""
        wanted = _of_trades(symbol, side, reason, result)
        span = [("exit_time_ms >= ?", from_ms), ("exit_time_ms < ?", to_ms)]
        where, values = where_of([*wanted, *span])
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

    def all_trades(
        self,
        *,
        symbol: str | None = None,
        side: str | None = None,
        reason: str | None = None,
        result: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
    ) -> Iterator[Trade]:
        """Every closed trade that meets the conditions, oldest first."""
        wanted = _of_trades(symbol, side, reason, result)
        span = [("exit_time_ms >= ?", from_ms), ("exit_time_ms < ?", to_ms)]
        where, values = where_of([*wanted, *span])
        table = tables.TRADES
        query = f"SELECT {', '.join(table.columns)} FROM trades{where} ORDER BY exit_time_ms, rowid"
        with explaining(self._where):
            for row in self._connection.execute(query, values):
                yield table.decode(row).trade

    def first_stops(self, trade_ids: Sequence[str], symbols: Iterable[str]) -> dict[str, Decimal]:
        """The stop each of these trades began with, as far as it was ever protected.

        `symbols` are those of the trades: positions are found by symbol.
        """
        found = self._stops(trade_ids, "rowid > (SELECT max(rowid) FROM positions) - ?", _RECENT)
        missing = [trade_id for trade_id in trade_ids if trade_id not in found]
        names = sorted(set(symbols))
        marks = ", ".join("?" * len(names))
        return self._stops(missing, f"symbol IN ({marks})", *names) | found

    def _stops(self, trade_ids: Sequence[str], among: str, *values: Any) -> dict[str, Decimal]:
        if not trade_ids:
            return {}
        query = (
            f"SELECT trade_id, stop, min(rowid) FROM positions WHERE {among} "
            f"AND trade_id IN ({', '.join('?' * len(trade_ids))}) GROUP BY trade_id"
        )
        rows = self._rows(query, [*values, *trade_ids])
        return {trade_id: Decimal(stop) for trade_id, stop, _ in rows}


def _of_trades(
    symbol: str | None, side: str | None, reason: str | None, result: str | None
) -> list[tuple[str, Any]]:
    """Conditions on closed trades."""
    sign = {"win": "CAST(net AS REAL) > ?", "loss": "CAST(net AS REAL) <= ?"}
    return [
        ("symbol = ?", symbol),
        ("side = ?", side),
        ("reason = ?", reason),
        (sign.get(result or "", ""), None if result is None else 0.0),
    ]
