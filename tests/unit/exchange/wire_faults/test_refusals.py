"""Calls that are refused, or answered as if they were."""

from __future__ import annotations

import pytest

from tests.unit.exchange.wire.serving import KEY, SYMBOL
from tests.unit.exchange.wire_faults.faulty import (
    BUY_10,
    SELL_10,
    STOP,
    amount,
    entered,
    faulty,
    injected,
    names,
    stops_open,
)

ORDER = "/fapi/v1/order"


@pytest.mark.parametrize(
    ("name", "status", "code", "position"),
    [
        ("unknown-error", 503, -1000, "0"),
        ("unknown-error-executed", 503, -1000, "10"),
        ("timeout", 408, -1007, "0"),
        ("timeout-executed", 408, -1007, "10"),
        ("unavailable(order)", 503, -1016, "0"),
        ("internal-error(order)", 503, -1001, "0"),
        ("throttled", 503, -1008, "0"),
        ("refused(-1001)", 503, -1001, "0"),
        ("out-of-time(call=order)", 400, -1021, "0"),
        ("late-at-engine", 400, -5028, "0"),
        ("margin-short", 400, -2019, "0"),
    ],
)
async def test_an_entry_is_refused_and_carried_out_or_not(name, status, code, position):
    async with faulty(f"{name}*1") as client:
        reply = await client.signed("POST", ORDER, **BUY_10)
        held = await amount(client)
        again = await client.signed("POST", ORDER, **BUY_10)

        assert (reply.status, reply.code, held) == (status, code, position)
        assert again.status == 200
        assert names(client) == [name.partition("(")[0]]


@pytest.mark.parametrize("name", ["throttled", "margin-short"])
async def test_exits_pass_where_only_entries_are_refused(name):
    async with faulty(name) as client:
        await client.control("order", **BUY_10)
        exited = await client.signed("POST", ORDER, **SELL_10)

        assert (exited.status, names(client)) == (200, [])


@pytest.mark.parametrize("code", [-2021, -4509, -4130])
async def test_a_stop_is_refused_with_the_code_that_was_chosen(code):
    async with faulty(f"stop-refused({code})") as client:
        await client.market_order("BUY", "10")
        reply = await client.signed("POST", "/fapi/v1/algoOrder", **STOP)
        target = {**STOP, "type": "TAKE_PROFIT_MARKET", "triggerPrice": "2.2", "clientAlgoId": "t"}
        other = await client.signed("POST", "/fapi/v1/algoOrder", **target)

        assert (reply.status, reply.code, other.status) == (400, code, 200)
        assert injected(client) == [("stop-refused", f"refused with {code}")]


async def test_a_live_order_cannot_be_cancelled():
    async with faulty("cancel-refused*1") as client:
        await entered(client)
        reply = await client.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId="our-stop")

        assert (reply.code, await stops_open(client)) == (-2011, ["our-stop"])


async def test_the_firewall_answers_with_a_page():
    async with faulty("waf-blocked*1") as client:
        async with client.session.get(client.at.rest + "/fapi/v1/time") as answer:
            page = await answer.text()

        assert (answer.status, answer.content_type) == (403, "text/html")
        assert page.startswith("<html>")
        assert (await client.call("GET", "/fapi/v1/time")).status == 200


@pytest.mark.parametrize(("name", "status"), [("rate-limited(7)", 429), ("banned(7)", 418)])
async def test_everything_is_refused_for_a_while(name, status):
    async with faulty(f"{name}*1") as client:
        first = await client.call("GET", "/fapi/v1/ping")
        headers = {"X-MBX-APIKEY": KEY}
        other = await client.call("POST", "/fapi/v1/listenKey", headers=headers)
        await client.call("POST", "/control/step", json={})  # a step gives new budgets
        later = await client.call("GET", "/fapi/v1/ping")

        assert [each.status for each in (first, other, later)] == [status, status, 200]
        assert (first.code, first.headers["Retry-After"]) == (-1003, "7")
        assert len(names(client)) == 1


async def test_a_fault_is_aimed_at_one_symbol():
    rows = {"TRXUSDT": [(0.1, 0.1, 0.1, 0.1)] * 4}
    async with faulty("margin-short(symbol=TRXUSDT)", others=rows) as client:
        here = await client.signed("POST", ORDER, **BUY_10)
        there = await client.signed("POST", ORDER, **{**BUY_10, "symbol": "TRXUSDT"})

        assert (here.status, there.code) == (200, -2019)
        entry = client.server.faults.log.entries[0]
        assert entry.hit == "POST /fapi/v1/order TRXUSDT BUY MARKET"
        assert SYMBOL not in entry.hit
