"""Tells every open page that the journal has changed: one look for all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import Executor

from cointrader.dashboard.site import Watch

LOOK_S = 0.2
HEARTBEAT_S = 15.0
MOST_STREAMS = 20


class TooMany(Exception):
    """As many streams are open as may be."""


class Changes:
    """Looks at the journal while anybody listens, and wakes the listeners.

    A listener that is slow hears of several changes as one: what is told is which kinds of records
    came and the numbers as they are now, never a list that could grow.
    """

    def __init__(self, watch: Watch, executor: Executor, *, look_s: float = LOOK_S) -> None:
        self._watch, self._executor, self._look_s = watch, executor, look_s
        self._newest: dict[str, int] = {}
        self._round = 0
        self._changed = asyncio.Condition()
        self._listeners = 0
        self._has_listeners = asyncio.Event()

    async def run(self) -> None:
        """Look, for ever."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._has_listeners.wait()
                newest = await loop.run_in_executor(self._executor, self._watch.changed)
                if newest is not None:
                    async with self._changed:
                        self._newest, self._round = dict(newest), self._round + 1
                        self._changed.notify_all()
                await asyncio.sleep(self._look_s)
        finally:
            self._watch.close()

    async def stream(self) -> AsyncGenerator[bytes]:
        """Server-sent events, the first at once, with a comment while nothing happens.

        Raises `TooMany` at the first step.
        """
        if self._listeners >= MOST_STREAMS:
            raise TooMany
        self._listeners += 1
        self._has_listeners.set()
        try:
            known, told = dict(self._newest), self._round
            yield event("hello", {"kinds": [], "ids": known})
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_S), self._changed:
                        await self._changed.wait_for(lambda: self._round != told)  # noqa: B023
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                newest, told = dict(self._newest), self._round
                kinds = [kind for kind in newest if newest[kind] != known.get(kind)]
                known = newest
                if kinds:
                    yield event("changed", {"kinds": kinds, "ids": newest})
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._has_listeners.clear()


def event(name: str, data: Mapping[str, object]) -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
