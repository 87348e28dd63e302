from __future__ import annotations

from collections.abc import Awaitable, Callable

from cointrader.exchange.binance.server_clock import ServerClock
from tests.unit.exchange.binance.scripted import NOW_MS, FakeClock


def asking(
    clock: FakeClock, ahead_ms: int, *trips: tuple[int, int]
) -> Callable[[], Awaitable[int]]:
    """A server ahead of us; each trip is (ms there, ms back)."""
    left = iter(trips)

    async def ask() -> int:
        there_ms, back_ms = next(left)
        clock.at_ms += there_ms
        server_ms = clock.at_ms + ahead_ms
        clock.at_ms += back_ms
        return server_ms

    return ask


async def test_the_offset_is_that_of_the_quickest_answer():
    clock = FakeClock()
    server = ServerClock(clock)

    await server.measure(asking(clock, 700, (300, 10), (20, 20), (5, 400)))

    assert server.offset_ms == 700
    assert server.now_ms() == clock.now_ms() + 700


async def test_an_uneven_trip_is_off_by_half_its_unevenness_at_most():
    clock = FakeClock()
    server = ServerClock(clock)

    await server.measure(asking(clock, -2_000, (30, 10), (30, 10), (30, 10)))

    assert server.offset_ms == -1_990


async def test_it_is_due_before_the_first_measurement_and_half_an_hour_after_each():
    clock = FakeClock()
    server = ServerClock(clock)
    seen = [(server.is_known, server.is_due)]

    await server.measure(asking(clock, 0, (0, 0), (0, 0), (0, 0)))
    seen.append((server.is_known, server.is_due))
    clock.at_ms = NOW_MS + 30 * 60_000
    seen.append((server.is_known, server.is_due))

    assert seen == [(False, True), (True, False), (True, True)]


async def test_after_a_doubt_it_is_unknown():
    clock = FakeClock()
    server = ServerClock(clock)
    await server.measure(asking(clock, 0, (0, 0), (0, 0), (0, 0)))

    server.doubt()

    assert (server.is_known, server.is_due) == (False, True)


async def test_a_clock_that_was_set_back_is_a_reason_to_measure():
    clock = FakeClock()
    server = ServerClock(clock)
    await server.measure(asking(clock, 0, (0, 0), (0, 0), (0, 0)))

    clock.at_ms -= 1

    assert server.is_due
