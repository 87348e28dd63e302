"""An interval that is not stored, from the files of one that is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cointrader.domain.errors import MissingCandles
from cointrader.market.frame import Columns
from cointrader.market.resample import resample_columns, whole_bars
from cointrader.market.source import FolderSource
from tests.unit.market.made import put, raw, rows_of

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def rated(table: pl.DataFrame) -> pl.DataFrame:
    """Rates that tell their row, so that a settlement tells which row it was read from."""
    return table.with_columns(pl.int_range(pl.len()).cast(pl.Float64).alias("funding_rate") / 1e6)


def test_bars_are_made_of_the_stored_candles_when_their_own_are_not_there(tmp_path):
    put(tmp_path, raw(50, suffixes=["btc"]))  # from 15:00

    source = FolderSource(tmp_path, ["XRPUSDT"], "1h", ["BTCUSDT"])

    rows = source.candles("XRPUSDT")
    assert len(rows) == 12  # two quarters of an hour are left over
    assert rows_of(rows.columns)[0] == (100.0, 105.0, 98.0, 104.0, 10.0 + 11.0 + 12.0 + 13.0)
    assert rows_of(source.candles("BTCUSDT").columns) == rows_of(rows.columns)
    assert rows[0].close_time_ms - rows[0].open_time_ms == 3_600_000
    assert source.label.endswith("1h (made of 15m)")


def test_a_file_of_the_interval_itself_counts_before_shorter_ones(tmp_path):
    put(tmp_path, raw(50))
    hourly = raw(3).with_columns(pl.col("timestamp").dt.truncate("1d").dt.offset_by("15h"))
    hours = pl.int_range(pl.len()).cast(pl.Int64) * 3_600_000
    hourly = hourly.with_columns(
        (pl.col("timestamp").cast(pl.Int64) + hours).cast(pl.Datetime("ms", "UTC"))
    )
    put(tmp_path, hourly, interval="1h")

    source = FolderSource(tmp_path, ["XRPUSDT"], "1h", [])

    assert len(source.candles("XRPUSDT")) == 3
    assert source.label.endswith(", 1h")


def test_settlements_are_those_of_the_stored_candles(tmp_path):
    put(tmp_path, rated(raw(100)))  # from 15:00: 16:00 is row 4, midnight 36, 08:00 68

    of_quarters = FolderSource(tmp_path, ["XRPUSDT"], "15m", []).settlements("XRPUSDT")
    of_four_hours = FolderSource(tmp_path, ["XRPUSDT"], "4h", []).settlements("XRPUSDT")

    assert [round(s.rate * 1e6) for s in of_quarters] == [5, 37, 69]
    assert of_four_hours == of_quarters


def test_a_correlation_symbol_of_its_own_file_is_made_too(tmp_path):
    put(tmp_path, raw(40))
    put(tmp_path, raw(40, first=4), symbol="btcusdt")  # begins an hour later

    frame = FolderSource(tmp_path, ["XRPUSDT"], "1h", ["BTCUSDT"]).frame("XRPUSDT")

    assert np.isnan(frame.correlated["BTCUSDT"].close).tolist() == [True] + [False] * 9
    assert frame.correlated["BTCUSDT"].open[1] == frame.candles.open[1] == 104.0


def test_candles_are_never_made_of_longer_ones(tmp_path):
    put(tmp_path, raw(50))

    with pytest.raises(MissingCandles, match="5m cannot be made of longer ones") as told:
        FolderSource(tmp_path, ["XRPUSDT"], "5m", [])

    assert told.value.found == "candles of 15m"


def test_too_few_candles_for_one_bar_are_told(tmp_path):
    put(tmp_path, raw(5))

    with pytest.raises(MissingCandles, match="whole bar of 4h"):
        FolderSource(tmp_path, ["XRPUSDT"], "4h", []).candles("XRPUSDT")


def read(name: str) -> tuple[np.ndarray, Columns]:
    table = pl.read_parquet(SHARED / name).sort("timestamp")
    names = ("open", "high", "low", "close", "volume")
    columns = Columns(*(table[name].cast(pl.Float64).to_numpy() for name in names))
    return table["timestamp"].dt.epoch("ms").to_numpy().astype(np.int64), columns


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"real market data is not here ({SHARED})")
@pytest.mark.parametrize(
    ("shorter", "longer"),
    [(("5m", 300_000), ("15m", 900_000)), (("15m", 900_000), ("1h", 3_600_000))],
)
@pytest.mark.parametrize("symbol", ["BTCUSDT", "XRPUSDT", "DOGEUSDT", "TRXUSDT"])
def test_made_bars_are_those_of_the_exchange(symbol, shorter, longer):
    times, columns = read(f"klines_{shorter[0]}/{symbol}.parquet")
    starts = whole_bars(times, shorter[1], longer[1])
    made = resample_columns(columns, starts, longer[1] // shorter[1])
    own_times, own = read(f"klines_{longer[0]}/{symbol}.parquet")

    shared, ours, theirs = np.intersect1d(times[starts], own_times, return_indices=True)

    assert len(shared) > 7_000
    for name, most in (("open", 0), ("high", 0), ("low", 1), ("close", 0), ("volume", 4)):
        one, other = getattr(made, name)[ours], getattr(own, name)[theirs]
        # The two sources themselves disagree on a handful of bars.
        assert int((~np.isclose(one, other, rtol=1e-9, atol=0)).sum()) <= most, name
