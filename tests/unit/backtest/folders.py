"""Folders of candles for backtests: what the synthetic market makes, stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from cointrader.market.synthetic import SyntheticSource
from tests.unit.market.made import BAR_MS, START_MS, put


def stored(folder: Path, symbols: Sequence[str], *, bars: int, seed: int = 1) -> Path:
    """Candles of 15 minutes from 2025-03-05 15:00 on, one file for each symbol."""
    source = SyntheticSource(
        symbols, seed=seed, start_ms=START_MS, bars=bars, interval_ms=BAR_MS,
        correlation_symbols=(),
    )  # fmt: skip
    for symbol in symbols:
        rows = source.candles(symbol)
        names = ("open", "high", "low", "close", "volume")
        columns = dict(zip(names, rows.columns.arrays(), strict=True))
        stamps = pl.Series("timestamp", rows.open_time_ms).cast(pl.Datetime("ms", "UTC"))
        put(folder, pl.DataFrame(columns).with_columns(stamps), symbol.lower())
    return folder
