"""Klines that are late, missing, repeated or out of order."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.exchange.simulated_fakes import M15, T0
from tests.unit.exchange.wire.serving import CALM
from tests.unit.exchange.wire_faults.faulty import faulty, injected, names

KLINES = "/market/ws/xrpusdt@kline_15m"


def final(messages):
    """Numbers of the bars whose klines are final."""
    return [(m["k"]["t"] - T0) // M15 for m in messages if m["k"]["x"]]


@pytest.mark.parametrize(
    ("spec", "bars", "bites"),
    [
        ("kline-lost*1", [1, 2, 3, 4], 1),
        ("kline-lost@950", [0, 2, 3, 4], 1),
        ("kline-gap(2)*1", [2, 3, 4], 1),
        ("kline-duplicated*1", [0, 0, 1, 2, 3, 4], 1),
        ("kline-swapped*1", [1, 0, 2, 3, 4], 1),
        ("kline-repeated*1", [0, 1, 0, 2, 3, 4], 1),
        ("kline-lost(symbol=TRXUSDT)", [0, 1, 2, 3, 4], 0),
    ],
)
async def test_final_klines_come_otherwise(spec, bars, bites):
    if "(symbol" in spec:
        spec = "kline-lost(TRXUSDT)"
    async with faulty(spec, *[CALM] * 5) as client, client.socket(KLINES) as stream:
        await client.step(5)
        messages = await stream.all_now()

        assert final(messages) == bars
        assert len(names(client)) == bites


async def test_a_final_kline_comes_late_and_is_known_over_rest_before():
    rows = [CALM] * 4
    async with faulty("kline-late(300)*1", *rows, pace=3000.0) as client:
        async with client.socket(KLINES) as stream:
            while not injected(client):
                await asyncio.sleep(0.005)
            known = await client.get(
                "/fapi/v1/klines", symbol="XRPUSDT", interval="15m", startTime=T0, limit=1
            )
            while 0 not in (heard := final([await stream.next()])):
                pass
            message_ms = await client.now_ms()

        assert (known[0][0], heard) == (T0, [0])
        assert message_ms >= T0 + M15 + 300_000 - 1
        assert injected(client) == [("kline-late", "sent 300 s late")]


async def test_lateness_is_drawn_from_a_range():
    async with faulty("kline-late(1..24)", *[CALM] * 5) as client, client.socket(KLINES):
        await client.step(5)
        waits = [float(did.split()[1]) for _, did in injected(client)]

    assert len(set(waits)) == 5
    assert all(1 <= wait <= 24 for wait in waits)
