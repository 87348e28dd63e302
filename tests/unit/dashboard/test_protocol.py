"""What goes wrong outside the gate: one answer, one line in the log, nothing of what was sent."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from cointrader.dashboard.protocol import Protocol

WITHOUT_ACCESS_LOG: dict[str, Any] = {"access_log": None}
SECRET = "a-secret-of-some-length"
REQUEST = f"GET /{SECRET} HTTP/1.1\r\nHost: x\r\nCookie: {SECRET}\r\n\r\n".encode()


@asynccontextmanager
async def serving(handler):
    """The protocol alone, in front of `handler`; asks with these bytes and gives what comes."""
    loop = asyncio.get_running_loop()
    manager = web.Server(handler)
    server = await loop.create_server(
        lambda: Protocol(manager, loop=loop, **WITHOUT_ACCESS_LOG), "127.0.0.1", 0
    )

    async def ask(data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(data)
        try:
            async with asyncio.timeout(15):
                return await reader.read()
        finally:
            writer.close()

    try:
        yield ask
    finally:
        server.close()
        await manager.shutdown(1.0)


async def test_an_error_inside_is_told_by_its_kind_alone(capfd, caplog):
    async def fails(request):
        raise ValueError(SECRET)

    async with serving(fails) as ask:
        head, _, body = (await ask(REQUEST)).partition(b"\r\n\r\n")

    told = capfd.readouterr()
    log = told.out + told.err + caplog.text
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"Server: cointrader" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert json.loads(body)["error"]["code"] == "inside"
    assert log.count("dashboard.failed") == 1
    assert "ValueError" in log
    assert SECRET not in f"{head!r}{body!r}{log}"


async def test_an_answer_that_has_begun_is_not_followed_by_another():
    async def breaks_off(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        raise ValueError(SECRET)

    async with serving(breaks_off) as ask:
        answer = await ask(REQUEST)

    assert answer.count(b"HTTP/1.") == 1
    assert b"begun" in answer
    assert SECRET.encode() not in answer


async def test_an_answer_that_is_none_is_an_error_inside(capfd, caplog):
    async def forgets(request):
        return None

    async with serving(forgets) as ask:
        answer = await ask(REQUEST.replace(b"Host", b"Connection: close\r\nHost"))

    told = capfd.readouterr()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert SECRET not in f"{answer!r}{told}{caplog.text}"
    assert "dashboard.failed" in told.out + told.err + caplog.text
