"""One open WebSocket of Binance: subscriptions that count once acknowledged, messages, its end.

A connection lives once. It never mends itself: `line` replaces it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import aiohttp
import msgspec

from cointrader.domain.clock import HOUR_MS, MINUTE_MS
from cointrader.domain.errors import Unreachable
from cointrader.domain.ports import Clock
from cointrader.exchange.binance.refusals import Answer, error_of, silence_ms

STREAMS_PER_CONNECTION = 1_024  # what the exchange allows
_MESSAGES_IN_A_ROW = 24  # then other tasks have their turn: a bar brings many messages at once
_STREAMS_PER_MESSAGE = 100  # keeps a request short; names have about 20 characters
_CLOSE_TIMEOUT_S = 2.0
_COME_LATER = (418, 429)
_LAST_ANSWERS_S = 5.0  # that a connection which is not asked any more has for its answers
_SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How patient we are with one family of streams, and how polite.

    `max_age_ms` is the longest silence. Of a stream that always talks it is a fault; of one that
    `may_be_quiet` only a reason to replace the connection, which nobody can tell from a dead one.
    """

    max_age_ms: int = MINUTE_MS
    may_be_quiet: bool = False
    renew_after_ms: int = 23 * HOUR_MS  # the exchange cuts every connection after 24 h
    connect_timeout_ms: int = 10_000
    ack_timeout_ms: int = 10_000
    ping_every_ms: int = 20_000  # a pong that stays away half as long is a dead connection
    first_pause_ms: int = 500
    longest_pause_ms: int = 30_000
    settled_after_ms: int = MINUTE_MS  # a connection that lived this long resets the pause
    messages_per_second: int = 5  # of the 10 allowed: pings and pongs count too


class Reply(msgspec.Struct, frozen=True):
    """What tells the answer to a request from a stream's message, which has no `id`."""

    id: int | str | None = None


class _Acknowledgement(msgspec.Struct, frozen=True):
    error: object = None


