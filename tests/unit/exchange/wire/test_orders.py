"""What an order gets: a place on the book, or a refusal with Binance's code and words."""

from __future__ import annotations

import json

import pytest

from tests.unit.exchange.wire.serving import CALM, SYMBOL, served

ORDER = "/fapi/v1/order"
ALGO = "/fapi/v1/algoOrder"
MARKET = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "10"}
LIMIT = {**MARKET, "type": "LIMIT", "timeInForce": "GTC", "price": "1.95"}
STOP = {
    "symbol": SYMBOL,
    "side": "SELL",
    "type": "STOP_MARKET",
    "algoType": "CONDITIONAL",
    "triggerPrice": "1.95",
}
CLOSING = {**STOP, "closePosition": "true"}
TARGET = {**CLOSING, "type": "TAKE_PROFIT_MARKET", "triggerPrice": "2.2"}


def without(params, name):
    return {key: value for key, value in params.items() if key != name}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (without(MARKET, "symbol"), -1102),
        (without(MARKET, "side"), -1102),
        (without(MARKET, "type"), -1102),
        (without(MARKET, "quantity"), -1102),
        (without(LIMIT, "price"), -1102),
        (without(LIMIT, "timeInForce"), -1102),
        (MARKET | {"symbol": "NOPEUSDT"}, -1121),
        (MARKET | {"side": "UP"}, -1117),
        (MARKET | {"type": "STOP_LIMIT"}, -1116),
        (LIMIT | {"timeInForce": "EVER"}, -1115),
        (MARKET | {"price": "2"}, -1106),
        (MARKET | {"timeInForce": "GTC"}, -1106),
        (MARKET | {"quantity": ""}, -1105),
        (MARKET | {"quantity": "1,5"}, -1100),
        (MARKET | {"quantity": "abc"}, -1102),
        (MARKET | {"quantity": "1e3"}, -1100),
        (MARKET | {"quantity": "9" * 21}, -1100),
        (MARKET | {"quantity": "10.05"}, -1111),
        (MARKET | {"quantity": "0"}, -4003),
        (MARKET | {"quantity": "2000000"}, -4005),
        (MARKET | {"quantity": "1"}, -4164),
        (MARKET | {"quantity": "100000"}, -2019),
        (MARKET | {"positionSide": "LONG"}, -4061),
        (MARKET | {"positionSide": "UP"}, -4060),
        (MARKET | {"reduceOnly": "yes"}, -4062),
        (MARKET | {"side": "SELL", "reduceOnly": "true"}, -2022),
        (MARKET | {"newClientOrderId": "x" * 37}, -4015),
        (MARKET | {"newClientOrderId": "a b"}, -4015),
        (MARKET | {"type": "STOP_MARKET", "stopPrice": "1.9"}, -4120),
        (MARKET | {"type": "TRAILING_STOP_MARKET"}, -4120),
        (LIMIT | {"price": "1.95005"}, -1111),
        (LIMIT | {"price": "2.2"}, -4016),
        (LIMIT | {"side": "SELL", "price": "1.8"}, -4024),
        (LIMIT | {"price": "2.01", "timeInForce": "GTX"}, -5022),
        (LIMIT | {"timeInForce": "FOK"}, -5021),
        (LIMIT | {"timeInForce": "RPI"}, -1115),
        (LIMIT | {"priceMatch": "QUEUE"}, -1106),
        (LIMIT | {"priceMatch": "OPPONENT_20"}, -5037),
        (MARKET | {"priceMatch": "QUEUE"}, -5038),
        (LIMIT | {"selfTradePreventionMode": "EVER"}, -5039),
    ],
)
async def test_an_order_is_refused_with_its_code(params, code):
    async with served(CALM) as client:
        reply = await client.signed("POST", ORDER, **params)

    assert (reply.status, reply.code) == (400, code), reply.body
    assert "X-MBX-ORDER-COUNT-10S" not in reply.headers


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (without(LIMIT, "timeInForce"), "Mandatory parameter 'timeinforce' was not sent"),
        (MARKET | {"timeInForce": "GTC"}, "Parameter 'timeinforce' sent when not required."),
    ],
)
async def test_a_refusal_names_the_parameter_in_small_letters_as_binance_does(params, text):
    async with served(CALM) as client:
        reply = await client.signed("POST", ORDER, **params)

    assert reply.body["msg"].startswith(text)


