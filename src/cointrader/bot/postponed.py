"""What can wait until the orders of a bar have gone, for all bots of one event loop.

A hundred bots put something off within a few milliseconds. One timer serves them all, and they
are served a few at a time, so that an answer of the exchange never waits for the whole lot.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

PATIENCE_S = 0.05  # from the first that is put off
_AT_ONCE = 8

Work = Callable[[], object]

_put_off: WeakKeyDictionary[asyncio.AbstractEventLoop, deque[Work]] = WeakKeyDictionary()


def put_off(work: Work) -> None:
    """Let `work` be done by the running event loop a little later, in the order of asking."""
    loop = asyncio.get_running_loop()
    waiting = _put_off.get(loop)
    if waiting is None:
        waiting = _put_off[loop] = deque()
    if not waiting:
        loop.call_later(PATIENCE_S, _serve, loop, waiting)
    waiting.append(work)


def _serve(loop: asyncio.AbstractEventLoop, waiting: deque[Work]) -> None:
    try:
        for _ in range(min(_AT_ONCE, len(waiting))):
            waiting.popleft()()
    finally:  # whatever became of one, the others are served
        if waiting:
            loop.call_soon(_serve, loop, waiting)
