"""What the market and the exchange do to an account that asked for none of it."""

from __future__ import annotations

import pytest

from cointrader.domain.clock import HOUR_MS
from tests.unit.exchange.simulated_fakes import M15, T0
from tests.unit.exchange.wire.serving import CALM, SYMBOL
from tests.unit.exchange.wire_faults.faulty import (
    BUY_10,
    SELL_10,
    STOP,
    amount,
    entered,
    faulty,
    injected,
    kinds,
    names,
    stops_open,
)

ORDER = "/fapi/v1/order"


async def test_a_position_is_liquidated():
    async with faulty("liquidation@900") as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await entered(client)
            await stream.all_now()
            await client.step()
            told = await stream.all_now()
        (forced,) = await client.ok("GET", "/fapi/v1/forceOrders", symbol=SYMBOL)

        fill = next(m["o"] for m in told if m.get("o", {}).get("x") == "CALCULATED")
        assert fill["c"].startswith("autoclose-")
        assert "algo EXPIRED" in kinds(told)
        assert forced["clientOrderId"] == fill["c"]
        assert (await amount(client), await stops_open(client)) == ("0", [])
        assert injected(client) == [("liquidation", "10 LONG liquidated")]


async def test_a_part_of_a_position_is_closed_by_adl():
    async with faulty("deleveraging(0.4)@900") as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await entered(client)
            await stream.all_now()
            await client.step()
            told = await stream.all_now()

        fill = next(m["o"] for m in told if m.get("o", {}).get("x") == "CALCULATED")
        assert (fill["c"][:13], float(fill["l"])) == ("adl_autoclose", 4.0)
        assert (float(await amount(client)), await stops_open(client)) == (6.0, ["our-stop"])


async def test_what_needs_a_position_waits_for_one():
    async with faulty("liquidation") as client:
        await client.step()
        before = names(client)
        await client.market_order("BUY", "10")
        await client.step()

        assert (before, names(client), await amount(client)) == ([], ["liquidation"], "0")


async def test_funding_is_settled_around_an_order_in_flight():
    async with faulty("funding-in-flight(0.001)") as client:
        await client.ok("POST", ORDER, **BUY_10)
        await client.ok("POST", ORDER, **SELL_10)
        rows = await client.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")

        assert [float(row["income"]) for row in rows] == [-0.02, -0.02]
        assert names(client) == ["funding-in-flight"] * 2


async def test_funding_comes_more_often_and_is_told_so():
    rows = [CALM] * 10
    async with faulty("funding-interval-changed(1, rate=0.001)", *rows) as client:
        await client.market_order("BUY", "10")
        await client.step(9)
        (info,) = await client.get("/fapi/v1/fundingInfo")
        index = await client.get("/fapi/v1/premiumIndex", symbol=SYMBOL)
        history = await client.get("/fapi/v1/fundingRate", symbol=SYMBOL)
        paid = await client.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")

        hour = T0 // HOUR_MS * HOUR_MS + HOUR_MS
        now_ms = T0 + 9 * M15
        assert info["fundingIntervalHours"] == 1
        assert index["nextFundingTime"] == now_ms // HOUR_MS * HOUR_MS + HOUR_MS
        assert [row["fundingTime"] for row in history] == [hour, hour + HOUR_MS]
        assert [(row["time"], float(row["income"])) for row in paid] == [
            (hour, -0.02),
            (hour + HOUR_MS, -0.02),
        ]


async def test_filters_change_and_orders_no_longer_fit():
    async with faulty("filters-changed(tick=100, step=100, notional=3)@900") as client:
        await client.step()
        off = await client.signed("POST", ORDER, **{**BUY_10, "quantity": "15"})
        small = await client.signed("POST", ORDER, **BUY_10)
        (info,) = (await client.get("/fapi/v1/exchangeInfo"))["symbols"]

        filters = {each["filterType"]: each for each in info["filters"]}
        assert (off.code, small.status) == (-4023, 200)
        assert float(filters["LOT_SIZE"]["stepSize"]) == 10.0
        assert float(filters["PRICE_FILTER"]["tickSize"]) == 0.01
        assert float(filters["MIN_NOTIONAL"]["notional"]) == 15.0


async def test_a_symbol_is_settled():
    async with faulty("symbol-settling@900") as client:
        await client.market_order("BUY", "10")
        await client.step()
        entry = await client.signed("POST", ORDER, **BUY_10)
        exit_ = await client.signed("POST", ORDER, **SELL_10)

        assert (entry.code, exit_.status) == (-4140, 200)


async def test_a_symbol_is_not_traded_for_a_while():
    async with faulty("symbol-pending(900)@900", CALM, CALM, CALM) as client:
        seen = []
        for _ in range(3):
            (info,) = (await client.get("/fapi/v1/exchangeInfo"))["symbols"]
            reply = await client.signed("POST", ORDER, **BUY_10)
            seen.append((info["status"], reply.body.get("code")))
            await client.step()

        assert seen == [("TRADING", None), ("PENDING_TRADING", -1122), ("TRADING", None)]


@pytest.mark.parametrize(("side", "trigger", "price"), [("BUY", "1.9", 1.8), ("SELL", "2.1", 2.2)])
async def test_the_price_jumps_between_an_entry_and_its_stop(side, trigger, price):
    async with faulty("price-gap(0.1)") as client:
        await client.market_order(side, "10")
        stop = {**STOP, "side": "SELL" if side == "BUY" else "BUY", "triggerPrice": trigger}
        reply = await client.signed("POST", "/fapi/v1/algoOrder", **stop)
        closed = await client.market_order(stop["side"], "10", reduceOnly="true")
        (*_, trade) = await client.ok("GET", "/fapi/v1/userTrades", symbol=SYMBOL)

        assert reply.code == -2021
        assert (trade["orderId"], float(trade["price"])) == (closed["orderId"], price)
        assert names(client) == ["price-gap"]
