"""History from the archive: months, days, checksums, and what goes wrong on the way."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from cointrader.app.fetch.fetch import fetch
from cointrader.app.fetch.plan import HISTORY_NAME, Source
from cointrader.domain.errors import ConfigError, DataError, MissingCandles, Unreachable
from cointrader.market.history import History
from tests.unit.fetch.serving import (
    BTC,
    ETH,
    MARKET,
    XRP,
    Archive,
    ClockAt,
    a_plan,
    archive_of,
    archive_server,
    day,
    exchange,
    fetched,
    frame_in,
    table,
    with_metrics,
)
from tests.unit.fetch.test_fetch import assert_same

MONTHS = ("2026-01", "2026-02")  # days 0 to 58
NOW = day(62) + 5 * 3_600_000


@cache
def files():
    made = archive_of((XRP, BTC, ETH), MONTHS, ("2026-03-01", "2026-03-02", "2026-03-03"))
    return with_metrics(made, XRP, 9, 62).files


def an_archive() -> Archive:
    """Two months of all three, and days 59 to 61; open interest from day 9 on."""
    return Archive(dict(files()))


async def from_archive(folder, archive, **changed):
    async with archive_server(archive) as url:
        plan = a_plan(folder, archive_url=url, source=Source.ARCHIVE, from_ms=day(10))
        return await fetch(replace(plan, **changed), ClockAt(NOW))


async def test_months_and_days_together_are_the_market(tmp_path):
    archive = an_archive()

    outcome = await from_archive(tmp_path, archive)

    wanted = MARKET.frame(XRP).between(day(10), day(62))
    found = frame_in(tmp_path)
    assert_same(found, replace(wanted, funding_rate=found.funding_rate))
    january_and_february = slice(0, (59 - 10) * 96)
    assert np.array_equal(
        found.funding_rate[january_and_february], wanted.funding_rate[january_and_february]
    )
    # March's settlements have no file yet; the last one stands until the next was due.
    assert np.isnan(found.funding_rate[(59 - 10) * 96 :]).all()
    assert (outcome.failed, outcome.warnings) == ({}, [])


async def test_files_are_asked_for_once(tmp_path):
    archive = an_archive()
    await from_archive(tmp_path, archive)
    before = (tmp_path / "xrpusdt/combined_15m.parquet").read_bytes()
    archive.asked.clear()

    await from_archive(tmp_path, archive)

    march = "data/futures/um/monthly/fundingRate/XRPUSDT/XRPUSDT-fundingRate-2026-03.zip"
    assert march not in archive.asked  # it is not over
    assert not [path for path in archive.asked if "2026-03-04" not in path]
    assert (tmp_path / "xrpusdt/combined_15m.parquet").read_bytes() == before


async def test_the_day_before_is_not_there_yet_and_comes_with_the_next_fetch(tmp_path):
    archive = an_archive()
    late = [path for path in archive.files if "2026-03-03" in path]
    kept = {path: archive.files.pop(path) for path in late}

    await from_archive(tmp_path, archive)
    first = len(table(tmp_path))
    archive.files |= kept
    await from_archive(tmp_path, archive)

    assert (first, len(table(tmp_path))) == (51 * 96, 52 * 96)


@pytest.mark.parametrize(
    "trouble", [{"truncated": 2}, {"failing": 3}, {"failing": 3, "status": 429}]
)
async def test_a_zip_cut_off_and_a_server_that_fails_are_asked_again(tmp_path, trouble):
    calm, stormy = an_archive(), an_archive()
    for name, value in trouble.items():
        setattr(stormy, name, value)

    await from_archive(tmp_path / "calm", calm)
    await from_archive(tmp_path / "stormy", stormy)

    name = "xrpusdt/combined_15m.parquet"
    assert (tmp_path / "stormy" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes()
    assert stormy.asked.total() > calm.asked.total()


async def test_a_zip_that_stays_cut_off_stops_it_and_a_whole_one_later_ends_it(tmp_path):
    archive = an_archive()
    bad = "data/futures/um/monthly/klines/BTCUSDT/15m/BTCUSDT-15m-2026-02.zip"
    whole = archive.files[bad]
    archive.files[bad] = whole[:-100]

    with pytest.raises(ExceptionGroup) as told:
        await from_archive(tmp_path / "broken", archive)

    assert told.group_contains(DataError, match="not what its checksum says")
    assert not (tmp_path / "broken/xrpusdt").exists()
    archive.files[bad] = whole
    await from_archive(tmp_path / "broken", archive)
    await from_archive(tmp_path / "calm", an_archive())
    name = "xrpusdt/combined_15m.parquet"
    assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes()


async def test_a_file_without_a_checksum_is_not_believed(tmp_path):
    archive = an_archive()
    for path in [path for path in archive.files if path.endswith("-2026-01.zip.CHECKSUM")]:
        del archive.files[path]

    with pytest.raises(ExceptionGroup) as told:
        await from_archive(tmp_path, archive)

    assert told.group_contains(DataError, match="no checksum")


async def test_an_archive_that_is_away_or_refuses_is_told(tmp_path):
    plan = a_plan(
        tmp_path, archive_url="http://127.0.0.1:9", source=Source.ARCHIVE, from_ms=day(10)
    )
    with pytest.raises(ExceptionGroup) as away:
        await fetch(plan, ClockAt(NOW))
    refusing = an_archive()
    refusing.failing, refusing.status = 10_000, 403
    with pytest.raises(ExceptionGroup) as refused:
        await from_archive(tmp_path, refusing)

    assert away.group_contains(Unreachable, match="archive cannot be reached")
    assert refused.group_contains(ConfigError, match="archive refuses")


async def test_an_unknown_symbol_has_no_files_and_so_no_candles(tmp_path):
    outcome = await from_archive(tmp_path, an_archive(), symbols=("NONEUSDT",))

    assert isinstance(outcome.failed["NONEUSDT"], MissingCandles)


async def test_a_missing_day_of_open_interest_is_missing_and_not_asked_for_again(tmp_path):
    archive = an_archive()
    gone = [path for path in archive.files if "metrics-2026-02-10" in path]
    for path in gone:
        del archive.files[path]

    outcome = await from_archive(tmp_path, archive)
    archive.asked.clear()
    await from_archive(tmp_path, archive)

    change = frame_in(tmp_path).oi_change
    day_40 = slice(30 * 96 + 1, 31 * 96 + 1)  # what is stamped with a close is known a bar later
    assert np.isnan(change[day_40]).all()
    assert np.isnan(change).sum() == 96 + 1  # and the change to the first amount after it
    assert outcome.symbols[0].gaps["oi_change"] == 1
    assert not [path for path in archive.asked if "2026-02-10" in path]


async def test_auto_takes_old_open_interest_from_the_archive_and_the_rest_from_rest(tmp_path):
    archive = with_metrics(Archive(), XRP, 9, 62)
    async with exchange(day(62)) as rest, archive_server(archive) as url:
        plan = a_plan(tmp_path, rest, archive_url=url, from_ms=day(10))
        outcome = await fetched(plan)

    assert_same(frame_in(tmp_path), MARKET.frame(XRP).between(day(10), day(62)))
    assert outcome.warnings == []
    assert not [path for path in archive.asked if "metrics" not in path]
    assert not [path for path in archive.asked if "2026-02-05" in path]  # REST has it


async def test_auto_goes_on_without_an_archive_that_is_away_and_says_so(tmp_path):
    async with exchange(day(62)) as rest:
        plan = a_plan(tmp_path, rest, archive_url="http://127.0.0.1:9", from_ms=day(10))
        outcome = await fetched(plan)
        again = await fetched(replace(plan, archive_url=None))

    assert outcome.symbols[0].coverage["funding_rate"] == 1.0
    assert "the archive was not read" in outcome.warnings[0]
    assert "was not fetched" in again.warnings[0]  # it is not taken for known


async def test_the_checksum_that_was_believed_is_written_down(tmp_path):
    archive = an_archive()
    await from_archive(tmp_path, archive)
    path = "data/futures/um/monthly/klines/XRPUSDT/15m/XRPUSDT-15m-2026-01.zip"

    with History(tmp_path / HISTORY_NAME) as history:
        assert history.has_read(path)
        found = history._connection.execute("SELECT sha256 FROM files WHERE name = ?", (path,))
        ((total,),) = found.fetchall()
    assert archive.files[f"{path}.CHECKSUM"].decode().startswith(total)
