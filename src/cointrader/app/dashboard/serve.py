"""Serves the dashboard of one journal until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from cointrader.app.dashboard.site import JournalSite
from cointrader.dashboard.connections import FIRST_S, Connections, bound
from cointrader.dashboard.protocol import Protocol
from cointrader.dashboard.replies import BODY_S
from cointrader.dashboard.security import Hosts
from cointrader.dashboard.server import Server
from cointrader.dashboard.static_files import static_files
from cointrader.domain.errors import UsageError

PORT, HOST = 8787, "127.0.0.1"
_PORTS = 20  # tried one after the other
_VENDOR = Path(__file__).parents[2] / "backtest" / "report" / "assets"
_LAST_WORDS_S = 2.0
_HTTP: dict[str, Any] = {
    "access_log": None,  # it would hold addresses and nothing that helps
    "keepalive_timeout": 30.0,
    "lingering_time": 2.0,
    "max_line_size": 4_096,
    "max_field_size": 8_190,
}


@dataclass(frozen=True, slots=True)
class DashboardPlan:
    """What is served where. `port` 0 takes any; a taken one gives way to the next."""

    journal: Path
    token: str
    host: str = HOST
    port: int = PORT
    names: tuple[str, ...] = ()  # by which browsers may call it, beside numbers and localhost
    data: Path = Path("data")
    patience_s: float = FIRST_S  # for the first request of a connection; for a body at most so long


@dataclass(frozen=True, slots=True)
class Place:
    """Where it listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """For a browser on this machine, where it listens everywhere."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{self.port}/"


def serve_dashboard(
    plan: DashboardPlan, on_ready: Callable[[Place], None], *, until_closed: int | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, or until the file descriptor `until_closed` ends.

    `UsageError` where it cannot listen.
    """
    asyncio.run(_serve(plan, on_ready, until_closed))


async def _serve(
    plan: DashboardPlan, on_ready: Callable[[Place], None], until_closed: int | None
) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    if until_closed is not None:
        threading.Thread(
            target=_wait_for_end, args=(until_closed, loop, over), name="parent", daemon=True
        ).start()
    async with dashboard(plan) as place:
        on_ready(place)
        await over.wait()


@contextlib.asynccontextmanager
async def dashboard(plan: DashboardPlan) -> AsyncIterator[Place]:
    """A dashboard that serves inside the block; the block is told where."""
    try:
        listener = bound(plan.host, plan.port, _PORTS)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"the dashboard cannot listen there: {getattr(error, 'strerror', None) or error}",
            found=f"{plan.host}, port {plan.port} and the {_PORTS - 1} after it",
            todo="choose another --port or --host",
        ) from None
    port = listener.getsockname()[1]
    site = JournalSite(plan.journal, data=plan.data)
    await asyncio.to_thread(site.remember)  # of a year: a part of a second, and once
    connections = Connections(first_s=plan.patience_s)
    server = Server(
        site,
        plan.token,
        hosts=Hosts.of([plan.host, *plan.names]),
        files=static_files(vendor=_VENDOR),
        cookie=f"cointrader_session_{port}",
        connections=connections,
        body_s=min(BODY_S, plan.patience_s),
    )
    runner = web.AppRunner(server.application(), shutdown_timeout=_LAST_WORDS_S)
    await runner.setup()
    made = runner.server
    assert made is not None
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: connections.protocol(Protocol(made, loop=loop, **_HTTP)), sock=listener
    )
    threading.Thread(target=site.prepare, name="market", daemon=True).start()
    try:
        yield Place(plan.host, port)
    finally:
        listening.close()
        await runner.cleanup()


def _wait_for_end(descriptor: int, loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
    """Whoever started us holds the other end: its end, however it comes, is ours."""
    with contextlib.suppress(OSError):
        while os.read(descriptor, 1_024):
            pass
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(over.set)
