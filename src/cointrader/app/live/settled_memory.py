"""Garbage is looked for in the middle of a bar, when nothing is due, and not at its close.

Python looks whenever enough objects have been made, and the close of a bar is when bots make them:
orders would wait for milliseconds. A look at everything, a million objects with a hundred bots,
takes a tenth of a second; so what lives as long as the process is taken out of its sight.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from cointrader.app.live.before_close import until_before_close
from cointrader.domain.ports import Clock

_MANY_OBJECTS = 50_000  # made since the last look; a bar of a hundred bots makes about a thousand


async def keep_memory_settled(clock: Clock, bar_ms: int) -> None:
    """Settle it in the middle of a bar, then collect in the middle of each, until cancelled."""
    await until_before_close(clock, bar_ms, bar_ms // 2)
    with settled_memory():
        while True:
            await until_before_close(clock, bar_ms, bar_ms // 2)
            gc.collect()


@contextmanager
def settled_memory() -> Iterator[None]:
    """Leave everything alive out of collections, and let none begin by itself without great need.

    Whoever is in it collects when it suits.
    """
    threshold, *others = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MANY_OBJECTS, *others)
    try:
        yield
    finally:
        gc.set_threshold(threshold, *others)
        gc.unfreeze()
