"""The WebSocket API: the calls of REST on a socket."""

from __future__ import annotations

import pytest

from cointrader.exchange.simulated.wire import ServerSettings
from cointrader.exchange.simulated.wire.limits import LimitSettings
from cointrader.exchange.simulated.wire.venue import VenueSettings
from tests.unit.exchange.wire.serving import CALM, KEY, SYMBOL, served, signature_of

ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "10"}


async def asked(client, *requests):
    """Answers to (method, params), each signed as the API wants it."""
    answers = []
    async with client.session.ws_connect(client.at.ws_api) as socket:
        for number, (method, given) in enumerate(requests):
            params = {**given, "apiKey": KEY, "timestamp": await client.now_ms()}
            payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
            params["signature"] = signature_of(payload)
            await socket.send_json({"id": number, "method": method, "params": params})
            answers.append(await socket.receive_json(timeout=3))
    return answers


async def test_an_order_is_placed_asked_for_and_cancelled():
    limit = {**ORDER, "type": "LIMIT", "timeInForce": "GTC", "price": "1.95"}
    find = {"symbol": SYMBOL, "origClientOrderId": "a"}
    async with served(CALM) as client:
        placed, status, cancelled, again = await asked(
            client,
            ("order.place", {**limit, "newClientOrderId": "a"}),
            ("order.status", find),
            ("order.cancel", find),
            ("order.cancel", find),
        )

    assert (placed["status"], placed["result"]["orderId"]) == (200, 9001)
    assert status["result"]["status"] == "NEW"
    assert cancelled["result"]["status"] == "CANCELED"
    assert (again["status"], again["error"]) == (
        400,
        {"code": -2011, "msg": "Unknown order sent."},
    )
    assert [row["rateLimitType"] for row in again["rateLimits"]] == [
        "REQUEST_WEIGHT",
        "ORDERS",
        "ORDERS",
    ]
    assert again["rateLimits"][2]["count"] == 1


async def test_conditional_orders_and_numbers_as_json_numbers():
    async with served(CALM) as client:
        _, stop, gone = await asked(
            client,
            ("order.place", ORDER),
            (
                "algoOrder.place",
                {
                    "algoType": "CONDITIONAL",
                    "symbol": SYMBOL,
                    "side": "SELL",
                    "type": "STOP_MARKET",
                    "triggerPrice": "1.9",
                    "closePosition": "true",
                },
            ),
            ("algoOrder.cancel", {"algoId": 3000000000001}),
        )

    assert stop["result"]["algoId"] == 3000000000001
    assert gone["result"]["code"] == "200"


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("account.balance", list),
        ("v2/account.balance", list),
        ("account.status", dict),
        ("v2/account.status", dict),
        ("account.position", list),
        ("v2/account.position", list),
        ("userDataStream.start", dict),
        ("ping", dict),
        ("time", dict),
        ("depth", dict),
        ("ticker.price", dict),
        ("ticker.book", dict),
    ],
)
async def test_other_methods_answer(method, kind):
    async with served(CALM) as client:
        (answer,) = await asked(client, (method, {"symbol": SYMBOL}))

    assert (answer["id"], answer["status"]) == (0, 200)
    assert isinstance(answer["result"], kind)


@pytest.mark.parametrize(
    ("query", "params", "is_told"),
    [
        ("", {}, True),
        ("", {"returnRateLimits": False}, False),
        ("?returnRateLimits=false", {}, False),
        ("?returnRateLimits=false", {"returnRateLimits": True}, True),
    ],
)
async def test_limits_are_told_unless_the_connection_or_the_request_wants_none(
    query, params, is_told
):
    async with (
        served(CALM) as client,
        client.session.ws_connect(client.at.ws_api + query) as socket,
    ):
        await socket.send_json({"id": 1, "method": "time", "params": params})
        answer = await socket.receive_json(timeout=3)

    assert ("rateLimits" in answer) is is_told


async def test_a_refusal_says_when_to_come_back():
    once = ServerSettings(VenueSettings(limits=LimitSettings(orders_per_10_s=1)))
    async with served(CALM, settings=once) as client:
        _, refused = await asked(client, ("order.place", ORDER), ("order.place", ORDER))

    told = refused["error"]["data"]
    assert (refused["status"], refused["error"]["code"]) == (429, -1015)
    assert 0 < told["retryAfter"] - told["serverTime"] <= 10_000


async def test_what_is_not_served_is_refused_clearly():
    async with served(CALM) as client:
        logon, unknown = await asked(client, ("session.logon", {}), ("order.guess", {}))

    assert (logon["status"], logon["error"]["code"]) == (400, -4056)
    assert unknown["error"]["code"] == -1136


async def test_a_wrong_signature_is_refused():
    async with served(CALM) as client, client.session.ws_connect(client.at.ws_api) as socket:
        params = {"apiKey": KEY, "timestamp": 1, "signature": "0" * 64}
        await socket.send_json({"id": "x", "method": "account.balance", "params": params})
        answer = await socket.receive_json(timeout=3)
        await socket.send_str("{")
        broken = await socket.receive_json(timeout=3)

    assert (answer["id"], answer["status"], answer["error"]["code"]) == ("x", 400, -1022)
    assert broken["error"]["code"] == -1135
