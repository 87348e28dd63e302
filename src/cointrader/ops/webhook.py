"""A chat's webhook, such as Discord's. Blocking; for a thread of its own.

The address is a secret: no answer or error that leaves this module contains any part of it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode

from cointrader.ops.answers import Failed, Outcome, judged
from cointrader.ops.http_call import NoReply, post_json
from cointrader.ops.wording import Message

_NO_PREVIEWS = 1 << 2  # message flag: links get no preview; it would hide our own embeds too


class Webhook:
    """Where messages go, by HTTP or HTTPS. Each one has a connection of its own."""

    def __init__(self, address: SplitResult) -> None:
        self._address = address
        # Without "wait" a message that could not be saved is answered like one that was.
        query = {"wait": "true", **dict(parse_qsl(address.query))}
        self._target = f"{address.path or '/'}?{urlencode(query)}"

    def post(self, message: Message, *, timeout_s: float) -> Outcome:
        """Send `message`. Mentions nobody, shows no previews. Never raises for the net's sake."""
        body: dict[str, Any] = {"allowed_mentions": {"parse": []}}
        if message.embeds:
            body |= {"embeds": list(message.embeds)}
        else:
            body |= {"content": message.text, "flags": _NO_PREVIEWS}
        answer = post_json(self._address, self._target, body, timeout_s=timeout_s)
        if isinstance(answer, NoReply):
            return Failed(answer.why)
        return judged(answer.status, answer.headers, answer.body)
