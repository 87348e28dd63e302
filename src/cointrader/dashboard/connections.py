"""Connections that have a limit: how many there are, and how long one may keep us waiting."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

MOST = 100
FIRST_S = 10.0  # from the connection to the end of its first request's headers
IDLE_S = 75.0  # between two requests
UNREAD_S = 20.0  # that an answer waits for its reader
_LOOK_S = 1.0


class Connections:
    """All connections of a server. `begin` and `end` are told by whoever handles requests."""

    def __init__(self, most: int = MOST, *, first_s: float = FIRST_S) -> None:
        self._most, self._first_s = most, first_s
        self._open: dict[asyncio.BaseTransport, Patience] = {}

    def protocol(self, inner: asyncio.Protocol) -> asyncio.Protocol:
        """`inner` behind these limits."""
        return _Limited(inner, self)

    def begin(self, transport: asyncio.BaseTransport | None) -> None:
        """A whole request is there and is being answered."""
        if transport in self._open:
            self._open[transport].wait_until(None)

    def end(self, transport: asyncio.BaseTransport | None) -> None:
        """It was answered; another may come."""
        if transport in self._open:
            self._open[transport].wait_until(_now() + IDLE_S)

    def admit(self, transport: asyncio.Transport) -> bool:
        if len(self._open) >= self._most:
            return False
        self._open[transport] = Patience(transport, _now() + self._first_s)
        return True

    def forget(self, transport: asyncio.BaseTransport | None) -> None:
        if transport is not None:
            self._open.pop(transport, None)

    async def watch(self) -> None:
        """End those who keep us waiting, for ever."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for patience in list(self._open.values()):
                patience.look(_now())


class Patience:
    """How long one connection may still be waited for."""

    __slots__ = ("_buffered", "_deadline_s", "_since_s", "_transport")

    def __init__(self, transport: asyncio.Transport, deadline_s: float) -> None:
        self._transport = transport
        self._deadline_s: float | None = deadline_s
        self._buffered = 0
        self._since_s = _now()

    def wait_until(self, deadline_s: float | None) -> None:
        self._deadline_s = deadline_s

    def look(self, now_s: float) -> None:
        """Abort where nothing comes, or what was sent is not read."""
        buffered = self._transport.get_write_buffer_size()
        if buffered == 0 or buffered != self._buffered:
            self._buffered, self._since_s = buffered, now_s
        is_unread = buffered > 0 and now_s - self._since_s > UNREAD_S
        if is_unread or (self._deadline_s is not None and now_s > self._deadline_s):
            self._transport.abort()


class _Limited(asyncio.Protocol):
    """Passes everything on, and counts the connection."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self._inner, self._connections = inner, connections
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        own = cast(asyncio.Transport, transport)
        if not self._connections.admit(own):
            own.abort()
            return
        self._transport = own
        self._inner.connection_made(own)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._connections.forget(self._transport)
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._transport is not None else None

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def bound(host: str, port: int, tries: int) -> socket.socket:
    """A listening socket at the first of `tries` ports that is free; `OSError` when none is.

    Port 0 takes any.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in range(port, port + (tries if port else 1)):
        own = socket.socket(family, socket.SOCK_STREAM)
        try:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.bind((host, number))
            own.listen(128)
            own.setblocking(False)
        except OSError as error:
            own.close()
            if number == port + tries - 1 or not port or not _is_taken(error):
                raise
        else:
            return own
    raise OSError("no port is free")


def _is_taken(error: OSError) -> bool:
    import errno

    return error.errno in (errno.EADDRINUSE, errno.EACCES)


def _now() -> float:
    return asyncio.get_running_loop().time()
