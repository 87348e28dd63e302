"""A candle file is decoded once; from then on its numbers are read as they lay in memory."""

from __future__ import annotations

import os
import sys

import numpy as np
import polars as pl
import pytest

from cointrader.market import kept_tables
from cointrader.market.combined import read_combined
from cointrader.market.store import read_table
from tests.unit.market.made import put, raw


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of one's own, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "cointrader" / "candles"


@pytest.fixture
def without_polars(monkeypatch):
    return lambda: monkeypatch.setitem(sys.modules, "polars", None)


def everything(names):
    return [name for name in names if name != "timestamp"]


def of(path):
    table = read_table(path, everything)
    return table.open_time_ms.tolist(), {n: c.tolist() for n, c in table.columns.items()}


def test_a_file_is_read_again_without_what_decoded_it_and_to_the_last_bit(tmp_path, without_polars):
    path = put(tmp_path, raw(50, ["btc"]).with_columns(oi_change=pl.lit(None, pl.Float64)))
    first = read_table(path, everything)

    without_polars()
    again = read_table(path, everything)

    assert again.open_time_ms.dtype == np.int64
    assert again.open_time_ms.tobytes() == first.open_time_ms.tobytes()
    assert list(again.columns) == list(first.columns)
    for name, column in first.columns.items():
        assert again.columns[name].tobytes() == np.asarray(column, np.float64).tobytes(), name
    assert again.stored_ms == first.stored_ms
    assert len(read_combined(tmp_path, "XRPUSDT", "15m").frame) == 50


def test_another_file_in_its_place_is_decoded_anew(tmp_path):
    path = put(tmp_path, raw(50))
    before = of(path)
    put(tmp_path, raw(50).with_columns(volume=pl.col("volume") + 1.0))

    after = of(path)

    assert after[1]["volume"] == [value + 1.0 for value in before[1]["volume"]]
    assert after[1]["close"] == before[1]["close"]


def test_columns_that_nobody_had_asked_for_are_decoded_when_somebody_does(tmp_path):
    path = put(tmp_path, raw(5, ["btc"]))
    read_table(path, lambda _names: ["close"])

    assert "close_btc" in read_table(path, everything).columns


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-8],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"other" + content,
        lambda content: content.replace(b'"rows": 50', b'"rows": 25'),
        lambda content: content.splitlines(keepends=True)[0] + b"[]\n",
        lambda _: b"",
    ],
    ids=["cut", "a bit turned", "of something else", "other rows", "other values", "empty"],
)
def test_what_is_kept_and_not_whole_counts_for_nothing(tmp_path, cache, spoil):
    path = put(tmp_path, raw(50))
    right = of(path)
    (file,) = cache.iterdir()
    file.write_bytes(spoil(file.read_bytes()))

    assert of(path) == right
    assert of(path) == right  # and is kept anew


def test_nothing_is_kept_where_strangers_may_write(tmp_path, cache, without_polars):
    path = put(tmp_path, raw(50))
    cache.mkdir(parents=True)
    cache.chmod(0o777)

    read_table(path, everything)

    assert list(cache.iterdir()) == []


def test_a_file_too_large_or_not_there_has_no_key(tmp_path):
    path = put(tmp_path, raw(50))
    size = path.stat().st_size

    assert kept_tables.key_of(path, largest=size) is not None
    assert kept_tables.key_of(path, largest=size - 1) is None
    assert kept_tables.key_of(tmp_path / "nothing") is None


def test_what_was_used_longest_ago_makes_room(cache):
    hundred = np.arange(100)
    decoded = kept_tables.Decoded(("close",), hundred, {"close": hundred / 2.0}, None)
    two_of_them = 2 * 1_800  # bytes: sixteen for each row, and some words

    for at_ms, key in enumerate(["a", "b"]):
        kept_tables.keep(key, decoded, most=two_of_them)
        os.utime(cache / key, (at_ms, at_ms))
    assert kept_tables.kept("a") is not None
    kept_tables.keep("c", decoded, most=two_of_them)

    assert sorted(file.name for file in cache.iterdir()) == ["a", "c"]