@pytest.mark.parametrize(
    ("side", "match", "price"),
    [
        ("BUY", "OPPONENT", "2.0001"),
        ("BUY", "OPPONENT_5", "2.0005"),
        ("BUY", "QUEUE", "2.0000"),
        ("BUY", "QUEUE_5", "1.9996"),
        ("SELL", "OPPONENT", "2.0000"),
        ("SELL", "QUEUE", "2.0001"),
        ("SELL", "QUEUE_20", "2.0020"),
    ],
)
async def test_the_price_of_a_limit_order_may_be_that_of_a_level_of_the_book(side, match, price):
    order = without(LIMIT, "price") | {"side": side, "priceMatch": match}
    async with served(CALM) as client:
        placed = await client.ok("POST", ORDER, **order)
        depth = await client.get("/fapi/v1/depth", symbol=SYMBOL, limit=20)

    assert (placed["price"], placed["priceMatch"]) == (price, match)
    assert price in [level[0] for level in (*depth["bids"], *depth["asks"])]


@pytest.mark.parametrize("mode", ["NONE", "EXPIRE_TAKER", "EXPIRE_BOTH"])
async def test_a_self_trade_prevention_mode_is_taken_and_told(mode):
    async with served(CALM) as client:
        order = await client.ok("POST", ORDER, **LIMIT, selfTradePreventionMode=mode)
        stop = await client.ok("POST", ALGO, **STOP, quantity="10", selfTradePreventionMode=mode)

    assert (order["selfTradePreventionMode"], stop["selfTradePreventionMode"]) == (mode, mode)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (without(STOP, "algoType"), -1102),
        (STOP | {"algoType": "TWAP", "quantity": "10"}, -1130),
        (STOP, -1102),
        (without(CLOSING, "triggerPrice"), -1102),
        (STOP | {"type": "LIMIT"}, -1116),
        (CLOSING, -4509),
        (STOP | {"quantity": "10", "timeInForce": "GTE_GTC"}, -4509),
        (STOP | {"quantity": "10", "triggerPrice": "2.1"}, -2021),
        (STOP | {"quantity": "1"}, -4164),
        (STOP | {"quantity": "10", "price": "1.9"}, -1106),
        (CLOSING | {"quantity": "10"}, -4137),
        (CLOSING | {"reduceOnly": "true"}, -4138),
        (STOP | {"type": "TRAILING_STOP_MARKET", "quantity": "10", "callbackRate": "21"}, -2007),
    ],
)
async def test_a_conditional_order_is_refused_with_its_code(params, code):
    async with served(CALM) as client:
        reply = await client.signed("POST", ALGO, **params)

    assert (reply.status, reply.code) == (400, code), reply.body


async def test_refusals_are_in_the_words_of_the_real_exchange():
    async with served(CALM) as client:
        small = await client.signed("POST", ORDER, **(MARKET | {"quantity": "1"}))
        large = await client.signed("POST", ORDER, **(MARKET | {"quantity": "100000"}))
        moved = await client.signed("POST", ORDER, **(MARKET | {"type": "STOP_MARKET"}))

    assert small.body == {
        "code": -4164,
        "msg": "Order's notional must be no smaller than 5 (unless you choose reduce only)",
    }
    assert large.body == {"code": -2019, "msg": "Margin is insufficient."}
    assert moved.body["msg"] == (
        "Order type not supported for this endpoint. "
        "Please use the Algo Order API endpoints instead."
    )


