"""Requests and answers that are lost, late, broken, or out of date."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSMsgType

from tests.unit.exchange.wire.serving import CALM, KEY, SYMBOL, signature_of, signed_query
from tests.unit.exchange.wire_faults.faulty import (
    BUY_10,
    STOP,
    amount,
    breaks,
    entered,
    faulty,
    injected,
    names,
    stops_open,
)

ORDER = "/fapi/v1/order"


@pytest.mark.parametrize(("name", "position"), [("request-lost", "0"), ("answer-lost", "10")])
async def test_a_connection_breaks_before_or_after_the_order(name, position):
    async with faulty(f"{name}*1") as client:
        was_cut = await breaks(client.signed("POST", ORDER, **BUY_10))

        assert (was_cut, await amount(client), names(client)) == (True, position, [name])


@pytest.mark.parametrize(("name", "meanwhile"), [("execution-late", "0"), ("answer-late", "10")])
async def test_an_order_or_its_answer_waits(name, meanwhile):
    async with faulty(f"{name}(20, call=order)", *[CALM] * 4, pace=100.0) as client:
        sent = asyncio.ensure_future(client.signed("POST", ORDER, **BUY_10))
        await asyncio.sleep(0.08)
        before, is_done = await amount(client), sent.done()
        reply = await sent

        assert (before, is_done, reply.status) == (meanwhile, False, 200)
        assert await amount(client) == "10"


async def test_an_answer_ends_in_the_middle():
    async with faulty("answer-truncated(order)") as client:
        headers = {"X-MBX-APIKEY": "k" * 64}
        query = signed_query(await client.now_ms(), BUY_10)
        url = f"{client.at.rest}{ORDER}?{query}"
        async with client.session.post(url, headers=headers) as answer:
            text = await answer.text()

        assert (answer.status, text[:1], text.endswith("}")) == (200, "{", False)
        assert await amount(client) == "10"


async def test_an_orders_answer_has_its_price_as_formerly():
    async with faulty("order-answer-priced") as client:
        done = await client.market_order("BUY", "10")
        acknowledged = await client.ok("POST", ORDER, **BUY_10)

        assert (float(done["avgPrice"]), float(done["cumQuote"])) == (2.0, 20.0)
        assert (acknowledged["avgPrice"], acknowledged["cumQuote"]) == ("0.00", "0")
        assert names(client) == ["order-answer-priced"] * 2


async def test_answers_have_fields_that_nobody_knows():
    async with faulty("answer-extended") as client:
        placed = await client.market_order("BUY", "10")
        (row,) = await client.ok("GET", "/fapi/v3/positionRisk")

        assert placed["futureField"] == {"a": ["b"]}
        assert row["futureField"] == {"a": ["b"]}


async def test_an_order_is_hidden_for_its_first_seconds():
    async with faulty("order-hidden-at-first(2)") as client:
        await client.market_order("BUY", "10", newClientOrderId="mine")
        ask = {"symbol": SYMBOL, "origClientOrderId": "mine"}
        first = await client.signed("GET", ORDER, **ask)
        await client.step()
        later = await client.signed("GET", ORDER, **ask)

        assert (first.code, later.status) == (-2013, 200)


async def test_a_cancellation_is_acknowledged_and_the_order_stays():
    async with faulty("cancel-ignored*2") as client:
        await entered(client)
        limit = {**BUY_10, "type": "LIMIT", "price": "1.95", "timeInForce": "GTC"}
        await client.ok("POST", ORDER, **limit, newClientOrderId="rests")
        algo = await client.ok("DELETE", "/fapi/v1/algoOrder", clientAlgoId="our-stop")
        plain = await client.ok("DELETE", ORDER, symbol=SYMBOL, origClientOrderId="rests")
        left = await client.ok("GET", "/fapi/v1/openOrders", symbol=SYMBOL)

        assert (algo["code"], plain["status"]) == ("200", "CANCELED")
        assert await stops_open(client) == ["our-stop"]
        assert [order["clientOrderId"] for order in left] == ["rests"]
        assert names(client) == ["cancel-ignored", "cancel-ignored"]


async def test_readings_are_those_of_some_seconds_ago():
    async with faulty("read-stale(5)") as client:
        await client.step()
        await entered(client)
        wallet = (await client.ok("GET", "/fapi/v3/account"))["totalWalletBalance"]
        stale = (await amount(client), await stops_open(client), wallet)
        bitten = names(client)
        await client.step()
        fresh = (await amount(client), await stops_open(client))

        assert stale == ("0", [], "1000.00000000")
        assert bitten == ["read-stale"] * 3
        assert fresh == ("10", ["our-stop"])


async def test_nothing_is_stale_where_nothing_changed():
    async with faulty("read-stale(5)") as client:
        await client.step()
        await amount(client)

        assert names(client) == []


async def test_the_servers_clock_jumps_until_a_client_asks_for_its_time():
    async with faulty("clock-jumped(30)@1", *[CALM] * 4, pace=2.0) as client:
        stamp = await client.now_ms()
        await asyncio.sleep(0.6)
        old = await client.send("POST", ORDER, signed_query(stamp, BUY_10))
        new = await client.signed("POST", ORDER, **BUY_10)
        ahead_ms = await client.now_ms() - stamp

        assert (old.code, new.status) == (-1021, 200)
        assert 60_000 < ahead_ms < 65_000
        assert injected(client) == [("clock-jumped", "30 s ahead for 600 s")]


async def test_an_id_may_be_used_again_when_its_order_has_ended():
    async with faulty("refused:0.0001") as client:
        one = await client.market_order("BUY", "10", newClientOrderId="same")
        two = await client.market_order("BUY", "10", newClientOrderId="same")
        await client.ok("POST", "/fapi/v1/algoOrder", **STOP)
        taken = await client.signed("POST", "/fapi/v1/algoOrder", **STOP)

        assert one["orderId"] != two["orderId"]
        assert taken.status == 400


@pytest.mark.parametrize(("name", "position"), [("request-lost", "0"), ("answer-lost", "10")])
async def test_an_order_over_the_web_socket_api_breaks_its_connection(name, position):
    async with (
        faulty(f"{name}(order)*1") as client,
        client.session.ws_connect(client.at.ws_api) as socket,
    ):
        params = {**BUY_10, "apiKey": KEY, "timestamp": await client.now_ms()}
        payload = "&".join(f"{key}={params[key]}" for key in sorted(params))
        signed = {**params, "signature": signature_of(payload)}
        await socket.send_json({"id": 1, "method": "order.place", "params": signed})
        message = await socket.receive(timeout=3)

        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
        assert (await amount(client), names(client)) == (position, [name])


async def test_an_order_that_was_read_is_carried_out_though_its_socket_is_gone():
    async with faulty("execution-late(0.2, call=order)*1", pace=1.0) as client:
        async with client.session.ws_connect(client.at.ws_api) as socket:
            params = {**BUY_10, "apiKey": KEY, "timestamp": await client.now_ms()}
            payload = "&".join(f"{key}={params[key]}" for key in sorted(params))
            signed = {**params, "signature": signature_of(payload)}
            await socket.send_json({"id": 1, "method": "order.place", "params": signed})
            while not names(client):
                await asyncio.sleep(0.005)
        assert await amount(client) == "0"
        async with asyncio.timeout(3):
            while await amount(client) == "0":
                await asyncio.sleep(0.02)

        assert await amount(client) == "10"


async def test_the_session_of_a_socket_is_told_whatever_goes_wrong_elsewhere():
    async with (
        faulty("answer-lost(order)*1") as client,
        client.session.ws_connect(client.at.ws_api) as socket,
    ):
        await socket.send_json({"id": 1, "method": "session.status"})
        answer = await socket.receive_json(timeout=3)

    assert (answer["status"], answer["result"]["apiKey"]) == (200, None)
