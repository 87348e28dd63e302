"""Calls over one WebSocket that stays open, for what is in a hurry when a bar closes.

A request over HTTP costs the one core that all bots share two to three times as much as the same
request on an open socket. So the few calls that stand between a closed bar and its entry go this
way while the socket is up, and over HTTP otherwise: nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
import msgspec
import structlog

from cointrader.domain.clock import HOUR_MS, MINUTE_MS
from cointrader.domain.ports import Clock
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.line import Line, LineHealth
from cointrader.exchange.binance.rate_limit import RateLimiter, weight

log = structlog.get_logger()

HttpAnswer = tuple[int, Mapping[str, str], bytes]  # status, headers, body

# (HTTP method, path) -> the same call's name here; of these the answers are the same either way
METHODS: Mapping[tuple[str, str], str] = {
    ("GET", "/fapi/v1/ticker/bookTicker"): "ticker.book",
    ("GET", "/fapi/v3/account"): "v2/account.status",
    ("GET", "/fapi/v3/positionRisk"): "v2/account.position",
    ("POST", "/fapi/v1/order"): "order.place",
}
# It talks only when it is asked: a long silence is a reason to look whether it still does.
_LIMITS = StreamLimits(max_age_ms=HOUR_MS, may_be_quiet=True)
_HANDSHAKE = weight(5)
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = MINUTE_MS, HOUR_MS  # after an answer that stayed away
_COUNTED = {"REQUEST_WEIGHT": "USED-WEIGHT", "ORDERS": "ORDER-COUNT"}


class ApiSocket:
    """One socket, kept open while `run` runs.

    Parameters
    ----------
    address : of the WebSocket API
    limiter : of the calls over HTTP, with which it shares the budgets
    """

    def __init__(
        self,
        address: str,
        *,
        session: aiohttp.ClientSession,
        clock: Clock,
        limiter: RateLimiter,
    ) -> None:
        async def address_in_turn() -> str:
            await limiter.admit(_HANDSHAKE, is_vital=False, patience_ms=0)
            return address

        self._trusted = dict(METHODS)
        self._clock = clock
        self._pause_ms = _FIRST_PAUSE_MS
        self._silent_until_ms = 0
        self._line = Line(
            "calls",
            address=address_in_turn,
            streams=(),
            session=session,
            clock=clock,
            limits=_LIMITS,
            on_message=_too_late,
            on_up=_nothing_to_catch_up,
        )

    async def run(self) -> None:
        """Keep it open until cancelled."""
        await self._line.run()

    @property
    def is_up(self) -> bool:
        """Whether it can be asked now, and answered when it was asked last."""
        return self._line.may_be_asked and self._clock.now_ms() >= self._silent_until_ms

    def takes(self, method: str, path: str) -> bool:
        """Whether this call of HTTP can be put to it now."""
        return (method, path) in self._trusted and self.is_up

    def distrust(self, method: str, path: str) -> None:
        """It cannot do what HTTP can: leave this call to HTTP from now on."""
        name = self._trusted.pop((method, path), None)
        if name is not None:
            log.warning("socket.not_understood", call=name, todo="it goes over HTTP from now on")

    def health(self) -> LineHealth:
        return self._line.health()

    async def ask(
        self, method: str, path: str, parameters: Mapping[str, str | int], *, within_s: float
    ) -> HttpAnswer:
        """Put a call to it that it `takes`; the answer as it would have come over HTTP.

        Raises `TimeoutError`, `Unreachable` or an `OSError` where none comes: the request may have
        arrived.
        """
        name = METHODS[method, path]
        try:
            text = await self._line.ask(name, parameters, within_s=within_s)
        except TimeoutError:
            self._leave_alone(name)
            raise
        self._pause_ms = _FIRST_PAUSE_MS
        try:
            reply = msgspec.json.decode(text, type=_Reply)
        except msgspec.MsgspecError:
            return _UNREADABLE
        headers = _counts(reply.rate_limits)
        if reply.status == 200:
            return 200, headers, bytes(reply.result)
        return reply.status, headers | _retry_after(reply), msgspec.json.encode(reply.error)

    def _leave_alone(self, name: str) -> None:
        """HTTP answers for a while: a socket that opens need not be one that answers."""
        self._silent_until_ms = self._clock.now_ms() + self._pause_ms
        log.warning("socket.silent", call=name, http_for_s=self._pause_ms // 1_000)
        self._pause_ms = min(2 * self._pause_ms, _LONGEST_PAUSE_MS)


class _Reply(msgspec.Struct, frozen=True, rename="camel"):
    status: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: object = None
    rate_limits: msgspec.Raw = msgspec.Raw(b"[]")


_UNREADABLE: HttpAnswer = (200, {}, b"null")  # which is none of the answers that we know


class _RateLimit(msgspec.Struct, frozen=True, rename="camel"):
    """How much of one limit is used."""

    rate_limit_type: str
    interval: str
    interval_num: int
    count: int = 0

    @property
    def header(self) -> str:
        counted = _COUNTED.get(self.rate_limit_type, self.rate_limit_type)
        return f"X-MBX-{counted}-{self.interval_num}{self.interval[:1]}"


def _counts(told: msgspec.Raw) -> dict[str, str]:
    """What HTTP tells in headers. An answer counts also where these cannot be read."""
    try:
        rows = msgspec.json.decode(told, type=list[_RateLimit])
    except msgspec.MsgspecError:
        return {}
    return {row.header: str(row.count) for row in rows}


class _Wait(msgspec.Struct, frozen=True, rename="camel"):
    server_time: int
    retry_after: int


class _Refusal(msgspec.Struct, frozen=True):
    data: _Wait


def _retry_after(reply: _Reply) -> dict[str, str]:
    """How long to wait, where it is said: as two moments here, in seconds over HTTP."""
    try:
        told = msgspec.convert(reply.error, _Refusal).data
    except msgspec.ValidationError:
        return {}
    wait_ms = told.retry_after - told.server_time
    return {"Retry-After": str(-(-wait_ms // 1_000))} if wait_ms > 0 else {}


def _too_late(_text: str) -> None:
    """An answer that nobody waits for any more."""


def _nothing_to_catch_up() -> None:
    """What was asked of the connection before has been answered or has failed."""
