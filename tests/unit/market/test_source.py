from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from cointrader.domain.errors import DataError, MissingCandles
from cointrader.domain.ports import CandleSource, Settlement
from cointrader.market.history import FILE_NAME, History
from cointrader.market.quality import Kind
from cointrader.market.source import FolderSource
from tests.unit.market.made import BAR_MS, START_MS, a_candle, changed, put, raw, some_times

HOUR_BARS = 4


def a_source(folder, symbols: Sequence[str] = ("XRPUSDT",), **options) -> FolderSource:
    source: CandleSource = FolderSource(folder, symbols, **options)
    assert isinstance(source, FolderSource)
    return source


def test_candles_are_those_of_the_file(tmp_path):
    put(tmp_path, raw(5))

    candles = a_source(tmp_path).candles("xrpusdt")

    assert len(candles) == 5
    assert list(candles) == [a_candle(bar) for bar in range(5)]
    assert candles[0] == a_candle(0)
    assert candles[-1] == a_candle(4)
    assert list(candles[1:3]) == [a_candle(1), a_candle(2)]
    assert list(candles[::-2]) == [a_candle(4), a_candle(2), a_candle(0)]
    assert a_candle(3) in candles
    assert type(candles[2].close) is float
    assert type(candles[2].open_time_ms) is int
    with pytest.raises(IndexError):
        candles[5]


def test_a_long_history_is_iterated_whole_and_in_order(tmp_path):
    put(tmp_path, raw(9000))

    times = [candle.open_time_ms for candle in a_source(tmp_path).candles("XRPUSDT")]
    assert times == some_times(9000).tolist()


def test_the_label_names_the_folder(tmp_path):
    put(tmp_path, raw(1))

    assert a_source(tmp_path).label == f"candles of {tmp_path}, 15m"
    assert a_source(tmp_path).interval_ms == BAR_MS


def test_an_unknown_symbol_has_no_candles_and_no_frame(tmp_path):
    put(tmp_path, raw(3, ["btc"]))
    source = a_source(tmp_path)

    assert list(source.candles("ADAUSDT")) == []
    assert source.settlements("ADAUSDT") == ()
    assert source.open_interest("ADAUSDT") == ()
    with pytest.raises(DataError, match="no candles of ADAUSDT"):
        source.frame("ADAUSDT")


def test_a_configured_symbol_that_is_not_stored_is_refused_at_once(tmp_path):
    put(tmp_path, raw(3))

    with pytest.raises(DataError, match="stored are XRPUSDT"):
        a_source(tmp_path, ["XRPUSDT", "ADAUSDT"])


def test_symbols_are_the_given_ones_then_those_of_the_context(tmp_path):
    put(tmp_path, raw(3, ["eth", "btc"]))
    put(tmp_path, raw(3, ["btc"]), "trxusdt")

    assert a_source(tmp_path, ["TRXUSDT", "XRPUSDT"]).symbols() == (
        "TRXUSDT",
        "XRPUSDT",
        "BTCUSDT",
        "ETHUSDT",
    )
    assert a_source(tmp_path, correlation_symbols=["SOLUSDT"]).symbols() == ("XRPUSDT",)


def test_context_is_united_on_time_over_the_files(tmp_path):
    put(tmp_path, raw(4, ["btc"]))
    put(tmp_path, raw(4, ["btc"], first=3), "trxusdt")
    source = a_source(tmp_path, ["XRPUSDT", "TRXUSDT"])

    assert list(source.candles("BTCUSDT")) == [a_candle(bar, "BTCUSDT") for bar in range(7)]
    assert source.findings("BTCUSDT") == ()


def test_where_files_disagree_the_first_configured_counts_and_it_is_told(tmp_path):
    put(tmp_path, raw(4, ["btc"]))
    put(tmp_path, changed(raw(4, ["btc"]), 2, close_btc=102.5), "trxusdt")

    first = a_source(tmp_path, ["XRPUSDT", "TRXUSDT"])
    other = a_source(tmp_path, ["TRXUSDT", "XRPUSDT"])

    assert first.candles("BTCUSDT")[2].close == 103.0
    assert other.candles("BTCUSDT")[2].close == 102.5
    (finding,) = first.findings("BTCUSDT")
    assert finding.kind is Kind.DISAGREEMENT
    assert "1 candle(s) of BTCUSDT in the file of TRXUSDT" in finding.detail


def test_a_context_symbol_with_its_own_file_is_taken_from_there(tmp_path):
    put(tmp_path, raw(4, ["btc"]))
    put(tmp_path, changed(raw(6), 1, close=100.5), "btcusdt")
    source = a_source(tmp_path)

    assert len(source.candles("BTCUSDT")) == 6
    assert source.frame("XRPUSDT").correlated["BTCUSDT"].close[1] == 100.5


