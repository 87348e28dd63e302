"""REST over HTTP: reads a request, has it answered, writes the answer."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from aiohttp import web

from cointrader.exchange.simulated.wire.auth import (
    KEY_HEADER,
    Security,
    read,
    require_in_time,
    signed_payload,
)
from cointrader.exchange.simulated.wire.desk import Desk
from cointrader.exchange.simulated.wire.limits import WEIGHT_HEADER
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.passage import Request
from cointrader.exchange.simulated.wire.refusals import Answer, Raw, answer_to, refused
from cointrader.exchange.simulated.wire.routes import ROUTES, Route


class RestFront:
    """The handler of every path that is no WebSocket and no control."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle(self, request: web.Request) -> web.Response:
        route = ROUTES.get((request.method, request.path))
        if route is None:
            return _nowhere(request)
        query = request.raw_path.partition("?")[2]
        try:
            body = (await request.read()).decode()
        except UnicodeDecodeError:
            return as_response(answer_to(refused(-1100, "Illegal characters found in the body.")))
        params = read(query, body)
        asked = Request(request.method, request.path, params)
        answer = await self._desk.answer(
            asked, route, lambda: self._let_in(request, route, params, query, body)
        )
        return as_response(_as_spot(answer) if request.path.startswith("/api/") else answer)

    def _let_in(
        self, request: web.Request, route: Route, params: Params, query: str, body: str
    ) -> None:
        """Raise `Rejected` unless the caller brought what the call asks for."""
        if route.security is Security.NONE:
            return
        credentials = self._desk.credentials
        credentials.require_key(request.headers.get(KEY_HEADER))
        if route.security is Security.SIGNED:
            params.text("timestamp")
            credentials.require_signature(signed_payload(query, body), params.given("signature"))
            require_in_time(params, self._desk.present())


def as_response(answer: Answer) -> web.Response:
    """An answer as it goes over HTTP."""
    body = answer.body
    if not isinstance(body, Raw):
        body = Raw(msgspec.json.encode(body), "application/json")
    return web.Response(
        status=answer.status,
        body=body.content,
        content_type=body.content_type,
        headers=answer.headers,
    )


def _as_spot(answer: Answer) -> Answer:
    """The spot host tells the weight under its older name too."""
    weight = answer.headers.get(WEIGHT_HEADER)
    if weight is None:
        return answer
    return replace(answer, headers={"X-MBX-USED-WEIGHT": weight, **answer.headers})


def _nowhere(request: web.Request) -> web.Response:
    """What the real exchange answers where nothing is, or nothing for this method."""
    error = refused(-5000, f"Path {request.path}, Method {request.method} is invalid")
    return as_response(replace(answer_to(error), status=404))
