"""Moments within a bar, counted back from its close."""

from __future__ import annotations

from cointrader.domain.ports import Clock


async def until_before_close(clock: Clock, bar_ms: int, lead_ms: int) -> None:
    """Sleep until `lead_ms` before the next close that is farther away than that."""
    next_ms = (clock.now_ms() + lead_ms) // bar_ms * bar_ms + bar_ms
    await clock.sleep_until_ms(next_ms - lead_ms)