async def test_a_second_closing_stop_is_refused_and_a_target_beside_it_is_not():
    async with served(CALM) as client:
        await client.market_order("BUY", "10")
        first = await client.signed("POST", ALGO, **CLOSING)
        second = await client.signed("POST", ALGO, **CLOSING)
        target = await client.signed("POST", ALGO, **TARGET)

    assert [first.status, second.code, target.status] == [200, -4130, 200]


async def test_a_quantity_stop_is_accepted_while_flat():
    async with served(CALM) as client:
        reply = await client.signed("POST", ALGO, **STOP, quantity="10")

    assert (reply.status, reply.body["timeInForce"]) == (200, "GTC")


async def test_a_trigger_price_off_the_tick_is_taken_but_not_one_with_too_many_decimals():
    order = STOP | {"triggerPrice": "1.9503", "quantity": "10"}
    async with served(CALM) as client:
        fine = await client.signed("POST", ALGO, **order | {"triggerPrice": "1.95030"})
        await client.control("filters", symbol=SYMBOL, tick_size="0.0010")
        off = await client.signed("POST", ALGO, **order)
        long = await client.signed("POST", ALGO, **order | {"triggerPrice": "1.95031"})

    assert fine.body["triggerPrice"] == "1.9503"
    assert (off.status, off.body["triggerPrice"]) == (200, "1.9500")
    assert long.code == -1111


async def test_precision_is_asked_before_the_tick_and_the_step():
    async with served(CALM) as client:
        await client.control("filters", symbol=SYMBOL, tick_size="0.0050", step_size="2.0")
        (info,) = (await client.get("/fapi/v1/exchangeInfo"))["symbols"]
        codes = {
            name: (await client.signed("POST", ORDER, **(LIMIT | terms))).code
            for name, terms in {
                "too many decimals": {"price": "1.95001"},
                "off the tick": {"price": "1.9520"},
                "quantity with too many": {"quantity": "10.01"},
                "off the step": {"quantity": "11"},
            }.items()
        }

    assert (info["pricePrecision"], info["quantityPrecision"]) == (4, 1)
    assert codes == {
        "too many decimals": -1111,
        "off the tick": -4014,
        "quantity with too many": -1111,
        "off the step": -4023,
    }


@pytest.mark.parametrize("order", [MARKET, LIMIT | {"price": "2.05"}], ids=["market", "limit"])
async def test_an_acknowledgement_tells_an_order_as_new_and_a_result_as_filled(order):
    async with served(CALM) as client:
        ack = await client.ok("POST", ORDER, **order)
        result = await client.ok("POST", ORDER, **order, newOrderRespType="RESULT")

    assert (ack["status"], ack["executedQty"]) == ("NEW", "0")
    assert (result["status"], result["executedQty"], result["cumQty"]) == ("FILLED", "10", "10")


async def test_what_an_order_was_filled_for_is_told_by_a_query_not_by_its_answer():
    async with served(CALM) as client:
        result = await client.ok("POST", ORDER, **MARKET, newOrderRespType="RESULT")
        found = await client.ok("GET", ORDER, symbol=SYMBOL, orderId=result["orderId"])

    assert not {"avgPrice", "cumQuote"} & set(result)
    assert (found["avgPrice"], found["cumQuote"]) == ("2.0", "20.0")


@pytest.mark.parametrize("name", ["orderIdList", "orderidlist"])
async def test_a_list_of_orders_to_cancel_may_be_spelled_in_two_ways(name):
    async with served(CALM) as client:
        order = await client.ok("POST", ORDER, **LIMIT)
        (gone,) = await client.ok(
            "DELETE", "/fapi/v1/batchOrders", symbol=SYMBOL, **{name: f"[{order['orderId']}]"}
        )

    assert gone["status"] == "CANCELED"


