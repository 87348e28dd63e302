"""Conditional orders that are not what they are said to be."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.exchange.wire.serving import CALM
from tests.unit.exchange.wire_faults.faulty import (
    DOWN,
    STOP,
    amount,
    entered,
    faulty,
    injected,
    kinds,
    names,
    stops_open,
)

ALGO = "/fapi/v1/algoOrder"
TARGET = {**STOP, "type": "TAKE_PROFIT_MARKET", "triggerPrice": "2.2", "clientAlgoId": "our-target"}


async def test_a_stop_is_acknowledged_and_was_never_there():
    async with faulty("stop-never-there", CALM, DOWN) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.market_order("BUY", "10")
            placed = await client.ok("POST", ALGO, **STOP)
            told = kinds(await stream.all_now())
        asked = await client.signed("GET", ALGO, clientAlgoId="our-stop")
        listed = await stops_open(client)
        await client.step(2)

        assert (placed["algoStatus"], asked.code, listed) == ("NEW", -2013, [])
        assert "algo NEW" not in told
        assert await amount(client) == "10"  # the bar went through it
        assert names(client) == ["stop-never-there"]


async def test_a_stuck_stop_with_a_limit_price_rests_when_it_is_let_go():
    priced = {"type": "STOP", "price": "2.1000", "quantity": "10", "reduceOnly": "true"}
    stop = {name: value for name, value in STOP.items() if name != "closePosition"} | priced
    async with faulty("trigger-stuck", CALM, DOWN) as client:
        await client.market_order("BUY", "10")
        await client.ok("POST", ALGO, **stop)
        await client.step(2)
        stuck = await client.ok("GET", ALGO, clientAlgoId="our-stop")
        await client.call("DELETE", "/control/faults")
        free = await client.ok("GET", ALGO, clientAlgoId="our-stop")
        (resting,) = await client.ok("GET", "/fapi/v1/openOrders")

        assert (stuck["algoStatus"], free["algoStatus"]) == ("TRIGGERING", "TRIGGERED")
        assert (resting["price"], str(resting["orderId"])) == ("2.1000", free["actualOrderId"])


async def test_a_stop_vanishes_without_a_word():
    async with faulty("stop-vanishes(5)", *[CALM] * 4, pace=100.0) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await entered(client)
            first = await stops_open(client)
            await asyncio.sleep(0.15)
            later = await stops_open(client)
            told = kinds(await stream.all_now())

        assert (first, later) == (["our-stop"], [])
        assert told[-1] == "algo NEW"
        assert injected(client) == [("stop-vanishes", "acknowledged, gone 5 s later")]


async def test_a_triggered_stop_gets_stuck():
    async with faulty("trigger-stuck", CALM, DOWN) as client:
        await entered(client)
        await client.step(2)
        order = await client.ok("GET", ALGO, clientAlgoId="our-stop")
        reply = await client.signed("DELETE", ALGO, clientAlgoId="our-stop")

        assert (order["algoStatus"], reply.code) == ("TRIGGERING", -2011)
        assert await amount(client) == "10"
        assert names(client) == ["trigger-stuck", "trigger-stuck"]


async def test_a_stuck_stop_is_carried_out_at_last():
    async with faulty("trigger-stuck(60)", CALM, DOWN, CALM) as client:
        await entered(client)
        await client.step(2)
        stuck = await amount(client)
        await client.step()
        order = await client.ok("GET", ALGO, clientAlgoId="our-stop")

        assert (stuck, await amount(client), order["algoStatus"]) == ("10", "0", "FINISHED")


async def test_a_stop_is_rejected_at_its_trigger():
    async with faulty("trigger-rejected", CALM, DOWN) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await entered(client)
            await stream.all_now()
            await client.step(2)
            told = await stream.all_now()

        assert kinds(told) == ["algo TRIGGERING", "algo REJECTED"]
        assert told[-1]["o"]["rm"] == "ReduceOnly Order is rejected."
        assert (await amount(client), await stops_open(client)) == ("10", [])


async def test_a_fill_is_told_before_its_order_has_triggered():
    async with faulty("fill-before-triggered", CALM, DOWN) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await entered(client)
            await stream.all_now()
            await client.step(2)
            told = kinds(await stream.all_now())

        assert (
            told.index("order TRADE") < told.index("algo TRIGGERED") < told.index("algo FINISHED")
        )
        assert names(client) == ["fill-before-triggered"]


async def test_the_states_of_a_triggered_order_come_apart():
    async with faulty("algo-late(2)", CALM, DOWN, CALM) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await entered(client)
            await stream.all_now()
            await client.step(2)
            at_once = kinds(await stream.all_now())
            await client.step()
            later = kinds(await stream.all_now())

        assert "algo TRIGGERED" not in at_once
        assert "order TRADE" in at_once
        assert later == ["algo TRIGGERED", "algo FINISHED"]
        assert [did for _, did in injected(client)] == ["told 2 s late", "told 4 s late"]


@pytest.mark.parametrize(
    ("spec", "left", "status"),
    [
        ("refused:0.0001", [], "EXPIRED"),
        ("siblings-stay", ["our-target"], "NEW"),
        ("siblings-stay(0.05)", [], "EXPIRED"),
        ("siblings-stay(symbol=TRXUSDT)", [], "EXPIRED"),
    ],
)
async def test_siblings_expire_unless_they_are_told_to_stay(spec, left, status):
    async with faulty(spec, CALM, DOWN, CALM) as client:
        await entered(client)
        await client.ok("POST", ALGO, **TARGET)
        await client.step(3)
        asked = await client.ok("GET", ALGO, clientAlgoId="our-target")

        assert (await stops_open(client), asked["algoStatus"]) == (left, status)


async def test_a_stop_of_another_symbol_is_left_alone():
    async with faulty("stop-never-there(symbol=TRXUSDT)") as client:
        await entered(client)

        assert (await stops_open(client), names(client)) == (["our-stop"], [])
