"""Around a close the event loop turns on the spot, until the candles are there."""

from __future__ import annotations

import asyncio

import pytest

from cointrader.app.live.staying_awake import keep_awake_at_closes, stay_awake
from tests.unit.app.exchange_fakes import JumpingClock

BAR_MS = 900_000
CLOSE_MS = 1_700_000_100_000 // BAR_MS * BAR_MS


class Arrivals:
    """Candles that come after so many turns of the loop; each look costs a millisecond."""

    def __init__(self, clock, after_looks):
        self._clock = clock
        self._after = after_looks
        self.looks = []

    def are_here(self, close_ms):
        self.looks.append((close_ms, self._clock.now_ms()))
        self._clock.at_ms += 1
        return len(self.looks) > self._after


async def test_it_stays_awake_until_the_candles_have_come():
    clock = JumpingClock(CLOSE_MS - 50)
    arrivals = Arrivals(clock, after_looks=7)

    await stay_awake(arrivals.are_here, clock, CLOSE_MS)

    assert len(arrivals.looks) == 8


async def test_whoever_else_has_something_to_do_does_it_meanwhile():
    clock, turns = JumpingClock(CLOSE_MS), 0
    arrivals = Arrivals(clock, after_looks=5)

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    await stay_awake(arrivals.are_here, clock, CLOSE_MS)
    beside.cancel()

    assert turns >= 5


async def test_candles_that_do_not_come_are_not_waited_for_longer_than_three_seconds():
    clock = JumpingClock(CLOSE_MS)
    arrivals = Arrivals(clock, after_looks=10**6)

    await stay_awake(arrivals.are_here, clock, CLOSE_MS)

    assert clock.now_ms() == CLOSE_MS + 3_000


async def test_it_begins_shortly_before_every_close_and_sleeps_in_between():
    clock = JumpingClock(CLOSE_MS - 10_000)
    seen = []

    def are_here(close_ms):
        seen.append((close_ms, clock.now_ms() - close_ms))
        if len(seen) == 3:
            raise EnoughSeen
        clock.at_ms += 60
        return True

    with pytest.raises(EnoughSeen):
        await keep_awake_at_closes(are_here, clock, BAR_MS)

    assert seen == [(CLOSE_MS + n * BAR_MS, -50) for n in range(3)]


class EnoughSeen(Exception):
    pass
