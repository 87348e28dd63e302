"""Files of freqtrade and of the archive that are on disk already."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cointrader.app.fetch.imports import import_files
from cointrader.domain.errors import DataError, MissingCandles, UsageError
from cointrader.market.source import FolderSource
from tests.unit.fetch.serving import (
    BTC,
    ETH,
    MARKET,
    XRP,
    ClockAt,
    a_plan,
    archive_of,
    day,
    exchange,
    fetched,
    frame_in,
    with_metrics,
)
from tests.unit.fetch.test_fetch import assert_same

NOW = day(70)
NAMES = {XRP: "XRP_USDT_USDT", BTC: "BTC_USDT_USDT", ETH: "ETH_USDT_USDT"}


def imported(folder, *paths, **changed):
    return import_files(a_plan(folder, **changed), paths, ClockAt(NOW))


def freqtrade(folder, first=10, last=60, *, ending="feather", symbols=(XRP, BTC, ETH), unit="ms"):
    """What freqtrade has of so many days; its last candle is the one that opens at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    for symbol in symbols:
        frame = MARKET.frame(symbol).between(day(first), day(last) + 1)
        values = [column.copy() for column in frame.candles.arrays()]
        values[4][-1] /= 3
        names = ("open", "high", "low", "close", "volume")
        rates = [s for s in MARKET.settlements(symbol) if day(first) <= s.at_ms < day(last)]
        funding = np.array([s.rate for s in rates])
        for what, at_ms, columns in (
            ("15m-futures", frame.open_time_ms, values),
            ("8h-funding_rate", np.array([s.at_ms for s in rates]), [funding, *[funding * 0] * 4]),
        ):
            dates = pl.Series("date", at_ms).cast(pl.Datetime("ms", "UTC"))
            dates = dates.dt.cast_time_unit(unit)
            data = pl.DataFrame([dates, *map(pl.Series, names, columns)])
            path = folder / f"{NAMES[symbol]}-{what}.{ending}"
            if ending == "feather":
                data.write_ipc(path, compression="lz4")
            else:
                data.write_parquet(path)
    return folder


@pytest.mark.parametrize(("ending", "unit"), [("feather", "ms"), ("parquet", "ns")])
def test_a_folder_of_freqtrade_becomes_a_file_of_ours(tmp_path, ending, unit):
    source = freqtrade(tmp_path / "freqtrade", ending=ending, unit=unit)

    outcome = imported(tmp_path, source)

    found, wanted = frame_in(tmp_path), MARKET.frame(XRP).between(day(10), day(60))
    assert np.isnan(found.oi_change).all()
    assert np.array_equal(found.candles.volume, wanted.candles.volume)  # the open one is left out
    assert_same(found, wanted, oi_from=len(wanted))
    assert [each.symbol for each in outcome.symbols] == [XRP]
    known = FolderSource(tmp_path, [XRP]).settlements(XRP)
    assert list(known) == [s for s in MARKET.settlements(XRP) if day(10) <= s.at_ms < day(60)]


async def test_what_was_imported_is_not_fetched_and_what_lacks_is(tmp_path):
    imported(tmp_path, freqtrade(tmp_path / "freqtrade", 40, 45))
    (tmp_path / "history.db").rename(tmp_path / "elsewhere.db")  # it was of the real exchange

    async with exchange(day(60)) as url:
        await fetched(a_plan(tmp_path, url, from_ms=day(35)))

    assert_same(frame_in(tmp_path), MARKET.frame(XRP).between(day(35), day(60)))


def test_files_of_the_archive_are_read_from_disk(tmp_path):
    archive = with_metrics(archive_of((XRP, BTC), ("2026-01", "2026-02"), ()), XRP, 20, 59)
    source = tmp_path / "archive"
    for path, data in archive.files.items():
        at = source / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(data)

    outcome = imported(tmp_path, source, correlation_symbols=(BTC,))

    found, wanted = frame_in(tmp_path), MARKET.frame(XRP).between(day(0), day(59))
    assert np.array_equal(found.candles.close, wanted.candles.close)
    assert list(found.correlated) == [BTC]
    assert np.array_equal(found.oi_change[20 * 96 + 2 :], wanted.oi_change[20 * 96 + 2 :])
    assert np.array_equal(found.funding_rate, wanted.funding_rate, equal_nan=True)
    assert outcome.failed == {}


