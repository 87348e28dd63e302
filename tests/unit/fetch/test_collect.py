"""Open interest, collected for as long as it runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from cointrader.app.fetch.collect import collect
from cointrader.app.fetch.plan import HISTORY_NAME
from cointrader.domain.errors import ConfigError, Unreachable
from cointrader.market.history import History
from tests.unit.fetch.serving import (
    MARKET,
    TRX,
    XRP,
    HurriedClock,
    a_plan,
    day,
    exchange,
    fetched,
    frame_in,
)


def stored(folder, symbol=XRP):
    with History(folder / HISTORY_NAME) as history:
        times, amounts = history.open_interest(symbol, (0, 2**60))
    return list(zip(times.tolist(), amounts.tolist(), strict=True))


async def test_the_first_round_takes_all_there_is_and_later_ones_what_is_new(tmp_path):
    said: list[str] = []
    requests: list[int] = []
    async with exchange(day(40)) as url:
        plan = a_plan(tmp_path, url, symbols=(XRP, TRX))
        await collect(plan, HurriedClock(), said.append, rounds=2)
    async with exchange(day(41)) as url:
        plan = replace(plan, rest_url=url)
        await collect(plan, HurriedClock(), said.append, lambda d, _a: requests.append(d), rounds=1)

    for symbol in (XRP, TRX):
        wanted = [row for row in MARKET.open_interest(symbol) if day(11) < row[0] <= day(41)]
        assert [row for row in stored(tmp_path, symbol) if row[0] > day(11)] == wanted
    assert sum(requests) == 2  # a page for each of them
    assert "stored: XRPUSDT until 2026-02-10 00:00 UTC" in said[0]
    assert len(said) == 2


async def test_what_was_collected_is_in_the_file_after_the_next_fetch(tmp_path):
    async with exchange(day(35)) as url:
        await collect(a_plan(tmp_path, url), HurriedClock(), print, rounds=1)
    async with exchange(day(62)) as url:
        await collect(a_plan(tmp_path, url), HurriedClock(), print, rounds=1)
        await fetched(a_plan(tmp_path, url, from_ms=day(7)))

    change = frame_in(tmp_path).oi_change
    assert np.array_equal(change, MARKET.frame(XRP).between(day(7), day(62)).oi_change)


async def test_a_network_that_goes_away_is_told_once_and_leaves_no_hole(tmp_path):
    said: list[str] = []
    async with exchange(day(40)) as url:
        plan = a_plan(tmp_path, url)
        collecting = asyncio.create_task(collect(plan, HurriedClock(), said.append))
        while not said:
            await asyncio.sleep(0.01)
    while len(said) < 2:
        await asyncio.sleep(0.01)
    assert "the exchange is away" in said[1]
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting
    assert stored(tmp_path)[-1][0] == day(40)


async def test_at_the_start_a_mistake_is_told_and_nobody_waits(tmp_path):
    with pytest.raises(Unreachable):
        await collect(a_plan(tmp_path), HurriedClock(), print)
    async with exchange(day(40)) as url:
        with pytest.raises(ConfigError, match="no such symbol"):
            await collect(a_plan(tmp_path, url, symbols=("XRPUSD",)), HurriedClock(), print)
