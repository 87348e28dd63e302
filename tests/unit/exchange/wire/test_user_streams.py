"""The user stream: four ways to connect, filters, and listen keys that live and end."""

from __future__ import annotations

import pytest

from cointrader.exchange.simulated.wire.listen_keys import ListenKeys
from cointrader.exchange.simulated.wire.server import ServerSettings
from cointrader.exchange.simulated.wire.venue import VenueSettings
from tests.unit.exchange.simulated_fakes import M15
from tests.unit.exchange.wire.serving import CALM, KEY, SYMBOL, served

EVENTS = ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]


def event(message):
    return message.get("data", message)["e"]


@pytest.mark.parametrize(
    ("path", "is_wrapped"),
    [
        ("/private/ws/{key}", False),
        ("/private/ws?listenKey={key}", False),
        ("/private/stream?listenKey={key}", True),
    ],
)
async def test_a_user_stream_is_connected_in_each_documented_form(path, is_wrapped):
    async with served(CALM) as client:
        key = await client.listen_key()
        async with client.socket(path.format(key=key)) as stream:
            await client.market_order("BUY", "10")
            messages = await stream.all_now()

    assert [event(message) for message in messages] == EVENTS
    assert all((message.get("stream") == key) is is_wrapped for message in messages)


async def test_a_listen_key_may_be_subscribed_to_on_an_open_connection():
    async with served(CALM) as client:
        key = await client.listen_key()
        async with client.socket("/private/stream") as stream:
            await stream.ask("SUBSCRIBE", [key], "7c1b")
            await client.market_order("BUY", "10")
            messages = await stream.all_now()

    assert [(message["stream"], event(message)) for message in messages] == [
        (key, name) for name in EVENTS
    ]


@pytest.mark.parametrize("form", ["ws", "stream"])
async def test_a_key_may_ask_for_some_events_only(form):
    async with served(CALM) as client:
        key = await client.listen_key()
        path = f"/private/{form}?listenKey={key}&events=ACCOUNT_UPDATE/TRADE_LITE"
        async with client.socket(path) as stream:
            await client.market_order("BUY", "10")
            messages = await stream.all_now()

    assert [event(message) for message in messages] == ["TRADE_LITE", "ACCOUNT_UPDATE"]


@pytest.mark.parametrize("path", ["/ws/{key}", "/market/ws/{key}", "/private/ws/" + "0" * 64])
async def test_a_wrong_family_or_an_unknown_key_connects_and_stays_silent(path):
    async with served(CALM) as client:
        key = await client.listen_key()
        async with client.socket(path.format(key=key)) as stream:
            await client.market_order("BUY", "10")

            assert await stream.all_now() == []


async def test_two_connections_of_one_key_hear_the_same():
    async with served(CALM) as client:
        key = await client.listen_key()
        async with (
            client.socket(f"/private/ws/{key}") as one,
            client.socket(f"/private/ws/{key}") as two,
        ):
            await client.market_order("BUY", "10")

            assert await one.all_now() == await two.all_now() != []


async def test_a_key_that_is_asked_for_again_is_the_same():
    async with served(CALM) as client:
        first, second = await client.listen_key(), await client.listen_key()
        extended = await client.call("PUT", "/fapi/v1/listenKey", headers={"X-MBX-APIKEY": KEY})

    assert first == second == extended.body["listenKey"]


async def test_an_expired_key_is_told_on_its_stream_which_is_silent_from_then_on():
    settings = ServerSettings(venue=VenueSettings(listen_key_life_ms=M15))
    headers = {"X-MBX-APIKEY": KEY}
    async with served(CALM, CALM, CALM, settings=settings) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.step()
            (last,) = await stream.all_now()
            await client.market_order("BUY", "10")
            after = await stream.all_now()
        extended = await client.call("PUT", "/fapi/v1/listenKey", headers=headers)
        new = await client.listen_key()
        async with client.socket(f"/private/ws/{new}") as stream:
            await client.market_order("SELL", "10")
            heard = await stream.all_now()

    assert (last["e"], last["listenKey"]) == ("listenKeyExpired", key)
    assert after == []
    assert (extended.status, extended.code) == (400, -1125)
    assert new != key
    assert [event(message) for message in heard] == EVENTS


async def test_a_closed_key_is_gone():
    headers = {"X-MBX-APIKEY": KEY}
    async with served(CALM) as client:
        key = await client.listen_key()
        closed = await client.call("DELETE", "/fapi/v1/listenKey", headers=headers)
        extended = await client.call("PUT", "/fapi/v1/listenKey", headers=headers)
        another = await client.listen_key()

    assert (closed.body, extended.code) == ({}, -1125)
    assert another != key


async def test_a_change_of_leverage_is_told():
    async with served(CALM) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.ok("POST", "/fapi/v1/leverage", symbol=SYMBOL, leverage=5)
            message = await stream.next()

    assert (message["e"], message["ac"]) == ("ACCOUNT_CONFIG_UPDATE", {"s": SYMBOL, "l": 5})


async def test_a_trailing_stop_tells_its_terms():
    async with served(CALM) as client:
        key = await client.listen_key()
        await client.market_order("BUY", "10")
        async with client.socket(f"/private/ws/{key}") as stream:
            placed = await client.ok(
                "POST",
                "/fapi/v1/algoOrder",
                algoType="CONDITIONAL",
                symbol=SYMBOL,
                side="SELL",
                type="TRAILING_STOP_MARKET",
                quantity="10",
                reduceOnly="true",
                callbackRate="1.5",
                activatePrice="2.1",
            )
            message = await stream.next()

    assert (placed["callbackRate"], placed["activatePrice"]) == ("1.5", "2.1")
    assert (message["o"]["AP"], message["o"]["cr"], message["o"]["ia"]) == ("2.1", "1.5", False)


def test_a_key_lives_an_hour_from_its_last_extension():
    keys = ListenKeys()
    ended: list[str] = []
    key = keys.start(0)

    assert keys.extend(3_000_000) == key
    keys.expire(6_599_999, ended.append)
    assert ended == []
    keys.expire(6_600_000, ended.append)
    assert ended == [key]
    assert not keys.lives(key)
