import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from cointrader.app.live.settled_memory import keep_memory_settled, settled_memory
from cointrader.app.virtual_time import LoopClock, VirtualLoop

BAR_MS = 900_000


class Link:
    """Two of them that know each other go only when garbage is looked for."""

    other: "Link"


def garbage() -> "weakref.ref[Link]":
    one, two = Link(), Link()
    one.other, two.other = two, one
    return weakref.ref(one)


@pytest.fixture
def looks() -> Iterator[list[int]]:
    """The generation of every look for garbage while the test runs."""
    generations: list[int] = []

    def hear(phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            generations.append(told["generation"])

    gc.callbacks.append(hear)
    yield generations
    gc.callbacks.remove(hear)


@pytest.fixture
def only_on_demand() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("only_on_demand")
def test_garbage_is_gone_after_the_middle_of_every_bar():
    clock, gone = LoopClock(0), list[bool]()

    async def watch() -> None:
        for bar in range(3):
            thrown_away = garbage()
            for moment_ms in (BAR_MS // 2 - 1, BAR_MS // 2 + 1):
                await clock.sleep_until_ms(bar * BAR_MS + moment_ms)
                gone.append(thrown_away() is None)

    async def main() -> None:
        clock.start_at(0)
        keeping = asyncio.create_task(keep_memory_settled(clock, BAR_MS))
        await watch()
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    assert gone == [False, True] * 3


def test_no_look_begins_by_itself_while_bots_answer_a_bar(looks: list[int]):
    with settled_memory():
        looks.clear()
        kept = [[number] for number in range(20_000)]
        assert looks == []
    assert len(kept) == 20_000


def test_where_nobody_ever_looks_one_begins_before_memory_is_full(looks: list[int]):
    with settled_memory():
        looks.clear()
        kept = [[number] for number in range(60_000)]
        assert looks == [0]
    assert len(kept) == 60_000


def test_what_was_alive_is_left_out_and_comes_back_afterwards():
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    with settled_memory():
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() == 0
