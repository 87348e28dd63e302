"""A real HTTP server that plays Telegram's Bot API for one bot, well-behaved or not."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "4711:t0ken-never-shown"
OWNER, STRANGER = 42, 666


@dataclass
class Trouble:
    """What one call gets instead of its answer."""

    status: int
    body: dict[str, Any] | str = ""
    delay_s: float = 0.0


def limited(retry_after_s: float) -> Trouble:
    said = {"ok": False, "error_code": 429, "parameters": {"retry_after": retry_after_s}}
    return Trouble(429, said)


@dataclass
class BotApi:
    """The server's memory, and what people write to the bot."""

    url: str = ""
    forgets_offsets: bool = False  # delivers again what was confirmed
    updates: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)  # by sendMessage
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    troubles: dict[str, list[Trouble]] = field(default_factory=dict)  # by method, first first
    is_over: bool = False
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1_000))

    # -- what people do

    def write(
        self, text: str, chat: int = OWNER, *, age_s: float = 0, user: int | None = None
    ) -> dict:
        return self._happen(message=self._message(text, chat, age_s, user))

    def edit(self, text: str, chat: int = OWNER) -> dict:
        return self._happen(edited_message=self._message(text, chat, 0, None))

    def press(self, data: str, chat: int = OWNER) -> dict:
        press = {"id": "1", "from": {"id": chat}, "data": data}
        return self._happen(callback_query={**press, "message": self._message("", chat, 0, None)})

    def trouble(self, method: str, *troubles: Trouble) -> None:
        self.troubles.setdefault(method, []).extend(troubles)

    # -- what a test looks at

    def texts(self, chat: int = OWNER) -> list[str]:
        return [each["text"] for each in self.sent if each["chat_id"] == chat]

    def polls(self) -> int:
        return sum(method == "getUpdates" for method, _ in self.calls)

    def wait_for(self, is_so: Callable[[BotApi], bool], seconds: float = 20.0) -> None:
        until = time.monotonic() + seconds
        while not is_so(self):
            assert time.monotonic() < until, f"still waiting; the bot said {self.sent}"
            time.sleep(0.01)

    def wait_for_text(self, part: str, chat: int = OWNER, seconds: float = 20.0) -> str:
        self.wait_for(lambda api: any(part in text for text in api.texts(chat)), seconds)
        return next(text for text in self.texts(chat) if part in text)

    # -- the server

    def _message(self, text: str, chat: int, age_s: float, user: int | None) -> dict:
        return {
            "message_id": next(self._ids),
            "date": int(time.time() - age_s),
            "chat": {"id": chat},
            "from": {"id": chat if user is None else user, "username": "never_shown_name"},
            "text": text,
        }

    def _happen(self, **what: Any) -> dict:
        update = {"update_id": next(self._ids), **what}
        self.updates.append(update)
        return update

    def answer(self, token: str, method: str, parameters: dict[str, Any]) -> tuple[int, Any]:
        """Status and body; a body that is no text is JSON."""
        if token != TOKEN:
            return 401, {"ok": False, "error_code": 401}
        self.calls.append((method, parameters))
        if self.troubles.get(method):
            trouble = self.troubles[method].pop(0)
            time.sleep(trouble.delay_s)
            return trouble.status, trouble.body
        result: Any = True
        if method == "getUpdates":
            result = self._updates(parameters)
        elif method == "sendMessage":
            self.sent.append(parameters)
            result = {"message_id": next(self._ids)}
        return 200, {"ok": True, "result": result}

    def _updates(self, parameters: dict[str, Any]) -> list[dict]:
        until = time.monotonic() + parameters.get("timeout", 0)
        offset = 0 if self.forgets_offsets else parameters.get("offset", 0)
        self.updates[:] = [each for each in self.updates if each["update_id"] >= offset]
        while not self.updates and not self.is_over and time.monotonic() < until:
            time.sleep(0.01)
        return self.updates[: parameters.get("limit", 100)]


class _Handler(BaseHTTPRequestHandler):
    """One request on one connection, both of which end before the server does."""

    api: BotApi

    def do_POST(self) -> None:
        _, bot, method = self.path.split("/")
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, said = self.api.answer(bot.removeprefix("bot"), method, asked)
        is_text = isinstance(said, str)
        body = (said if is_text else json.dumps(said)).encode()
        with suppress(OSError):  # whoever asked has gone
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if is_text else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(api: BotApi | None = None) -> Iterator[BotApi]:
    """`api` at a free port of this machine, in threads of its own."""
    api = BotApi() if api is None else api
    handler = type("BotApiHandler", (_Handler,), {"api": api})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:  # its end waits for each thread
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        api.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield api
        finally:
            api.is_over = True
            server.shutdown()
            thread.join()
