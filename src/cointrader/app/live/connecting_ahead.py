"""Connections are open, and the time is measured, when a bar closes.

Between two bars hardly anything is asked of the exchange, so idle connections are closed; the first
entries would wait for new ones, and every second of them for a measurement of the time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from cointrader.app.live.before_close import until_before_close
from cointrader.domain.clock import Clock
from cointrader.domain.errors import CointraderError

_BEFORE_CLOSE_MS = 3_000  # an idle connection lives 15 s; a second later bots prepare


class Connects(Protocol):
    """Whose calls will be in a hurry; see `app.live.wiring.BinanceDesk.connect_ahead`."""

    async def connect_ahead(self) -> None: ...


async def keep_connecting_ahead(desk: Connects, clock: Clock, bar_ms: int) -> None:
    """Shortly before every bar's close, until cancelled. A failure is left to who asks next."""
    while True:
        await until_before_close(clock, bar_ms, _BEFORE_CLOSE_MS)
        with suppress(CointraderError):
            await desk.connect_ahead()
