"""The room against real candles, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cointrader.market.combined import read_combined, write_combined
from cointrader.market.quality import Kind
from cointrader.market.source import FolderSource

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
FOLDER = SHARED / "combined"
SYMBOLS = ("XRPUSDT", "TRXUSDT", "DOGEUSDT")

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"real market data is not in this checkout ({FOLDER})"
)


@pytest.fixture(scope="module")
def source() -> FolderSource:
    return FolderSource(FOLDER, SYMBOLS)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_real_candles_need_no_repair(symbol):
    stored = read_combined(FOLDER, symbol, "15m")

    assert len(stored.frame) == 34_596
    assert {finding.kind for finding in stored.findings} <= {Kind.JUMP}
    assert np.isnan(stored.frame.oi_change).all()


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_settlements_are_those_the_exchange_recorded(source, symbol):
    table = pl.read_parquet(SHARED / "funding" / f"{symbol}.parquet")
    times = table["timestamp"].dt.epoch("ms").to_list()
    recorded = dict(zip(times, table["funding_rate"].to_list(), strict=True))

    known = [one for one in source.settlements(symbol) if one.at_ms in recorded]
    assert len(known) > 900
    assert [one.rate for one in known] == [recorded[one.at_ms] for one in known]


def test_the_three_files_agree_on_their_context(source):
    assert source.symbols() == (*SYMBOLS, "BTCUSDT", "ETHUSDT")
    assert source.findings("BTCUSDT") == source.findings("ETHUSDT") == ()


def test_the_context_is_the_other_symbols_own_candles(source):
    own = pl.read_parquet(SHARED / "klines_15m" / "BTCUSDT.parquet").sort("timestamp")
    first_ms = int(source.candles("BTCUSDT").open_time_ms[0])
    own = own.filter(pl.col("timestamp").dt.epoch("ms") >= first_ms)

    np.testing.assert_array_equal(source.frame("XRPUSDT").correlated["BTCUSDT"].close, own["close"])


def test_a_real_file_survives_being_written_again(source, tmp_path):
    frame = source.frame("TRXUSDT")
    write_combined(tmp_path, frame, stored_ms=int(frame.open_time_ms[-1]) + 900_000)

    again = read_combined(tmp_path, "TRXUSDT", "15m").frame
    np.testing.assert_array_equal(again.candles.close, frame.candles.close)
    np.testing.assert_array_equal(again.funding_rate, frame.funding_rate)
    settled = FolderSource(tmp_path, ["TRXUSDT"]).settlements("TRXUSDT")
    assert settled == source.settlements("TRXUSDT")
