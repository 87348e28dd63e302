"""Stream connections: what each wants to hear, and one bounded queue to its client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from cointrader.exchange.simulated.wire.limits import MessageRate
from cointrader.exchange.simulated.wire.passage import Frame, Passage
from cointrader.exchange.simulated.wire.topics import Family, topic_of

Control = dict[str, Any]
MAX_STREAMS = 1024
CLOSE_S = 1.0  # that a client has to answer a close
MAX_WAITING = 10_000  # frames that one client may leave unread
_BAD_REQUEST = 2


class Connection:
    """One client of the streams.

    `listens` holds every name it asked for; those of another family stay silent, as on the real
    exchange. `cut` ends the connection at once, without a word to a client that does not read.
    """

    is_silent = False  # nothing is sent to it any more, though it is open
    answers_pings = True

    def __init__(
        self,
        socket: web.WebSocketResponse,
        family: Family,
        *,
        is_combined: bool,
        passage: Passage,
        cut: Callable[[], None],
    ) -> None:
        self.family = family
        self.is_combined = is_combined
        self.listens: dict[str, frozenset[str]] = {}  # name -> kinds of events, empty for all
        self.cut = cut
        self._new: list[str] = []
        self._unfed: set[str] = set()
        self._socket = socket
        self._passage = passage
        self._queue: asyncio.Queue[tuple[str, Frame]] = asyncio.Queue(MAX_WAITING)

    def subscribe(self, names: Iterable[str], events: frozenset[str] = frozenset()) -> None:
        for name in names:
            if name not in self.listens:
                self._new.append(name)
            self.listens[name] = events

    def take_new(self) -> list[str]:
        """What it has begun to hear since this was asked last."""
        new, self._new = self._new, []
        self._unfed.difference_update(new)
        heard = [name for name in new if self.hears(name)]
        self._unfed.update(name for name in heard if not self._passage.feeds(self, name))
        return [name for name in heard if name not in self._unfed]

    def hears(self, name: str) -> bool:
        """Whether messages of this stream are sent to this client."""
        if name not in self.listens or name in self._unfed:
            return False
        topic = topic_of(name)
        return self.family is (Family.PRIVATE if topic is None else topic.family)

    def offer(self, name: str, message: Frame) -> None:
        """Queue a stream's message. A client that reads too slowly is cut off."""
        self._put(name, {"stream": name, "data": message} if self.is_combined else message)

    def reply(self, frame: Control) -> None:
        """Queue the answer to a control frame."""
        self._put("", frame)

    def _put(self, name: str, frame: Frame) -> None:
        if self.is_silent:
            return
        try:
            self._queue.put_nowait((name, frame))
        except asyncio.QueueFull:
            self.cut()

    async def write(self) -> None:
        """Send what is queued, for as long as the client reads it."""
        while True:
            name, frame = await self._queue.get()
            frames: Sequence[Frame] = (frame,)
            if name:
                frames = await self._passage.frame(name, frame)
            for each in () if self.is_silent else frames:
                await self._socket.send_str(msgspec.json.encode(each).decode())

    async def pong(self, message: bytes) -> None:
        """Answer a client's ping."""
        if self.answers_pings and self._passage.answers_ping(self):
            await self._socket.pong(message)

    async def close(self, code: int = WSCloseCode.GOING_AWAY, message: bytes = b"") -> None:
        await self._socket.close(code=code, message=message)