async def test_amendments_are_remembered_the_newest_first():
    async with served(CALM) as client:
        order = await client.ok("POST", ORDER, **LIMIT)
        for price, number in (("1.94", 5), ("1.93", 6)):
            await client.ok(
                "PUT",
                ORDER,
                symbol=SYMBOL,
                orderId=order["orderId"],
                side="BUY",
                quantity="10",
                price=price,
                modifyId=number,
            )
        rows = await client.ok("GET", "/fapi/v1/orderAmendment", symbol=SYMBOL)

    told = [row["amendment"] for row in rows]
    assert [(each["count"], each["modifyId"]) for each in told] == [(2, 6), (1, 5)]
    assert told[0]["price"] == {"before": "1.94", "after": "1.93"}


async def test_an_order_without_an_id_gets_one():
    async with served(CALM) as client:
        order = await client.ok("POST", ORDER, **LIMIT)

    assert 1 <= len(order["clientOrderId"]) <= 36


@pytest.mark.parametrize(
    ("method", "path", "params", "code"),
    [
        ("GET", ORDER, {"symbol": SYMBOL, "orderId": 1}, -2013),
        ("GET", ORDER, {"symbol": SYMBOL, "origClientOrderId": "x"}, -2013),
        ("GET", ORDER, {"symbol": SYMBOL}, -1102),
        ("DELETE", ORDER, {"symbol": SYMBOL, "orderId": 1}, -2011),
        ("GET", "/fapi/v1/openOrder", {"symbol": SYMBOL, "orderId": 1}, -2013),
        ("GET", ALGO, {"algoId": 1}, -2013),
        ("DELETE", ALGO, {"algoId": 1}, -2011),
        ("DELETE", ALGO, {}, -1102),
        ("POST", "/fapi/v1/marginType", {"symbol": SYMBOL, "marginType": "ISOLATED"}, -4046),
        ("POST", "/fapi/v1/marginType", {"symbol": SYMBOL, "marginType": "CROSSED"}, -1020),
        ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}, -4059),
        ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "true"}, -1020),
        ("POST", "/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}, -4171),
        ("POST", "/fapi/v1/positionMargin", {"symbol": SYMBOL, "amount": 1, "type": 1}, -1020),
        ("POST", "/fapi/v1/leverage", {"symbol": SYMBOL, "leverage": 126}, -4028),
        ("POST", "/fapi/v1/leverage", {"symbol": SYMBOL}, -1102),
        ("GET", "/fapi/v1/userTrades", {"symbol": SYMBOL, "fromId": 1, "startTime": 1}, -1128),
        (
            "GET",
            "/fapi/v1/userTrades",
            {"symbol": SYMBOL, "startTime": 1, "endTime": 8 * 86_400_000},
            -4165,
        ),
    ],
)
async def test_other_calls_are_refused_with_their_codes(method, path, params, code):
    async with served(CALM) as client:
        reply = await client.signed(method, path, **params)

    assert (reply.status, reply.code) == (400, code), reply.body


async def test_cancelling_twice_is_an_unknown_order_the_second_time():
    async with served(CALM) as client:
        await client.ok("POST", ORDER, **LIMIT, newClientOrderId="a")
        first = await client.signed("DELETE", ORDER, symbol=SYMBOL, origClientOrderId="a")
        second = await client.signed("DELETE", ORDER, symbol=SYMBOL, origClientOrderId="a")

    assert first.body["status"] == "CANCELED"
    assert second.body == {"code": -2011, "msg": "Unknown order sent."}


async def test_cancelling_all_plain_orders_leaves_conditional_ones():
    async with served(CALM) as client:
        await client.ok("POST", ORDER, **LIMIT)
        await client.ok("POST", ALGO, **STOP, quantity="10")
        await client.ok("DELETE", "/fapi/v1/allOpenOrders", symbol=SYMBOL)

        assert await client.ok("GET", "/fapi/v1/openOrders") == []
        assert len(await client.ok("GET", "/fapi/v1/openAlgoOrders")) == 1

        await client.ok("DELETE", "/fapi/v1/algoOpenOrders", symbol=SYMBOL)
        assert await client.ok("GET", "/fapi/v1/openAlgoOrders") == []