def test_a_hole_in_the_context_is_nan_for_research_and_refused_for_playing_back(tmp_path):
    names = ("open_btc", "high_btc", "low_btc", "close_btc", "volume_btc")
    put(tmp_path, changed(raw(4, ["btc"]), 2, **dict.fromkeys(names)))
    source = a_source(tmp_path)

    correlated = source.frame("XRPUSDT").correlated
    np.testing.assert_array_equal(correlated["BTCUSDT"].open, [100.0, 101.0, np.nan, 103.0])
    with pytest.raises(MissingCandles, match="15:15 UTC, then 2025-03-05 15:45 UTC"):
        source.candles("BTCUSDT")


def test_a_frame_has_every_configured_context_symbol(tmp_path):
    put(tmp_path, raw(3, ["btc"]))

    frame = a_source(tmp_path).frame("XRPUSDT")
    assert list(frame.correlated) == ["BTCUSDT", "ETHUSDT"]
    assert np.isnan(frame.correlated["ETHUSDT"].close).all()


def funding_file(folder, rates: list[float]) -> None:
    put(folder, raw(len(rates)).with_columns(pl.Series("funding_rate", rates)))


def test_a_settlement_has_the_rate_of_the_bar_after_it(tmp_path):
    # 16:00 is bar 4 of a file that begins at 15:00; its rate arrives in the column one bar late.
    funding_file(tmp_path, [0.0, 0.001, 0.001, 0.001, 0.001, 0.002, 0.002, 0.003])

    assert a_source(tmp_path).settlements("XRPUSDT") == (
        Settlement(START_MS + HOUR_BARS * BAR_MS, 0.002),
    )


def test_a_settlement_at_the_last_bar_has_that_bars_rate(tmp_path):
    funding_file(tmp_path, [0.001, 0.001, 0.001, 0.001, 0.002])

    assert a_source(tmp_path).settlements("XRPUSDT") == (
        Settlement(START_MS + HOUR_BARS * BAR_MS, 0.002),
    )


def test_a_settlement_at_another_hour_is_known_by_the_history_beside_the_file(tmp_path):
    bars = 80  # 15:00 to 10:45 the next day: settlements at bars 4, 36 and 68
    rates = pl.Series([0.0] * 4 + [0.0001] * 32 + [0.0002] * 32 + [0.0003] * 12)
    put(tmp_path, raw(bars).with_columns(rates.alias("funding_rate")))
    before = a_source(tmp_path).settlements("XRPUSDT")
    at_four_hours = START_MS + 20 * BAR_MS
    with History(tmp_path / FILE_NAME) as history:
        told = [
            Settlement(START_MS + 36 * BAR_MS + 4, 0.7),  # the file's own rate counts there
            Settlement(at_four_hours + 6, 0.00015, 101.0),
            Settlement(START_MS - 12 * BAR_MS, 0.4),  # before the file begins
            Settlement(START_MS + 84 * BAR_MS, 0.4),
        ]
        history.keep_settlements("XRPUSDT", told)
        history.keep_settlements("TRXUSDT", [Settlement(at_four_hours, 0.9)])

    settled = a_source(tmp_path).settlements("XRPUSDT")

    assert len(before) == 3
    assert [each for each in settled if each not in before] == [Settlement(at_four_hours, 0.00015)]
    assert list(settled) == sorted(settled, key=lambda each: each.at_ms)


def test_reading_the_history_leaves_nothing_beside_it(tmp_path):
    funding_file(tmp_path, [0.001] * 40)
    with History(tmp_path / FILE_NAME) as history:
        history.keep_settlements("XRPUSDT", [Settlement(START_MS, 0.1)])
    before = sorted(path.name for path in tmp_path.iterdir())

    a_source(tmp_path).settlements("XRPUSDT")

    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_history_that_is_being_written_is_read_too(tmp_path):
    funding_file(tmp_path, [0.0001] * 80)
    at_four_hours = START_MS + 20 * BAR_MS
    with History(tmp_path / FILE_NAME) as history:
        history.keep_settlements("XRPUSDT", [Settlement(at_four_hours, 0.7)])

        assert at_four_hours in [each.at_ms for each in a_source(tmp_path).settlements("XRPUSDT")]


def test_a_history_that_cannot_be_read_is_told(tmp_path):
    put(tmp_path, raw(5))
    (tmp_path / FILE_NAME).write_bytes(b"not a database, and longer than its header would be" * 9)

    with pytest.raises(DataError, match="history of funding"):
        a_source(tmp_path).settlements("XRPUSDT")


def test_a_rate_of_zero_is_settled_and_a_missing_one_is_not(tmp_path):
    bars = 80  # 15:00 to 10:45 the next day: settlements at bars 4, 36 and 68
    rates = [0.0] * 30 + [0.001] * 20 + [0.0] * 30
    funding_file(tmp_path, rates)

    assert len(rates) == bars
    assert a_source(tmp_path).settlements("XRPUSDT") == (
        Settlement(START_MS + 36 * BAR_MS, 0.001),
        Settlement(START_MS + 68 * BAR_MS, 0.0),
    )


def test_a_file_that_cannot_be_trusted_is_refused_when_it_is_used(tmp_path):
    put(tmp_path, changed(raw(4), 2, high=1.0))
    source = a_source(tmp_path)

    with pytest.raises(DataError, match="impossible"):
        source.candles("XRPUSDT")
