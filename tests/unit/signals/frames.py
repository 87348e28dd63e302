"""Frames for the tests of this room: random walks, hand-made closes, the shared real candles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cointrader.market.frame import Columns, Frame

SHARED_DATA = Path(__file__).parents[4] / "shared" / "data"
BAR_MS = 900_000


def columns_of(close, volume=None, *, wick=0.0):
    """Candles that open where the last one closed."""
    close = np.asarray(close, np.float64)
    before = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(before, close) + wick
    low = np.minimum(before, close) - wick
    volume = np.full(len(close), 100.0) if volume is None else np.asarray(volume, np.float64)
    return Columns(before, high, low, close, volume)


def frame_of(own, *, correlated=None, funding_rate=None, oi_change=None, interval_ms=BAR_MS):
    n = len(own.close)
    times = np.arange(n, dtype=np.int64) * interval_ms
    missing = np.full(n, np.nan)
    return Frame(
        "XRPUSDT",
        interval_ms,
        times,
        own,
        correlated or {},
        missing if funding_rate is None else np.asarray(funding_rate, np.float64),
        missing if oi_change is None else np.asarray(oi_change, np.float64),
    )


def closes_frame(close, volume=None):
    return frame_of(columns_of(close, volume))


def random_columns(n, seed, *, step=0.004):
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, step, n)))
    columns = columns_of(close, rng.lognormal(5.0, 1.0, n))
    wick = close * np.abs(rng.normal(0.0, step, n))
    return Columns(columns.open, columns.high + wick, columns.low - wick, close, columns.volume)


def random_frame(n, seed=1, *, step=0.004):
    rng = np.random.default_rng(seed + 1000)
    return frame_of(
        random_columns(n, seed, step=step),
        correlated={
            "BTCUSDT": random_columns(n, seed + 1, step=step),
            "ETHUSDT": random_columns(n, seed + 2, step=step),
        },
        funding_rate=np.repeat(rng.normal(1e-4, 5e-5, n // 32 + 1), 32)[:n],
        oi_change=rng.normal(0.0, 0.01, n),
    )


def real_frame(symbol):
    """The shared XRP, TRX or DOGE candles with their context; skips where they are not here."""
    path = SHARED_DATA / "combined" / symbol.lower() / "combined_15m.parquet"
    if not path.exists():
        pytest.skip(f"the shared market data is not on this machine: {path}")
    polars = pytest.importorskip("polars", reason="reading parquet needs the research extra")
    table = polars.read_parquet(path).sort("timestamp")

    def column(name):
        return table[name].cast(polars.Float64).fill_null(np.nan).to_numpy().copy()

    def columns(suffix):
        names = ("open", "high", "low", "close", "volume")
        return Columns(*(column(name + suffix) for name in names))

    return Frame(
        symbol,
        BAR_MS,
        table["timestamp"].dt.epoch("ms").to_numpy().astype(np.int64),
        columns(""),
        {"BTCUSDT": columns("_btc"), "ETHUSDT": columns("_eth")},
        column("funding_rate"),
        column("oi_change"),
    )
