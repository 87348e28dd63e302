"""Where everything on the wire passes: requests, answers, account events, stream messages.

The default lets all of it through as it is. Whoever wants a worse network than a loopback, or a
worse exchange, puts another one in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.refusals import Answer

if TYPE_CHECKING:  # connections know the passage
    from cointrader.exchange.simulated.wire.sockets import Connection

Frame = dict[str, Any] | list[dict[str, Any]]  # the streams of all symbols send lists


@dataclass(frozen=True, slots=True)
class Request:
    """One call that was let in: `method` is GET, POST…, or WS for the WebSocket API."""

    method: str
    path: str  # or the WebSocket API's method
    params: Params


class Cut(Exception):
    """Raised instead of an answer: the connection breaks."""


class Passage:
    """Lets everything through."""

    async def request(self, request: Request) -> Answer | None:
        """Before a call is carried out; an answer here is given instead of carrying it out."""
        del request
        return None

    async def answer(self, request: Request, answer: Answer) -> Answer:
        """After a call was carried out, before its answer is sent."""
        del request
        return answer

    def event(self, message: Message) -> Sequence[Message]:
        """An account event before it is told to the user streams, in order."""
        return (message,)

    def published(self, stream: str, frame: Frame) -> Sequence[Frame]:
        """A message of a market stream before it goes to those who hear it."""
        del stream
        return (frame,)

    async def frame(self, stream: str, frame: Frame) -> Sequence[Frame]:
        """A message of a stream before it is written to one connection."""
        del stream
        return (frame,)

    async def handshake(self, path: str) -> Answer | None:
        """Before a socket is opened; an answer here is given instead of opening it."""
        del path
        return None

    def connected(self, connection: Connection) -> None:
        """A stream connection is open."""

    def feeds(self, connection: Connection, stream: str) -> bool:
        """Whether a connection hears a stream that it has just begun to listen to."""
        del connection, stream
        return True

    def answers_ping(self, connection: Connection) -> bool:
        """Whether a client's ping is answered."""
        del connection
        return True
