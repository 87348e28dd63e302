"""What people do to files, and what they are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from cointrader.domain.errors import DataError, MissingCandles
from cointrader.market.combined import read_combined
from tests.unit.market.made import changed, put, raw

Make = Callable[[Path], object]


@dataclass(frozen=True)
class Mistake:
    name: str
    make: Make
    told: tuple[str, ...]
    error: type[DataError] = DataError


def file_of(content: bytes) -> Make:
    return lambda folder: put(folder, raw(3)).write_bytes(content)


def table(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Make:
    return lambda folder: put(folder, change(raw(6, ["btc"])))


def expressions(*change: pl.Expr) -> Make:
    return table(lambda frame: frame.with_columns(*change))


def half_copied(folder: Path) -> None:
    path = put(folder, raw(300))
    path.write_bytes(path.read_bytes()[:2000])


def scrambled(folder: Path) -> None:
    path = put(folder, raw(300))
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(len(content) - 8) + content[-4:])


def as_csv(folder: Path) -> None:
    raw(3).write_csv(put(folder, raw(3)))


stamp = pl.col("timestamp")
MISTAKES = [
    Mistake("an empty file", file_of(b""), ("not a whole parquet file", "an empty file")),
    Mistake("a csv with the wrong name", as_csv, ("begins with b'open'",)),
    Mistake("a git-lfs pointer", file_of(b"version https://git-lfs"), ("begins with b'vers'",)),
    Mistake("a file copied half", half_copied, ("was not copied to its end", "store it again")),
    Mistake("scrambled bytes", scrambled, ("cannot be read", "a parquet file")),
    Mistake("no rows", table(lambda frame: frame[:0]), ("no closed candle",), MissingCandles),
    Mistake("no folder", lambda _: None, ("holds no candles", "an empty folder"), MissingCandles),
    Mistake(
        "another symbol",
        lambda folder: put(folder, raw(3), "trxusdt"),
        ("no candles of XRPUSDT", "stored are TRXUSDT", "store its candles there"),
        MissingCandles,
    ),
    Mistake(
        "another interval's file",
        lambda folder: put(folder, raw(3), interval="1h"),
        ("no candles of this interval", "intervals 1h"),
        MissingCandles,
    ),
    Mistake(
        "an upper-case folder",
        lambda folder: put(folder, raw(3), "XRPUSDT"),
        ("lower-case", "<symbol in lower case>"),
        MissingCandles,
    ),
    Mistake(
        "one folder too deep",
        lambda folder: put(folder, raw(3), symbol="."),
        ("combined_15m.parquet", "the folder above the symbols'"),
        MissingCandles,
    ),
    Mistake("no high", table(lambda frame: frame.drop("high")), ("lacks high", "open, low")),
    Mistake(
        "capital letters",
        table(lambda frame: frame.rename({"open": "Open", "close": "Close"})),
        ("lacks open, close", "rename its columns"),
    ),
    Mistake(
        "no timestamp",
        table(lambda frame: frame.rename({"timestamp": "date"})),
        ("no `timestamp` column", "date"),
    ),
    Mistake("naive times", expressions(stamp.dt.replace_time_zone(None)), ("no time zone", "UTC")),
    Mistake("text times", expressions(stamp.cast(pl.String)), ("not datetimes", "String")),
    Mistake("numbers as times", expressions(stamp.cast(pl.Int64)), ("not datetimes", "Int64")),
    Mistake("dates as times", expressions(stamp.cast(pl.Date)), ("not datetimes", "Date")),
    Mistake(
        "a missing time",
        table(lambda frame: changed(frame, 2, timestamp=None)),
        ("a timestamp is missing", "null in row 2"),
    ),
    Mistake(
        "fractions of a millisecond",
        expressions(stamp.dt.cast_time_unit("us") + pl.duration(microseconds=1, time_unit="us")),
        ("not a whole millisecond", "in row 0"),
    ),
    Mistake(
        "close times as timestamps",
        expressions(stamp + pl.duration(milliseconds=899_999)),
        ("grid", "899999 ms after", "not the close time"),
    ),
    Mistake("5m candles under a 15m name", lambda folder: put(folder, every(5)), ("5m apart",)),
    Mistake("1h candles under a 15m name", lambda folder: put(folder, every(60)), ("1h apart",)),
    Mistake(
        "a gap",
        table(lambda frame: frame.filter(pl.int_range(pl.len()) != 3)),
        ("row 3", "1 missing between 2025-03-05 15:30 UTC and 2025-03-05 16:00 UTC"),
        MissingCandles,
    ),
    Mistake(
        "two values for one time",
        table(lambda frame: pl.concat([frame, changed(frame, 5, close=106.5)[5:]])),
        ("two different candles for one time", "row 6", "106.0", "106.5"),
    ),
    Mistake(
        "two rates for one time",
        table(
            lambda frame: pl.concat(
                [
                    frame.with_columns(funding_rate=pl.lit(0.001)),
                    frame[5:].with_columns(funding_rate=pl.lit(0.002)),
                ]
            )
        ),
        ("two different candles for one time", "0.001", "0.002"),
    ),
    Mistake(
        "a high below the close",
        table(lambda frame: changed(frame, 4, high=104.5)),
        ("impossible", "row 4 counted from 0, 2025-03-05 16:00 UTC", "high 104.5", "volume 14.0"),
    ),
    Mistake("a price of zero", table(lambda frame: changed(frame, 1, low=0.0)), ("low is 0.0",)),
    Mistake("a missing price", table(lambda frame: changed(frame, 1, open=None)), ("open is nan",)),
    Mistake("an infinite price", table(lambda frame: changed(frame, 1, high=1e999)), ("inf",)),
    Mistake("negative volume", table(lambda frame: changed(frame, 1, volume=-1.0)), ("-1.0",)),
    Mistake(
        "float32 prices",
        expressions(pl.col("close").cast(pl.Float32)),
        ("`close` is not float64", "have been rounded", "original values"),
    ),
    Mistake("text prices", expressions(pl.col("open").cast(pl.String)), ("`open` is", "String")),
    Mistake("text rates", expressions(pl.lit("0.1").alias("funding_rate")), ("`funding_rate` is",)),
    Mistake(
        "integers beyond float64",
        expressions(pl.lit(2**53 + 1).alias("volume")),
        ("`volume` is not float64", "Int64"),
    ),
    Mistake(
        "half a correlation symbol",
        table(lambda frame: frame.drop("open_btc")),
        ("candles of BTCUSDT are incomplete: open_btc", "or none"),
    ),
    Mistake(
        "a correlation candle with a hole",
        table(lambda frame: changed(frame, 3, volume_btc=None)),
        ("impossible", "row 3", "BTCUSDT: volume is nan"),
    ),
    Mistake(
        "open interest divided by zero",
        expressions(pl.lit(float("inf")).alias("oi_change")),
        ("oi_change is inf", "a missing value is null"),
    ),
]


def every(minutes: int) -> pl.DataFrame:
    frame = raw(6)
    start = frame["timestamp"][0]
    steps = pl.int_range(pl.len()) * minutes
    return frame.with_columns(timestamp=pl.lit(start) + pl.duration(minutes=steps, time_unit="ms"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
def test_a_file_that_cannot_be_trusted_is_refused_with_what_and_where(tmp_path, mistake):
    mistake.make(tmp_path)

    with pytest.raises(DataError) as caught:
        read_combined(tmp_path, "XRPUSDT", "15m")

    text = str(caught.value)
    assert type(caught.value) is mistake.error
    assert str(tmp_path) in text
    for words in mistake.told:
        assert words in text


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    path = put(tmp_path, raw(3))

    with pytest.raises(DataError, match="no such folder"):
        read_combined(path, "XRPUSDT", "15m")


def test_several_faults_are_counted_in_the_message(tmp_path):
    put(tmp_path, changed(changed(raw(6), 4, high=0.0), 2, low=-1.0))

    with pytest.raises(DataError, match=r"and 1 more, see `cointrader data check`"):
        read_combined(tmp_path, "XRPUSDT", "15m")
