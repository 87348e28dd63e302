"""The simulated exchange as a server: one port for REST, streams, WebSocket API and control."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.wire import control, ws_api
from cointrader.exchange.simulated.wire.auth import Credentials
from cointrader.exchange.simulated.wire.clock import PacedClock, SteppedClock
from cointrader.exchange.simulated.wire.desk import Desk
from cointrader.exchange.simulated.wire.faults import FaultLog, FaultPlan, Faults
from cointrader.exchange.simulated.wire.passage import Cut, Passage
from cointrader.exchange.simulated.wire.player import Player, Stepper
from cointrader.exchange.simulated.wire.protocol import Protocol
from cointrader.exchange.simulated.wire.public_streams import PublicStreams
from cointrader.exchange.simulated.wire.rest import RestFront, as_response
from cointrader.exchange.simulated.wire.sockets import (
    Connection,
    StreamFront,
    cut_off,
    is_stream_path,
)
from cointrader.exchange.simulated.wire.user_streams import UserStreams
from cointrader.exchange.simulated.wire.venue import Venue, VenueSettings
from cointrader.exchange.simulated.wire.ws_api import WsApiFront

_HTTP: dict[str, Any] = {"access_log": None}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the wire behaves. The defaults are the real exchange's, but for `running_klines_ms`:
    after how long the kline of an open bar is told again, though nothing has changed; 0: never.
    `connection_life_s` is in the exchange's time, `ping_s` in that of its clients.
    """

    venue: VenueSettings = field(default_factory=VenueSettings)
    ping_s: float = 180.0
    connection_life_s: float = 24 * 3600.0
    running_klines_ms: int = 0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where clients find it."""

    rest: str
    ws: str
    ws_api: str
    control: str


class ExchangeServer:
    """Serves one simulated exchange.

    Parameters
    ----------
    exchange : the market and the account; nobody else may run it
    clock : the exchange's own clock; a stepped one moves by ``/control/step`` only
    credentials : the one key that is let in
    passage : where requests, answers, events and frames pass, behind the faults
    faults : what goes wrong when; more can be added while it runs
    fault_log : where that is written down
    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        clock: PacedClock | SteppedClock,
        credentials: Credentials,
        settings: ServerSettings | None = None,
        passage: Passage | None = None,
        faults: FaultPlan | None = None,
        fault_log: FaultLog | None = None,
    ) -> None:
        settings = settings or ServerSettings()
        log = fault_log or FaultLog()
        passage = self.faults = Faults(faults or FaultPlan(), log, passage or Passage())
        self._clock = clock
        self._venue = venue = Venue(exchange, clock, settings.venue)
        self.streams = StreamFront(
            passage,
            ping_s=settings.ping_s,
            life_s=settings.connection_life_s / venue.haste,
            subscribed=self._on_subscribed,
        )
        self._public = PublicStreams(
            venue.market, self.streams, running_klines_ms=settings.running_klines_ms
        )
        self._users = users = UserStreams(self.streams, venue.listen_keys, passage)
        venue.on_event = users.tell
        venue.on_execution = lambda fill: self._public.trade(fill, clock.now_ms())
        self.player = Player(exchange, clock, self._on_price)
        self._stepper = Stepper(self.player, clock) if isinstance(clock, SteppedClock) else None
        desk = Desk(venue, credentials, passage)
        self._rest = RestFront(desk)
        self._ws_api = WsApiFront(
            desk, ping_s=settings.ping_s, life_s=settings.connection_life_s / venue.haste
        )
        self.stopped = asyncio.Event()
        self._control = control.ControlFront(
            venue, self.player, self._stepper, self.faults, self.stopped.set
        )

    @contextlib.asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Addresses]:
        """Listen, and let time pass, until the block ends. Raises `OSError` for a busy port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        manager = runner.server
        assert manager is not None, "a runner that is set up has a server"
        loop = asyncio.get_running_loop()
        listening: asyncio.Server | None = None
        try:
            listening = await loop.create_server(
                lambda: Protocol(manager, loop=loop, **_HTTP), host, port
            )
            async with asyncio.TaskGroup() as group:
                tasks = self._start(group)
                try:
                    yield _addresses(listening)
                finally:
                    self.faults.end()
                    for task in tasks:
                        task.cancel()
        finally:
            if listening is not None:
                listening.close()
            await self.streams.close()
            await self._ws_api.close()
            await runner.cleanup()

    def _start(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Begin the market; what goes on by itself."""
        start_ms = self.player.opens_ms or 0
        self.faults.begin(self._venue, self.streams, self._users.deliver, group, start_ms)
        if self._stepper is not None:
            self._stepper.start()
        else:
            assert isinstance(self._clock, PacedClock), "there are two kinds of clocks"
            self._clock.start_at(start_ms)
        tasks = [group.create_task(self._keep_time(), name="exchange time")]
        if self._stepper is None:
            tasks.append(group.create_task(self.player.run(), name="exchange market"))
        return tasks

    async def _keep_time(self) -> None:
        """Listen keys and countdowns run out and mark prices are told, each when it is due."""
        venue, told_ms = self._venue, self._clock.now_ms()
        while True:
            venue.more_is_due.clear()
            dues = [due for due in (venue.due_ms, self._public.due_ms(told_ms)) if due is not None]
            await self._wait(min(dues, default=None))
            await venue.tick()
            since_ms, told_ms = told_ms, self._clock.now_ms()
            self._public.feed_regular(since_ms, told_ms)

    async def _wait(self, until_ms: int | None) -> None:
        """Until then, None for ever; or until something is due that may be earlier."""
        ends: list[asyncio.Future[bool]] = [asyncio.ensure_future(self._venue.more_is_due.wait())]
        if until_ms is not None:
            ends.append(asyncio.ensure_future(self._reach(until_ms)))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def _reach(self, at_ms: int) -> bool:
        await self._clock.sleep_until_ms(at_ms)
        return True

    def _on_price(self, at_ms: int) -> None:
        self._public.feed(at_ms)
        if self.player.closes_ms is not None:
            self.faults.bar_opened(at_ms)

    def _on_subscribed(self, connection: Connection, name: str) -> None:
        """A new listener hears at once how it stands, as it would within a moment anyway."""
        self._public.welcome(connection, name, self._clock.now_ms())
        self._venue.more_is_due.set()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except Cut:
            cut_off(request)
            return web.Response()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == control.PREFIX or path.startswith(control.PREFIX + "/"):
            return await self._control.handle(request)
        is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
        if is_socket and (refusal := await self.faults.handshake(path)) is not None:
            return as_response(refusal)
        if is_socket and path.rstrip("/") == ws_api.PATH:
            return await self._ws_api.handle(request)
        if is_socket and is_stream_path(path):
            return await self.streams.handle(request)
        return await self._rest.handle(request)


def _addresses(listening: asyncio.Server) -> Addresses:
    host, port = listening.sockets[0].getsockname()[:2]
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Addresses(
        rest=f"http://{at}",
        ws=f"ws://{at}",
        ws_api=f"ws://{at}{ws_api.PATH}",
        control=f"http://{at}{control.PREFIX}",
    )
