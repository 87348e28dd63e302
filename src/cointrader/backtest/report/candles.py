"""Candles and trades as the report's charts read them: whole numbers, most of them small.

A year of three symbols is a hundred thousand candles. Prices stand on a grid, and a candle opens
near the last close: as ticks away from it they are a few digits long, and none has to be left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cointrader.backtest.columns import Floats, Longs
from cointrader.backtest.market import Stretch
from cointrader.backtest.result import BacktestResult
from cointrader.domain.clock import INTERVALS_MS

MOST_CANDLES = 150_000  # of all symbols together; with more of them, longer ones are drawn
_MOST_DECIMALS = 8
_DIGITS = 6  # of a price that stands on no grid


@dataclass(frozen=True, slots=True, eq=False)
class SymbolCandles:
    """One symbol's candles, drawn at `interval_ms`.

    `steps` are whole numbers in units of ``10 ** -decimals``, four for each candle: open less the
    last close, high less the higher and the lower less low of open and close, close less open.
    """

    symbol: str
    start_ms: int
    interval_ms: int
    decimals: int
    steps: Longs

    def plain(self) -> dict[str, object]:
        """As JSON values; times in seconds."""
        return {
            "symbol": self.symbol,
            "start": self.start_ms // 1_000,
            "step": self.interval_ms // 1_000,
            "decimals": self.decimals,
            "steps": self.steps.tolist(),
        }

    def __len__(self) -> int:
        return len(self.steps) // 4


def drawn_interval(stretch: Stretch, most: int = MOST_CANDLES) -> int:
    """The length of the candles drawn, in ms: as played where there are not too many of them."""
    played = stretch.market.interval_ms
    candles = stretch.candles
    total = int(np.maximum(candles.last - candles.first + 1, 0).sum())
    longer = [ms for ms in INTERVALS_MS.values() if ms >= played and ms % played == 0]
    fitting = [ms for ms in longer if total * played / ms <= most]
    return min(fitting, default=max(longer, default=played))


def symbol_candles(stretch: Stretch, interval_ms: int) -> list[SymbolCandles]:
    """The candles of every symbol; without those symbols that have none."""
    candles, found = stretch.candles, []
    for place, symbol in enumerate(stretch.market.symbols):
        first, last = int(candles.first[place]), int(candles.last[place])
        if last < first:
            continue
        rows = slice(first, last + 1)
        times = candles.time_ms[rows]
        prices = [
            column[place, rows]
            for column in (candles.open, candles.high, candles.low, candles.close)
        ]
        starts = np.flatnonzero(np.diff(times // interval_ms, prepend=-1))
        opens, closes = prices[0][starts], prices[3][np.append(starts[1:], len(times)) - 1]
        highs = np.maximum.reduceat(prices[1], starts)
        lows = np.minimum.reduceat(prices[2], starts)
        decimals = decimals_of(np.concatenate((opens, highs, lows, closes)))
        found.append(
            SymbolCandles(
                symbol,
                int(times[0]) // interval_ms * interval_ms,
                interval_ms,
                decimals,
                _steps(opens, highs, lows, closes, decimals),
            )
        )
    return found


def decimals_of(prices: Floats) -> int:
    """The fewest decimals with which all prices are told exactly, or to six digits."""
    for decimals in range(_MOST_DECIMALS + 1):
        scaled = prices * 10.0**decimals
        if np.all(np.abs(scaled - np.rint(scaled)) < 1e-6 * np.maximum(1.0, scaled * 1e-6)):
            return decimals
    lowest = float(prices.min())
    return min(_MOST_DECIMALS, max(0, _DIGITS - 1 - int(np.floor(np.log10(lowest)))))


def plain_trades(
    result: BacktestResult, symbols: list[SymbolCandles]
) -> dict[str, list[list[float | int | None]]]:
    """Each symbol's trades, by entry.

    One trade is [bar of the entry, bar of the exit, side, entry price, exit price, net, R, the
    reason's place in `columns.REASONS`, first stop, entry s, exit s]; bars are places among the
    drawn candles, R and stop None where nothing was risked.
    """
    rows, r = result.trades, result.r_multiples
    entries, exits = result.entry_ms, result.exit_ms
    found: dict[str, list[list[float | int | None]]] = {}
    for own in symbols:
        place = result.symbols.index(own.symbol)
        mine = np.flatnonzero(rows["symbol"] == place)
        mine = mine[np.argsort(entries[mine], kind="stable")]
        found[own.symbol] = [
            [
                (int(entries[i]) - own.start_ms) // own.interval_ms,
                (int(exits[i]) - own.start_ms) // own.interval_ms,
                int(rows["side"][i]),
                _short(rows["entry_price"][i]),
                _short(rows["exit_price"][i]),
                round(float(rows["net"][i]), 4),
                None if np.isnan(r[i]) else round(float(r[i]), 4),
                int(rows["reason"][i]),
                _stop(rows[i]),
                int(entries[i]) // 1_000,
                int(exits[i]) // 1_000,
            ]
            for i in mine
        ]
    return found


def _steps(opens: Floats, highs: Floats, lows: Floats, closes: Floats, decimals: int) -> Longs:
    o, h, low, c = (
        np.rint(column * 10.0**decimals).astype(np.int64) for column in (opens, highs, lows, closes)
    )
    before = np.concatenate(([0], c[:-1]))
    steps: Longs = np.column_stack(
        (o - before, h - np.maximum(o, c), np.minimum(o, c) - low, c - o)
    ).ravel()
    return steps


def _stop(row: np.void) -> float | None:
    risk, quantity = float(row["risk"]), float(row["quantity"])
    if risk <= 0.0 or quantity <= 0.0:
        return None
    return _short(float(row["entry_price"]) - int(row["side"]) * risk / quantity)


def _short(value: float) -> float:
    return float(f"{float(value):.10g}")
