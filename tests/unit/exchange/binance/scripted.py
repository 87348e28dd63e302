"""A server on a loopback socket that answers as a test tells it and remembers what it was asked;
and a clock that is ours."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.rest import RestClient

NOW_MS = 1_795_000_000_000
KEY, SECRET = "key-never-shown", "secret-never-shown"


class FakeClock:
    """Sleeping takes no time, and is remembered."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.at_ms = now_ms
        self.slept_ms: list[int] = []

    def now_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.slept_ms.append(duration_ms)
        self.at_ms += duration_ms
        await asyncio.sleep(0)

    async def sleep_until_ms(self, at_ms: int) -> None:
        await self.sleep_ms(max(0, at_ms - self.at_ms))


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    port: int  # the other end of the connection it came by

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def parameters(self) -> dict[str, str]:
        """Without what every signed request has."""
        signing = ("timestamp", "recvWindow", "signature")
        return {name: value for name, value in self.query.items() if name not in signing}


@dataclass
class Reply:
    """An answer. `body` is JSON, or text as it is."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    effect: str = ""  # "hang" and "cut" answer nothing


def refusal(code: int, msg: str = "no", status: int = 400, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"code": code, "msg": msg}, status, named)


HANG = Reply(effect="hang")
CUT = Reply(effect="cut")


class ScriptedServer:
    """Answers per (method, path): one after the other, the last one for ever."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked: list[Asked] = []
        self.script: dict[tuple[str, str], list[Reply]] = defaultdict(list)
        self.url = ""
        self.ahead_ms = 0  # of its clock

    def on(self, method: str, path: str, *answers: Any) -> None:
        replies = [each if isinstance(each, Reply) else Reply(each) for each in answers]
        self.script[method, path] = replies

    def requests(self, method: str, path: str) -> list[Asked]:
        return [each for each in self.asked if (each.method, each.path) == (method, path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(
            Asked(
                request.method,
                request.path,
                request.rel_url.raw_query_string,
                request.headers,
                _port(request),
            )
        )
        replies = self.script.get((request.method, request.path))
        if not replies:
            if request.path.endswith("/time"):
                return web.json_response({"serverTime": self.clock.at_ms + self.ahead_ms})
            return web.json_response({"code": -9, "msg": f"no script: {request.path}"}, status=400)
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if reply.effect == "hang":
            await asyncio.sleep(30)
        if reply.effect:
            assert request.transport is not None
            request.transport.close()
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        return web.Response(text=text, status=reply.status, headers=reply.headers)


def _port(request: web.Request) -> int:
    assert request.transport is not None
    port: int = request.transport.get_extra_info("peername")[1]
    return port


@asynccontextmanager
async def serving(clock: FakeClock) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(clock)
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


@dataclass
class Scene:
    """A server, and a client that asks it."""

    clock: FakeClock
    server: ScriptedServer
    rest: RestClient
    api: BinanceApi


@asynccontextmanager
async def a_scene(**settings: Any) -> AsyncIterator[Scene]:
    clock = FakeClock()
    async with serving(clock) as server:
        credentials = Credentials(KEY, SECRET)
        limits = {"timeout_s": 5.0, "vital_timeout_s": 5.0, **settings}
        rest = RestClient(server.url, clock, credentials=credentials, **limits)
        spot = RestClient(
            server.url, clock, credentials=credentials, time_path="/api/v3/time", **limits
        )
        api = BinanceApi(rest, spot)
        try:
            yield Scene(clock, server, rest, api)
        finally:
            await api.close()
