"""Time that passes without anything happening costs nothing, and no wall clock is asked."""

from __future__ import annotations

import asyncio

from cointrader.app.virtual_time import VirtualLoop
from tests.unit.exchange.wire.serving import CALM, served

DAY_BARS = 96


class CountingLoop(VirtualLoop):
    """A loop whose time jumps, and that counts its timers."""

    def __init__(self):
        super().__init__(None)
        self.timers = 0

    def call_at(self, when, callback, *args, context=None):  # type: ignore[override]
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


def passed(bars, path=None):
    """Serve so many bars; how many timers it took, and how much was heard of `path`."""
    loop = CountingLoop()

    async def serve():
        async with served(*[CALM] * bars, pace=1.0) as client:
            await client.listen_key()
            if path is None:
                await client.server.player.over.wait()
                return 0
            async with client.socket(path) as stream:
                heard = asyncio.ensure_future(_count(stream))
                await client.server.player.over.wait()
                heard.cancel()
                return await heard

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        heard = runner.run(serve())
    return loop.timers, heard


async def _count(stream):
    count = 0
    try:
        async for _ in stream.raw:
            count += 1
    except asyncio.CancelledError:
        pass
    return count


def test_an_idle_day_takes_a_few_timers_for_each_bar():
    timers, _ = passed(DAY_BARS)

    assert timers < 10 * DAY_BARS


def test_a_stream_that_is_fed_by_prices_costs_no_more():
    timers, heard = passed(DAY_BARS, "/market/ws/xrpusdt@kline_15m")

    assert timers < 30 * DAY_BARS
    assert heard > 180  # an opening and a closing for each bar


def test_a_stream_that_is_fed_by_time_is_fed_regularly():
    _, heard = passed(2, "/market/ws/xrpusdt@markPrice")  # and two more, which all markets have

    assert heard >= 4 * 900 / 3
