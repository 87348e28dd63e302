"""Bots do between two bars what they would otherwise do at the close of the second.

A close is when many bots want the processor at once, and orders wait for the last of them. All
they know before it is known for a quarter of an hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

from cointrader.app.live.before_close import until_before_close
from cointrader.domain.ports import Clock

_BEFORE_CLOSE_MS = 2_000  # done by then in any case; and what was looked at is still near


class Ahead(Protocol):
    """What can look ahead; see `bot.bot.TradingBot.look_ahead`."""

    def look_ahead(self) -> None: ...


async def keep_looking_ahead(bots: Iterable[Ahead], clock: Clock, bar_ms: int) -> None:
    """Shortly before every bar's close, one bot after another, until cancelled."""
    bots = list(bots)
    while True:
        await until_before_close(clock, bar_ms, _BEFORE_CLOSE_MS)
        await look_ahead(bots)


async def look_ahead(bots: Iterable[Ahead]) -> None:
    """Once, all of them; whoever else has something to do comes in between."""
    for bot in bots:
        bot.look_ahead()
        await asyncio.sleep(0)
