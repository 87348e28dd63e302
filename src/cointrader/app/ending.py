"""A service manager's polite stop, for programs that run in an event loop until they are ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def ended_politely() -> Iterator[None]:
    """SIGTERM cancels this task inside the block, as Ctrl-C does under `asyncio.Runner`.

    On its own: a program started in the background of a script never hears of Ctrl-C.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    # Not every system and thread can; there a SIGTERM ends it less politely.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGTERM)


async def politely(course: Coroutine[Any, Any, T]) -> T:
    """Run `course` so that SIGTERM ends it as Ctrl-C does."""
    with ended_politely():
        return await course