class StreamFront:
    """Accepts stream connections and knows them all.

    Parameters
    ----------
    subscribed : hears of every name that a connection began to listen to
    ping_s, life_s : between pings; after how long a connection is cut
    """

    def __init__(
        self,
        passage: Passage,
        *,
        ping_s: float = 180.0,
        life_s: float = 24 * 3600.0,
        subscribed: Callable[[Connection, str], None] = lambda _connection, _name: None,
    ) -> None:
        self.connections: list[Connection] = []
        self._passage = passage
        self._ping_s = ping_s
        self._life_s = life_s
        self._subscribed = subscribed

    def hearing(self, name: str) -> list[Connection]:
        return [connection for connection in self.connections if connection.hears(name)]

    def names(self) -> list[str]:
        """Every stream that somebody hears, in a stable order."""
        heard = (
            name
            for connection in self.connections
            for name in connection.listens
            if connection.hears(name)
        )
        return list(dict.fromkeys(heard))

    def publish(self, name: str, message: Frame) -> None:
        """Send a stream's message to all who hear it."""
        for frame in self._passage.published(name, message):
            self.deliver(name, frame)

    def deliver(self, name: str, message: Frame) -> None:
        """Send a message that has passed already."""
        for connection in self.hearing(name):
            connection.offer(name, message)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from its handshake to its end."""
        socket = web.WebSocketResponse(heartbeat=self._ping_s, timeout=CLOSE_S, autoping=False)
        await socket.prepare(request)
        family, is_combined, rest = _read_path(request.path)
        connection = Connection(
            socket,
            family,
            is_combined=is_combined,
            passage=self._passage,
            cut=lambda: cut_off(request),
        )
        _subscribe_at_start(connection, request, rest)
        self.connections.append(connection)
        self._passage.connected(connection)
        self._welcome(connection)
        writer = asyncio.create_task(connection.write(), name="stream writer")
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._life_s):
                    await self._read(connection, socket)
        finally:
            self.connections.remove(connection)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer
            await socket.close(code=WSCloseCode.GOING_AWAY)
        return socket

    async def close(self) -> None:
        """Cut every connection."""
        await asyncio.gather(*(connection.close() for connection in list(self.connections)))

    def _welcome(self, connection: Connection) -> None:
        for name in connection.take_new():
            self._subscribed(connection, name)

    async def _read(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        rate = MessageRate()
        async for message in socket:
            if message.type is WSMsgType.PING:
                await connection.pong(message.data)
                continue
            if message.type is WSMsgType.PONG:
                continue
            if rate.is_broken_by_one_at(asyncio.get_running_loop().time()):
                await connection.close(WSCloseCode.POLICY_VIOLATION, b"Too many requests")
                return
            if message.type is WSMsgType.TEXT:
                connection.reply(_control(connection, message.data))
                self._welcome(connection)


def _subscribe_at_start(connection: Connection, request: web.Request, rest: str) -> None:
    text = request.query.get("streams", "") if connection.is_combined else rest
    connection.subscribe(name for name in text.split("/") if name)
    events: frozenset[str] = frozenset()
    for name, value in reversed(list(request.query.items())):  # a key's events come after it
        if name == "events":
            events = frozenset(value.split("/"))
        elif name == "listenKey":
            connection.subscribe([value], events)
            events = frozenset()


def _control(connection: Connection, text: str) -> Control:
    """Carry out one control frame; what it is answered with."""
    try:
        asked = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        return _bad(f"Invalid JSON: {error}", None)
    number, params = asked.get("id"), asked.get("params", [])
    if not isinstance(number, int | str) or isinstance(number, bool):
        return _bad("Invalid request: request ID must be an unsigned integer", None)
    if not isinstance(params, list):
        return _bad("Invalid request: params must be a list", number)
    match asked.get("method"):
        case "SUBSCRIBE":
            names = [str(name) for name in params]
            if len({*names, *connection.listens}) > MAX_STREAMS:
                return _bad(f"Invalid request: more than {MAX_STREAMS} streams", number)
            connection.subscribe(names)
        case "UNSUBSCRIBE":
            for name in params:
                connection.listens.pop(str(name), None)
        case "LIST_SUBSCRIPTIONS":
            return {"result": list(connection.listens), "id": number}
        case "SET_PROPERTY":
            if len(params) != 2 or params[0] != "combined" or not isinstance(params[1], bool):
                return _bad('Invalid request: expected ["combined", true|false]', number)
            connection.is_combined = params[1]
        case "GET_PROPERTY":
            return {"result": connection.is_combined, "id": number}
        case method:
            return _bad(f"Invalid request: unknown variant {method!r}", number)
    return {"result": None, "id": number}


def cut_off(request: web.Request) -> None:
    """End a connection without a word."""
    if request.transport is not None:
        request.transport.abort()


def is_stream_path(path: str) -> bool:
    """Whether a path belongs to the stream host."""
    parts = path.strip("/").split("/")
    if parts[0] in {family.value for family in Family}:
        parts = parts[1:]
    return bool(parts) and parts[0] in ("ws", "stream")


def _read_path(path: str) -> tuple[Family, bool, str]:
    """The family, whether messages are wrapped, and what follows. Unrouted is public only."""
    parts = path.strip("/").split("/")
    family = Family.PUBLIC
    if parts[0] in {each.value for each in Family}:
        family = Family(parts.pop(0))
    return family, parts[0] == "stream", "/".join(parts[1:])


def _bad(text: str, number: int | str | None) -> Control:
    return {"error": {"code": _BAD_REQUEST, "msg": text}, "id": number}
