"""STOP and TAKE_PROFIT with a limit price, and GTD orders, as a client sees them."""

from __future__ import annotations

import pytest

from tests.unit.exchange.simulated_fakes import M15, T0
from tests.unit.exchange.wire.serving import CALM, SYMBOL, served
from tests.unit.exchange.wire.test_story import told

ORDER = "/fapi/v1/order"
ALGO = "/fapi/v1/algoOrder"
STOP = {
    "algoType": "CONDITIONAL",
    "symbol": SYMBOL,
    "side": "BUY",
    "type": "STOP",
    "quantity": "10",
    "triggerPrice": "2.0500",
    "price": "2.0600",
    "clientAlgoId": "s",
}
LIMIT = {
    "symbol": SYMBOL,
    "side": "BUY",
    "type": "LIMIT",
    "quantity": "10",
    "price": "1.9500",
    "newClientOrderId": "l",
}
RISES = (2.0, 2.1, 2.0, 2.1)
STAYS_UP = (2.1, 2.1, 2.09, 2.1)
FALLS = (2.1, 2.1, 1.9, 1.9)


async def test_it_waits_at_the_algo_service_with_its_price():
    async with served(CALM) as client:
        placed = await client.ok("POST", ALGO, **STOP)
        (listed,) = await client.ok("GET", "/fapi/v1/openAlgoOrders")
        queried = await client.ok("GET", ALGO, clientAlgoId="s")
        plain = await client.ok("GET", "/fapi/v1/openOrders")

    for shown in (placed, listed, queried):
        assert (shown["orderType"], shown["price"], shown["triggerPrice"]) == (
            "STOP",
            "2.0600",
            "2.0500",
        )
        assert (shown["timeInForce"], shown["goodTillDate"]) == ("GTC", 0)
    assert plain == []


async def test_one_that_fills_at_its_trigger_is_told_as_a_limit_order():
    async with served(CALM, RISES) as client:
        key = await client.listen_key()
        await client.ok("POST", ALGO, **STOP)
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step(2)
            chain = await stream.all_now()
        algo = await client.ok("GET", ALGO, clientAlgoId="s")
        child = await client.ok("GET", ORDER, symbol=SYMBOL, orderId=algo["actualOrderId"])

    assert told(chain) == [
        ("algo", "TRIGGERING", "s"),
        ("algo", "TRIGGERED", "s"),
        ("order", "NEW", "NEW", "s"),
        ("TRADE_LITE",),
        ("order", "TRADE", "FILLED", "s"),
        ("account", "ORDER"),
        ("algo", "FINISHED", "s"),
    ]
    triggered, new, trade, finished = (chain[i]["o"] for i in (1, 2, 4, 6))
    assert (triggered["o"], triggered["act"], triggered["p"]) == ("STOP", "LIMIT", "2.0600")
    assert triggered["ai"] == str(new["i"])
    assert (new["o"], new["p"], new["f"], new["sp"]) == ("LIMIT", "2.0600", "GTC", "0")
    assert (trade["L"], trade["m"]) == ("2.05", False)
    assert (finished["aq"], finished["ap"]) == ("10", "2.05")
    assert (algo["algoStatus"], algo["actualType"], algo["actualQty"]) == (
        "FINISHED",
        "LIMIT",
        "10",
    )
    assert (child["type"], child["status"], child["avgPrice"]) == ("LIMIT", "FILLED", "2.05")


