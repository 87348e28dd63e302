"""What every engine is given: a made-up year of candles, signals on it, and the same plain rules.

One symbol, 15 minutes. A signal is filled at the next open, for 1,000 of the quote currency; stop
and target are fractions of the fill; an opposite signal closes and reverses; 0.04 % a fill. No
slippage and no funding: not every engine has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.market.frame import Columns
from cointrader.market.source import CandleRows
from cointrader.market.synthetic import SyntheticSource

SYMBOL = "XRPUSDT"
START_MS = 1_735_689_600_000  # 2025-01-01T00:00Z
BAR_MS = 900_000
YEAR = 35_040  # bars
NOTIONAL = 1_000.0
FEE = 0.0004
CASH = 1e9  # more than any trade needs
STOPS = np.linspace(0.005, 0.022, 18)
TARGETS = np.linspace(0.010, 0.061, 18)
STOP, TARGET = 0.015, 0.045


class NotInstalled(Exception):
    """This engine is not here."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Candles, and per bar the sign of its signal, known at its close."""

    time_ms: NDArray[np.int64]
    columns: Columns
    side: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Done:
    """What one configuration came to."""

    trades: int
    net: float


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine, its work at hand.

    Parameters
    ----------
    play : one configuration: the fractions of stop and target
    sweep : so many of `cells`, in the quickest way this engine has
    sweeps_at_once : cells that are enough to tell its time per cell
    """

    name: str
    version: str
    play: Callable[[float, float], Done]
    sweep: Callable[[list[tuple[float, float]]], list[Done]]
    sweeps_at_once: int = len(STOPS) * len(TARGETS)


def cells(count: int) -> list[tuple[float, float]]:
    """Stops and targets of a sweep, the first `count` of 324."""
    return [(float(s), float(t)) for s in STOPS for t in TARGETS][:count]


def source_of(seed: int, bars: int = YEAR) -> SyntheticSource:
    """A market without an edge."""
    return SyntheticSource([SYMBOL], seed=seed, start_ms=START_MS, bars=bars, interval_ms=BAR_MS)


def candles_of(source: SyntheticSource) -> CandleRows:
    """The symbol's candles as columns."""
    rows = source.candles(SYMBOL)
    assert isinstance(rows, CandleRows)
    return rows
