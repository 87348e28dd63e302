"""A position from entry to stop, as a client sees it over REST and the user stream."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import at_most
from tests.unit.exchange.simulated_fakes import M15, T0
from tests.unit.exchange.wire.serving import CALM, SYMBOL, served

FALLS = (2.0, 2.01, 1.89, 1.9)


def told(messages):
    """Event, and what it says of an order: enough to compare whole chains."""
    rows: list[tuple[str, ...]] = []
    for message in messages:
        match message["e"]:
            case "ORDER_TRADE_UPDATE":
                order = message["o"]
                rows.append(("order", order["x"], order["X"], order["c"]))
            case "ALGO_UPDATE":
                order = message["o"]
                rows.append(("algo", order["X"], order["caid"]))
            case "ACCOUNT_UPDATE":
                rows.append(("account", message["a"]["m"]))
            case other:
                rows.append((other,))
    return rows


async def test_entry_protection_trigger_and_close_are_told_in_this_order():
    async with served(CALM, FALLS, CALM) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            entry = await client.market_order("BUY", "10.0", newClientOrderId="bot-1-E")
            assert (entry["status"], entry["executedQty"]) == ("FILLED", "10.0")
            assert told(await stream.all_now()) == [
                ("order", "NEW", "NEW", "bot-1-E"),
                ("TRADE_LITE",),
                ("order", "TRADE", "FILLED", "bot-1-E"),
                ("account", "ORDER"),
            ]

            stop = await client.algo_order(
                "SELL", "STOP_MARKET", "1.9500", closePosition="true", clientAlgoId="bot-1-SL"
            )
            target = await client.algo_order(
                "SELL", "TAKE_PROFIT_MARKET", "2.2", closePosition="true", clientAlgoId="bot-1-TP"
            )
            assert (stop["algoId"], stop["algoStatus"], stop["timeInForce"]) == (
                3000000000001,
                "NEW",
                "GTE_GTC",
            )
            assert (stop["quantity"], stop["reduceOnly"], stop["closePosition"]) == (
                "0",
                True,
                True,
            )
            assert target["algoId"] == 3000000000002
            assert told(await stream.all_now()) == [
                ("algo", "NEW", "bot-1-SL"),
                ("algo", "NEW", "bot-1-TP"),
            ]
            assert await client.ok("GET", "/fapi/v1/openOrders", symbol=SYMBOL) == []
            await client.ok("DELETE", "/fapi/v1/allOpenOrders", symbol=SYMBOL)
            assert len(await client.ok("GET", "/fapi/v1/openAlgoOrders", symbol=SYMBOL)) == 2

            await client.step(2)
            chain = await stream.all_now()

        assert told(chain) == [
            ("algo", "TRIGGERING", "bot-1-SL"),
            ("algo", "TRIGGERED", "bot-1-SL"),
            ("order", "NEW", "NEW", "bot-1-SL"),
            ("TRADE_LITE",),
            ("order", "TRADE", "FILLED", "bot-1-SL"),
            ("account", "ORDER"),
            ("algo", "FINISHED", "bot-1-SL"),
            ("algo", "EXPIRED", "bot-1-TP"),
        ]
        triggering, triggered, new, lite, trade, account, finished, _ = chain
        assert triggering["o"]["ai"] == ""
        assert triggered["o"]["ai"] == str(new["o"]["i"]) == "9002"
        assert (new["o"]["o"], new["o"]["ot"]) == ("MARKET", "MARKET")
        assert lite["t"] == trade["o"]["t"] == 2
        assert (trade["o"]["L"], trade["o"]["rp"], trade["o"]["n"], trade["o"]["N"]) == (
            "1.95",
            "-0.50000000",
            "0.00975000",
            "USDT",
        )
        # 1000 - 0.01 (entry fee) - 0.5 (loss) - 0.00975 (exit fee)
        assert account["a"]["B"] == [
            {"a": "USDT", "wb": "999.48025000", "cw": "999.48025000", "bc": "0.00000000"}
        ]
        assert account["a"]["P"][0]["pa"] == "0"
        assert (finished["o"]["aq"], finished["o"]["ap"]) == ("10.0", "1.95")

        assert await client.ok("GET", "/fapi/v3/positionRisk") == []
        assert await client.ok("GET", "/fapi/v1/openAlgoOrders", symbol=SYMBOL) == []


async def test_a_closing_order_that_outlives_its_position_is_cancelled_by_hand():
    async with served(CALM, FALLS, CALM, siblings="stay") as client:
        await client.market_order("BUY", "10")
        await client.algo_order(
            "SELL", "TAKE_PROFIT_MARKET", "2.2", closePosition="true", clientAlgoId="bot-1-TP"
        )
        await client.market_order("SELL", "10")

        (flat,) = await client.ok("GET", "/fapi/v3/positionRisk")  # shown for its open order
        assert (flat["symbol"], flat["positionAmt"]) == (SYMBOL, "0")
        left = await client.ok("GET", "/fapi/v1/openAlgoOrders", symbol=SYMBOL)
        assert [row["clientAlgoId"] for row in left] == ["bot-1-TP"]
        gone = await client.ok("DELETE", "/fapi/v1/algoOrder", clientAlgoId="bot-1-TP")
        assert (gone["code"], gone["msg"]) == ("200", "success")


async def test_the_history_of_a_trade_agrees_with_its_events():
    async with served(CALM, FALLS, CALM) as client:
        entry = await client.market_order("BUY", "10", newClientOrderId="e")
        await client.algo_order("SELL", "STOP_MARKET", "1.95", closePosition="true")
        await client.step(2)

        trades = await client.ok("GET", "/fapi/v1/userTrades", symbol=SYMBOL)
        income = await client.ok("GET", "/fapi/v1/income")
        stop = (await client.ok("GET", "/fapi/v1/allAlgoOrders", symbol=SYMBOL))[0]
        child = await client.ok(
            "GET", "/fapi/v1/order", symbol=SYMBOL, orderId=stop["actualOrderId"]
        )

    assert [(t["id"], t["orderId"], t["side"], t["price"], t["qty"]) for t in trades] == [
        (1, entry["orderId"], "BUY", "2.0", "10"),
        (2, child["orderId"], "SELL", "1.95", "10"),
    ]
    assert [(row["incomeType"], row["income"]) for row in income] == [
        ("COMMISSION", "-0.01000000"),
        ("REALIZED_PNL", "-0.50000000"),
        ("COMMISSION", "-0.00975000"),
    ]
    assert len({row["tranId"] for row in income}) == 3
    assert (stop["algoStatus"], stop["actualPrice"]) == ("FINISHED", "1.95")
    assert (child["status"], child["type"], child["reduceOnly"]) == ("FILLED", "MARKET", True)
    assert trades[1]["time"] == T0 + 2 * M15 - 1


async def test_income_explains_the_wallet():
    rate = Settlement(T0 + M15, 0.0001, 2.0)
    async with served(CALM, FALLS, CALM, settlements=[rate]) as client:
        await client.market_order("BUY", "10")
        await client.algo_order("SELL", "STOP_MARKET", "1.95", closePosition="true")
        await client.step(2)
        await client.market_order("SELL", "20")
        await client.control("deposit", amount="50")
        await client.market_order("BUY", "30")
        income = await client.ok("GET", "/fapi/v1/income", limit=1000)
        account = await client.ok("GET", "/fapi/v3/account")

    booked = sum(Decimal(row["income"]) for row in income)
    assert Decimal(account["totalWalletBalance"]) == 1000 + booked
    assert {row["incomeType"] for row in income} == {
        "COMMISSION",
        "FUNDING_FEE",
        "REALIZED_PNL",
        "TRANSFER",
    }


async def test_a_position_is_shown_with_its_margin_and_liquidation_price():
    async with served(CALM, CALM) as client:
        await client.market_order("BUY", "10")

        (shown,) = await client.ok("GET", "/fapi/v3/positionRisk")
        account = await client.ok("GET", "/fapi/v3/account")

    assert (shown["positionAmt"], shown["entryPrice"], shown["isolatedWallet"]) == (
        "10",
        "2.0",
        "2.00000000",
    )
    assert shown["liquidationPrice"] == "1.80904523"  # 2 * (1 - 0.1) / (1 - 0.005)
    assert "leverage" not in shown
    assert account["totalWalletBalance"] == "999.99000000"
    assert account["availableBalance"] == "997.99000000"
    assert [row["symbol"] for row in account["positions"]] == [SYMBOL]


async def test_when_one_of_two_closing_orders_fills_the_other_is_told_as_expired():
    async with served(CALM, FALLS, CALM) as client:
        await client.market_order("BUY", "10")
        await client.algo_order("SELL", "STOP_MARKET", "1.95", closePosition="true")
        await client.algo_order(
            "SELL", "TAKE_PROFIT_MARKET", "2.2", closePosition="true", clientAlgoId="tp"
        )
        await client.step(2)

        target = await client.ok("GET", "/fapi/v1/algoOrder", clientAlgoId="tp")

    assert target["algoStatus"] == "EXPIRED"


async def test_a_stop_that_cannot_execute_is_rejected_with_a_reason():
    async with served(CALM, FALLS, CALM) as client:
        key = await client.listen_key()
        await client.market_order("BUY", "10")
        await client.algo_order(
            "SELL", "STOP_MARKET", "1.95", quantity="10", reduceOnly="true", clientAlgoId="sl"
        )
        await client.market_order("SELL", "10", reduceOnly="true")
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step(2)
            chain = await stream.all_now()

    assert told(chain) == [("algo", "TRIGGERING", "sl"), ("algo", "REJECTED", "sl")]
    assert chain[-1]["o"]["rm"] == "ReduceOnly Order is rejected."


async def test_a_liquidation_is_told_as_the_exchanges_own_order():
    async with served(CALM, (2.0, 2.0, 1.7, 1.75), CALM) as client:
        key = await client.listen_key()
        await client.market_order("BUY", "10")
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step(2)
            chain = await stream.all_now()
        forced = await client.ok("GET", "/fapi/v1/forceOrders")

    assert told(chain) == [
        ("TRADE_LITE",),
        ("order", "CALCULATED", "FILLED", "autoclose-2"),
        ("account", "ORDER"),
    ]
    assert [row["clientOrderId"] for row in forced] == ["autoclose-2"]


async def test_several_fills_of_one_order_are_told_one_by_one():
    async with served(CALM, liquidity=at_most(Decimal(8))) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.market_order("BUY", "10")
            chain = await stream.all_now()

    trades = [m["o"] for m in chain if m["e"] == "ORDER_TRADE_UPDATE" and m["o"]["x"] == "TRADE"]
    assert [(t["l"], t["z"], t["X"], t["t"]) for t in trades] == [
        ("4.0", "4.0", "PARTIALLY_FILLED", 1),
        ("4.0", "8.0", "PARTIALLY_FILLED", 2),
        ("2.0", "10.0", "FILLED", 3),
    ]


async def test_funding_is_told_with_its_symbol_and_booked_as_income():
    rate = Settlement(T0 + M15, 0.0001, 2.0)
    async with served(CALM, CALM, CALM, settlements=[rate]) as client:
        key = await client.listen_key()
        await client.market_order("BUY", "10")
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step(2)
            (message,) = await stream.all_now()
        (paid,) = await client.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")

    assert (message["a"]["m"], message["a"]["S"]) == ("FUNDING_FEE", SYMBOL)
    assert message["a"]["B"][0]["bc"] == "-0.00200000"
    assert paid["income"] == "-0.00200000"


@pytest.mark.parametrize("kind", ["LIMIT", "MARKET"])
async def test_a_client_id_may_be_used_again_when_its_order_has_ended(kind):
    terms = {"timeInForce": "IOC", "price": "1.95"} if kind == "LIMIT" else {}
    async with served(CALM) as client:
        orders = [
            await client.ok(
                "POST",
                "/fapi/v1/order",
                symbol=SYMBOL,
                side="BUY",
                type=kind,
                quantity="10",
                newClientOrderId="same",
                **terms,
            )
            for _ in range(2)
        ]
        found = await client.ok("GET", "/fapi/v1/order", symbol=SYMBOL, origClientOrderId="same")

    assert [order["orderId"] for order in orders] == [9001, 9002]
    assert found["orderId"] == 9002


async def test_a_trailing_order_is_told_anew_when_its_trailing_begins():
    rises, falls = (2.0, 2.06, 2.0, 2.05), (2.05, 2.05, 2.0, 2.0)
    async with served(CALM, CALM, rises, falls) as client:
        await client.market_order("BUY", "10")
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.ok(
                "POST",
                "/fapi/v1/algoOrder",
                algoType="CONDITIONAL",
                symbol=SYMBOL,
                side="SELL",
                type="TRAILING_STOP_MARKET",
                quantity="10",
                activatePrice="2.05",
                callbackRate="1",
                clientAlgoId="t",
            )
            await client.step(3)
            chain = [each["o"] for each in await stream.all_now() if each["e"] == "ALGO_UPDATE"]

    assert [(each["X"], each["ia"], each["AP"]) for each in chain] == [
        ("NEW", False, "2.05"),
        ("NEW", True, "2.05"),
    ]
