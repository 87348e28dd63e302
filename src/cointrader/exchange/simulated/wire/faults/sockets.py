"""Connections that end, do not begin, or stay open and say nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cointrader.exchange.simulated.wire import events
from cointrader.exchange.simulated.wire.faults.fault import Act, Fault
from cointrader.exchange.simulated.wire.faults.parameters import (
    Parameter,
    any_of,
    chosen,
    number,
    seconds,
)
from cointrader.exchange.simulated.wire.passage import Cut
from cointrader.exchange.simulated.wire.refusals import Answer
from cointrader.exchange.simulated.wire.sockets import Connection

_FAMILIES = ("public", "market", "private")
_WS_API = "ws-api"
_EVER_MS = 2**62


def _family(options: Sequence[str] = _FAMILIES) -> Mapping[str, Parameter]:
    return {"family": any_of("|".join(options), options, "which connections")}


class _OnConnections(Act):
    """Does something to every stream connection of its family; waits until there is one."""

    parameters = _family()

    async def act(self) -> bool:
        found = [c for c in self.scene.streams.connections if self.is_of_family(c)]
        if not found:
            return False
        for connection in found:
            self.note(in_words(connection), await self.do_to(connection))
        return True

    def is_of_family(self, connection: Connection) -> bool:
        return connection.family.value in self.words("family")

    async def do_to(self, connection: Connection) -> str:
        """What was done."""
        raise NotImplementedError


class SocketsClosed(_OnConnections):
    name = "sockets-closed"
    summary = "stream connections are closed in good form, 1001 by default"
    parameters = chosen(
        **_family(),
        code=number("1001", "the code that they are closed with", least=1000, most=4999),
    )

    async def do_to(self, connection: Connection) -> str:
        code = self.whole("code")
        self.scene.spawn(connection.close(code))
        return f"closed with {code}"


class SocketsAborted(_OnConnections):
    name = "sockets-aborted"
    summary = "stream connections break without a word (1006)"

    async def do_to(self, connection: Connection) -> str:
        connection.cut()
        return "cut"


class SocketsSilent(_OnConnections):
    name = "sockets-silent"
    summary = "stream connections stay open, half of them dead: nothing comes any more"
    parameters = chosen(
        **_family(),
        pongs=any_of("no", ("no", "yes"), "whether pings are still answered"),
    )

    async def do_to(self, connection: Connection) -> str:
        connection.is_silent = True
        connection.answers_pings = "yes" in self.words("pongs")
        return "silent from now on"


class ConnectionLife(Fault):
    name = "connection-life"
    summary = "a stream connection is cut after so long, as each is after 24 hours"
    parameters = chosen(seconds=seconds("86400", "how long it lives", most=604_800), **_family())

    def connected(self, connection: Connection) -> None:
        if connection.family.value in self.words("family") and self.bites():
            life_s = self.number("seconds")
            self.note(in_words(connection), f"to be cut after {life_s:g} s")
            self.scene.after(life_s, lambda: self.scene.spawn(connection.close()))


class SubscriptionSilent(Fault):
    name = "subscription-silent"
    summary = "a subscription is acknowledged and stays silent on its connection"
    parameters = _family()

    def feeds(self, connection: Connection, stream: str) -> bool:
        if connection.family.value not in self.words("family") or not self.bites():
            return True
        self.note(in_words(connection), f"{_stream(stream)} stays silent")
        return False


class HandshakeRefused(Fault):
    name = "handshake-refused"
    summary = "a socket is not opened: 503, or the connection breaks with status 0"
    parameters = chosen(
        status=number("503", "HTTP status; 0: the connection breaks", least=0, most=599),
        **_family((*_FAMILIES, _WS_API)),
    )

    async def handshake(self, path: str) -> Answer | None:
        if family_of(path) not in self.words("family") or not self.bites():
            return None
        status = self.whole("status")
        self.note(f"{family_of(path)} handshake", f"not opened ({status})")
        if not status:
            raise Cut
        return Answer(status, {"msg": "Service Unavailable."})


class HandshakeLate(Fault):
    name = "handshake-late"
    summary = "a socket takes long to open"
    parameters = chosen(seconds=seconds("5", "how long"), **_family((*_FAMILIES, _WS_API)))

    async def handshake(self, path: str) -> Answer | None:
        if family_of(path) in self.words("family") and self.bites():
            wait_s = self.number("seconds")
            self.note(f"{family_of(path)} handshake", f"opened {wait_s:g} s late")
            await self.scene.venue.clock.sleep_ms(round(wait_s * 1000))
        return None


class PongMissing(Fault):
    name = "pong-missing"
    summary = "a client's ping is not answered"
    parameters = _family()

    def answers_ping(self, connection: Connection) -> bool:
        if connection.family.value not in self.words("family") or not self.bites():
            return True
        self.note(in_words(connection), "ping not answered")
        return False


class ListenKeyExpired(Act):
    name = "listen-key-expired"
    summary = "the listen key expires: its stream says so, stays open, and is dead"

    async def act(self) -> bool:
        return _expire(self, tells=True)


class ListenKeyGone(Act):
    name = "listen-key-gone"
    summary = "the listen key is gone without a word: -1125 when it is to be extended"

    async def act(self) -> bool:
        return _expire(self, tells=False)


def _expire(fault: Fault, *, tells: bool) -> bool:
    venue = fault.scene.venue
    if venue.listen_keys.due_ms is None:
        return False
    now_ms = venue.now_ms()

    def tell(key: str) -> None:
        fault.note("the listen key", "expired" if tells else "gone without a word")
        if tells:
            venue.tell(events.listen_key_expired(key, now_ms))

    venue.listen_keys.expire(_EVER_MS, tell)
    return True


def family_of(path: str) -> str:
    """The family of a socket's path; what is not routed is public."""
    first = path.strip("/").split("/")[0]
    if first.startswith("ws-"):
        return _WS_API
    return first if first in _FAMILIES else _FAMILIES[0]


def in_words(connection: Connection) -> str:
    """A connection as the log tells it."""
    names = [_stream(name) for name in connection.listens]
    return f"{connection.family.value} connection of {', '.join(names[:5]) or 'nothing'}"


def _stream(name: str) -> str:
    """A stream's name; a listen key is told to nobody."""
    return name if "@" in name else "user data"


KINDS: tuple[type[Fault], ...] = (
    SocketsClosed,
    SocketsAborted,
    SocketsSilent,
    ConnectionLife,
    SubscriptionSilent,
    HandshakeRefused,
    HandshakeLate,
    PongMissing,
    ListenKeyExpired,
    ListenKeyGone,
)
