"""What goes on for ever, watched for a while of virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from cointrader.app.virtual_time import LoopClock, VirtualLoop


def watched(course: Awaitable[None], clock: LoopClock, start_ms: int, end_ms: int) -> None:
    """Let `course` run by `clock` from one moment to the other, and cancel it there."""

    async def main() -> None:
        clock.start_at(start_ms)
        with suppress(TimeoutError):
            async with asyncio.timeout((end_ms - start_ms) / 1000):
                await course

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
