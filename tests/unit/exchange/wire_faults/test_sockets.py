"""Connections that end, do not begin, or stay open and say nothing."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import WSMsgType

from tests.unit.exchange.wire.serving import CALM, KEY
from tests.unit.exchange.wire_faults.faulty import faulty, injected, kinds, names

MARKET = "/market/ws/xrpusdt@kline_15m"


async def ending(stream):
    """How a connection ends: the kind of its last message, and its close code."""
    while True:
        message = await stream.raw.receive(timeout=3)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
            return message.type, stream.raw.close_code


@pytest.mark.parametrize(
    ("spec", "kind", "code", "did"),
    [
        ("sockets-closed(market)@900", WSMsgType.CLOSE, 1001, "closed with 1001"),
        ("sockets-closed(code=1008)@900", WSMsgType.CLOSE, 1008, "closed with 1008"),
        ("sockets-aborted@900", WSMsgType.CLOSED, 1006, "cut"),
    ],
)
async def test_connections_end_at_a_time(spec, kind, code, did):
    async with faulty(spec) as client, client.socket(MARKET) as stream:
        await client.step()

        assert await ending(stream) == (kind, code)
        assert injected(client) == [(spec.partition("(")[0].partition("@")[0], did)]


async def test_only_connections_of_its_family_end():
    async with faulty("sockets-closed(private)@900") as client, client.socket(MARKET) as stream:
        await client.step(2)

        assert len(await stream.all_now()) > 2
        assert names(client) == []  # nobody was there to be cut off


async def test_a_connection_stays_open_and_nothing_comes():
    async with faulty("sockets-silent@900") as client, client.socket(MARKET) as stream:
        await stream.all_now()
        await client.step(2)
        asked = asyncio.ensure_future(stream.ask("LIST_SUBSCRIPTIONS"))
        await asyncio.sleep(0.2)

        assert (stream.raw.closed, asked.done()) == (False, False)
        asked.cancel()
        async with client.socket(MARKET) as other:
            assert len(await other.all_now()) == 1
        assert injected(client) == [("sockets-silent", "silent from now on")]


async def test_a_connection_lives_for_so_long():
    async with (
        faulty("connection-life(20)", *[CALM] * 4, pace=100.0) as client,
        client.socket(MARKET) as stream,
    ):
        assert await ending(stream) == (WSMsgType.CLOSE, 1001)
        assert injected(client) == [("connection-life", "to be cut after 20 s")]


async def test_a_subscription_is_acknowledged_and_stays_silent():
    async with (
        faulty("subscription-silent*1") as client,
        client.socket("/market/stream") as stream,
    ):
        one = await stream.ask("SUBSCRIBE", ["xrpusdt@kline_15m"])
        two = await stream.ask("SUBSCRIBE", ["xrpusdt@markPrice"], 2)
        await client.step()
        heard = {message["stream"] for message in await stream.all_now()}
        listed = await stream.ask("LIST_SUBSCRIPTIONS", [], 3)

        assert (one["result"], two["result"]) == (None, None)
        assert heard == {"xrpusdt@markPrice"}
        assert listed["result"] == ["xrpusdt@kline_15m", "xrpusdt@markPrice"]
        assert injected(client) == [("subscription-silent", "xrpusdt@kline_15m stays silent")]


@pytest.mark.parametrize(
    ("status", "times", "error"),
    [
        (503, 1, aiohttp.WSServerHandshakeError),
        (0, 2, aiohttp.ServerDisconnectedError),  # aiohttp asks a second time by itself
    ],
)
async def test_a_socket_is_not_opened(status, times, error):
    async with faulty(f"handshake-refused({status}, family=market)*{times}") as client:
        with pytest.raises(error):
            async with client.socket(MARKET):
                pass
        async with client.socket(MARKET) as stream:
            assert await stream.next()
        assert names(client) == ["handshake-refused"] * times


async def test_a_socket_of_the_web_socket_api_is_not_opened():
    async with faulty("handshake-refused(family=ws-api)") as client:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with client.socket("/ws-fapi/v1"):
                pass
        async with client.socket(MARKET) as stream:
            assert await stream.next()


async def test_a_socket_opens_late():
    async with faulty("handshake-late(20)*1", *[CALM] * 4, pace=100.0) as client:
        before_ms = await client.now_ms()
        async with client.socket(MARKET):
            waited_ms = await client.now_ms() - before_ms

        assert 20_000 <= waited_ms < 60_000


async def test_a_ping_is_not_answered():
    async with faulty("pong-missing*1") as client:
        async with client.session.ws_connect(client.at.ws + MARKET, autoping=False) as socket:
            answered = []
            for _ in range(2):
                await socket.ping(b"are you there")
                answered.append(await _pong(socket))

        assert answered == [False, True]
        assert injected(client) == [("pong-missing", "ping not answered")]


async def _pong(socket):
    try:
        while (await socket.receive(timeout=0.2)).type is not WSMsgType.PONG:
            pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "told"),
    [("listen-key-expired", ["listenKeyExpired"]), ("listen-key-gone", [])],
)
async def test_a_listen_key_ends_and_its_stream_is_dead(name, told):
    async with faulty(f"{name}@900") as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step()
            await client.market_order("BUY", "10")
            heard = kinds(await stream.all_now())
            headers = {"X-MBX-APIKEY": KEY}
            kept = await client.call("PUT", "/fapi/v1/listenKey", headers=headers)

            assert (heard, kept.code, stream.raw.closed) == (told, -1125, False)
        assert await client.listen_key() != key
        assert names(client) == [name]
