"""The WebSocket API: the same calls as JSON requests on one socket."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from cointrader.exchange.simulated.wire import calls_socket
from cointrader.exchange.simulated.wire.auth import Security, json_payload, require_in_time
from cointrader.exchange.simulated.wire.desk import Desk
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.passage import Cut, Request
from cointrader.exchange.simulated.wire.refusals import Answer, answer_to, refused
from cointrader.exchange.simulated.wire.routes import ROUTES, Call, Route
from cointrader.exchange.simulated.wire.sockets import CLOSE_S, cut_off
from cointrader.exchange.simulated.wire.venue import Venue

PATH = "/ws-fapi/v1"
_HANDSHAKE_WEIGHT = 5
_SESSION_WEIGHT = 2
_SESSIONS = ("session.logon", "session.status", "session.logout")

# method -> the REST call that it is
METHODS: dict[str, tuple[str, str]] = {
    "ping": ("GET", "/fapi/v1/ping"),
    "time": ("GET", "/fapi/v1/time"),
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v2/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "order.place": ("POST", "/fapi/v1/order"),
    "order.modify": ("PUT", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}

# methods that answer in their own way
_OWN_CALLS: dict[str, Call] = {
    "ticker.book": calls_socket.book_ticker,
    "order.modify": calls_socket.amend,
    "algoOrder.place": calls_socket.place_algo,
    "account.status": calls_socket.account_v1,
    "v2/account.status": calls_socket.account_v2,
}


@dataclass(slots=True)
class Session:
    """One connection, and the key that logged on to it."""

    connected_ms: int
    with_limits: bool
    key: str | None = None
    since_ms: int | None = None

    def log_on(self, key: str, now_ms: int) -> None:
        self.key, self.since_ms = key, now_ms

    def log_out(self) -> None:
        self.key = self.since_ms = None

    def told(self, now_ms: int) -> dict[str, Any]:
        return {
            "apiKey": self.key,
            "authorizedSince": self.since_ms,
            "connectedSince": self.connected_ms,
            "returnRateLimits": self.with_limits,
            "serverTime": now_ms,
        }


class WsApiFront:
    """Serves the sockets of the WebSocket API."""

    def __init__(self, desk: Desk, *, ping_s: float = 180.0, life_s: float = 24 * 3600.0) -> None:
        self._desk = desk
        self._ping_s = ping_s
        self._life_s = life_s
        self._sockets: set[web.WebSocketResponse] = set()
        self._answering: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        stopped = self._desk.count(_HANDSHAKE_WEIGHT)
        if stopped is not None:
            return web.Response(status=stopped.status, headers=stopped.headers)
        socket = web.WebSocketResponse(heartbeat=self._ping_s, timeout=CLOSE_S)
        await socket.prepare(request)
        self._sockets.add(socket)
        with_limits = request.query.get("returnRateLimits") != "false"
        session = Session(self._desk.venue.server_ms(), with_limits)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._life_s):
                    async for message in socket:
                        if message.type is WSMsgType.TEXT:
                            task = asyncio.create_task(
                                self._serve(message.data, session, socket, request),
                                name="call over a socket",
                            )
                            self._answering.add(task)
                            task.add_done_callback(self._answering.discard)
        finally:
            self._sockets.discard(socket)
            await socket.close()
        return socket

    async def _serve(
        self, text: str, session: Session, socket: web.WebSocketResponse, request: web.Request
    ) -> None:
        """Answer one request. One that waits holds up no other, and what was read is carried out
        though its socket may be gone by then."""
        try:
            answer = await self._answer(text, session)
            await socket.send_str(msgspec.json.encode(answer).decode())
        except Cut:
            cut_off(request)
        except ConnectionError:
            pass  # whoever asked is gone

    async def close(self) -> None:
        """Cut every connection; what is not carried out by now never is."""
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*(socket.close() for socket in list(self._sockets)))

    async def _answer(self, text: str, session: Session) -> dict[str, Any]:
        """The answer to a request; whether it tells the limits, a request may say for itself."""
        try:
            asked = msgspec.json.decode(text, type=dict[str, Any])
            given = asked.get("params") or {}
            params = Params.of_json(given)
        except (msgspec.DecodeError, AttributeError):
            error = refused(-1135, "Invalid JSON Request")
            return self._reply(None, answer_to(error))
        method, number = str(asked.get("method")), asked.get("id")
        if method == "session.logon" and not self._desk.credentials.may_log_on:
            error = refused(-4056, "HMAC_SHA256 API key is not supported.")
            return self._reply(number, answer_to(error))
        if method in _SESSIONS:
            route = self._of_session(method, session)
        elif method in METHODS:
            route = ROUTES[METHODS[method]]
            route = replace(route, call=_OWN_CALLS.get(method, route.call))
        else:
            return self._reply(number, answer_to(refused(-1136, "Invalid method")))
        knows = session.key is not None and method not in _SESSIONS
        answer = await self._desk.answer(
            Request("WS", method, params),
            route,
            lambda: self._let_in(route, given, params, knows=knows),
        )
        with_limits = given.get("returnRateLimits", session.with_limits) is not False
        return self._reply(number, answer, with_limits=with_limits)

    def _of_session(self, method: str, session: Session) -> Route:
        """The call that logs a connection on or out, or says who did."""

        async def call(venue: Venue, params: Params) -> Any:
            now_ms = venue.server_ms()
            if method == "session.logon":
                session.log_on(params.text("apiKey"), now_ms)
            elif method == "session.logout":
                session.log_out()
            return session.told(now_ms)

        logs_on = method == "session.logon"
        return Route(call, Security.SIGNED if logs_on else Security.NONE, _SESSION_WEIGHT)

    def _let_in(self, route: Route, given: dict[str, Any], params: Params, *, knows: bool) -> None:
        """Raise `Rejected` unless the caller brought what the call asks for.

        `knows`: somebody has logged on, so a request that brings no key needs no signature.
        """
        if route.security is Security.NONE:
            return
        credentials = self._desk.credentials
        is_signed = route.security is Security.SIGNED
        if not knows or "apiKey" in params:
            credentials.require_key(params.given("apiKey"))
            if is_signed:
                params.text("timestamp")
                credentials.require_signature(json_payload(given), params.given("signature"))
        if is_signed:
            require_in_time(params, self._desk.present())

    def _reply(self, number: object, answer: Answer, *, with_limits: bool = True) -> dict[str, Any]:
        name = "result" if answer.status == 200 else "error"
        told = {"id": number, "status": answer.status, name: self._with_wait(answer)}
        return {**told, "rateLimits": self._desk.rate_limits()} if with_limits else told

    def _with_wait(self, answer: Answer) -> object:
        """An answer's body; a refusal that says when to come back says it here."""
        wait_s = answer.headers.get("Retry-After")
        if wait_s is None or not isinstance(answer.body, dict):
            return answer.body
        now_ms = self._desk.venue.server_ms()
        until_ms = now_ms + int(wait_s) * 1_000
        return {**answer.body, "data": {"serverTime": now_ms, "retryAfter": until_ms}}
