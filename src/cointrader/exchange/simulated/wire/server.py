"""The simulated exchange as a server: one port for REST, streams, WebSocket API and control."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.wire import control, ws_api
from cointrader.exchange.simulated.wire.auth import Credentials
from cointrader.exchange.simulated.wire.clock import PacedClock, SteppedClock
from cointrader.exchange.simulated.wire.desk import Desk
from cointrader.exchange.simulated.wire.passage import Passage
from cointrader.exchange.simulated.wire.player import Player, Stepper
from cointrader.exchange.simulated.wire.public_streams import Moment, PublicStreams
from cointrader.exchange.simulated.wire.rest import RestFront
from cointrader.exchange.simulated.wire.sockets import Connection, StreamFront, is_stream_path
from cointrader.exchange.simulated.wire.user_streams import UserStreams
from cointrader.exchange.simulated.wire.venue import Venue, VenueSettings
from cointrader.exchange.simulated.wire.ws_api import WsApiFront

_TICK_S = 0.05  # of the wall clock, between two looks at what is due


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the wire behaves. The defaults are the real exchange's."""

    venue: VenueSettings = field(default_factory=VenueSettings)
    ping_s: float = 180.0
    connection_life_s: float = 24 * 3600.0


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
    passage : where requests, answers, events and frames pass
    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        clock: PacedClock | SteppedClock,
        credentials: Credentials,
        settings: ServerSettings | None = None,
        passage: Passage | None = None,
    ) -> None:
        settings = settings or ServerSettings()
        passage = passage or Passage()
        self._clock = clock
        self._venue = venue = Venue(exchange, clock, settings.venue)
        self.streams = StreamFront(
            passage,
            ping_s=settings.ping_s,
            life_s=settings.connection_life_s,
            subscribed=self._on_subscribed,
        )
        self._public = PublicStreams(venue.market, self.streams)
        users = UserStreams(self.streams, venue.listen_keys, passage)
        venue.on_event = users.tell
        venue.on_execution = lambda fill: self._public.trade(fill, clock.now_ms())
        self.player = Player(exchange, clock, self._on_price)
        self._stepper = Stepper(self.player, clock) if isinstance(clock, SteppedClock) else None
        desk = Desk(venue, credentials, passage)
        self._rest = RestFront(desk)
        self._ws_api = WsApiFront(desk, ping_s=settings.ping_s)
        self.stopped = asyncio.Event()
        self._control = control.ControlFront(venue, self.player, self._stepper, self.stopped.set)

    @contextlib.asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Addresses]:
        """Listen, and let time pass, until the block ends. Raises `OSError` for a busy port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            async with asyncio.TaskGroup() as group:
                tasks = self._start(group)
                try:
                    yield _addresses(runner)
                finally:
                    for task in tasks:
                        task.cancel()
        finally:
            await self.streams.close()
            await self._ws_api.close()
            await runner.cleanup()

    def _start(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Begin the market; what goes on by itself."""
        if self._stepper is not None:
            self._stepper.start()
        else:
            assert isinstance(self._clock, PacedClock), "there are two kinds of clocks"
            self._clock.start_at(self.player.opens_ms or 0)
        tasks = [group.create_task(self._tick_on(), name="exchange ticks")]
        if self._stepper is None:
            tasks.append(group.create_task(self.player.run(), name="exchange market"))
        return tasks

    async def _tick_on(self) -> None:
        """Listen keys and countdowns run out, mark prices are told, second after second."""
        told_s = 0
        while True:
            await self._venue.tick()
            now_ms = self._clock.now_ms()
            if now_ms // 1000 > told_s:
                told_s = now_ms // 1000
                self._public.feed(Moment.SECOND, now_ms)
            await asyncio.sleep(_TICK_S)

    def _on_price(self, at_ms: int) -> None:
        self._public.feed(Moment.PRICE, at_ms)

    def _on_subscribed(self, connection: Connection, name: str) -> None:
        """A new listener hears at once how it stands, as it would within a moment anyway."""
        self._public.welcome(connection, name, self._clock.now_ms())

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == control.PREFIX or path.startswith(control.PREFIX + "/"):
            return await self._control.handle(request)
        is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
        if is_socket and path.rstrip("/") == ws_api.PATH:
            return await self._ws_api.handle(request)
        if is_socket and is_stream_path(path):
            return await self.streams.handle(request)
        return await self._rest.handle(request)


def _addresses(runner: web.AppRunner) -> Addresses:
    host, port = runner.addresses[0][:2]
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Addresses(
        rest=f"http://{at}",
        ws=f"ws://{at}",
        ws_api=f"ws://{at}{ws_api.PATH}",
        control=f"http://{at}{control.PREFIX}",
    )