async def test_one_that_rests_after_its_trigger_is_a_limit_order_like_any_other():
    low = STOP | {"price": "1.9900"}
    async with served(CALM, RISES, STAYS_UP, FALLS) as client:
        await client.ok("POST", ALGO, **low)
        await client.step()
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step(2)
            before = await stream.all_now()
            algo = await client.ok("GET", ALGO, clientAlgoId="s")
            at_algo = await client.ok("GET", "/fapi/v1/openAlgoOrders")
            (resting,) = await client.ok("GET", "/fapi/v1/openOrders", symbol=SYMBOL)
            late = await client.signed("DELETE", ALGO, clientAlgoId="s")
            await client.ok("DELETE", "/fapi/v1/algoOpenOrders", symbol=SYMBOL)
            await client.ok(
                "PUT",
                ORDER,
                symbol=SYMBOL,
                orderId=resting["orderId"],
                side="BUY",
                quantity="20",
                price="1.9800",
            )
            await client.step()
            after = await stream.all_now()

    assert told(before) == [
        ("algo", "TRIGGERING", "s"),
        ("algo", "TRIGGERED", "s"),
        ("order", "NEW", "NEW", "s"),
    ]
    assert (algo["algoStatus"], algo["actualOrderId"]) == ("TRIGGERED", str(resting["orderId"]))
    assert (resting["type"], resting["price"], resting["clientOrderId"]) == (
        "LIMIT",
        "1.9900",
        "s",
    )
    assert at_algo == []
    assert late.code == -2011
    assert told(after) == [
        ("order", "AMENDMENT", "NEW", "s"),
        ("TRADE_LITE",),
        ("order", "TRADE", "FILLED", "s"),
        ("account", "ORDER"),
        ("algo", "FINISHED", "s"),
    ]
    assert (after[2]["o"]["L"], after[2]["o"]["m"]) == ("1.9800", True)
    assert after[4]["o"]["aq"] == "20"


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", ORDER), ("DELETE", "/fapi/v1/allOpenOrders")]
)
async def test_what_it_became_is_cancelled_as_an_order(method, path):
    async with served(CALM, RISES) as client:
        key = await client.listen_key()
        await client.ok("POST", ALGO, **STOP | {"price": "1.9900"})
        await client.step(2)
        (resting,) = await client.ok("GET", "/fapi/v1/openOrders")
        async with client.socket(f"/private/ws/{key}") as stream:
            which = {"orderId": resting["orderId"]} if path == ORDER else {}
            await client.ok(method, path, symbol=SYMBOL, **which)
            after = await stream.all_now()
        algo = await client.ok("GET", ALGO, clientAlgoId="s")

    assert told(after) == [("order", "CANCELED", "CANCELED", "s"), ("algo", "FINISHED", "s")]
    assert (algo["algoStatus"], algo["actualQty"]) == ("FINISHED", "0")


async def test_it_is_cancelled_before_its_trigger_at_the_algo_service():
    async with served(CALM, RISES) as client:
        placed = await client.ok("POST", ALGO, **STOP)
        gone = await client.ok("DELETE", ALGO, algoId=placed["algoId"])
        await client.step(2)
        algo = await client.ok("GET", ALGO, algoId=placed["algoId"])
        orders = await client.ok("GET", "/fapi/v1/allOrders", symbol=SYMBOL)

    assert (gone["code"], algo["algoStatus"], orders) == ("200", "CANCELED", [])


@pytest.mark.parametrize(
    ("times", "price", "reason"),
    [("GTX", "2.0600", "0"), ("IOC", "1.9900", "2"), ("FOK", "1.9900", "0")],
)
async def test_one_that_cannot_be_what_it_has_to_expires_at_its_trigger(times, price, reason):
    async with served(CALM, RISES) as client:
        key = await client.listen_key()
        await client.ok("POST", ALGO, **STOP | {"timeInForce": times, "price": price})
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step(2)
            chain = await stream.all_now()

    assert told(chain)[1:] == [
        ("algo", "TRIGGERED", "s"),
        ("order", "NEW", "NEW", "s"),
        ("order", "EXPIRED", "EXPIRED", "s"),
        ("algo", "FINISHED", "s"),
    ]
    assert (chain[3]["o"]["f"], chain[3]["o"]["er"]) == (times, reason)
    assert chain[4]["o"]["aq"] == "0"


async def test_a_reduce_only_one_is_rejected_at_its_trigger_with_a_reason():
    async with served(CALM, RISES) as client:
        key = await client.listen_key()
        await client.ok("POST", ALGO, **STOP | {"reduceOnly": "true"})
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step(2)
            chain = await stream.all_now()

    assert told(chain) == [("algo", "TRIGGERING", "s"), ("algo", "REJECTED", "s")]
    assert chain[1]["o"]["rm"] == "ReduceOnly Order is rejected."


async def test_a_long_takes_its_profit_with_a_limit_price():
    async with served(CALM, RISES) as client:
        await client.market_order("BUY", "10")
        terms = {"side": "SELL", "type": "TAKE_PROFIT", "price": "2.0700", "reduceOnly": "true"}
        placed = await client.ok("POST", ALGO, **STOP | terms)
        await client.step(2)
        (exit_,) = (await client.ok("GET", "/fapi/v1/userTrades", symbol=SYMBOL))[1:]

    assert (placed["orderType"], placed["reduceOnly"]) == ("TAKE_PROFIT", True)
    assert (exit_["price"], exit_["maker"]) == ("2.0700", True)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"price": None}, -1102),
        ({"quantity": None}, -1102),
        ({"triggerPrice": None}, -1102),
        ({"price": "2.06001"}, -1111),
        ({"price": "2.5"}, -4183),
        ({"side": "SELL", "triggerPrice": "1.95", "price": "1.5"}, -4184),
        ({"triggerPrice": "1.9", "price": "1.9"}, -2021),
        ({"closePosition": "true", "quantity": None}, -4136),
        ({"quantity": "1"}, -4164),
        ({"timeInForce": "EVER"}, -1115),
        ({"timeInForce": "GTD"}, -1102),
        ({"timeInForce": "GTD", "goodTillDate": "1"}, -5040),
        ({"priceMatch": "QUEUE", "price": None}, -1020),
    ],
)
async def test_it_is_refused_with_its_code(terms, code):
    asked = {name: value for name, value in (STOP | terms).items() if value is not None}
    async with served(CALM) as client:
        reply = await client.signed("POST", ALGO, **asked)

    assert (reply.status, reply.code) == (400, code), reply.body


