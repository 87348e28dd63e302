"""What lives as long as the process is taken out of the garbage collector's sight.

With a hundred bots there are a million such objects. Python looks at all of them now and then,
which takes a tenth of a second, and it might do so while a bar is being answered.
"""

from __future__ import annotations

import gc

from cointrader.domain.ports import Clock


async def settle_memory_once(clock: Clock, bar_ms: int) -> None:
    """Settle it in the middle of a bar, when nothing is due."""
    now_ms = clock.now_ms()
    middle_ms = now_ms // bar_ms * bar_ms + bar_ms // 2
    await clock.sleep_until_ms(middle_ms if now_ms < middle_ms else middle_ms + bar_ms)
    settle_memory()


def settle_memory() -> None:
    """Collect once, then leave everything alive out of every later collection."""
    gc.collect()
    gc.freeze()
