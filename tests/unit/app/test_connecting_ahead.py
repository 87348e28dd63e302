import pytest

from cointrader.app.live.connecting_ahead import keep_connecting_ahead
from cointrader.app.virtual_time import LoopClock
from cointrader.domain.errors import RateLimited, Unreachable
from tests.unit.app.courses import watched

BAR_MS = 900_000


class Desk:
    def __init__(self, clock: LoopClock, failure: Exception | None = None) -> None:
        self._clock = clock
        self._failure = failure
        self.asked_ms: list[int] = []

    async def connect_ahead(self) -> None:
        self.asked_ms.append(self._clock.now_ms())
        await self._clock.sleep_ms(100)
        if self._failure is not None:
            raise self._failure


def asked_between(start_ms: int, end_ms: int, failure: Exception | None = None) -> list[int]:
    clock = LoopClock(start_ms)
    desk = Desk(clock, failure)
    watched(keep_connecting_ahead(desk, clock, BAR_MS), clock, start_ms, end_ms)
    return desk.asked_ms


CLOSES = (BAR_MS, 2 * BAR_MS, 3 * BAR_MS)


def test_connections_are_opened_once_shortly_before_every_close():
    assert asked_between(0, 3 * BAR_MS) == [close - 3_000 for close in CLOSES]


def test_a_start_just_before_a_close_connects_ahead_of_the_one_after_it():
    assert asked_between(BAR_MS - 1_000, 3 * BAR_MS - 4_000) == [2 * BAR_MS - 3_000]


@pytest.mark.parametrize(
    "failure", [Unreachable("no answer", where="time"), RateLimited("wait", retry_after_ms=9)]
)
def test_an_exchange_that_cannot_be_asked_is_asked_again_before_the_next_close(failure):
    assert asked_between(0, 3 * BAR_MS, failure) == [close - 3_000 for close in CLOSES]
