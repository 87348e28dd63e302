"""Where everything on the wire passes: requests, answers, account events, stream messages.

The default lets all of it through as it is. Whoever wants a worse network than a loopback, or a
worse exchange, puts another one in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.refusals import Answer

Frame = dict[str, Any] | list[dict[str, Any]]  # the streams of all symbols send lists


@dataclass(frozen=True, slots=True)
class Request:
    """One call that was let in: `method` is GET, POST…, or WS for the WebSocket API."""

    method: str
    path: str  # or the WebSocket API's method
    params: Params


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

    async def frame(self, stream: str, frame: Frame) -> Sequence[Frame]:
        """A message of a stream before it is written to one connection."""
        del stream
        return (frame,)
