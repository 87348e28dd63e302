"""Trades and equity for tests of the statistics."""

from __future__ import annotations

import numpy as np

from cointrader.backtest.statistics.columns import Equity, TradeColumns

DAY_MS = 86_400_000
START_MS = 1_735_689_600_000  # 2025-01-01T00:00Z


def trades_of(r, *, days=None, side=None, risk=10.0, fees=0.0, slippage=0.0):
    """Trades with these results in R, one a day, unless `days` says on which day each ended."""
    r = np.asarray(r, np.float64)
    n = len(r)
    days = np.arange(n) if days is None else np.asarray(days)
    exit_ms = START_MS + (days * DAY_MS).astype(np.int64) + 3_600_000
    risk = np.broadcast_to(np.asarray(risk, np.float64), n).copy()
    return TradeColumns(
        entry_ms=exit_ms - 900_000,
        exit_ms=exit_ms,
        side=np.ones(n, np.int64) if side is None else np.asarray(side, np.int64),
        net=r * risk,
        risk=risk,
        fees=np.broadcast_to(np.asarray(fees, np.float64), n).copy(),
        slippage=np.broadcast_to(np.asarray(slippage, np.float64), n).copy(),
        funding=np.zeros(n),
    )


def equity_of(values, *, step_ms=DAY_MS, start_ms=START_MS):
    """Marks at equal distances."""
    times = start_ms + step_ms * np.arange(len(values), dtype=np.int64)
    return Equity(times, np.asarray(values, np.float64))


def chained(n, correlation, seed=1):
    """A series in which each value resembles the one before (AR 1)."""
    noise = np.random.default_rng(seed).standard_normal(n)
    values = np.empty(n)
    last = 0.0
    for i in range(n):
        last = correlation * last + noise[i]
        values[i] = last
    return values