def test_a_file_of_the_archive_beside_a_checksum_that_is_not_its_own_is_refused(tmp_path):
    archive = archive_of((XRP,), ("2026-01",), ())
    for path, data in archive.files.items():
        at = tmp_path / "archive" / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(data[:-1] if path.endswith(".zip") else data)

    with pytest.raises(DataError, match="not what its checksum says"):
        imported(tmp_path, tmp_path / "archive")

    assert not (tmp_path / "xrpusdt").exists()


def test_open_interest_alone_completes_a_file_that_is_there(tmp_path):
    imported(tmp_path, freqtrade(tmp_path / "freqtrade"))
    csv = with_metrics(archive_of((), (), ()), XRP, 20, 30)
    for path, data in csv.files.items():
        at = tmp_path / "metrics" / path.rpartition("/")[2]
        at.parent.mkdir(exist_ok=True)
        at.write_bytes(data)

    outcome = imported(tmp_path, tmp_path / "metrics")

    known = ~np.isnan(frame_in(tmp_path).oi_change)
    assert np.flatnonzero(known).tolist() == list(range(10 * 96 + 2, 20 * 96))
    assert (outcome.symbols[0].added, outcome.symbols[0].changed) == (0, 10 * 96 - 2)


def test_a_gap_between_files_is_told_and_nothing_is_written(tmp_path):
    source = freqtrade(tmp_path / "a", 10, 20)
    imported(tmp_path, source)
    before = (tmp_path / "xrpusdt/combined_15m.parquet").read_bytes()

    outcome = imported(tmp_path, freqtrade(tmp_path / "b", 30, 40))

    assert isinstance(outcome.failed[XRP], MissingCandles)
    assert "candles are missing" in str(outcome.failed[XRP])
    assert (tmp_path / "xrpusdt/combined_15m.parquet").read_bytes() == before


def test_other_symbols_and_intervals_are_told(tmp_path):
    source = freqtrade(tmp_path / "freqtrade")

    with pytest.raises(MissingCandles, match="nothing to import") as told:
        imported(tmp_path, source, symbols=("DOGEUSDT",), correlation_symbols=())
    outcome = imported(tmp_path, source, correlation_symbols=())

    assert "XRPUSDT 15m" in str(told.value)
    assert "4 of 6 files are of other symbols" in outcome.warnings[0]


def test_what_is_no_history_is_told(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        imported(tmp_path, tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UsageError, match="no file here can be imported"):
        imported(tmp_path, tmp_path)
    spot = tmp_path / "XRP_USDT-15m.feather"
    spot.write_text("candles")
    with pytest.raises(DataError, match="spot market"):
        imported(tmp_path, spot)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"close": pl.Series([1.0], dtype=pl.Float32)}, "float64"),
        ({"date": pl.Series([0]).cast(pl.Datetime("ms"))}, "time zone"),
        ({"date": pl.Series([0])}, "time zone"),
        ({"close": None}, "no column close"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path, columns, why):
    made: dict[str, pl.Series | None] = dict.fromkeys(
        ("open", "high", "low", "close", "volume"), pl.Series([1.0])
    )
    made["date"] = pl.Series([0]).cast(pl.Datetime("ms", "UTC"))
    made |= columns
    path = tmp_path / "XRP_USDT_USDT-15m-futures.feather"
    pl.DataFrame({name: each for name, each in made.items() if each is not None}).write_ipc(path)

    with pytest.raises(DataError) as told:
        imported(tmp_path, path)

    assert why in str(told.value)


def test_half_a_feather_file_is_refused(tmp_path):
    source = freqtrade(tmp_path / "freqtrade", symbols=(XRP,))
    path = source / "XRP_USDT_USDT-15m-futures.feather"
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(DataError, match="cannot be read"):
        imported(tmp_path, path)
