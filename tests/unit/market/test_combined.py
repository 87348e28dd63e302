"""Files as this project writes them, and the only repairs a reader makes."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cointrader.domain.errors import ConfigError, DataError, MissingCandles
from cointrader.market.combined import (
    examine,
    read_combined,
    stored_symbols,
    suffix_of,
    symbol_of,
    write_combined,
)
from cointrader.market.frame import Columns
from cointrader.market.quality import Kind
from tests.unit.market.made import (
    BAR_MS,
    START_MS,
    a_frame,
    changed,
    put,
    raw,
    rows_of,
    some_columns,
    some_times,
)

LATER = START_MS + 1000 * BAR_MS


def test_what_is_written_is_read_back(tmp_path):
    frame = replace(
        a_frame(4, BTCUSDT=some_columns(4), ETHUSDC=some_columns(4, first=3)),
        funding_rate=np.array([np.nan, 0.0, 0.0001, 0.0]),
        oi_change=np.array([np.nan, 0.0, -0.5, 0.25]),
    )

    path = write_combined(tmp_path, frame, stored_ms=LATER)
    stored = read_combined(tmp_path, "XRPUSDT", "15m")

    assert path == stored.path == tmp_path / "xrpusdt" / "combined_15m.parquet"
    assert stored.findings == ()
    assert stored.frame.open_time_ms.tolist() == frame.open_time_ms.tolist()
    assert rows_of(stored.frame.candles) == rows_of(frame.candles)
    assert list(stored.frame.correlated) == ["BTCUSDT", "ETHUSDC"]
    assert rows_of(stored.frame.correlated["ETHUSDC"]) == rows_of(frame.correlated["ETHUSDC"])
    np.testing.assert_array_equal(stored.frame.funding_rate, frame.funding_rate)
    np.testing.assert_array_equal(stored.frame.oi_change, frame.oi_change)


def test_the_columns_on_disk_are_the_layout_everybody_reads(tmp_path):
    path = write_combined(tmp_path, a_frame(2, BTCUSDT=some_columns(2)), stored_ms=LATER)

    table = pl.read_parquet(path)
    assert table.columns == [
        *("open", "high", "low", "close", "volume"),
        *("open_btc", "high_btc", "low_btc", "close_btc", "volume_btc"),
        *("oi_change", "funding_rate", "timestamp"),
    ]
    assert table.schema["timestamp"] == pl.Datetime("ms", "UTC")
    assert table["oi_change"].null_count() == 2


def test_missing_context_rows_come_back_as_nan(tmp_path):
    columns = some_columns(3)
    for array in columns.arrays():
        array[1] = np.nan
    write_combined(tmp_path, a_frame(3, BTCUSDT=columns), stored_ms=LATER)

    opens = read_combined(tmp_path, "XRPUSDT", "15m").frame.correlated["BTCUSDT"].open
    np.testing.assert_array_equal(opens, [100.0, np.nan, 102.0])


def test_a_last_candle_stored_while_open_is_dropped(tmp_path):
    write_combined(tmp_path, a_frame(4), stored_ms=START_MS + 4 * BAR_MS - 1)

    stored = read_combined(tmp_path, "XRPUSDT", "15m")
    assert len(stored.frame) == 3
    assert [finding.kind for finding in stored.findings] == [Kind.OPEN_CANDLE]


def test_without_a_note_of_when_it_was_stored_no_candle_is_dropped(tmp_path):
    put(tmp_path, raw(4))

    assert len(read_combined(tmp_path, "XRPUSDT", "15m").frame) == 4


def test_a_file_with_nothing_but_an_open_candle_has_no_candles(tmp_path):
    write_combined(tmp_path, a_frame(1), stored_ms=START_MS + 1)

    with pytest.raises(MissingCandles, match="no closed candle"):
        read_combined(tmp_path, "XRPUSDT", "15m")


def test_order_and_exact_copies_are_repaired_and_told(tmp_path):
    table = raw(5)
    put(tmp_path, pl.concat([table[3:], table[:4]]))

    stored = read_combined(tmp_path, "XRPUSDT", "15m")
    assert stored.frame.open_time_ms.tolist() == some_times(5).tolist()
    assert rows_of(stored.frame.candles) == rows_of(some_columns(5))
    assert [finding.kind for finding in stored.findings] == [Kind.UNSORTED, Kind.DUPLICATE]


def test_optional_columns_may_be_absent(tmp_path):
    put(tmp_path, raw(3))

    frame = read_combined(tmp_path, "xrpusdt", "15m").frame
    assert frame.symbol == "XRPUSDT"
    assert frame.correlated == {}
    assert np.isnan(frame.funding_rate).all()
    assert np.isnan(frame.oi_change).all()


def test_columns_of_other_programs_are_left_alone(tmp_path):
    closes = pl.col("timestamp").alias("close_time")
    note = pl.lit("x").alias("note")
    put(tmp_path, raw(3).with_columns(closes, note, pl.lit(1.0, pl.Float32).alias("rsi")))

    assert read_combined(tmp_path, "XRPUSDT", "15m").frame.correlated == {}


def test_imported_zeros_of_open_interest_are_missing(tmp_path):
    put(tmp_path, raw(3).with_columns(pl.Series("oi_change", [0.0, 0.1, 0.0])))

    oi_change = read_combined(tmp_path, "XRPUSDT", "15m").frame.oi_change
    np.testing.assert_array_equal(oi_change, [np.nan, 0.1, np.nan])


def test_imported_zero_rates_are_missing_only_before_the_first_rate_in_time(tmp_path):
    table = raw(5).with_columns(pl.Series("funding_rate", [0.0, 0.0, 0.001, 0.0, None]))
    put(tmp_path, table.reverse())

    rates = read_combined(tmp_path, "XRPUSDT", "15m").frame.funding_rate
    np.testing.assert_array_equal(rates, [np.nan, np.nan, 0.001, 0.0, np.nan])


@pytest.mark.parametrize(
    "zone_and_unit", [("UTC", "us"), ("UTC", "ns"), ("Asia/Seoul", "ms"), ("UTC", "ms")]
)
def test_exact_times_of_any_zone_and_unit_are_read(tmp_path, zone_and_unit):
    zone, unit = zone_and_unit
    stamps = pl.col("timestamp").dt.convert_time_zone(zone).dt.cast_time_unit(unit)
    put(tmp_path, raw(3).with_columns(stamps))

    times = read_combined(tmp_path, "XRPUSDT", "15m").frame.open_time_ms
    assert times.tolist() == some_times(3).tolist()


def test_a_column_in_which_nothing_was_ever_known_is_missing(tmp_path):
    put(tmp_path, raw(3).with_columns(pl.Series("oi_change", [None] * 3)))

    assert np.isnan(read_combined(tmp_path, "XRPUSDT", "15m").frame.oi_change).all()


def test_whole_number_volumes_are_read(tmp_path):
    put(tmp_path, raw(3).with_columns(pl.col("volume").cast(pl.Int64)))

    assert read_combined(tmp_path, "XRPUSDT", "15m").frame.candles.volume.tolist() == [10, 11, 12]


def test_examine_refuses_nothing_that_can_be_shown(tmp_path):
    put(tmp_path, changed(raw(5, ["btc"]), 2, high=1.0).filter(pl.int_range(pl.len()) != 3))

    seen = examine(tmp_path, "XRPUSDT", "15m")
    assert [finding.kind for finding in seen.findings] == [Kind.IMPOSSIBLE, Kind.GAP]
    assert seen.coverage()["BTCUSDT"] == 1.0
    assert seen.coverage()["oi_change"] == 0.0


@pytest.mark.parametrize(
    ("symbol", "suffix"),
    [
        ("BTCUSDT", "btc"),
        ("BTCUSDC", "btcusdc"),
        ("USDCUSDT", "usdc"),
        ("1000PEPEUSDT", "1000pepe"),
    ],
)
def test_suffixes_and_symbols_are_each_others_reverse(symbol, suffix):
    assert suffix_of(symbol) == suffix
    assert symbol_of(suffix) == symbol


def test_stored_symbols_are_those_with_a_file_of_the_interval(tmp_path):
    for symbol, interval in (("xrpusdt", "15m"), ("adausdt", "15m"), ("trxusdt", "1h")):
        put(tmp_path, raw(1), symbol, interval)

    assert stored_symbols(tmp_path, "15m") == ("ADAUSDT", "XRPUSDT")


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        (a_frame(0), "no candles to store"),
        (replace(a_frame(2), open_time_ms=some_times(3)[[0, 2]]), "candles are missing"),
        (replace(a_frame(2), candles=Columns(*[np.zeros(2)] * 5)), "impossible"),
        (replace(a_frame(2), oi_change=np.array([np.inf, 0.0])), "impossible"),
        (a_frame(2, BTCUSDT=Columns(*[np.zeros(2)] * 5)), "impossible"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, frame, fault):
    write_combined(tmp_path, a_frame(7), stored_ms=LATER)

    with pytest.raises(DataError, match=fault):
        write_combined(tmp_path, frame, stored_ms=LATER)
    assert len(read_combined(tmp_path, "XRPUSDT", "15m").frame) == 7


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = write_combined(tmp_path, a_frame(3), stored_ms=LATER)
    path.unlink()
    path.mkdir()  # a folder in the way: the file cannot be moved there

    with pytest.raises(DataError, match="cannot be written"):
        write_combined(tmp_path, a_frame(4), stored_ms=LATER)
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_a_rewrite_replaces_the_file_as_a_whole(tmp_path):
    write_combined(tmp_path, a_frame(3), stored_ms=LATER)
    path = write_combined(tmp_path, a_frame(9), stored_ms=LATER)

    assert len(read_combined(tmp_path, "XRPUSDT", "15m").frame) == 9
    assert [child.name for child in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("symbol", ["../secrets", "", "XRP USDT", "a/b"])
def test_what_is_no_symbol_never_becomes_a_path(tmp_path, symbol):
    with pytest.raises(ConfigError, match="not a symbol"):
        examine(tmp_path, symbol, "15m")


def test_without_polars_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))  # nothing was decoded before
    put(tmp_path, raw(1))
    monkeypatch.setitem(sys.modules, "polars", None)

    with pytest.raises(ConfigError, match=r"pip install 'cointrader\[research\]'"):
        read_combined(tmp_path, "XRPUSDT", "15m")
    with pytest.raises(ConfigError, match=r"pip install 'cointrader\[research\]'"):
        write_combined(tmp_path, a_frame(1), stored_ms=LATER)
