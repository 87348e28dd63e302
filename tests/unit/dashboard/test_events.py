"""Open pages hear that the journal changed: once, soon, and never more than so many of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from cointrader.dashboard.events import MOST_STREAMS, Changes, TooMany


class Journal:
    """Something that changes when a test says so."""

    def __init__(self) -> None:
        self.newest = {"alerts": 0, "equity": 0}
        self.is_new = True
        self.looks = 0
        self.is_closed = False

    def write(self, **newest):
        self.newest = self.newest | newest
        self.is_new = True

    def changed(self):
        self.looks += 1
        told, self.is_new = (self.newest if self.is_new else None), False
        return told

    def close(self):
        self.is_closed = True


@pytest.fixture
async def watched():
    """A journal and what tells of its changes."""
    journal = Journal()
    with ThreadPoolExecutor(1) as pool:
        changes = Changes(journal, pool, look_s=0.005)
        task = asyncio.create_task(changes.run())
        yield journal, changes
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert journal.is_closed


async def heard(stream):
    """The next event: its name and what it tells."""
    text = (await asyncio.wait_for(anext(stream), 5)).decode()
    name, data = text.strip().split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_a_page_hears_which_kinds_of_records_came(watched):
    journal, changes = watched
    async with contextlib.aclosing(changes.stream()) as stream:
        assert (await heard(stream))[0] == "hello"
        assert await heard(stream) == ("changed", {"kinds": ["alerts", "equity"],
                                                   "ids": {"alerts": 0, "equity": 0}})  # fmt: skip

        journal.write(alerts=3)

        name, told = await heard(stream)
        assert (name, told["kinds"], told["ids"]["alerts"]) == ("changed", ["alerts"], 3)


async def test_a_slow_page_hears_of_many_changes_as_one(watched):
    journal, changes = watched
    async with contextlib.aclosing(changes.stream()) as stream:
        await heard(stream)
        await heard(stream)
        for number in range(1, 6):
            journal.write(equity=number)
            await asyncio.sleep(0.02)

        assert (await heard(stream))[1]["ids"]["equity"] == 5


async def test_nobody_looks_while_nobody_listens(watched):
    journal, changes = watched
    await asyncio.sleep(0.05)
    assert journal.looks == 0

    async with contextlib.aclosing(changes.stream()) as stream:
        await heard(stream)
        await heard(stream)
    await asyncio.sleep(0.02)
    looks = journal.looks
    await asyncio.sleep(0.05)

    assert looks > 0
    assert journal.looks == looks


async def test_one_page_too_many_is_refused_until_another_goes(watched):
    _, changes = watched
    streams = [changes.stream() for _ in range(MOST_STREAMS)]
    for stream in streams:
        await anext(stream)

    with pytest.raises(TooMany):
        await anext(changes.stream())

    await streams[0].aclose()
    last = changes.stream()
    assert (await heard(last))[0] == "hello"
    for stream in (*streams, last):
        await stream.aclose()
