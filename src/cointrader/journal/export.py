"""Closed trades as a table for other programs: CSV, and plain values for JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TextIO

from cointrader.domain.position import CloseReason, Trade

COLUMNS = (
    "symbol",
    "side",
    "entry_time_ms",
    "exit_time_ms",
    "entry_price",
    "exit_price",
    "quantity",
    "reason",
    "gross",
    "fee",
    "funding",
    "net",
)


def in_result_order(trades: Iterable[Trade], symbol_order: Sequence[str]) -> list[Trade]:
    """Trades in the order in which they ended.

    By exit time; of one time the closes by opposite signal first (they happen at the open of the
    bar, all others inside it); then as the symbols are configured, unknown ones last by name.
    """
    rank = {symbol: index for index, symbol in enumerate(symbol_order)}

    def place(trade: Trade) -> tuple[int, bool, int, str]:
        inside_bar = trade.reason is not CloseReason.REVERSE
        return (
            trade.exit_time_ms,
            inside_bar,
            rank.get(trade.symbol, len(rank)),
            trade.symbol,
        )

    return sorted(trades, key=place)


def write_csv(trades: Iterable[Trade], target: TextIO) -> None:
    """Write a header and one line per trade; numbers in plain notation with all their digits.

    Open a file for this with ``newline=""``.
    """
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    for trade in trades:
        writer.writerow([_plain(value) for value in _values(trade)])


def as_dicts(trades: Iterable[Trade]) -> list[dict[str, str | int | float]]:
    """One dict per trade for JSON: the CSV's columns, money as the nearest float."""
    return [
        {
            name: float(value) if isinstance(value, Decimal) else value
            for name, value in zip(COLUMNS, _values(trade), strict=True)
        }
        for trade in trades
    ]


def _values(trade: Trade) -> tuple[str | int | Decimal, ...]:
    return (
        trade.symbol,
        trade.side.lower(),
        trade.entry_time_ms,
        trade.exit_time_ms,
        trade.entry_price,
        trade.exit_price,
        trade.quantity,
        str(trade.reason),
        trade.gross,
        trade.fee,
        trade.funding,
        trade.net,
    )


def _plain(value: str | int | Decimal) -> str:
    """Never 1E-7, and never a negative zero."""
    if not isinstance(value, Decimal):
        return str(value)
    return format(value if value else value.copy_abs(), "f")
