"""Names and contents of the public archive's files."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from cointrader.domain.errors import DataError
from cointrader.market.archive import (
    ArchiveFile,
    Kind,
    candles_in,
    days_of,
    file_named,
    months_of,
    open_interest_in,
    require_sum,
    settlements_in,
    unpacked,
)

JANUARY = 1_735_689_600_000  # 2025-01-01
DAY_MS = 86_400_000
KLINES = ArchiveFile(Kind.KLINES, "XRPUSDT", "2025-01", "15m")
METRICS = ArchiveFile(Kind.METRICS, "HYPEUSDT", "2025-05-30")
SAMPLE = (
    Path(__file__).parents[4]
    / "shared/data/open_interest/binance_vision_metrics_format_sample_HYPEUSDT.csv"
)


@pytest.mark.parametrize(
    ("file", "path"),
    [
        (
            ArchiveFile(Kind.KLINES, "XRPUSDT", "2026-10", "15m"),
            "data/futures/um/monthly/klines/XRPUSDT/15m/XRPUSDT-15m-2026-10.zip",
        ),
        (
            ArchiveFile(Kind.METRICS, "XRPUSDT", "2026-11-18"),
            "data/futures/um/daily/metrics/XRPUSDT/XRPUSDT-metrics-2026-11-18.zip",
        ),
        (
            ArchiveFile(Kind.FUNDING, "XRPUSDT", "2026-10"),
            "data/futures/um/monthly/fundingRate/XRPUSDT/XRPUSDT-fundingRate-2026-10.zip",
        ),
    ],
)
def test_files_are_where_the_archive_has_them_and_are_known_by_their_names(file, path):
    assert file.path == path
    assert file_named(f"{file.name}.zip") == file
    assert file_named(f"{file.name}.csv") == file


@pytest.mark.parametrize(
    "name",
    [
        "XRPUSDT-15m-2026-13.zip",
        "XRPUSDT-7m-2026-10.zip",
        "XRPUSDT-trades-2026-10.zip",
        "XRPUSDT-15m-2026-10.zip.CHECKSUM",
        "combined_15m.parquet",
    ],
)
def test_other_names_are_none_of_the_archive(name):
    assert file_named(name) is None


def test_months_and_days_of_a_span():
    span = (JANUARY + 30 * DAY_MS + 5, JANUARY + 32 * DAY_MS)

    assert [f.period for f in months_of(Kind.FUNDING, "XRPUSDT", span)] == ["2025-01", "2025-02"]
    assert [f.period for f in days_of(Kind.METRICS, "XRPUSDT", span)] == [
        "2025-01-31",
        "2025-02-01",
    ]
    assert days_of(Kind.METRICS, "XRPUSDT", (span[0], span[0])) == []
    december = ArchiveFile(Kind.FUNDING, "XRPUSDT", "2024-12")
    assert december.span == (JANUARY - 31 * DAY_MS, JANUARY)


ROWS = (
    f"{JANUARY + 900_000},2.1,2.2,2.0,2.15,10,1,0,0,0,0,0\n"
    f"{JANUARY},2.0,2.2,1.9,2.1,20.5,1,0,0,0,0,0\n"
)


@pytest.mark.parametrize("header", ["", "open_time,open,high,low,close,volume,close_time\n"])
def test_candles_are_read_with_and_without_a_line_of_names(header):
    times, columns = candles_in(header + ROWS, KLINES, "a file")

    assert times.tolist() == [JANUARY, JANUARY + 900_000]
    assert columns.close.tolist() == [2.1, 2.15]
    assert columns.volume.tolist() == [20.5, 10.0]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (f"{JANUARY}000,2,2,2,2,1", "spot market"),  # µs
        (f"{JANUARY + 1},2,2,2,2,1", "open times of XRPUSDT-15m-2025-01"),
        (f"{JANUARY + 31 * DAY_MS},2,2,2,2,1", "open times of"),
        (f"{JANUARY},2,2,2", "6 fields"),
        (f"{JANUARY},2,2,nan,2,1", "a number"),
        (f"{JANUARY},2,2,,2,1", "a number"),
        ("yesterday,2,2,2,2,1", "a time in ms"),
    ],
)
def test_a_line_that_cannot_be_of_this_file_is_told_with_its_number(row, why):
    with pytest.raises(DataError, match="cannot be read") as told:
        candles_in(ROWS + row + "\n", KLINES, "a.zip")

    assert "a.zip, line 3" in str(told.value)
    assert why in str(told.value)


def test_settlements_are_read_and_a_rate_of_zero_is_a_rate():
    text = f"calc_time,funding_interval_hours,last_funding_rate\n{JANUARY + 6},8,0.00000000\n"

    (settled,) = settlements_in(text, "a file")

    assert (settled.at_ms, settled.rate, settled.mark_price) == (JANUARY + 6, 0.0, None)


def test_open_interest_is_put_in_order_and_blanks_and_zeros_are_not_known():
    text = (
        "create_time,symbol,sum_open_interest,sum_open_interest_value\n"
        "2025-05-30 00:15:00,HYPEUSDT,30.5,1\n"
        "2025-05-30 00:10:00,HYPEUSDT,0,0\n"
        "2025-05-30 00:05:00,HYPEUSDT,20.25,1\n"
        "2025-05-30 00:05:00,HYPEUSDT,20.25,1\n"
        "2025-05-30 00:00:00,HYPEUSDT,,\n"
    )

    times, amounts = open_interest_in(text, METRICS, "a file")

    assert (times - METRICS.span[0]).tolist() == [300_000, 900_000]
    assert amounts.tolist() == [20.25, 30.5]


def test_rows_of_another_symbol_are_refused():
    with pytest.raises(DataError, match="cannot be read"):
        open_interest_in("2025-05-30 00:15:00,XRPUSDT,30.5,1\n", METRICS, "a file")


@pytest.mark.skipif(not SAMPLE.is_file(), reason="the shared real data are not here")
def test_a_real_metrics_file_is_read():
    times, amounts = open_interest_in(SAMPLE.read_text(), METRICS, "the sample")

    assert times[0] - METRICS.span[0] == (10 * 60 + 30) * 60_000
    assert amounts[:3].tolist() == [14088.01, 19421.23, 22069.32]


def packed(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "text")
    return file.getvalue()


def test_a_zip_is_unpacked_and_what_is_no_whole_zip_is_refused():
    data = packed("a.csv")

    assert unpacked(data, "a.zip") == unpacked(b"text", "a.csv") == "text"
    for broken in (data[: len(data) // 2], packed("a.csv", "b.csv"), packed(), b"\xff\xfe"):
        with pytest.raises(DataError) as told:
            unpacked(broken, "a.zip")
        assert "a.zip" in str(told.value)


def test_a_checksum_is_believed_and_a_wrong_one_is_not():
    total = hashlib.sha256(b"data").hexdigest()

    assert require_sum(b"data", f"{total}  a.zip\n", "a.zip") == total
    for wrong in (f"{total[::-1]}  a.zip", "", "<html>"):
        with pytest.raises(DataError, match="not what its checksum says"):
            require_sum(b"data", wrong, "a.zip")
