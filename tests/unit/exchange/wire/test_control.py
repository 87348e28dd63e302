"""The control endpoint: steps, money, filters, foreign orders."""

from __future__ import annotations

import asyncio

from tests.unit.exchange.simulated_fakes import M15, T0
from tests.unit.exchange.wire.serving import CALM, KEY, SYMBOL, served


async def test_time_stands_still_between_steps():
    async with served(CALM, CALM, CALM) as client:
        before = await client.now_ms()
        await asyncio.sleep(0.05)
        same = await client.now_ms()
        state = await client.control("step")

    assert (before, same) == (T0, T0)
    assert (state["now_ms"], state["bars_done"], state["bars"]) == (T0 + M15, 1, 5)


async def test_a_step_waits_for_every_client_that_joined():
    async with served(CALM, CALM, CALM) as client:
        await client.control("join", client="a")
        await client.control("join", client="b")
        first = asyncio.ensure_future(client.control("step", client="a"))
        await asyncio.sleep(0.1)
        waiting = (await client.call("GET", "/control/state")).body
        second = await client.control("step", client="b")
        await first

    assert (waiting["now_ms"], waiting["clients"], waiting["ready"]) == (T0, ["a", "b"], ["a"])
    assert (second["now_ms"], second["ready"]) == (T0 + M15, [])


async def test_nobody_waits_for_a_client_that_left():
    async with served(CALM, CALM, CALM) as client:
        await client.control("join", client="a")
        await client.control("join", client="b")
        first = asyncio.ensure_future(client.control("step", client="a"))
        await asyncio.sleep(0.05)
        await client.control("leave", client="b")

        assert (await first)["now_ms"] == T0 + M15


async def test_the_market_ends_and_says_so():
    async with served(CALM) as client:
        states = [await client.control("step") for _ in range(4)]

    assert [state["is_over"] for state in states] == [False, False, True, True]


async def test_a_market_that_moves_by_itself_is_not_stepped():
    async with served(CALM, pace=1.0) as client:
        reply = await client.call("POST", "/control/step", json={})

    assert (reply.status, reply.code) == (400, -1020)


async def test_money_comes_and_goes_and_is_told():
    async with served(CALM) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.control("deposit", amount="500")
            state = await client.control("withdraw", amount=200)
            told = [message["a"] for message in await stream.all_now()]
        too_much = await client.call("POST", "/control/withdraw", json={"amount": "9999"})
        income = await client.ok("GET", "/fapi/v1/income", incomeType="TRANSFER")

    assert state["wallet"] == "1300.00000000"
    assert [(a["m"], a["B"][0]["wb"], a["B"][0]["bc"]) for a in told] == [
        ("DEPOSIT", "1500.00000000", "500.00000000"),
        ("WITHDRAW", "1300.00000000", "-200.00000000"),
    ]
    assert too_much.code == -2018
    assert [row["income"] for row in income] == ["500.00000000", "-200.00000000"]


async def test_filters_change_while_it_runs():
    async with served(CALM) as client:
        await client.control("filters", symbol=SYMBOL, step_size="10", min_notional="50")
        (info,) = (await client.get("/fapi/v1/exchangeInfo"))["symbols"]
        off = await client.signed(
            "POST", "/fapi/v1/order", symbol=SYMBOL, side="BUY", type="MARKET", quantity="15"
        )
        none = await client.call("POST", "/control/filters", json={"symbol": SYMBOL})

    filters = {each["filterType"]: each for each in info["filters"]}
    assert filters["LOT_SIZE"]["stepSize"] == "10"
    assert filters["MIN_NOTIONAL"]["notional"] == "50"
    assert (off.code, none.code) == (-4023, -1102)


async def test_the_owner_trades_on_the_same_account():
    async with served(CALM) as client:
        order = await client.control(
            "order", symbol=SYMBOL, side="BUY", type="MARKET", quantity="10"
        )
        stop = await client.control(
            "order",
            algoType="CONDITIONAL",
            symbol=SYMBOL,
            side="SELL",
            type="STOP_MARKET",
            triggerPrice="1.9",
            closePosition=True,
        )
        (position,) = await client.ok("GET", "/fapi/v3/positionRisk", symbol=SYMBOL)

    assert (order["orderId"], stop["algoStatus"]) == (9001, "NEW")
    assert position["positionAmt"] == "10"


async def test_a_symbol_that_is_settled_takes_exits_only():
    async with served(CALM) as client:
        await client.control("settle", symbol=SYMBOL)
        (info,) = (await client.get("/fapi/v1/exchangeInfo"))["symbols"]
        reply = await client.signed(
            "POST", "/fapi/v1/order", symbol=SYMBOL, side="BUY", type="MARKET", quantity="10"
        )

    assert (info["status"], reply.code) == ("SETTLING", -4140)


async def test_control_is_not_for_pages_in_a_browser():
    async with served(CALM) as client:
        reply = await client.call(
            "POST", "/control/step", json={}, headers={"Origin": "https://example.org"}
        )
        unknown = await client.call("POST", "/control/explode", json={})
        state = (await client.call("GET", "/control/state")).body

    assert (reply.status, unknown.status) == (403, 404)
    assert state["bars_done"] == 0
    assert KEY not in str(state)
