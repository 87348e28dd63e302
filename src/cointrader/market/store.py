"""Parquet files of candles: read as they are, written whole or not at all.

polars belongs to the optional extra `research`; it is imported when a file is decoded, not before,
and not for one that `market.kept_tables` has. What the columns mean is known to `market.combined`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cointrader.domain.errors import ConfigError, DataError
from cointrader.market import kept_tables
from cointrader.market.frame import Floats, Times, missing
from cointrader.market.kept_tables import Decoded

if TYPE_CHECKING:
    import polars as pl

TIMESTAMP = "timestamp"
STORED_AT = "cointrader.stored_ms"  # metadata of files written here: when that was
_MAGIC = b"PAR1"
_FETCH_AGAIN = "store it again from its source"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A candle file as it is: nothing sorted, dropped or filled; null is NaN.

    `stored_ms` is when cointrader wrote the file; None for a file from elsewhere.
    """

    path: Path
    open_time_ms: Times
    columns: Mapping[str, Floats]
    stored_ms: int | None


def read_table(path: Path, wanted: Callable[[Sequence[str]], Sequence[str]]) -> Table:
    """Read the time column of a parquet file and the number columns that are wanted of it.

    Parameters
    ----------
    wanted : column names in the file -> those to read

    Raises
    ------
    DataError : not a whole parquet file, no usable `timestamp`, or numbers that are not float64
    ConfigError : polars is not installed
    """
    key = kept_tables.key_of(path)
    known = None if key is None else kept_tables.kept(key)
    if known is not None:
        names = wanted(known.names)
        if all(name in known.columns for name in names):
            columns = {name: known.columns[name] for name in names}
            return Table(path, known.open_time_ms, columns, known.stored_ms)
    decoded = _decoded(path, wanted)
    if key is not None and key == kept_tables.key_of(path):  # nobody has replaced it meanwhile
        kept_tables.keep(key, decoded)
    return Table(path, decoded.open_time_ms, decoded.columns, decoded.stored_ms)


def _decoded(path: Path, wanted: Callable[[Sequence[str]], Sequence[str]]) -> Decoded:
    _require_polars()
    _require_parquet(path)
    import polars as pl

    try:
        raw = pl.read_parquet(path, hive_partitioning=False, glob=False)
        stored_at = pl.read_parquet_metadata(path).get(STORED_AT)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(
            "a candle file cannot be read",
            where=str(path),
            found=str(error).partition("\n")[0],
            allowed="a parquet file",
            todo=_FETCH_AGAIN,
        ) from error
    times = _times(raw, path)
    columns = {name: _numbers(raw[name], path) for name in wanted(raw.columns)}
    return Decoded(tuple(raw.columns), times, columns, int(stored_at) if stored_at else None)


def write_table(table: Table) -> None:
    """Write a candle file beside its place, then move it there: readers see the old or the new.

    NaN is written as null.

    Raises
    ------
    DataError : the disk refuses; what was there before is untouched
    ConfigError : polars is not installed
    """
    _require_polars()
    import polars as pl

    columns = {
        name: pl.Series(name, values, dtype=pl.Float64, nan_to_null=True)
        for name, values in table.columns.items()
    }
    times = pl.Series(TIMESTAMP, table.open_time_ms).cast(pl.Datetime("ms", "UTC"))
    metadata = {} if table.stored_ms is None else {STORED_AT: str(table.stored_ms)}
    aside = table.path.with_name(f".{table.path.name}.{os.getpid()}.part")
    try:
        table.path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            pl.DataFrame([*columns.values(), times]).write_parquet(
                file, compression="zstd", metadata=metadata
            )
            file.flush()
            os.fsync(file.fileno())
        aside.replace(table.path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise DataError(
            "a candle file cannot be written",
            where=str(table.path),
            found=error.strerror or str(error),
            todo="check the free space and the permissions of the folder",
        ) from error
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _require_polars() -> None:
    try:
        importlib.import_module("polars")
    except ImportError as error:
        raise ConfigError(
            "candle files need polars, which is not installed",
            todo="pip install 'cointrader[research]'",
        ) from error


def _require_parquet(path: Path) -> None:
    """Tell a missing, empty, half-copied or other file apart before a parser stumbles over it."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(_MAGIC)))
            tail = file.read()
    except OSError as error:
        raise DataError(
            "a candle file cannot be opened",
            where=str(path),
            found=error.strerror or str(error),
            todo=_FETCH_AGAIN,
        ) from error
    if head == _MAGIC == tail and size > 2 * len(_MAGIC):
        return
    if size == 0:
        found = "an empty file"
    elif head == _MAGIC:
        found = "the beginning of one only: it was not copied to its end"
    else:
        found = f"a file that begins with {head!r}"
    raise DataError(
        "a candle file is not a whole parquet file",
        where=str(path),
        found=found,
        allowed="a parquet file",
        todo=_FETCH_AGAIN,
    )


def _times(raw: pl.DataFrame, path: Path) -> Times:
    """The `timestamp` column as open times in ms UTC, if that can be said without guessing."""
    import polars as pl

    def refused(what: str, found: str, todo: str) -> DataError:
        allowed = "open times as datetime with a time zone, whole milliseconds"
        return DataError(what, where=f"{path}, timestamp", found=found, allowed=allowed, todo=todo)

    if TIMESTAMP not in raw.columns:
        todo = "name the column that holds the candle's open time `timestamp`"
        raise refused("a candle file has no `timestamp` column", ", ".join(raw.columns), todo)
    stamps = raw[TIMESTAMP]
    if not isinstance(stamps.dtype, pl.Datetime):
        todo = 'turn it into datetimes, e.g. pandas: to_datetime(df["timestamp"], utc=True)'
        raise refused("timestamps are not datetimes", str(stamps.dtype), todo)
    if stamps.dtype.time_zone is None:
        todo = 'say which zone they are in, e.g. pandas: df["timestamp"].dt.tz_localize("UTC")'
        raise refused("timestamps say no time zone", str(stamps.dtype), todo)
    if stamps.null_count():
        row = stamps.is_null().arg_max()
        raise refused("a timestamp is missing", f"null in row {row}", "drop or correct the row")
    ticks = stamps.to_physical().to_numpy().astype(np.int64)
    ticks_per_ms = {"ms": 1, "us": 1_000, "ns": 1_000_000}[stamps.dtype.time_unit]
    inexact = np.flatnonzero(ticks % ticks_per_ms)
    if len(inexact):
        row = int(inexact[0])
        found = f"{stamps[row]} in row {row}"
        raise refused("a timestamp is not a whole millisecond", found, "store open times")
    return ticks // ticks_per_ms


def _numbers(series: pl.Series, path: Path) -> Floats:
    """A column as float64, if no value was or would be rounded."""
    import polars as pl

    if series.dtype == pl.Float64:
        return series.fill_null(float("nan")).to_numpy()
    if series.dtype.is_integer():
        values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if not np.any(np.abs(values) >= 2**53):
            return values
    if series.dtype == pl.Null:  # a column in which nothing was ever known
        return missing(len(series))
    rounded = ": its values have been rounded, 2.4515 became 2.4514999"
    raise DataError(
        f"column `{series.name}` is not float64",
        where=str(path),
        found=str(series.dtype) + (rounded if series.dtype == pl.Float32 else ""),
        allowed="float64, or whole numbers",
        todo="write the file again from the original values, as float64",
    )
