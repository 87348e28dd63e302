"""Signed HTTP calls to one host: sent once, or told to have failed in a way that says who acts.

A reading is tried a few times. What changes something is sent once: whether it arrived is the
caller's question when no answer comes back. Key, secret and signature are in no error.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Literal, Self, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from cointrader import __version__
from cointrader.domain.clock import Clock
from cointrader.domain.errors import (
    CointraderError,
    ConfigError,
    DataError,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unreachable,
)
from cointrader.exchange.binance.api_socket import ApiSocket, HttpAnswer
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.rate_limit import Cost, RateLimiter, weight
from cointrader.exchange.binance.refusals import (
    Answer,
    ClockOff,
    error_of,
    silence_ms,
    silences_all,
    was_not_looked_at,
)
from cointrader.exchange.binance.schemas import ServerTime
from cointrader.exchange.binance.server_clock import ServerClock

T = TypeVar("T")
Method = Literal["GET", "POST", "PUT", "DELETE"]
Access = Literal["public", "key", "signed"]
Parameters = Mapping[str, str | int]

RECEIVE_WINDOW_MS = 5_000
_TRIES = 4
_VITAL_TRIES = 2  # who asks has more patience than we may take
_PAUSE_MS = 250
_PATIENCE_MS = 120_000  # of ordinary calls, for the rate limit
_VITAL_PATIENCE_MS = 1_000


@dataclass(frozen=True, slots=True)
class _Call:
    method: Method
    path: str
    parameters: Parameters
    access: Access
    cost: Cost
    is_vital: bool

    @property
    def name(self) -> str:
        """For people; parameters may be private."""
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        return self.method != "GET"


_Sends = Callable[[_Call], Awaitable[HttpAnswer]]


class RestClient:
    """One host.

    Parameters
    ----------
    base_url : without a slash at its end
    credentials : None for public calls only
    limiter : shared by everybody who asks this host from here
    timeout_s, vital_timeout_s : of one call; what is vital has deadlines of its own to keep
    connect_timeout_s : of finding the host and connecting to it
    time_path : where the host tells its time
    """

    def __init__(
        self,
        base_url: str,
        clock: Clock,
        *,
        credentials: Credentials | None = None,
        limiter: RateLimiter | None = None,
        timeout_s: float = 10.0,
        vital_timeout_s: float = 4.0,
        connect_timeout_s: float = 3.0,
        time_path: str = "/fapi/v1/time",
    ) -> None:
        self._base_url = base_url
        self._clock = clock
        self._credentials = credentials
        self.limiter = RateLimiter(clock) if limiter is None else limiter
        self.server_clock = ServerClock(clock)
        self._measuring = asyncio.Lock()
        self._time_path = time_path
        self._timeouts = {
            is_vital: aiohttp.ClientTimeout(
                total=total_s, sock_connect=connect_timeout_s, connect=connect_timeout_s
            )
            for is_vital, total_s in ((False, timeout_s), (True, vital_timeout_s))
        }
        self._session: aiohttp.ClientSession | None = None
        self._socket: ApiSocket | None = None

    def use(self, socket: ApiSocket) -> None:
        """Carry the calls that can be over `socket` too while it is up."""
        self._socket = socket

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Called again, a request opens new ones."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def now_ms(self, *, or_nearly: bool = False) -> int:
        """The exchange's time, measured now and then; `or_nearly` waits for no measurement that is
        merely due."""
        await self._know_the_time(or_nearly=or_nearly)
        return self.server_clock.now_ms()

    async def connect_ahead(self, connections: int) -> None:
        """Have so many connections open and the time measured, before there are calls in a hurry.

        A connection that nobody has used for a quarter of a minute is closed, and a new one takes
        several journeys there and back before it carries a request. Raises what `call` raises.
        """
        askings = (self.call("GET", self._time_path, ServerTime) for _ in range(connections))
        await asyncio.gather(*askings)
        async with self._measuring:
            await self.server_clock.measure(self._server_time)

    async def call(
        self,
        method: Method,
        path: str,
        answers: type[T],
        parameters: Parameters | None = None,
        *,
        access: Access = "public",
        cost: Cost | None = None,
        is_vital: bool = False,
    ) -> T:
        """Ask, and decode the answer as `answers`.

        Vital calls (orders, and what keeps them safe) may use the whole rate limit and wait for
        it at most a second.

        Raises `Unreachable` (nothing happened), `RateLimited`, `Rejected`, `OutcomeUnknown` (only
        for what changes something), `ConfigError` (key, permission, address), `DataError` (an
        answer of an unknown shape).
        """
        asked = _Call(
            method, path, parameters or {}, access, weight(1) if cost is None else cost, is_vital
        )
        tries = _VITAL_TRIES if is_vital else _TRIES
        for remaining in range(tries - 1, -1, -1):
            try:
                return await self._call_once(asked, answers)
            except ClockOff:
                self.server_clock.doubt()
                if not remaining:
                    raise
            except Unreachable:
                if asked.changes or not remaining:
                    raise
                await self._pause(tries - remaining)
            except RateLimited as limit:
                may_wait = not (asked.changes or is_vital) and limit.retry_after_ms <= _PATIENCE_MS
                if not may_wait or not remaining:
                    raise
                await self._clock.sleep_ms(limit.retry_after_ms)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _call_once(self, asked: _Call, answers: type[T]) -> T:
        """Over the socket where it takes this call. What it refuses may be its own fault, and then
        it is not asked for that again: HTTP answers the same call."""
        if asked.access == "signed":
            await self._know_the_time(or_nearly=asked.is_vital)
        socket = self._socket
        if socket is None or not socket.takes(asked.method, asked.path):
            return await self._carried_by(self._send, asked, answers)
        try:
            return await self._carried_by(partial(self._send_over, socket), asked, answers)
        except _Unreadable:
            socket.distrust(asked.method, asked.path)
            raise
        except (Rejected, ConfigError, DataError) as error:
            if asked.changes and isinstance(error, Rejected) and not was_not_looked_at(error.code):
                raise
        answer = await self._carried_by(self._send, asked, answers)
        socket.distrust(asked.method, asked.path)
        return answer

    async def _carried_by(self, send: _Sends, asked: _Call, answers: type[T]) -> T:
        patience_ms = _VITAL_PATIENCE_MS if asked.is_vital else _PATIENCE_MS
        await self.limiter.admit(asked.cost, is_vital=asked.is_vital, patience_ms=patience_ms)
        sent_ms = self._clock.now_ms()
        status, headers, body = await send(asked)
        self.limiter.hear(headers, sent_ms=sent_ms)
        if status != 200:
            raise self._failure(asked, status, headers, body)
        try:
            return msgspec.json.decode(body, type=answers)
        except msgspec.ValidationError as error:
            found, is_json = str(error), True
        except msgspec.DecodeError:
            found, is_json = "no JSON", False
        problem = "the exchange's answer cannot be read"
        if asked.changes:
            raise _Unreadable(problem, where=asked.name, found=found)
        if is_json:
            raise DataError(problem, where=asked.name, found=found, todo="update cointrader")
        raise Unreachable(problem, where=asked.name, found=found)

    async def _send(self, asked: _Call) -> HttpAnswer:
        """One request and its answer, or the error that says whether it can have arrived."""
        url, headers = self._addressed(asked)
        failure: CointraderError  # raised after the network's own is left: that holds the whole URL
        try:
            async with self._open().request(
                asked.method,
                url,
                headers=headers,
                timeout=self._timeouts[asked.is_vital],
                allow_redirects=False,
            ) as response:
                return response.status, response.headers, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            found = f"{type(error).__name__} at {self._base_url}"
            failure = Unreachable("the exchange cannot be reached", where=asked.name, found=found)
        except (aiohttp.ClientError, TimeoutError, OSError, _CutOff) as error:
            failure = _unanswered(asked, error)
        raise failure

    async def _send_over(self, socket: ApiSocket, asked: _Call) -> HttpAnswer:
        """The same over an open socket, unless it broke while the budgets were waited for."""
        if not socket.is_up:
            return await self._send(asked)
        parameters = asked.parameters
        if asked.access == "signed":
            stamped = {**parameters, **self._stamp()}
            parameters = self._key_for(asked).signed_parameters(stamped)
        within_s = self._timeouts[asked.is_vital].total
        assert within_s is not None, "every call has an end"
        try:
            return await socket.ask(asked.method, asked.path, parameters, within_s=within_s)
        except (aiohttp.ClientError, TimeoutError, OSError, Unreachable) as error:
            failure = _unanswered(asked, error)
        raise failure

    def _addressed(self, asked: _Call) -> tuple[URL, dict[str, str]]:
        headers: dict[str, str] = {}
        query = urlencode(asked.parameters, quote_via=quote) if asked.parameters else ""
        if asked.access != "public":
            credentials = self._key_for(asked)
            headers = credentials.headers()
            if asked.access == "signed":
                stamp = "&".join(f"{name}={value}" for name, value in self._stamp().items())
                query = credentials.signed(f"{query}&{stamp}" if query else stamp)
        text = f"{self._base_url}{asked.path}" + (f"?{query}" if query else "")
        return URL(text, encoded=True), headers

    def _stamp(self) -> dict[str, int]:
        return {"recvWindow": RECEIVE_WINDOW_MS, "timestamp": self.server_clock.now_ms()}

    def _key_for(self, asked: _Call) -> Credentials:
        if self._credentials is None:
            raise ConfigError(
                "this needs an API key",
                where=asked.name,
                todo="set BINANCE_API_KEY and BINANCE_API_SECRET",
            )
        return self._credentials

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"User-Agent": f"cointrader/{__version__}"},
                middlewares=(_no_second_sending,),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _failure(
        self, asked: _Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> CointraderError:
        code, message = _said(body)
        if self._credentials is not None:
            message = self._credentials.redact(message)
        pause_ms = silence_ms(
            status,
            headers.get("Retry-After", ""),
            message,
            now_ms=self.server_clock.now_ms(),
        )
        answer = Answer(status, code, message, pause_ms)
        error = error_of(answer, call=asked.name, changes=asked.changes)
        if isinstance(error, RateLimited) and silences_all(answer):
            self.limiter.be_silent(error.retry_after_ms)
        return error

    async def _know_the_time(self, *, or_nearly: bool = False) -> None:
        """Measure it where that is due. Nearly is enough for what must not wait."""
        if self._knows_the_time(or_nearly):
            return
        async with self._measuring:  # one measures, the others wait for it
            if not self._knows_the_time(or_nearly):
                await self.server_clock.measure(self._server_time)

    def _knows_the_time(self, or_nearly: bool) -> bool:
        known = self.server_clock
        return known.is_known and (or_nearly or not known.is_due)

    async def _server_time(self) -> int:
        answer = await self.call("GET", self._time_path, ServerTime, is_vital=True)
        return answer.server_time

    async def _pause(self, number: int) -> None:
        """Longer each time, and never the same for two clients."""
        await self._clock.sleep_ms(int(_PAUSE_MS * 2 ** (number - 1) * random.uniform(0.5, 1.5)))


def _unanswered(asked: _Call, error: Exception) -> CointraderError:
    """The error for a request that may have arrived."""
    kind = OutcomeUnknown if asked.changes else Unreachable
    name = type(error).__name__.removeprefix("_")
    found = error.what if isinstance(error, Unreachable) else name  # ours has nothing private
    return kind("the exchange did not answer", where=asked.name, found=found)


class _Unreadable(OutcomeUnknown):
    """It was answered, by something that we cannot read."""


class _CutOff(Exception):
    """The connection ended after the request may have left."""


async def _no_second_sending(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a DELETE or PUT again over a new connection by itself."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise  # nothing was sent
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise _CutOff(type(error).__name__) from None


class _Said(msgspec.Struct, frozen=True):
    code: int | str | None = None
    msg: str = ""


def _said(body: bytes) -> tuple[int | None, str]:
    """Code and message of an error's body; its text where it has no code."""
    try:
        said = msgspec.json.decode(body, type=_Said)
        return (None if said.code is None else int(said.code)), said.msg
    except (msgspec.DecodeError, ValueError):
        return None, " ".join(body.decode("utf-8", "replace").split())
