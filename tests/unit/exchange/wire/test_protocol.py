"""What is no call: one answer in Binance's shape, and nothing of what was sent anywhere."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from cointrader.exchange.simulated.wire.passage import Passage
from tests.unit.exchange.wire.serving import CALM, served

SECRET = "a-key-of-some-length"
HEAD = f"Host: x\r\nX-MBX-APIKEY: {SECRET}\r\n"


async def ask(client, data: bytes) -> bytes:
    """These bytes sent, and all that comes back until the connection ends."""
    at = urlsplit(client.at.rest)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    writer.write(data)
    try:
        async with asyncio.timeout(15):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        f"GET /fapi/v1/order?signature={SECRET} HTTX/1.1\r\n{HEAD}\r\n",
        f"GET /fapi/v1/{SECRET} HTTP/9.9\r\n{HEAD}\r\n",
        f"G@T /fapi/v1/order?signature={SECRET} HTTP/1.1\r\n{HEAD}\r\n",
        f"GET /fapi/v1/time HTTP/1.1\r\n{HEAD}X-MBX-APIKEY {SECRET}\r\n\r\n",
        f"GET /fapi/v1/time HTTP/1.1\r\n{HEAD}X-Bad: {SECRET}\x00\r\n\r\n",
        f"GET /fapi/v1/order?signature={SECRET}{'x' * 9_000} HTTP/1.1\r\n{HEAD}\r\n",
        f"GET /fapi/v1/time HTTP/1.1\r\n{HEAD}X-Long: {SECRET}{'x' * 9_000}\r\n\r\n",
        f"POST /fapi/v1/order HTTP/1.1\r\n{HEAD}Content-Length: {SECRET}\r\n\r\n",
        f"POST /fapi/v1/order HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n{SECRET}\r\n",
        f"POST /fapi/v1/order HTTP/1.1\r\n{HEAD}Content-Encoding: gzip\r\n"
        f"Content-Length: 20\r\n\r\n{SECRET}",
        f"\x16\x03\x01{SECRET}\r\n\r\n",
    ],
    ids=[
        "protocol",
        "version",
        "method",
        "header without a colon",
        "header with a zero",
        "request line too long",
        "header too long",
        "length",
        "chunk",
        "compressed body",
        "not HTTP",
    ],
)
async def test_what_cannot_be_read_is_refused_without_being_repeated(sent, capfd, caplog):
    async with served(CALM) as client:
        head, _, body = (await ask(client, sent.encode("latin-1"))).partition(b"\r\n\r\n")
        alive = await client.get("/fapi/v1/ping")

    told = capfd.readouterr()
    assert head.split()[1] == b"400"
    assert b"application/json" in head
    assert json.loads(body) == {"code": -1013, "msg": "Invalid message."}
    assert SECRET not in f"{head!r}{body!r}{told}{caplog.text}"
    assert "Traceback" not in f"{told}{caplog.text}"
    assert alive == {}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"GET /fapi/v1/time HTTP/1.1\r\n{HEAD}Expect: {SECRET}\r\n\r\n", b"417"),
        (
            f"POST /fapi/v1/order HTTP/1.1\r\n{HEAD}Content-Length: 2000000\r\n\r\n"
            f"{SECRET}{'x' * (2_000_000 - len(SECRET))}",
            b"413",
        ),
        (
            f"GET /private/ws/{SECRET} HTTP/1.1\r\n{HEAD}Upgrade: websocket\r\n"
            f"Connection: {SECRET}\r\n\r\n",
            b"400",
        ),
    ],
    ids=["expectation", "too large", "half a handshake"],
)
async def test_what_aiohttp_refuses_by_itself_is_in_the_same_shape(sent, status, capfd, caplog):
    async with served(CALM) as client:
        head, _, body = (await ask(client, sent.encode())).partition(b"\r\n\r\n")

    told = capfd.readouterr()
    assert head.split()[1] == status
    assert json.loads(body)["code"] == -1013
    assert SECRET not in f"{head!r}{body!r}{told}{caplog.text}"


class Fails(Passage):
    """Something of ours that goes wrong."""

    async def answer(self, request, answer):
        raise ValueError(SECRET)


async def test_what_goes_wrong_inside_is_told_by_its_kind_and_its_place(capfd, caplog):
    async with served(CALM, passage=Fails()) as client:
        reply = await client.call("GET", "/fapi/v1/ping")

    told = capfd.readouterr()
    log = told.out + told.err + caplog.text
    assert (reply.status, reply.code) == (500, -1000)
    assert log.count("exchange.failed") == 1
    assert "ValueError" in log
    assert "answer:" in log
    assert SECRET not in f"{reply}{log}"
