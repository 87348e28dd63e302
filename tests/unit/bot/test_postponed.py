"""What bots put off is done a little later, in order, all of it, and not all at a stretch."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from cointrader.bot.postponed import PATIENCE_S, put_off


async def test_what_is_put_off_is_done_later_in_the_order_of_asking() -> None:
    done: list[int] = []
    for number in range(20):
        put_off(partial(done.append, number))
    await asyncio.sleep(0)
    assert done == []
    await asyncio.sleep(PATIENCE_S * 2)
    assert done == list(range(20))


async def test_others_have_their_turn_before_all_of_it_is_done() -> None:
    done: list[str] = []
    for _ in range(100):
        put_off(lambda: done.append("put off"))
    put_off(lambda: done.append("last"))
    while not done:
        await asyncio.sleep(0)
    done.append("somebody else")
    await asyncio.sleep(PATIENCE_S)
    assert done.index("somebody else") < 50
    assert done[-1] == "last"
    assert len(done) == 102


async def test_one_that_fails_keeps_nothing_from_the_others() -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    done: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    for number in range(3):
        put_off(partial(done.append, number))
        put_off(fail)
    await asyncio.sleep(PATIENCE_S * 2)
    assert done == [0, 1, 2]
    assert len(told) == 3


@pytest.mark.parametrize("round_number", [1, 2])
def test_each_event_loop_has_its_own(round_number: int) -> None:
    done: list[int] = []

    async def use_it() -> None:
        put_off(lambda: done.append(round_number))
        await asyncio.sleep(PATIENCE_S * 2)

    asyncio.run(use_it())
    asyncio.run(use_it())
    assert done == [round_number] * 2
