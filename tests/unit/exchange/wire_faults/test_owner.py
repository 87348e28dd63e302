"""What the account's owner does by hand."""

from __future__ import annotations

import pytest

from tests.unit.exchange.wire.serving import SYMBOL
from tests.unit.exchange.wire_faults.faulty import (
    BUY_10,
    amount,
    entered,
    faulty,
    injected,
    kinds,
    names,
    stops_open,
)


@pytest.mark.parametrize(
    ("spec", "left", "did"),
    [
        ("manual-close", 0.0, "sell 10 by hand, market"),
        ("manual-partial-close(0.25)", 7.5, "sell 2.5 by hand, market"),
        ("manual-entry(buy, 40)", 30.0, "buy 20.0 by hand, market"),
        ("manual-entry(side=sell, notional=40)", -10.0, "sell 20.0 by hand, market"),
    ],
)
async def test_the_owner_trades_by_hand(spec, left, did):
    async with faulty(f"{spec}@900") as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await entered(client)
            await stream.all_now()
            await client.step()
            orders = [
                told["o"]["c"]
                for told in await stream.all_now()
                if told["e"] == "ORDER_TRADE_UPDATE"
            ]

        assert float(await amount(client)) == left
        assert orders
        assert all(each.startswith("web_") for each in orders)
        assert [done for _, done in injected(client)] == [did]


async def test_the_owner_rests_orders():
    async with faulty("manual-limit(buy, ratio=0.02)@900,manual-stop(0.04)@900") as client:
        await entered(client)
        await client.step()
        (limit,) = await client.ok("GET", "/fapi/v1/openOrders", symbol=SYMBOL)
        stops = await client.ok("GET", "/fapi/v1/openAlgoOrders", symbol=SYMBOL)

        assert (limit["side"], float(limit["price"])) == ("BUY", 1.96)
        assert [float(stop["triggerPrice"]) for stop in stops] == [1.9, 1.92]
        assert [stop["closePosition"] for stop in stops] == [True, False]


async def test_the_owner_cancels_our_stop():
    async with faulty("stop-cancelled-by-hand@900") as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await entered(client)
            await stream.all_now()
            await client.step()
            told = kinds(await stream.all_now())

        assert (told, await stops_open(client)) == (["algo CANCELED"], [])


async def test_leverage_is_changed_from_outside():
    async with faulty("leverage-changed(25)@900") as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step()
            (told,) = await stream.all_now()
        (config,) = await client.ok("GET", "/fapi/v1/symbolConfig", symbol=SYMBOL)

        assert told["ac"] == {"s": SYMBOL, "l": 25}
        assert config["leverage"] == 25


async def test_the_margin_type_is_changed_until_it_is_put_back():
    async with faulty("margin-type-changed@900") as client:
        await client.step()
        path = "/fapi/v1/marginType"
        shown = [await _margin_types(client)]
        replies = [
            await client.signed("POST", path, symbol=SYMBOL, marginType=kind)
            for kind in ("CROSSED", "ISOLATED", "ISOLATED")
        ]
        shown.append(await _margin_types(client))

        assert shown == [("CROSSED", "cross"), ("ISOLATED", "isolated")]
        assert [reply.body["code"] for reply in replies] == [-4046, 200, -4046]


async def _margin_types(client):
    (config,) = await client.ok("GET", "/fapi/v1/symbolConfig", symbol=SYMBOL)
    (risk,) = await client.ok("GET", "/fapi/v2/positionRisk", symbol=SYMBOL)
    return config["marginType"], risk["marginType"]


async def test_the_position_mode_is_changed_until_it_is_put_back():
    async with faulty("position-mode-changed@900") as client:
        await client.step()
        path = "/fapi/v1/positionSide/dual"
        mode = await client.ok("GET", path)
        refused = await client.signed("POST", "/fapi/v1/order", **BUY_10)
        await client.ok("POST", path, dualSidePosition="false")
        placed = await client.signed("POST", "/fapi/v1/order", **BUY_10)

        assert (mode["dualSidePosition"], refused.code, placed.status) == (True, -4061, 200)
        assert (await client.ok("GET", path))["dualSidePosition"] is False


async def test_the_mode_is_not_changed_while_there_is_a_position():
    async with faulty("position-mode-changed@900,margin-type-changed@900") as client:
        await entered(client)
        await client.step(2)

        assert (await amount(client), names(client)) == ("10", [])


async def test_money_comes_and_goes():
    async with faulty("deposit(50)@900,withdrawal(20)@1800") as client:
        await client.step(2)
        rows = await client.ok("GET", "/fapi/v1/income", incomeType="TRANSFER")

        assert [float(row["income"]) for row in rows] == [50.0, -20.0]
