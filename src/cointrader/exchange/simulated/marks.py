"""Recorded mark prices: a step function of time for every symbol that has one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from cointrader.domain.candle import Candle
from cointrader.domain.ports import Settlement


class MarkPrices:
    """(time, price) rows per symbol, ascending; a price holds until the next one.

    Before its first row, and without any, a symbol's mark price is its last price.
    """

    def __init__(self, recorded: Mapping[str, Sequence[tuple[int, float]]]) -> None:
        self._rows = {symbol: rows for symbol, rows in recorded.items() if rows}

    def at(self, symbol: str, at_ms: int) -> float | None:
        """The mark price at `at_ms`; None where the last price stands for it."""
        rows = self._rows.get(symbol)
        if rows is None:
            return None
        place = bisect_right(rows, at_ms, key=_time_of)
        return rows[place - 1][1] if place else None

    def of_settlement(self, settlement: Settlement, bar: Candle) -> float:
        """The settlement's own mark price, else the one of its time, else the bar's open."""
        if settlement.mark_price is not None:
            return settlement.mark_price
        mark = self.at(bar.symbol, settlement.at_ms)
        return bar.open if mark is None else mark

    def bar(self, bar: Candle) -> Candle:
        """The mark price over the time of a bar; the bar itself where none is recorded."""
        rows = self._rows.get(bar.symbol)
        if rows is None:
            return bar
        opened = self.at(bar.symbol, bar.open_time_ms)
        first = bisect_right(rows, bar.open_time_ms, key=_time_of)
        last = bisect_left(rows, bar.close_time_ms, key=_time_of)
        seen = [price for _, price in rows[first:last]]
        if opened is not None:
            seen.insert(0, opened)
        if not seen:
            return bar
        return bar._replace(open=seen[0], high=max(seen), low=min(seen), close=seen[-1])


def _time_of(row: tuple[int, float]) -> int:
    return row[0]
