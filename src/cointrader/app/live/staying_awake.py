"""The processor is kept from falling asleep when a bar is about to close.

Between two bars there is next to nothing to do. A processor that has slept takes a while until it
is as fast as it can be, which is just when a hundred candles come at once and orders wait for the
last of them. So the event loop turns on the spot until all are there: seconds in a quarter of an
hour. Sockets are looked at in every turn, and other threads have theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cointrader.domain.ports import Clock

_BEFORE_CLOSE_MS = 50
_AFTER_CLOSE_MS = 3_000  # the exchange tells final candles up to two seconds late

AreHere = Callable[[int], bool]  # whether all candles that close at that moment have come


async def keep_awake_at_closes(are_here: AreHere, clock: Clock, bar_ms: int) -> None:
    """Around every bar's close, until cancelled. For clocks that go as fast as real time only."""
    while True:
        close_ms = (clock.now_ms() + _BEFORE_CLOSE_MS) // bar_ms * bar_ms + bar_ms
        await clock.sleep_until_ms(close_ms - _BEFORE_CLOSE_MS)
        await stay_awake(are_here, clock, close_ms)


async def stay_awake(are_here: AreHere, clock: Clock, close_ms: int) -> None:
    """Until the candles that close at `close_ms` have come, or will not soon."""
    end_ms = close_ms + _AFTER_CLOSE_MS
    while clock.now_ms() < end_ms and not are_here(close_ms):  # noqa: ASYNC110 - not to wait
        await asyncio.sleep(0)
