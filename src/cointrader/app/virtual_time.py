"""An event loop whose time is ours: it jumps, or runs N times as fast as the wall clock.

Time passes only while every task waits. At speed ``None`` the wait is skipped: the loop's time
jumps to the next timer, so a year of the same async code runs in seconds. At speed N the wait is
taken, N times shortened. Either way work takes no time, so a run is the same at every speed, and
the same every time. Timers, `asyncio.timeout` and `Clock` all follow the loop, so no other code
knows.

Sockets whose two ends are both in this loop may be used at speed ``None`` too: what is sent over
the loopback device can be read when `send` returns, and time jumps only when nothing can be read.
An answer from anywhere else would come after years. Work handed to threads is waited for with time
standing still.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

_DRAIN_EVERY = 512  # loop turns between looks at the wake-up pipe while time jumps
_PIPES = 1  # what a loop without sockets watches: its own wake-up pipe


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop with its own time.

    Parameters
    ----------
    speed : seconds of loop time per second of wall time; None jumps from timer to timer
    """

    def __init__(self, speed: float | None = None) -> None:
        self._speed = speed
        self._virtual_s = 0.0
        self._started_s = time.monotonic()
        self._threads_busy = 0
        super().__init__(_PacedSelector(self))
        # The default of 1e-9 s vanishes beside a year of seconds, and the loop would spin for ever.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._virtual_s

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._threads_busy += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        self._threads_busy += 1  # the shutdown waits in a thread of its own
        try:
            await super().shutdown_default_executor(*args, **kwargs)
        finally:
            self._threads_busy -= 1

    def _thread_done(self, _: asyncio.Future[Any]) -> None:
        self._threads_busy -= 1

    def wait_s(self, timeout: float | None) -> float | None:
        """Wall seconds until the next turn, None for ever; moves time on where it may pass."""
        if timeout == 0:
            return 0
        if self._threads_busy and self._speed is None:
            return None
        if timeout is None:
            if self._speed is None:
                raise RuntimeError("virtual time stands still: every task waits for something else")
            return None
        due_s: float = self._scheduled[0].when()  # type: ignore[attr-defined]
        if self._speed is not None:
            left_s = self._wall_s(due_s) - time.monotonic()
            if left_s > 0:
                return left_s
        self._virtual_s = max(self._virtual_s, due_s)
        return 0

    def after_wait(self) -> None:
        """Time that passed while waiting; not past the next timer, which is due at its own time."""
        if self._speed is None:
            return
        passed_s = (time.monotonic() - self._started_s) * self._speed
        timers = self._scheduled  # type: ignore[attr-defined]
        due_s = timers[0].when() if timers else math.inf
        self._virtual_s = max(self._virtual_s, min(passed_s, due_s))

    def _wall_s(self, virtual_s: float) -> float:
        assert self._speed is not None
        return self._started_s + virtual_s / self._speed


class _PacedSelector(selectors.DefaultSelector):
    """Asks the loop how long to wait; while time jumps it makes next to no system calls."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0 and len(self.get_map()) > _PIPES:
            events = super().select(0)  # nothing may be on its way when time jumps
            if events:
                return events
        wait_s = self._loop.wait_s(timeout)
        self._turns += 1
        if wait_s == 0 and self._turns % _DRAIN_EVERY:
            return []
        events = super().select(wait_s)
        if wait_s != 0:
            self._loop.after_wait()
        return events


class LoopClock:
    """The `Clock` of the running loop: epoch milliseconds counted from `start_ms`."""

    def __init__(self, start_ms: int = 0) -> None:
        self._start_ms = start_ms

    def start_at(self, now_ms: int) -> None:
        """Let it be `now_ms` now. Before anything waits on this clock."""
        self._start_ms = now_ms - round(asyncio.get_running_loop().time() * 1000)

    def now_ms(self) -> int:
        return self._start_ms + round(asyncio.get_running_loop().time() * 1000)

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)

    async def sleep_until_ms(self, at_ms: int) -> None:
        await asyncio.sleep(max(0, at_ms - self.now_ms()) / 1000)
