from cointrader.app.live.looking_ahead import keep_looking_ahead
from cointrader.app.virtual_time import LoopClock
from tests.unit.app.courses import watched

BAR_MS = 900_000


class Looker:
    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self.looked_ms: list[int] = []

    def look_ahead(self) -> None:
        self.looked_ms.append(self._clock.now_ms())


def looks_between(start_ms: int, end_ms: int) -> list[int]:
    clock = LoopClock(start_ms)
    lookers = [Looker(clock), Looker(clock)]
    watched(keep_looking_ahead(lookers, clock, BAR_MS), clock, start_ms, end_ms)
    assert lookers[0].looked_ms == lookers[1].looked_ms
    return lookers[0].looked_ms


def test_everybody_looks_ahead_once_shortly_before_every_close():
    assert looks_between(0, 3 * BAR_MS) == [
        close - 2_000 for close in (BAR_MS, 2 * BAR_MS, 3 * BAR_MS)
    ]


def test_a_start_just_before_a_close_looks_ahead_to_the_one_after_it():
    assert looks_between(BAR_MS - 1_000, 3 * BAR_MS - 3_000) == [2 * BAR_MS - 2_000]
