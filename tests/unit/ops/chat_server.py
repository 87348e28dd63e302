"""A real HTTP server that plays a chat's webhook: it answers as told and remembers what it got."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = "/api/webhooks/4711/t0ken-never-shown"

Answer = Callable[["Handler"], None]


def status(code: int, body: object = None, **headers: str) -> Answer:
    """Answer with this status, a JSON body and headers (`retry_after=...` is Retry-After)."""

    def answer(handler: Handler) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    return answer


OK = status(204)


def silence(handler: Handler) -> None:
    handler.chat.is_over.wait(30)


def hang_up(handler: Handler) -> None:
    """Close the connection without a word."""


def drip(handler: Handler) -> None:
    """An answer that never ends: each byte in time, the whole never."""
    while not handler.chat.is_over.wait(0.02):
        handler.wfile.write(b"H")


def slow(seconds: float) -> Answer:
    def answer(handler: Handler) -> None:
        time.sleep(seconds)
        OK(handler)

    return answer


class Chat:
    """The server's script and its memory."""

    def __init__(self, *answers: Answer, always: Answer = OK) -> None:
        self.answers = list(answers)
        self.always = always
        self.bodies: list[dict] = []
        self.times: list[float] = []
        self.is_over = threading.Event()
        self.url = ""

    @property
    def texts(self) -> list[str]:
        return [body["content"] for body in self.bodies]

    def wait_for(self, is_so: Callable[[Chat], bool], seconds: float = 20.0) -> None:
        until = time.monotonic() + seconds
        while not is_so(self):
            assert time.monotonic() < until, f"still waiting; the server got {self.texts}"
            time.sleep(0.005)

    def wait_for_posts(self, number: int) -> None:
        self.wait_for(lambda chat: len(chat.bodies) >= number)


class Handler(BaseHTTPRequestHandler):
    chat: Chat

    def do_POST(self) -> None:
        chat = self.chat
        length = int(self.headers["Content-Length"])
        assert self.path.startswith(PATH)
        chat.times.append(time.monotonic())
        chat.bodies.append(json.loads(self.rfile.read(length)))
        answer = chat.answers.pop(0) if chat.answers else chat.always
        with suppress(OSError):  # the client has gone
            answer(self)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(chat: Chat, port: int = 0) -> Iterator[Chat]:
    """`chat` at a free port of this machine."""
    handler = type("ChatHandler", (Handler,), {"chat": chat})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        chat.url = f"http://127.0.0.1:{server.server_port}{PATH}"
        try:
            yield chat
        finally:
            chat.is_over.set()
            server.shutdown()
            thread.join()
