"""Who is let in: key, signature, time."""

from __future__ import annotations

import asyncio
import time

import pytest

from cointrader.domain.errors import Rejected
from cointrader.exchange.simulated.wire.auth import Present, read, require_in_time
from tests.unit.exchange.wire.serving import (
    CALM,
    KEY,
    SYMBOL,
    served,
    signature_of,
    signed_query,
)

ACCOUNT = "/fapi/v3/account"


async def refusal(client, query, *, headers=None, method="GET", path=ACCOUNT, data=None):
    reply = await client.call(
        method,
        f"{path}?{query}",
        headers={"X-MBX-APIKEY": KEY} if headers is None else headers,
        data=data,
    )
    return reply.status, reply.body.get("code")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({}, (401, -2014)), ({"X-MBX-APIKEY": "another"}, (401, -2015)), (None, (200, None))],
    ids=["no key", "an unknown key", "the key"],
)
async def test_only_the_one_key_is_let_in(headers, expected):
    async with served(CALM) as client:
        query = signed_query(await client.now_ms(), {})

        assert await refusal(client, query, headers=headers) == expected


async def test_a_listen_key_needs_the_key_and_no_signature():
    async with served(CALM) as client:
        without = await client.call("POST", "/fapi/v1/listenKey")

        assert (without.status, without.code) == (401, -2014)
        assert len(await client.listen_key()) == 64


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda query: query, (200, None)),
        (lambda query: query.partition("&signature=")[0], (400, -1102)),
        (lambda query: query + "0", (400, -1022)),
        (lambda query: "recvWindow=1&" + query, (400, -1022)),
        (lambda query: "&".join(reversed(query.split("&"))), (200, None)),  # not last: still it
        (lambda query: query.replace(query[-64:], query[-64:].upper()), (200, None)),
    ],
    ids=["right", "none", "changed", "something added", "first", "upper case"],
)
async def test_the_signature_is_over_the_query_as_sent(tamper, expected):
    async with served(CALM) as client:
        query = signed_query(await client.now_ms(), {})

        assert await refusal(client, tamper(query)) == expected


async def test_query_and_body_are_signed_one_after_the_other_and_the_query_wins():
    async with served(CALM) as client:
        query = f"symbol={SYMBOL}&leverage=7&timestamp={await client.now_ms()}"
        body = "leverage=3&recvWindow=5000"
        signature = signature_of(query + body)
        reply = await client.call(
            "POST",
            f"/fapi/v1/leverage?{query}",
            headers={
                "X-MBX-APIKEY": KEY,
                "Content-Type": "application/x-www-form-urlencoded",
            },
            data=f"{body}&signature={signature}",
        )

    assert (reply.status, reply.body["leverage"]) == (200, 7)


async def test_percent_encoded_text_is_signed_as_it_was_sent():
    async with served(CALM) as client:
        order = {
            "symbol": SYMBOL,
            "side": "BUY",
            "type": "MARKET",
            "quantity": "10",
            "newClientOrderId": "a:b/c",
        }
        query = signed_query(await client.now_ms(), order)

        assert "a%3Ab%2Fc" in query
        assert (await client.send("POST", "/fapi/v1/order", query, in_body=True)).status == 200


async def test_what_was_signed_before_it_was_percent_encoded_is_accepted_too():
    async with served(CALM) as client:
        plain = f"newClientOrderId=a:b/c&timestamp={await client.now_ms()}"
        sent = plain.replace(":", "%3A").replace("/", "%2F")

        assert await refusal(client, f"{sent}&signature={signature_of(plain)}") == (200, None)


@pytest.mark.parametrize(
    ("shift_ms", "window", "expected"),
    [
        (0, None, (200, None)),
        (900, None, (200, None)),
        (4_000, None, (400, -1021)),
        (-4_000, None, (200, None)),
        (-8_000, None, (400, -1021)),
        (-8_000, 60_000, (200, None)),
    ],
)
async def test_a_request_must_have_been_sent_just_now(shift_ms, window, expected):
    async with served(*[CALM] * 3, pace=1.0) as client:
        params = {} if window is None else {"recvWindow": window}
        query = signed_query(await client.now_ms() + shift_ms, params)

        assert await refusal(client, query) == expected


async def test_the_two_texts_of_a_wrong_time_differ():
    async with served(*[CALM] * 3, pace=1.0) as client:
        now_ms = await client.now_ms()
        ahead = await client.send("GET", ACCOUNT, signed_query(now_ms + 9_000, {}))
        behind = await client.send("GET", ACCOUNT, signed_query(now_ms - 9_000, {}))

    assert ahead.body["msg"] == (
        "Timestamp for this request was 1000ms ahead of the server's time."
    )
    assert behind.body["msg"] == "Timestamp for this request is outside of the recvWindow."


@pytest.mark.parametrize(
    ("shift_ms", "told"), [(-9_000, "outside of the recvWindow"), (9_000, "1000ms ahead")]
)
def test_beside_an_older_market_the_clock_of_this_machine_is_told_what_is_wrong_with_it(
    shift_ms, told
):
    market_ms, machine_ms = 1_600_000_000_000, 1_700_000_000_000
    params = read(f"timestamp={machine_ms + shift_ms}", "")

    with pytest.raises(Rejected, match=told):
        require_in_time(params, Present(market_ms, market_ms, machine_ms))


async def test_a_market_that_moves_faster_gives_requests_as_much_real_time():
    async with served(*[CALM] * 3, pace=60.0) as client:
        now_ms = await client.now_ms()

        assert await refusal(client, signed_query(now_ms - 100_000, {})) == (200, None)
        assert await refusal(client, signed_query(now_ms - 400_000, {})) == (400, -1021)


async def test_a_clock_that_was_set_at_the_start_of_a_faster_market_is_good_for_ever():
    async with served(*[CALM] * 3, pace=10_000.0) as client:
        start_ms, began_s = await client.now_ms(), time.monotonic()
        await asyncio.sleep(0.2)  # half an hour of the market
        passed_ms = int((time.monotonic() - began_s) * 1000)
        query = signed_query(start_ms + passed_ms, {"recvWindow": 1})

        assert await client.now_ms() - start_ms > 1_000_000
        assert await refusal(client, query) == (200, None)


@pytest.mark.parametrize(
    ("shift_ms", "expected"), [(0, (200, None)), (-60_000, (400, -1021)), (60_000, (400, -1021))]
)
async def test_a_client_may_count_from_the_clock_of_this_machine(shift_ms, expected):
    async with served(*[CALM] * 3, pace=1.0) as client:
        query = signed_query(int(time.time() * 1000) + shift_ms, {})

        assert await refusal(client, query) == expected


async def test_a_market_that_is_stepped_knows_no_wrong_time():
    async with served(CALM) as client:
        assert await refusal(client, signed_query(1, {})) == (200, None)


async def test_a_request_without_a_timestamp_is_told_what_is_missing():
    async with served(CALM) as client:
        reply = await client.send("GET", ACCOUNT, f"signature={signature_of('')}")

    assert reply.body == {
        "code": -1102,
        "msg": "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
    }
