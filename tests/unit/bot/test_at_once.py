"""Candles taken as they are told make the same bars, at the same moments, as candles queued."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.app.virtual_time import LoopClock
from cointrader.bot.stream import BarStream
from cointrader.domain.events import CandleClosed, FeedEnded, FeedEvent
from cointrader.exchange.subscriptions import Subscription
from tests.unit.bot.fakes import (
    BAR_MS,
    BTC,
    ETH,
    T0,
    XRP,
    FakeFeed,
    candle,
    in_virtual_time,
    opens,
)

FIRST, LAST = 3, 8  # bars that are told, if they are
SYMBOLS = (XRP, BTC, ETH)


def played(told: list[tuple[int, FeedEvent]], *, at_once: bool) -> list[tuple[int, bool, int]]:
    """(bar, complete, ms after its close) of every bar; `told` are (moment, event)."""
    bars: list[tuple[int, bool, int]] = []

    async def main(clock: LoopClock) -> None:
        stream = BarStream(XRP, SYMBOLS[1:], BAR_MS)
        feed = FakeFeed({name: [candle(name, i) for i in range(LAST + 2)] for name in SYMBOLS})
        await stream.warm_up(feed, before_ms=opens(FIRST))
        events: Subscription[FeedEvent] = Subscription("candles")

        def take(event: FeedEvent) -> bool:
            is_taken, bar = stream.take_at_once(event)
            if bar is not None:
                events.hand_on(bar)  # type: ignore[arg-type]
            return is_taken

        async def read() -> None:
            async for bar in stream.bars(events, feed, clock):
                number = (bar.candle.open_time_ms - T0) // BAR_MS
                bars.append((number, bar.complete, clock.now_ms() - bar.candle.close_time_ms))

        if at_once:
            events.attend(take)
        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            for at_ms, event in told:
                await clock.sleep_until_ms(at_ms)
                events.put(event)
            await clock.sleep_ms(60_000)
            events.put(FeedEnded(XRP, T0))

    in_virtual_time(main, opens(FIRST))
    return bars


@st.composite
def tellings(draw: st.DrawFn) -> list[tuple[int, FeedEvent]]:
    """Candles in the order of each symbol, some late, some never; a correlation symbol may end."""
    told: list[tuple[int, FeedEvent]] = []
    for name in SYMBOLS:
        last = LAST if name == XRP else draw(st.integers(FIRST, LAST))
        late_ms = 0
        for bar in range(FIRST, last + 1):
            delay_ms = draw(st.sampled_from((0, 0, 0, 1, 700, 11_000, 20_000)))
            late_ms = max(late_ms - BAR_MS, delay_ms)
            if draw(st.integers(0, 5)):
                told.append((opens(bar + 1) + late_ms, CandleClosed(candle(name, bar))))
        if last < LAST:
            told.append((opens(last + 1) + late_ms, FeedEnded(name, T0)))
    return sorted(told, key=lambda each: each[0])


@settings(max_examples=150, deadline=None)
@given(tellings())
def test_taken_at_once_or_queued_the_bars_are_the_same(told):
    assert played(told, at_once=True) == played(told, at_once=False)


def test_a_candle_that_needs_another_first_is_left_to_the_reader():
    stream = BarStream(XRP, (BTC,), BAR_MS)
    for name in (XRP, BTC):
        stream.buffers[name.lower()].extend(candle(name, bar) for bar in range(FIRST))

    assert stream.take_at_once(CandleClosed(candle(XRP, FIRST))) == (False, None)  # BTC is missing
    assert stream.take_at_once(CandleClosed(candle(BTC, FIRST))) == (True, None)
    is_taken, bar = stream.take_at_once(CandleClosed(candle(XRP, FIRST)))
    assert is_taken
    assert bar is not None
    assert bar.complete
    assert stream.take_at_once(CandleClosed(candle(XRP, FIRST + 2))) == (False, None)  # a gap
