"""A real HTTP server that plays Telegram's Bot API for one bot, well-behaved or not."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

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

    async def answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if request.match_info["token"] != TOKEN:
            return web.json_response({"ok": False, "error_code": 401}, status=401)
        parameters = await request.json()
        self.calls.append((method, parameters))
        if self.troubles.get(method):
            trouble = self.troubles[method].pop(0)
            await asyncio.sleep(trouble.delay_s)
            if isinstance(trouble.body, str):
                return web.Response(text=trouble.body, status=trouble.status)
            return web.json_response(trouble.body, status=trouble.status)
        result: Any = True
        if method == "getUpdates":
            result = await self._updates(parameters)
        elif method == "sendMessage":
            self.sent.append(parameters)
            result = {"message_id": next(self._ids)}
        return web.json_response({"ok": True, "result": result})

    async def _updates(self, parameters: dict[str, Any]) -> list[dict]:
        until = time.monotonic() + parameters.get("timeout", 0)
        offset = 0 if self.forgets_offsets else parameters.get("offset", 0)
        self.updates[:] = [each for each in self.updates if each["update_id"] >= offset]
        while not self.updates and not self.is_over and time.monotonic() < until:
            await asyncio.sleep(0.01)
        return self.updates[: parameters.get("limit", 100)]


@contextmanager
def serving(api: BotApi | None = None) -> Iterator[BotApi]:
    """`api` at a free port of this machine, in a thread of its own."""
    api = BotApi() if api is None else api
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", api.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        api.url = f"http://{host}:{port}"
        return runner

    async def end(runner: web.AppRunner) -> None:
        api.is_over = True
        await runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=5)
        # A client that came while the server was closing belongs to nobody but the loop.
        for transport in list(getattr(loop, "_transports", {}).values()):
            transport.abort()
        await asyncio.sleep(0.05)

    runner = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield api
    finally:
        asyncio.run_coroutine_threadsafe(end(runner), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        gc.collect()  # what is left of the server is the affair of the test that had it
