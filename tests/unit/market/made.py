"""Candles, frames and files for the tests of this room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from cointrader.domain.candle import Candle
from cointrader.market.frame import Columns, Frame, missing

BAR_MS = 900_000
START_MS = 1_741_186_800_000  # 2025-03-05 15:00 UTC
START = datetime(2025, 3, 5, 15, tzinfo=UTC)


def a_candle(bar: int = 0, symbol: str = "XRPUSDT", **changed: Any) -> Candle:
    """Candle number `bar` after 15:00; its prices tell its number."""
    price = 100.0 + bar
    values = {
        "open_time_ms": START_MS + bar * BAR_MS,
        "open": price,
        "high": price + 2,
        "low": price - 2,
        "close": price + 1,
        "volume": 10.0 + bar,
    } | changed
    values.setdefault("close_time_ms", values["open_time_ms"] + BAR_MS)
    return Candle(symbol, **values)


def some_columns(length: int, first: int = 0) -> Columns:
    price = np.arange(first, first + length, dtype=np.float64) + 100.0
    return Columns(price, price + 2, price - 2, price + 1, price - 90)


def some_times(length: int, first: int = 0) -> np.ndarray:
    return START_MS + BAR_MS * np.arange(first, first + length, dtype=np.int64)


def a_frame(length: int, symbol: str = "XRPUSDT", **correlated: Columns) -> Frame:
    return Frame(
        symbol,
        BAR_MS,
        some_times(length),
        some_columns(length),
        correlated,
        missing(length),
        missing(length),
    )


def raw(length: int, suffixes: Sequence[str] = (), first: int = 0) -> pl.DataFrame:
    """A table as other programs write it."""
    columns: dict[str, Any] = {}
    for suffix in ("", *suffixes):
        own = some_columns(length, first)
        names = ("open", "high", "low", "close", "volume")
        pairs = zip(names, own.arrays(), strict=True)
        columns |= {f"{name}_{suffix}" if suffix else name: array for name, array in pairs}
    moments = [START + timedelta(minutes=15 * (first + bar)) for bar in range(length)]
    stamps = pl.Series(moments, dtype=pl.Datetime("ms", "UTC"))
    return pl.DataFrame(columns).with_columns(stamps.alias("timestamp"))


def changed(table: pl.DataFrame, row: int, **values: object) -> pl.DataFrame:
    """The table with some values of one row replaced."""
    number = pl.int_range(pl.len())
    return table.with_columns(
        pl.when(number == row).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def put(folder: Path, table: pl.DataFrame, symbol: str = "xrpusdt", interval: str = "15m") -> Path:
    path = folder / symbol / f"combined_{interval}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path)
    return path


def rows_of(columns: Columns) -> list[tuple[float, ...]]:
    return [tuple(row) for row in np.column_stack(columns.arrays()).tolist()]
