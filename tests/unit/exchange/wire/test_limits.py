"""Rate limits: counted, told, enforced."""

from __future__ import annotations

from typing import Any

from cointrader.exchange.simulated.wire.limits import Limits, LimitSettings, MessageRate
from cointrader.exchange.simulated.wire.server import ServerSettings
from cointrader.exchange.simulated.wire.venue import VenueSettings
from tests.unit.exchange.wire.serving import CALM, SYMBOL, served

ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "10"}


def limited(**limits):
    return ServerSettings(venue=VenueSettings(limits=LimitSettings(**limits)))


async def test_every_answer_tells_the_weight_used():
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/fapi/v1/ping", {}),
        ("/fapi/v1/klines", {"symbol": SYMBOL, "interval": "15m", "limit": 1500}),
        ("/fapi/v1/klines", {"symbol": SYMBOL, "interval": "15m", "limit": 99}),
        ("/fapi/v1/ticker/bookTicker", {"symbol": SYMBOL}),
        ("/fapi/v1/ticker/bookTicker", {}),
        ("/fapi/v1/fundingRate", {"symbol": SYMBOL}),
        ("/fapi/v1/klines", {"symbol": "NOPEUSDT", "interval": "15m"}),
    ]
    async with served(CALM) as client:
        weights = [
            int((await client.call("GET", path, params)).headers["X-MBX-USED-WEIGHT-1M"])
            for path, params in calls
        ]

    assert weights == [1, 11, 12, 14, 19, 19, 24]


async def test_the_spot_host_tells_the_weight_under_its_older_name_too():
    async with served(CALM) as client:
        spot = (await client.call("GET", "/api/v3/ping")).headers
        futures = (await client.call("GET", "/fapi/v1/ping")).headers

    assert spot["X-MBX-USED-WEIGHT"] == spot["X-MBX-USED-WEIGHT-1M"] == "1"
    assert "X-MBX-USED-WEIGHT" not in futures


async def test_an_order_is_counted_and_costs_no_weight():
    async with served(CALM) as client:
        first = await client.signed("POST", "/fapi/v1/order", **ORDER)
        second = await client.signed("POST", "/fapi/v1/order", **ORDER)

    counts = [
        (reply.headers["X-MBX-ORDER-COUNT-10S"], reply.headers["X-MBX-ORDER-COUNT-1M"])
        for reply in (first, second)
    ]
    assert counts == [("1", "1"), ("2", "2")]
    assert second.headers["X-MBX-USED-WEIGHT-1M"] == "2"  # of asking for the time


async def test_too_much_weight_is_429_and_going_on_is_418():
    async with served(CALM, settings=limited(weight_per_minute=3, patience=2)) as client:
        replies = [await client.call("GET", "/fapi/v1/ping") for _ in range(7)]

    assert [reply.status for reply in replies] == [200, 200, 200, 429, 429, 418, 418]
    limited_one, banned = replies[3], replies[5]
    assert limited_one.code == banned.code == -1003
    assert 1 <= int(limited_one.headers["Retry-After"]) <= 60
    assert 119 <= int(banned.headers["Retry-After"]) <= 120
    assert "banned until" in banned.body["msg"]


async def test_a_step_gives_new_budgets():
    async with served(CALM, settings=limited(weight_per_minute=2)) as client:
        statuses = []
        for _ in range(3):
            statuses += [(await client.call("GET", "/fapi/v1/ping")).status for _ in range(3)]
            await client.step()

    assert statuses == [200, 200, 429] * 3


async def test_too_many_orders_are_429_and_not_carried_out():
    async with served(CALM, settings=limited(orders_per_10_s=2)) as client:
        replies = [await client.signed("POST", "/fapi/v1/order", **ORDER) for _ in range(3)]
        trades = await client.ok("GET", "/fapi/v1/userTrades", symbol=SYMBOL)

    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[2].body == {
        "code": -1015,
        "msg": "Too many new orders; current limit is 2 orders per TEN_SECONDS.",
    }
    assert 1 <= int(replies[2].headers["Retry-After"]) <= 10
    assert len(trades) == 2


def test_a_new_minute_begins_with_nothing_used():
    limits = Limits(LimitSettings(weight_per_minute=2))

    assert limits.spend(2, None, 59_999) is None
    assert limits.spend(1, None, 59_999) is not None
    assert limits.spend(2, None, 60_000) is None


def test_bans_grow_and_end():
    limits = Limits(LimitSettings(weight_per_minute=0, patience=0))

    first = limits.spend(1, None, 0)
    within = limits.spend(1, None, 119_000)
    second = limits.spend(1, None, 120_000)

    assert first is not None
    assert within is not None
    assert second is not None
    waits = [answer.headers["Retry-After"] for answer in (first, within, second)]
    assert waits == ["120", "1", "240"]


def test_a_faster_market_makes_its_clients_wait_as_much_less():
    limits = Limits(LimitSettings(weight_per_minute=0, patience=9), haste=60.0)

    answer = limits.spend(1, None, 0)

    assert answer is not None
    assert answer.headers["Retry-After"] == "1"


def test_funding_and_data_calls_have_budgets_of_their_own():
    limits = Limits(LimitSettings(data_per_5_minutes=1))

    assert limits.spend(1, "data", 0) is None
    assert limits.spend(1, "data", 0) is not None
    assert limits.spend(1, "funding", 0) is None
    assert limits.headers(0, with_orders=False) == {"X-MBX-USED-WEIGHT-1M": "0"}


def test_more_than_ten_messages_within_a_second_are_too_many():
    rate = MessageRate()

    assert [rate.is_broken_by_one_at(i / 100) for i in range(11)] == [False] * 10 + [True]
    assert not rate.is_broken_by_one_at(5.0)