# -- GTD ------------------------------------------------------------------------------------------


async def test_a_good_till_date_is_told_in_whole_seconds():
    until_ms = T0 + 900_999
    async with served(CALM) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            placed = await client.ok(
                "POST", ORDER, **LIMIT, timeInForce="GTD", goodTillDate=until_ms
            )
            (new,) = await stream.all_now()
        tried = await client.ok(
            "POST", ORDER + "/test", **LIMIT, timeInForce="GTD", goodTillDate=until_ms
        )
        queried = await client.ok("GET", ORDER, symbol=SYMBOL, orderId=placed["orderId"])

    for shown in (placed, tried, queried):
        assert (shown["timeInForce"], shown["goodTillDate"]) == ("GTD", T0 + 900_000)
    assert (new["o"]["f"], new["o"]["gtd"]) == ("GTD", T0 + 900_000)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"timeInForce": "GTD"}, -1102),
        ({"timeInForce": "GTD", "goodTillDate": T0 + 600_000}, -5040),
        ({"timeInForce": "GTD", "goodTillDate": 253402300799000}, -5040),
        ({"timeInForce": "GTD", "goodTillDate": "soon"}, -1102),
        ({"timeInForce": "GTC", "goodTillDate": T0 + 900_000}, -1106),
    ],
)
async def test_a_good_till_date_is_refused_with_its_code(terms, code):
    async with served(CALM) as client:
        reply = await client.signed("POST", ORDER, **LIMIT, **terms)

    assert (reply.status, reply.code) == (400, code), reply.body


async def test_a_good_till_date_ends_the_order_though_a_later_bar_would_fill_it():
    touches = (2.0, 2.0, 1.95, 2.0)
    async with served(CALM, CALM, touches) as client:
        key = await client.listen_key()
        dated = {"timeInForce": "GTD", "goodTillDate": T0 + 2 * M15 + 60_000}
        order = await client.ok("POST", ORDER, **LIMIT, **dated)
        amended = await client.ok(
            "PUT",
            ORDER,
            symbol=SYMBOL,
            orderId=order["orderId"],
            side="BUY",
            quantity="20",
            price="1.9500",
        )
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step(3)
            chain = await stream.all_now()
        ended = await client.ok("GET", ORDER, symbol=SYMBOL, orderId=order["orderId"])

    assert amended["goodTillDate"] == T0 + 2 * M15 + 60_000
    assert told(chain) == [("order", "EXPIRED", "EXPIRED", "l")]
    assert chain[0]["o"]["er"] == "0"
    assert (ended["status"], ended["executedQty"]) == ("EXPIRED", "0")


async def test_a_dated_stop_expires_untriggered():
    async with served(CALM, CALM, CALM) as client:
        key = await client.listen_key()
        await client.ok("POST", ALGO, **STOP, timeInForce="GTD", goodTillDate=T0 + M15 + 60_000)
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step(2)
            chain = await stream.all_now()
        algo = await client.ok("GET", ALGO, clientAlgoId="s")

    assert told(chain) == [("algo", "EXPIRED", "s")]
    assert (algo["algoStatus"], algo["goodTillDate"]) == ("EXPIRED", T0 + M15 + 60_000)


async def test_as_time_passes_an_order_expires_in_the_second_of_its_date():
    async with served(CALM, CALM, CALM, CALM, pace=900.0) as client:
        key = await client.listen_key()
        until_ms = (await client.now_ms()) // 1000 * 1000 + 720_000
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.ok("POST", ORDER, **LIMIT, timeInForce="GTD", goodTillDate=until_ms)
            new, expired = await stream.next(), await stream.next()

    assert (new["o"]["X"], expired["o"]["X"]) == ("NEW", "EXPIRED")
    assert until_ms <= expired["T"] < until_ms + M15