class Connection:
    """An open socket. `read` passes its messages on until it ends.

    `stirred` is set when it ends, and when it is not to be asked any more.
    """

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        *,
        name: str,
        clock: Clock,
        limits: StreamLimits,
        on_message: Callable[[str], None],
    ) -> None:
        self.name = name
        self.opened_ms = self.last_message_ms = clock.now_ms()
        self.ended_ms: int | None = None
        self.delivering = asyncio.Event()  # a first message came, or the connection ended
        self.ended = asyncio.Event()
        self.is_retired = False  # it is still read, and not asked any more
        self.stirred = asyncio.Event()
        self.reason = ""  # why it ended
        self._socket = socket
        self._clock = clock
        self._limits = limits
        self._on_message = on_message
        self._ids = count(1)
        self._unanswered: dict[int | str, asyncio.Future[str]] = {}
        self._pace = _Pace(limits.messages_per_second, clock)

    async def read(self) -> None:
        """Pass messages on, in order, until the socket ends. The network's faults are no errors."""
        try:
            in_a_row = 0
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(message.data)
                in_a_row += 1
                if in_a_row % _MESSAGES_IN_A_ROW == 0:
                    await asyncio.sleep(0)
            self.fail(f"closed with code {self._socket.close_code}")
        except (aiohttp.ClientError, OSError) as error:
            self.fail(type(error).__name__)
        finally:
            self.fail("reading ended")

    async def subscribe(self, streams: Sequence[str]) -> None:
        """Ask for `streams`; `Unreachable` unless each request is acknowledged in time."""
        within_s = self._limits.ack_timeout_ms / 1000
        for names in _chunks(streams, _STREAMS_PER_MESSAGE):
            await self._pace.take()
            try:
                answer = await self.ask("SUBSCRIBE", names, within_s=within_s)
            except TimeoutError:
                raise Unreachable("a subscription was not acknowledged", where=self.name) from None
            error = msgspec.json.decode(answer, type=_Acknowledgement).error
            if error is not None:
                raise Unreachable("a subscription was refused", where=self.name, found=error)

    @property
    def may_be_asked(self) -> bool:
        """Whether a request would leave, and nothing speaks against an answer."""
        return not (self.ended.is_set() or self.is_retired or self._socket.closed)

    async def ask(self, method: str, params: object, *, within_s: float) -> str:
        """Send a request and wait for the text of its answer.

        Raises `TimeoutError`, and `Unreachable` or an `OSError` where the connection ends before.
        """
        request_id = next(self._ids)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._unanswered[request_id] = answer
        request = {"method": method, "params": params, "id": request_id}
        try:
            async with asyncio.timeout(within_s):
                await self._socket.send_str(msgspec.json.encode(request).decode())
                return await answer
        finally:
            self._unanswered.pop(request_id, None)

    def retire(self) -> None:
        """Have it replaced; what it was asked it may still answer."""
        self.is_retired = True
        self.stirred.set()

    async def last_answers(self) -> None:
        """Return when nothing it was asked is unanswered, or after a while."""
        if self._unanswered:
            await asyncio.wait(list(self._unanswered.values()), timeout=_LAST_ANSWERS_S)

    def fail(self, reason: str) -> None:
        """This connection is of no use any more. The first reason stands."""
        if self.ended.is_set():
            return
        self.reason = reason
        self.ended_ms = self._clock.now_ms()
        self.ended.set()
        self.stirred.set()
        self.delivering.set()
        for answer in self._unanswered.values():
            if not answer.done():
                answer.set_exception(Unreachable(f"connection {reason}", where=self.name))

    async def close(self) -> None:
        """Say goodbye, and wait no longer than a moment for the other side's.

        That moment is waited for in any case: a goodbye that is broken off leaves the socket open.
        """
        self.fail("closed by us")
        goodbye = asyncio.ensure_future(self._goodbye())
        try:
            await asyncio.shield(goodbye)
        except asyncio.CancelledError:
            await goodbye
            raise

    async def _goodbye(self) -> None:
        with suppress(TimeoutError):  # of one who goes on talking
            async with asyncio.timeout(2 * _CLOSE_TIMEOUT_S):
                await self._socket.close()

    def _take(self, text: str) -> None:
        if self.ended.is_set():
            return
        self.last_message_ms = self._clock.now_ms()
        if self._unanswered and self._is_reply(text):
            return
        self._on_message(text)
        self.delivering.set()

    def _is_reply(self, text: str) -> bool:
        try:
            reply = msgspec.json.decode(text, type=Reply)
        except msgspec.MsgspecError:
            return False
        answer = None if reply.id is None else self._unanswered.get(reply.id)
        if answer is None:
            return False
        if not answer.done():
            answer.set_result(text)
        return True


async def connect(
    session: aiohttp.ClientSession,
    address: str,
    *,
    name: str,
    clock: Clock,
    limits: StreamLimits,
    on_message: Callable[[str], None],
) -> Connection:
    """Open a socket. `TimeoutError` or an `aiohttp.ClientError` when that fails; `RateLimited`
    where the exchange says to come back later."""
    try:
        async with asyncio.timeout(limits.connect_timeout_ms / 1000):
            socket = await session.ws_connect(
                address,
                heartbeat=limits.ping_every_ms / 1000,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
            )
    except aiohttp.WSServerHandshakeError as refused:
        if refused.status not in _COME_LATER:
            raise
        after = "" if refused.headers is None else refused.headers.get("Retry-After", "")
        wait_ms = silence_ms(refused.status, after, "", now_ms=clock.now_ms())
        answer = Answer(refused.status, None, "", wait_ms)
        raise error_of(answer, call=f"connecting {name}", changes=False) from None
    return Connection(socket, name=name, clock=clock, limits=limits, on_message=on_message)


class _Pace:
    """At most `per_second` turns in any second."""

    def __init__(self, per_second: int, clock: Clock) -> None:
        self._clock = clock
        self._taken_ms: deque[int] = deque(maxlen=per_second)

    async def take(self) -> None:
        if len(self._taken_ms) == self._taken_ms.maxlen:
            await self._clock.sleep_until_ms(self._taken_ms[0] + _SECOND_MS)
        self._taken_ms.append(self._clock.now_ms())


def _chunks(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def shards(streams: Sequence[str]) -> list[Sequence[str]]:
    """`streams` spread over as few connections as the exchange allows."""
    return list(_chunks(streams, STREAMS_PER_CONNECTION))
