"""Candles and funding rates as freqtrade stores them: feather or parquet files, one per pair.

Only futures that settle in what they are quoted in (``XRP_USDT_USDT-15m-futures.feather``). The
last candle of a file was still open when freqtrade stored it, or nobody knows: it is left out.
Besides `market.store` the only module that knows polars, imported when a file is touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cointrader.domain.errors import ConfigError, DataError
from cointrader.domain.ports import Settlement
from cointrader.market.frame import COLUMN_NAMES, Columns, Floats, Times

if TYPE_CHECKING:
    import polars as pl

_NAME = re.compile(
    r"(?P<base>\w+?)_(?P<quote>[A-Z]+)_(?P=quote)-(?P<interval>\d+[mhd])-"
    r"(?P<what>futures|funding_rate)\.(feather|parquet)"
)
_SPOT = re.compile(r"\w+?_[A-Z]+-\d+[mhd]\.(feather|parquet)")
_TODO = "convert it again with freqtrade, or leave it out"


@dataclass(frozen=True, slots=True)
class FreqtradeFile:
    """What a file holds, by its name. `interval` says nothing of funding."""

    symbol: str
    interval: str
    is_funding: bool


def file_named(name: str) -> FreqtradeFile | None:
    """What a file of this name holds; None for one that is none of freqtrade's futures."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    symbol = found["base"] + found["quote"]
    return FreqtradeFile(symbol, found["interval"], found["what"] == "funding_rate")


def is_spot(name: str) -> bool:
    """Whether freqtrade calls candles of the spot market so, which are other candles."""
    return _SPOT.fullmatch(name) is not None


def read_candles(path: Path) -> tuple[Times, Columns]:
    """All candles of a file but the last, ascending. `DataError` where it cannot be trusted."""
    times, table = _read(path, COLUMN_NAMES)
    columns = Columns(*(table[name] for name in COLUMN_NAMES))
    order = np.argsort(times, kind="stable")[:-1]
    repeated = np.flatnonzero(np.diff(times[order]) == 0)
    if len(repeated):
        raise DataError(
            "a file has two candles for one time",
            where=str(path),
            found=f"{len(repeated)} times, first {int(times[order][repeated[0]])} ms",
            todo=_TODO,
        )
    return times[order], columns.take(order)


def read_settlements(path: Path) -> list[Settlement]:
    """The funding rates of a file, ascending: freqtrade puts them into the column ``open``."""
    times, table = _read(path, ("open",))
    rates = table["open"]
    pairs = sorted(zip(times.tolist(), rates.tolist(), strict=True))
    return [Settlement(at_ms, rate) for at_ms, rate in pairs if np.isfinite(rate)]


def _read(path: Path, names: tuple[str, ...]) -> tuple[Times, dict[str, Floats]]:
    try:
        import polars as pl
    except ImportError as error:
        raise ConfigError(
            "candle files need polars, which is not installed",
            todo="pip install 'cointrader[research]'",
        ) from error
    try:
        read = pl.read_ipc if path.suffix == ".feather" else pl.read_parquet
        raw = read(BytesIO(path.read_bytes()))  # no memory map: the file may be replaced
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(
            "a file of freqtrade cannot be read",
            where=str(path),
            found=str(error).partition("\n")[0],
            allowed="a whole feather or parquet file",
            todo=_TODO,
        ) from error
    absent = [name for name in ("date", *names) if name not in raw.columns]
    if absent:
        raise _unlike(
            path, f"no column {', '.join(absent)}", "date, open, high, low, close, volume"
        )
    dates = raw["date"]
    if not isinstance(dates.dtype, pl.Datetime) or dates.dtype.time_zone is None:
        raise _unlike(path, f"date is {dates.dtype}", "times with a time zone")
    if dates.null_count():
        raise _unlike(path, "a date is missing", "a date in every row")
    return _whole_ms(dates, path), {name: _numbers(raw[name], path) for name in names}


def _whole_ms(dates: pl.Series, path: Path) -> Times:
    import polars as pl

    assert isinstance(dates.dtype, pl.Datetime)
    per_ms = {"ms": 1, "us": 1_000, "ns": 1_000_000}[dates.dtype.time_unit]
    ticks: Times = dates.to_physical().to_numpy().astype(np.int64)
    if np.any(ticks % per_ms):
        raise _unlike(path, "a date between two milliseconds", "whole milliseconds")
    return ticks // per_ms


def _numbers(series: pl.Series, path: Path) -> Floats:
    """A column as float64, if no value was or would be rounded."""
    import polars as pl

    if series.dtype != pl.Float64 and not series.dtype.is_integer():
        raise _unlike(path, f"{series.name} is {series.dtype}", "float64: others are rounded")
    values: Floats = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return values


def _unlike(path: Path, found: str, allowed: str) -> DataError:
    return DataError(
        "not a file as freqtrade writes it",
        where=str(path),
        found=found,
        allowed=allowed,
        todo=_TODO,
    )
