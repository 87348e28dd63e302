"""Work that goes on beside a block of code, and streams that the block waits for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any

from cointrader.domain.clock import Clock
from cointrader.domain.errors import Unreachable

READY_S = 30.0
_LOOK_MS = 20


@contextlib.asynccontextmanager
async def alongside(courses: Mapping[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """They run inside the block, by name; what the block raises comes out as it is."""
    raised: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(course, name=name) for name, course in courses.items()]
            try:
                yield
            except BaseException as error:
                raised = error
                raise
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup:
        if raised is None or isinstance(raised, asyncio.CancelledError):
            raise  # one of them failed
        raise raised from None


async def until_up(down: Callable[[], Sequence[str]], clock: Clock, *, where: str) -> None:
    """Return once no stream is down; `Unreachable` with their names when that takes too long."""
    try:
        async with asyncio.timeout(READY_S):
            while down():
                await clock.sleep_ms(_LOOK_MS)
    except TimeoutError:
        raise Unreachable(
            f"no stream of {', '.join(down())} within {READY_S:g} s",
            where=where,
            todo="check the network, and the exchange's status page",
        ) from None
