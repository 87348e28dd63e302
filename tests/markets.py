"""Small markets for tests: candles from a table, and rules that signal when they are told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cointrader.domain.candle import Candle
from cointrader.domain.ports import Settlement
from cointrader.market.frame import Frame
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import Signals

BAR_MS = 900_000
DAY_MS = 86_400_000
START_MS = 1_735_689_600_000  # 2025-01-01T00:00Z

Row = tuple[float, float, float, float]  # open, high, low, close


@dataclass
class TableSource:
    """Candles as written down in a test, one list of rows per symbol."""

    rows: Mapping[str, Sequence[Row]]
    starts: Mapping[str, int] = field(default_factory=dict)
    funding: Mapping[str, Sequence[Settlement]] = field(default_factory=dict)
    label: str = "a table"
    interval_ms: int = BAR_MS

    def symbols(self):
        return list(self.rows)

    def candles(self, symbol):
        start = self.starts.get(symbol, START_MS)
        return [
            Candle(symbol, at, at + BAR_MS, float(o), float(h), float(low), float(c), 100.0)
            for at, (o, h, low, c) in zip(
                itertools.count(start, BAR_MS), self.rows.get(symbol, ()), strict=False
            )
        ]

    def settlements(self, symbol):
        return list(self.funding.get(symbol, ()))

    def open_times(self, symbol):
        return [candle.open_time_ms for candle in self.candles(symbol)]

    def open_interest(self, symbol):
        return []


@dataclass
class Scripted:
    """Signals at given bars: open time of the signal bar -> +1 long, -1 short.

    Brings its own distances where given, so that a table needs no ATR.
    """

    script: Mapping[int, int]
    stop_distance: float | None = None
    target_distance: float | None = None
    name: str = "scripted"
    warm_up: int = 0

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        times = frame.open_time_ms[-len(indicators) :]
        side = np.array([self.script.get(int(t), 0) for t in times], np.int8)

        def constant(value):
            return None if value is None else np.full(len(side), value)

        return Signals(
            side=side,
            strength=np.abs(side),
            stop_distance=constant(self.stop_distance),
            target_distance=constant(self.target_distance),
        )


def random_rows(rng: np.random.Generator, count: int, *, price=100.0, move=0.01, tick=0.01):
    """A random walk of candles on a tick grid; opens may gap away from the close before."""
    rows = []
    close = price
    for _ in range(count):
        opened = max(tick, close * (1 + rng.normal(0, move / 4) * (rng.random() < 0.3)))
        path = opened * np.exp(np.cumsum(rng.normal(0, move / 2, 4)))
        close = float(path[-1])
        prices = [round(p / tick) * tick for p in (opened, max(opened, *path), min(opened, *path))]
        last = min(max(round(close / tick) * tick, prices[2]), prices[1])
        rows.append((prices[0], prices[1], prices[2], last))
        close = last
    return rows