async def test_an_amended_order_keeps_its_number_and_is_told_as_amended():
    async with served(CALM) as client:
        key = await client.listen_key()
        order = await client.ok("POST", ORDER, **LIMIT, newClientOrderId="a")
        async with client.socket(f"/private/ws/{key}") as stream:
            terms = {"symbol": SYMBOL, "orderId": order["orderId"], "side": "BUY"}
            amended = await client.ok("PUT", ORDER, **terms, quantity="20", price="1.94")
            same = await client.signed("PUT", ORDER, **terms, quantity="20", price="1.94")
            bad = await client.signed("PUT", ORDER, **terms, quantity="20", price="1.94001")
            told = await stream.all_now()
        open_now = await client.ok("GET", "/fapi/v1/openOrders", symbol=SYMBOL)

    assert (amended["orderId"], amended["origQty"], amended["price"]) == (9001, "20", "1.94")
    assert (same.code, bad.code) == (-5027, -1111)
    assert [message["o"]["x"] for message in told] == ["AMENDMENT"]
    assert [(row["orderId"], row["price"]) for row in open_now] == [(9001, "1.94")]


async def test_a_batch_answers_each_order_for_itself():
    batch = [LIMIT, {**LIMIT, "symbol": "NOPEUSDT"}, {**LIMIT, "quantity": 10, "price": "1.94"}]
    async with served(CALM) as client:
        rows = await client.ok("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps(batch))
        ids = json.dumps([rows[0]["orderId"], 77], separators=(",", ":"))
        cancelled = await client.signed_in_body(
            "DELETE", "/fapi/v1/batchOrders", symbol=SYMBOL, orderIdList=ids
        )

    assert [row.get("status") or row["code"] for row in rows] == ["NEW", -1121, "NEW"]
    assert [row.get("status") or row["code"] for row in cancelled.body] == ["CANCELED", -2011]


async def test_orders_are_cancelled_when_their_countdown_runs_out():
    async with served(CALM, CALM, CALM) as client:
        await client.ok("POST", ORDER, **LIMIT)
        await client.ok("POST", "/fapi/v1/countdownCancelAll", symbol=SYMBOL, countdownTime=60_000)
        before = await client.ok("GET", "/fapi/v1/openOrders")
        await client.step()
        after = await client.ok("GET", "/fapi/v1/openOrders")

    assert (len(before), after) == (1, [])


async def test_trading_out_of_the_market_is_refused_when_it_is_over():
    async with served(CALM) as client:
        await client.step(5)
        reply = await client.signed("POST", ORDER, **MARKET)

    assert (reply.code, reply.body["msg"]) == (-4141, "Symbol is closed.")


async def test_limit_orders_show_what_they_are_worth_and_the_margin_they_hold():
    async with served(CALM) as client:
        await client.ok("POST", ORDER, **LIMIT)
        await client.ok("POST", ORDER, **LIMIT | {"side": "SELL", "price": "2.05"})
        (risk,) = await client.ok("GET", "/fapi/v3/positionRisk", symbol=SYMBOL)
        account = await client.ok("GET", "/fapi/v3/account")
        (position,) = [
            each
            for each in (await client.ok("GET", "/fapi/v2/account"))["positions"]
            if each["symbol"] == SYMBOL
        ]

    worth = (float(risk["bidNotional"]), float(risk["askNotional"]))
    assert worth == (19.5, 20.5)
    assert float(risk["openOrderInitialMargin"]) == sum(worth) / float(position["leverage"])
    assert risk["initialMargin"] == risk["openOrderInitialMargin"]
    assert position["openOrderInitialMargin"] == risk["openOrderInitialMargin"]
    assert account["totalOpenOrderInitialMargin"] == risk["openOrderInitialMargin"]
