"""History fetched from a served exchange: what arrives, what is asked, what stays as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cointrader.app.fetch.fetch import fetch
from cointrader.app.fetch.plan import HISTORY_NAME, Source
from cointrader.domain.errors import ConfigError, DataError, MissingCandles, Unreachable
from cointrader.exchange.binance.endpoints import LIVE
from cointrader.market.combined import write_combined
from cointrader.market.frame import COLUMN_NAMES, Columns
from cointrader.market.source import FolderSource
from tests.unit.fetch.serving import (
    BAR_MS,
    BTC,
    ETH,
    MARKET,
    TRX,
    XRP,
    HurriedClock,
    a_plan,
    day,
    exchange,
    fetched,
    frame_in,
    table,
)

TAILS = 2  # requests for what is newest: the last minutes of funding and of open interest


def assert_same(frame, wanted, *, oi_from=0):
    """Every value the same, to the last bit."""
    assert np.array_equal(frame.open_time_ms, wanted.open_time_ms)
    for one, other in zip(frame.candles.arrays(), wanted.candles.arrays(), strict=True):
        assert np.array_equal(one, other)
    assert list(frame.correlated) == list(wanted.correlated)
    for name, columns in frame.correlated.items():
        pairs = zip(columns.arrays(), wanted.correlated[name].arrays(), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)
    assert np.array_equal(frame.funding_rate, wanted.funding_rate, equal_nan=True)
    assert np.array_equal(frame.oi_change[oi_from:], wanted.oi_change[oi_from:], equal_nan=True)


async def test_candles_funding_and_open_interest_are_those_that_were_served(tmp_path):
    async with exchange(day(60)) as url:
        outcome = await fetched(a_plan(tmp_path, url, symbols=(XRP, TRX), days=28))

    for symbol in (XRP, TRX):
        wanted = MARKET.frame(symbol).between(day(32), day(60))
        assert_same(frame_in(tmp_path, symbol), wanted)
        assert not np.isnan(wanted.oi_change).any()
    (xrp, trx) = outcome.symbols
    assert (xrp.symbol, trx.symbol) == (XRP, TRX)
    assert (xrp.candles, xrp.added, xrp.changed) == (28 * 96, 28 * 96, 0)
    assert set(xrp.coverage.values()) == {1.0}
    assert set(xrp.gaps.values()) == {0}
    assert outcome.failed == {}


async def test_a_reader_of_the_file_finds_the_settlements_that_were_served(tmp_path):
    async with exchange(day(60)) as url:
        await fetched(a_plan(tmp_path, url))

    known = FolderSource(tmp_path, [XRP]).settlements(XRP)

    assert list(known) == [s for s in MARKET.settlements(XRP) if day(20) <= s.at_ms < day(60)]


async def test_open_interest_older_than_a_month_is_missing_and_never_zero(tmp_path):
    async with exchange(day(60)) as url:
        outcome = await fetched(a_plan(tmp_path, url))

    known = ~np.isnan(frame_in(tmp_path).oi_change)
    first = int(np.argmax(known))
    assert first in (11 * 96 + 1, 11 * 96 + 2)  # a moment later the oldest is gone
    assert known[first:].all()
    assert outcome.symbols[0].coverage["oi_change"] == pytest.approx(29 / 40, abs=1e-3)
    assert outcome.symbols[0].gaps["oi_change"] == 1
    assert "open interest of XRPUSDT before 2026-02-01 00:00 UTC" in outcome.warnings[0]


async def test_before_a_symbol_was_listed_there_is_nothing_and_it_is_not_asked_for_again(tmp_path):
    requests = []
    async with exchange(day(30)) as url:
        plan = a_plan(tmp_path, url, days=300)
        await fetched(plan)
        await fetch(plan, HurriedClock(), lambda done, _all: requests.append(done))

    assert_same(frame_in(tmp_path), MARKET.frame(XRP).between(day(0), day(30)), oi_from=98)
    assert sum(requests) <= TAILS


async def test_what_is_stored_is_not_fetched_again_not_even_without_the_history(tmp_path):
    requests = []
    async with exchange(day(60)) as url:
        plan = a_plan(tmp_path, url, days=25)
        await fetched(plan)
        before = (tmp_path / "xrpusdt/combined_15m.parquet").read_bytes()
        for number in range(2):
            if number:
                (tmp_path / HISTORY_NAME).unlink()
            outcome = await fetch(plan, HurriedClock(), lambda done, _all: requests.append(done))
            assert (outcome.symbols[0].added, outcome.symbols[0].changed) == (0, 0)

    assert (tmp_path / "xrpusdt/combined_15m.parquet").read_bytes() == before
    # Funding and open interest are not in the file as they were told; candles are.
    assert 15 <= sum(requests) <= TAILS + 15 + TAILS


async def test_candles_that_are_still_open_are_left_for_later(tmp_path):
    async with exchange(day(60)) as url:  # the bar that opens now is told too, as on Binance
        await fetched(a_plan(tmp_path, url, days=1, to_ms=day(61)))

    assert int(frame_in(tmp_path).open_time_ms[-1]) == day(60) - BAR_MS


async def test_35_days_more_change_only_what_they_must(tmp_path):
    once, twice = tmp_path / "once", tmp_path / "twice"
    async with exchange(day(40)) as url:
        await fetched(a_plan(twice, url, from_ms=day(2)))
    old = table(twice)
    async with exchange(day(70.5)) as url:
        outcome = await fetched(a_plan(twice, url, days=35))
        await fetched(a_plan(once, url, from_ms=day(2)))

    new = table(twice)
    assert new.head(len(old)).equals(old)
    assert len(new) == (70.5 - 2) * 96
    assert (outcome.symbols[0].added, outcome.symbols[0].changed) == (30.5 * 96, 0)
    # In one go there is less of it: the exchange had forgotten some open interest by then.
    assert new.drop("oi_change").equals(table(once).drop("oi_change"))
    assert new["oi_change"].null_count() < table(once)["oi_change"].null_count()


async def test_a_range_that_does_not_touch_the_file_is_joined_to_it(tmp_path):
    async with exchange(day(60)) as url:
        await fetched(a_plan(tmp_path, url, from_ms=day(5), to_ms=day(10)))
        await fetched(a_plan(tmp_path, url, from_ms=day(50)))

    assert_same(frame_in(tmp_path), MARKET.frame(XRP).between(day(5), day(60)), oi_from=30 * 96)


async def test_a_candle_that_was_stored_before_it_closed_is_completed(tmp_path):
    frame = MARKET.frame(XRP).between(day(50), day(60))
    values = [column.copy() for column in frame.candles.arrays()]
    values[4][-1] /= 2  # it was stored half-way
    half = replace(frame, candles=Columns(*values))
    write_combined(tmp_path, half, stored_ms=day(60) - BAR_MS // 2)
    async with exchange(day(61)) as url:
        await fetched(a_plan(tmp_path, url, from_ms=day(50)))

    assert_same(frame_in(tmp_path), MARKET.frame(XRP).between(day(50), day(61)))


def foreign(folder, *, gap=(), open_last=True):
    """A file as the founding bot stored it: late funding, no open interest, its last bar open."""
    frame = MARKET.frame(XRP).between(day(30), day(50))
    rate = np.concatenate(([0.0], frame.funding_rate[:-1]))  # a few ms late is a bar late
    data = dict(zip(COLUMN_NAMES, frame.candles.arrays(), strict=True))
    stamps = pl.Series(frame.open_time_ms).cast(pl.Datetime("ms", "UTC"))
    made = pl.DataFrame({**data, "oi_change": 0.0, "funding_rate": rate, "timestamp": stamps})
    number = pl.int_range(pl.len())
    if open_last:
        made = made.with_columns(
            volume=pl.when(number == pl.len() - 1).then(1.0).otherwise(pl.col("volume"))
        )
    path = folder / "xrpusdt" / "combined_15m.parquet"
    path.parent.mkdir(parents=True)
    made.filter(~number.is_in(list(gap))).write_parquet(path)


async def test_a_file_from_elsewhere_is_completed_and_keeps_its_other_rows(tmp_path):
    foreign(tmp_path)
    async with exchange(day(52)) as url:
        outcome = await fetched(a_plan(tmp_path, url, from_ms=day(45)))

    new, wanted = frame_in(tmp_path), MARKET.frame(XRP).between(day(30), day(52))
    assert np.array_equal(new.candles.volume, wanted.candles.volume)
    assert np.array_equal(new.funding_rate[15 * 96 :], wanted.funding_rate[15 * 96 :])
    assert new.funding_rate[32] == wanted.funding_rate[31]  # late, as it was
    assert np.isnan(new.oi_change[: 15 * 96]).all()
    assert np.array_equal(new.oi_change[15 * 96 :], wanted.oi_change[15 * 96 :])
    assert list(new.correlated) == [BTC, ETH]
    assert outcome.symbols[0].added == 2 * 96 + 1


async def test_a_gap_in_a_file_is_filled_wherever_it_is(tmp_path):
    foreign(tmp_path, gap=(100, 101, 102))
    async with exchange(day(50)) as url:
        outcome = await fetched(a_plan(tmp_path, url, from_ms=day(49)))

    assert np.array_equal(
        frame_in(tmp_path).candles.close, MARKET.frame(XRP).between(day(30), day(50)).candles.close
    )
    assert outcome.symbols[0].added == 4


async def test_a_file_that_cannot_be_read_is_told_and_left_alone_and_others_go_on(tmp_path):
    path = tmp_path / "trxusdt" / "combined_15m.parquet"
    path.parent.mkdir()
    path.write_bytes(b"PAR1 and then the disk was full")
    async with exchange(day(60)) as url:
        plan = a_plan(tmp_path, url, symbols=(XRP, TRX), days=5)
        outcome = await fetched(plan)
        with pytest.raises(DataError, match="not a whole parquet file"):
            await fetched(replace(plan, symbols=(TRX,)))

    assert list(outcome.failed) == [TRX]
    assert [each.symbol for each in outcome.symbols] == [XRP]
    assert path.read_bytes() == b"PAR1 and then the disk was full"


@pytest.mark.parametrize(
    "faults",
    [
        "unavailable(call=any):0.3",
        "internal-error(call=any):0.3",
        "answer-truncated:0.3",
        "rate-limited(seconds=1):0.1",
    ],
)
async def test_faults_on_the_way_change_nothing_in_the_file(tmp_path, faults):
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    async with exchange(day(60)) as url:
        await fetched(a_plan(calm, url, days=25))
    async with exchange(day(60), faults=faults) as url:
        await fetched(a_plan(stormy, url, days=25))

    name = "xrpusdt/combined_15m.parquet"
    assert (stormy / name).read_bytes() == (calm / name).read_bytes()


class Stopped(Exception):
    """Whoever was waiting has gone."""


async def test_an_interrupted_fetch_goes_on_where_it_was_and_ends_with_the_same_file(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    requests = []

    def stop_after_five(done, _all):
        requests.append(done)
        if sum(requests) == 5:
            raise Stopped

    async with exchange(day(60)) as url:
        await fetch(a_plan(whole, url, days=25), HurriedClock(), lambda d, _a: requests.append(d))
        all_of_them = sum(requests)
        requests.clear()
        with pytest.raises(ExceptionGroup) as stopped:
            await fetch(a_plan(broken, url, days=25), HurriedClock(), stop_after_five)
        assert stopped.group_contains(Stopped)
        await fetch(a_plan(broken, url, days=25), HurriedClock(), lambda d, _a: requests.append(d))

    name = "xrpusdt/combined_15m.parquet"
    assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert sum(requests) <= all_of_them + 3  # what was on its way when it was stopped


async def test_an_unknown_symbol_is_a_mistake_of_the_caller_with_names_that_are_near(tmp_path):
    async with exchange(day(60)) as url:
        with pytest.raises(ExceptionGroup) as told:
            await fetched(a_plan(tmp_path, url, symbols=("XRPUSD",)))

    assert told.group_contains(ConfigError, match="no such symbol")
    assert "XRPUSDT" in str(told.value.exceptions[0])
    assert not (tmp_path / "xrpusd").exists()


async def test_nobody_there_is_told_and_the_file_stays(tmp_path):
    with pytest.raises(Unreachable, match="cannot be reached"):
        await fetched(a_plan(tmp_path))


async def test_a_time_without_candles_is_not_enough_data(tmp_path):
    async with exchange(day(20)) as url:
        with pytest.raises(MissingCandles, match="has closed yet"):
            await fetched(a_plan(tmp_path, url, from_ms=day(21)))
        outcome = await fetched(a_plan(tmp_path, url, from_ms=day(-9), to_ms=day(-2)))

    assert isinstance(outcome.failed[XRP], MissingCandles)
    assert "no candles of XRPUSDT were found" in str(outcome.failed[XRP])


async def test_histories_of_two_exchanges_are_not_mixed(tmp_path):
    async with exchange(day(60)) as url:
        await fetched(a_plan(tmp_path, url, days=2))
    with pytest.raises(ConfigError, match="another exchange"):
        await fetched(a_plan(tmp_path, LIVE.rest, source=Source.ARCHIVE))


async def test_a_broken_history_is_told(tmp_path):
    (tmp_path / HISTORY_NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(DataError, match="history cannot be used") as told:
        await fetched(a_plan(tmp_path))

    assert "move it away" in str(told.value)
