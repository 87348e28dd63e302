"""Folders of candles as people bring them: what is refused, and what is only told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cointrader.cli.main import main
from cointrader.market.combined import read_combined
from cointrader.market.frame import COLUMN_NAMES, last_settled
from cointrader.market.synthetic import SyntheticSource
from tests.mistakes.asking import (
    Mistake,
    assert_one_clear_message,
    assert_told,
    everything_in,
    refused,
    table,
)
from tests.unit.market.made import changed, put

BAR_MS = 900_000
START_MS = 1_735_689_600_000  # 2025-01-01T00:00Z
PRICES = ("open", "high", "low", "close")
PAPER = ["paper", "--data", "data", "--symbols", "XRPUSDT", "--journal", "j.db", "--quiet"]
CHECK = ["data", "check", "--data", "data"]

time = pl.col("timestamp")


@cache
def _market() -> SyntheticSource:
    return SyntheticSource(
        ["XRPUSDT", "TRXUSDT"], 3, START_MS, 600, BAR_MS, correlation_symbols=["BTCUSDT"]
    )


@cache
def candles(symbol: str = "XRPUSDT") -> pl.DataFrame:
    """A sound file as another program writes it: no note of when, rates forward-filled."""
    frame = _market().frame(symbol)
    columns = dict(zip(COLUMN_NAMES, frame.candles.arrays(), strict=True))
    pairs = zip(COLUMN_NAMES, frame.correlated["BTCUSDT"].arrays(), strict=True)
    columns |= {f"{name}_btc": values for name, values in pairs}
    columns["funding_rate"] = last_settled(frame.open_time_ms, _market().settlements(symbol))
    stamps = pl.Series("timestamp", frame.open_time_ms).cast(pl.Datetime("ms", "UTC"))
    return pl.DataFrame(columns).with_columns(stamps)


@dataclass(frozen=True)
class Change:
    """What somebody did to a sound file of candles, and the words of the answer."""

    name: str
    make: Callable[[pl.DataFrame], pl.DataFrame]
    told: tuple[str, ...]
    code: int = 1  # of paper


def same(*expressions: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(*expressions)


def row(**values: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: changed(frame, 40, **values)


def over(names: tuple[str, ...], change: Callable[[pl.Expr], pl.Expr]) -> list[pl.Expr]:
    return [change(pl.col(name)) for name in names]


AT_40 = "row 40 counted from 0, 2025-01-01 10:00 UTC"

REFUSED = [
    Change("no high column", lambda f: f.drop("high"), ("lacks high", "open, low, close")),
    Change("column names in capitals", lambda f: f.rename({"open": "Open"}), ("lacks open",)),
    Change("no time column", lambda f: f.rename({"timestamp": "date"}), ("no `timestamp` column",)),
    Change("text prices", same(pl.col("close").cast(pl.String)), ("`close`", "String", "float64")),
    Change(
        "float32 prices",
        same(pl.col("close").cast(pl.Float32)),
        ("`close` is not float64", "Float32", "have been rounded", "original values"),
    ),
    Change("a price that is missing", row(close=None), (AT_40, "close is nan", "impossible")),
    Change("an infinite price", row(high=float("inf")), (AT_40, "high is inf")),
    Change("a negative price", row(low=-1.0), (AT_40, "low is -1.0, which no low can be")),
    Change("a price of zero", row(low=0.0), (AT_40, "low is 0.0, which no low can be")),
    Change("high below low", row(high=0.5), (AT_40, "high 0.5 is below", "0 < low <= open")),
    Change("close out of its range", row(close=99.0), (AT_40, "below open", "close 99.0")),
    Change("negative volume", row(volume=-5.0), (AT_40, "volume is -5.0", "volume >= 0")),
    Change(
        "a gap",
        lambda f: f.filter(pl.int_range(pl.len()) != 40),
        ("candles are missing", "1 missing between 2025-01-01 09:45 UTC and", "without a gap"),
        code=3,
    ),
    Change(
        "two candles for one time",
        lambda f: pl.concat([f, changed(f, 40, volume=1.0)[40:41]]),
        ("two different candles for one time", "row 600", "keep the true one"),
    ),
    Change(
        "times as numbers",
        same(time.dt.epoch("ms").alias("timestamp")),
        ("timestamps are not datetimes", "Int64", "utc=True"),
    ),
    Change(
        "times in seconds",
        same(time.dt.epoch("s").cast(pl.Datetime("ms", "UTC")).alias("timestamp")),
        ("900 ms apart, not 15m", "seconds were stored as if they were milliseconds"),
    ),
    Change(
        "times in microseconds",
        same(time.dt.epoch("us").cast(pl.Datetime("ms", "UTC")).alias("timestamp")),
        ("microseconds were stored as if they were milliseconds",),
    ),
    Change(
        "times in nanoseconds",
        same((time.dt.epoch("ms") * 1_000_000).cast(pl.Datetime("ms", "UTC")).alias("timestamp")),
        ("nanoseconds were stored as if they were milliseconds",),
    ),
    Change(
        "times without a zone",
        same(time.dt.replace_time_zone(None)),
        ("timestamps say no time zone", 'tz_localize("UTC")'),
    ),
    Change(
        "close times for open times",
        same(time + timedelta(milliseconds=BAR_MS - 1)),
        ("does not open on the interval's grid", "899999 ms after", "not the close time"),
    ),
    Change("hourly candles", lambda f: f[::4], ("another interval", "1h apart, not 15m")),
    Change("five-minute candles", same(time - (time - time.first()) * 2 / 3), ("5m apart",)),
    Change(
        "candles from the future",
        same(time + timedelta(days=36_525)),
        ("from the future", "600 candle(s) open after now", "in UTC", "clock of this machine"),
    ),
    Change(
        "half the columns of bitcoin",
        lambda f: f.drop("high_btc"),
        ("BTCUSDT are incomplete: high_btc", "or none", "drop these columns"),
    ),
    Change(
        "a hole in bitcoin's volume",
        row(volume_btc=None),
        ("BTCUSDT: volume is nan", "row 40"),
    ),
    Change("a rate that divides by zero", row(funding_rate=float("inf")), ("funding_rate is inf",)),
    Change("a file without rows", lambda f: f[:0], ("holds no closed candle",), code=3),
    Change("a file with too few rows", lambda f: f[:200], ("too few candles", "300"), code=3),
]


@pytest.mark.parametrize("change", REFUSED, ids=[one.name for one in REFUSED])
def test_candles_that_cannot_be_true_are_not_traded_and_stay_as_they_are(capsys, home, change):
    path = put(home / "data", change.make(candles()))

    assert_told(refused(capsys, PAPER, change.code), change.told)

    before = path.read_bytes()
    code = main(CHECK)
    out, err = capsys.readouterr()
    assert (code, err) == (3 if "NOT ENOUGH" in out else 1, "")
    assert ("NOT USABLE" in out) != ("NOT ENOUGH" in out)
    assert path.read_bytes() == before


def content(name: str, content: bytes, *told: str) -> Mistake:
    where = "data/xrpusdt/combined_15m.parquet"
    return Mistake(name, tuple(PAPER), (where, *told), code=1, files={where: content})


BROKEN = [
    content("a file of zero bytes", b"", "not a whole parquet file", "an empty file", "store it"),
    content("a CSV with the wrong name", b"open,high\n1,2\n", "begins with b'open'", "parquet"),
    content("a file copied half", b"PAR1" + bytes(3_000), "not copied to its end"),
    content("a whole that is scrambled", b"PAR1" + bytes(3_000) + b"PAR1", "cannot be read"),
    Mistake(
        "a symbol that is not stored",
        tuple(PAPER),
        ("no candles of XRPUSDT are stored", "stored are TRXUSDT", "choose among those"),
        code=3,
        files={"data/trxusdt/combined_15m.parquet": b"-"},
    ),
    Mistake(
        "a folder in capitals",
        tuple(PAPER),
        ("symbol folders are lower-case", "<symbol in lower case>/combined_15m.parquet"),
        code=3,
        files={"data/XRPUSDT/combined_15m.parquet": b"-"},
    ),
    Mistake(
        "a shorter interval than is stored",
        (*PAPER, "--interval", "5m"),
        ("5m cannot be made of longer", "candles of 15m", "name an interval that is there"),
        code=3,
        files={"data/xrpusdt/combined_15m.parquet": b"-"},
    ),
    Mistake(
        "the symbol's folder for the one above it",
        ("paper", "--data", "data/xrpusdt"),
        ("holds no candles", "data/xrpusdt", "the folder above the symbols'"),
        code=3,
        files={"data/xrpusdt/combined_15m.parquet": b"-"},
    ),
    Mistake("an empty folder", tuple(PAPER), ("an empty folder",), code=3, files={"data": None}),
    Mistake("no such folder", tuple(PAPER), ("'--data'", "'data' does not exist")),
    Mistake("a file for a folder", tuple(PAPER), ("'data' is a file",), files={"data": "x"}),
    Mistake(
        "no such folder to check",
        ("data", "check", "--data", "nowhere", "--json"),
        ("no such folder of candles", "nowhere", "give --data the right folder"),
        code=1,
    ),
    Mistake(
        "a file for a folder to check",
        ("data", "check", "--data", "data"),
        ("no such folder of candles", "a file", "give --data the right folder"),
        code=1,
        files={"data": "x"},
    ),
    Mistake(
        "an interval without its unit",
        ("data", "check", "--interval", "15"),
        ("15", "15m"),
        files={"data/xrpusdt/combined_15m.parquet": b"-"},
    ),
    Mistake(
        "a symbol with a slash",
        (*CHECK, "--symbol", "XRP/USDT"),
        ("not a symbol", "XRP/USDT", "write XRP/USDT as XRPUSDT"),
    ),
    Mistake(
        "a list of no symbols",
        (*CHECK, "--symbols", ","),
        ("no symbol is named", "--symbols", "leave it out to check all"),
    ),
    Mistake(
        "all symbols and one of them",
        (*CHECK, "--all", "--symbol", "XRPUSDT"),
        ("--all and single symbols contradict", "XRPUSDT", "one of the two"),
    ),
]


@table(BROKEN)
def test_a_folder_that_is_none_of_candles_is_told(capsys, home, mistake):
    for name, text in mistake.files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.mkdir()
        else:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    assert_told(refused(capsys, mistake.arguments, mistake.code), mistake.told)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_a_file_that_belongs_to_somebody_else_is_told(capsys, home):
    path = put(home / "data", candles())
    path.chmod(0)

    assert main(PAPER) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert_one_clear_message(err)
    assert_told(err, ("cannot be opened", "Permission denied", str(path.relative_to(home))))


SUSPECT = [
    Change(
        "prices that were averaged", same(*over(PRICES, lambda p: p * 1.00001)), ("price-grid",)
    ),
    Change(
        "prices in whole ticks",
        same(*over(PRICES, lambda p: (p * 10_000).round().cast(pl.Int64))),
        ("price-grid", "multiples of 1, 10,000 times the contract's tick 0.0001"),
    ),
    Change(
        "a hundred times the price",
        same(*over(PRICES, lambda p: (p * 100).round(2))),
        ("price-grid", "100 times the contract's tick 0.0001"),
    ),
    Change(
        "funding in percent",
        same(pl.col("funding_rate") * 100),
        ("funding-size", "the usual rate is 0.0", "0.01% is written 0.0001"),
    ),
    Change(
        "Korean times under the name of UTC",
        same(time + timedelta(hours=9)),
        ("funding-times", "rates change 1 h after 00, 08 and 16 UTC", "in another zone?"),
    ),
    Change(
        "bitcoin one bar ahead",
        lambda f: f.with_columns(
            pl.col(f"{name}_btc").shift(-1).forward_fill() for name in COLUMN_NAMES
        ),
        ("lag", "BTCUSDT stands 1 bar(s) too early"),
    ),
    Change(
        "bitcoin nine hours late",
        lambda f: f.with_columns(
            pl.col(f"{name}_btc").shift(36).backward_fill() for name in COLUMN_NAMES
        ),
        ("lag", "BTCUSDT stands 36 bar(s) too late"),
    ),
    Change(
        "a stretch without volume",
        lambda f: pl.concat([f[:40], f[40:50].with_columns(volume=pl.lit(0.0)), f[50:]]),
        ("zero-volume", "row 40, 2025-01-01 10:00 UTC: 10 bar(s) running without volume"),
    ),
    Change(
        "a digit too many",
        row(high=30.0),
        ("jump", "row 40, 2025-01-01 10:00 UTC", "away from the last close", "high 30.0"),
    ),
]


@pytest.mark.parametrize("change", SUSPECT, ids=[one.name for one in SUSPECT])
def test_what_may_be_true_is_told_and_left_to_the_reader(capsys, home, change):
    path = put(home / "data", change.make(candles()))
    before = path.read_bytes()

    assert main(CHECK) == 0

    out, err = capsys.readouterr()
    assert err == ""
    assert_told(out, ("suspect", *change.told, "usable, if what is suspect above is right"))
    assert path.read_bytes() == before


def test_candles_of_one_symbol_in_the_folder_of_another_are_told(capsys, home):
    put(home / "data", candles("XRPUSDT"), "trxusdt")

    assert main(CHECK) == 0

    told = ("price-grid", "10 times the contract's tick 1e-05", "are they of another symbol")
    assert_told(capsys.readouterr().out, told)


def test_a_file_copied_for_a_second_symbol_is_told(capsys, home):
    put(home / "data", candles())
    put(home / "data", candles(), "adausdt")

    assert main(CHECK) == 0

    out = capsys.readouterr().out
    assert_told(out, ("copy: 1", "all 600 candles from 2025-01-01 00:00 UTC on are ADAUSDT's"))


def test_candles_without_any_funding_are_told_as_such(capsys, home):
    put(home / "data", candles().drop("funding_rate"))

    assert main(CHECK) == 0

    assert_told(capsys.readouterr().out, ("no funding rate is known", "spot has none"))


REPAIRED = [
    ("rows in any order", lambda f: pl.concat([f[300:], f[:300]]), "unsorted"),
    ("rows that are there twice", lambda f: pl.concat([f, f[-10:]]), "duplicate"),
]


@pytest.mark.parametrize(
    ("make", "kind"), [each[1:] for each in REPAIRED], ids=[each[0] for each in REPAIRED]
)
def test_what_loses_nothing_is_repaired_and_told(capsys, home, make, kind):
    put(home / "data", make(candles()))

    assert main([*CHECK, "--json"]) == 0

    report = json.loads(capsys.readouterr().out)["symbols"][0]
    assert report["candles"] == 600
    assert {finding["severity"] for finding in report["findings"]} == {"repaired"}
    assert kind in {finding["kind"] for finding in report["findings"]}


SOUND = [
    ("times in a zone of their own", same(time.dt.convert_time_zone("Asia/Seoul"))),
    ("times in nanoseconds that say so", same(time.dt.cast_time_unit("ns"))),
    ("columns of another program", same(pl.lit("x").alias("note"), pl.lit(1.0).alias("rsi"))),
    ("volume in whole numbers", same(pl.col("volume").round().cast(pl.Int64))),
]


@pytest.mark.parametrize("make", [each[1] for each in SOUND], ids=[each[0] for each in SOUND])
def test_what_only_looks_odd_is_the_same_candles(home, make):
    put(home / "data", make(candles()))

    frame = read_combined(Path("data"), "XRPUSDT", "15m").frame

    sound = _market().frame("XRPUSDT")
    assert frame.open_time_ms.tolist() == sound.open_time_ms.tolist()
    np.testing.assert_array_equal(frame.candles.close, sound.candles.close)


def test_sound_candles_are_told_as_nothing_else(capsys, home):
    put(home / "data", candles())
    put(home / "data", candles("TRXUSDT"), "trxusdt")
    before = everything_in(home)

    assert main(CHECK) == 0

    out = capsys.readouterr().out
    assert "suspect" not in out
    assert "repaired" not in out
    assert everything_in(home) == before
