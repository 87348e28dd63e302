"""Whose time it is. Binance's goes as fast as ours; that of a rehearsal may not, and differs.

`cointrader exchange` tells how fast at ``/control/state``. What has no such page is taken for real.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable

from cointrader.app.live.wiring import Access, Place
from cointrader.app.virtual_time import LoopClock, VirtualLoop
from cointrader.domain.clock import Clock, SystemClock
from cointrader.domain.errors import Unreachable, UsageError
from cointrader.exchange.binance.api import BinanceApi

_TIMEOUT_S = 5.0


def is_rehearsal(access: Access) -> bool:
    """Whether it is neither Binance nor its testnet."""
    return access.name not in tuple(Place)


def speed_of(access: Access) -> float:
    """How many times as fast as the wall clock the time of this exchange goes.

    `UsageError` where it only moves on demand, `Unreachable` where nobody answers.
    """
    if not is_rehearsal(access):
        return 1.0
    rest = access.endpoints.rest
    try:
        with urllib.request.urlopen(f"{rest}/control/state", timeout=_TIMEOUT_S) as answer:
            state = json.load(answer)
    except (urllib.error.HTTPError, ValueError):
        return 1.0  # it is there, and has no such page
    except OSError:
        raise Unreachable(
            "the exchange cannot be reached",
            where=rest,
            todo="start it: cointrader exchange --pace 60 --port PORT",
        ) from None
    speed = state.get("speed", 1.0) if isinstance(state, dict) else 1.0
    if not isinstance(speed, int | float):
        raise UsageError(
            "this exchange moves a bar at a time, and programs of their own pace cannot wait",
            where=rest,
            found=f"its pace is {speed}",
            todo="start it with --pace real or --pace N",
        )
    return float(speed)


def loop_factory(access: Access, speed: float) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """A loop whose timers go as fast as the exchange's time; None for the ordinary one."""
    return (lambda: VirtualLoop(speed)) if is_rehearsal(access) else None


async def clock_of(access: Access) -> Clock:
    """This machine's clock; in a rehearsal the exchange's, followed by the running loop."""
    if not is_rehearsal(access):
        return SystemClock()
    clock = LoopClock(0)
    api = BinanceApi.at(access.endpoints, clock)
    try:
        clock.start_at(await api.server_time())
    finally:
        await api.close()
    return clock
