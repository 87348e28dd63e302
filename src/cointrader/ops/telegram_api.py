"""Calls of Telegram's Bot API. Blocking; for a thread of its own.

The token stands in the address: no answer or error that leaves this module contains it.

References: core.telegram.org/bots/api, "Making requests", "getUpdates", "sendMessage".
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cointrader.domain.errors import ConfigError
from cointrader.ops.answers import Failed, Outcome, Refused, judged
from cointrader.ops.http_call import NoReply, post_json

BASE_URL = "https://api.telegram.org"
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{8,}")
_LONGEST_ANSWER = 4 << 20  # bytes; ten updates have less
_OF_THE_CHAT = ("chat not found", "user not found", "chat_id is empty", "peer_id_invalid")


@dataclass(frozen=True, slots=True)
class Said:
    """A good answer: its `result`, and the server's time, epoch seconds, where it tells it."""

    result: Any
    server_s: float | None


class TelegramApi:
    """One bot of Telegram's.

    Parameters
    ----------
    token : the bot's, from @BotFather; a secret
    base_url : another server that speaks the Bot API

    Raises `ConfigError`, which shows neither.
    """

    def __init__(self, token: str, base_url: str = BASE_URL) -> None:
        if not _TOKEN.fullmatch(token):
            raise ConfigError(
                "this is no token of a Telegram bot",
                where="TELEGRAM_TOKEN",
                allowed="digits, a colon and letters, as @BotFather tells it",
            )
        self._token = token
        self._address = _address(base_url)

    def __repr__(self) -> str:
        return "TelegramApi()"

    @property
    def bot_key(self) -> str:
        """Tells bots apart; says nothing of the token."""
        return sha256(self._token.encode()).hexdigest()[:16]

    def call(
        self,
        method: str,
        parameters: Mapping[str, Any],
        *,
        timeout_s: float,
        on_connected: Callable[[socket.socket], None] = lambda _socket: None,
    ) -> Said | Outcome:
        """Call `method`: what it gave, or what became of the call. Never raises."""
        answer = post_json(
            self._address,
            f"{self._address.path.rstrip('/')}/bot{self._token}/{method}",
            parameters,
            timeout_s=timeout_s,
            longest=_LONGEST_ANSWER,
            on_connected=on_connected,
        )
        if isinstance(answer, NoReply):
            return Failed(answer.why)
        said = _said(answer.body)
        if answer.status == 200 and said.get("ok") is True:
            return Said(said.get("result"), _server_s(answer.headers))
        if 200 <= answer.status < 300:
            return Failed("an answer that is none")
        outcome = judged(answer.status, answer.headers, answer.body)
        if outcome == Refused(400) and _is_about_the_chat(said):
            return Refused(403)  # like a bot that was thrown out: no message will ever get there
        return outcome


def _address(url: str) -> SplitResult:
    try:
        address = urlsplit(url)
        is_web = address.scheme in ("http", "https") and bool(address.hostname)
        if is_web and address.port != 0 and url.isascii() and url.isprintable() and " " not in url:
            return address
    except ValueError:
        pass
    raise ConfigError(
        "this is no address of a Bot API", where="TELEGRAM_URL", allowed=f"{BASE_URL}, say"
    )


def _said(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _is_about_the_chat(said: Mapping[str, Any]) -> bool:
    words = str(said.get("description", "")).lower()
    return any(part in words for part in _OF_THE_CHAT)


def _server_s(headers: Mapping[str, str]) -> float | None:
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return None
