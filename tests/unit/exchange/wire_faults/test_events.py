"""Account events that are lost, late, repeated, out of order, or told otherwise."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.unit.exchange.wire.serving import CALM, SYMBOL
from tests.unit.exchange.wire_faults.faulty import faulty, injected, kinds, names

ENTRY = ["order NEW", "TRADE_LITE", "order TRADE", "account ORDER"]


@contextlib.asynccontextmanager
async def heard(spec, *rows, **settings):
    """A client, and what its user stream told of one entry."""
    async with faulty(spec, *rows, **settings) as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.market_order("BUY", "10")
            yield client, stream, await stream.all_now()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("event-duplicated(TRADE_LITE)", ["order NEW", "TRADE_LITE", *ENTRY[1:]]),
        ("event-duplicated(fill)", [*ENTRY[:3], "order TRADE", "account ORDER"]),
        ("event-lost(ACCOUNT_UPDATE)", ENTRY[:3]),
        ("event-lost(fill)", ["order NEW", "TRADE_LITE", "account ORDER"]),
        ("fill-lost", ["order NEW", "account ORDER"]),
        ("event-swapped(TRADE_LITE)", ["order NEW", "order TRADE", "TRADE_LITE", "account ORDER"]),
        ("account-update-first", ["order NEW", "account ORDER", "TRADE_LITE", "order TRADE"]),
        ("event-unknown(fill)", ["order NEW", "TRADE_LITE", "FUTURE_UPDATE", *ENTRY[2:]]),
        ("fill-lost(symbol=TRXUSDT)", ENTRY),
    ],
)
async def test_an_entry_is_told_otherwise(spec, told):
    async with heard(spec) as (client, _, messages):
        assert kinds(messages) == told
        assert len(names(client)) == (told != ENTRY)


async def test_the_messages_of_a_fill_come_in_any_order():
    async with heard("fill-shuffled") as (_, stream, messages):
        orders = {tuple(kinds(messages))}
    for seed in range(6):
        async with heard("fill-shuffled", seed=seed) as (_, stream, messages):
            orders.add(tuple(kinds(messages)))
            assert sorted(kinds(messages)) == sorted(ENTRY)

    assert len(orders) > 2
    assert stream is not None


async def test_the_user_stream_lags_and_keeps_its_order():
    async with heard("event-late(30, TRADE_LITE)*1", *[CALM] * 4, pace=100.0) as (
        client,
        stream,
        at_once,
    ):
        await asyncio.sleep(0.3)
        later = await stream.all_now()

        assert kinds(at_once) == ["order NEW"]
        assert kinds(later) == ENTRY[1:]
        assert injected(client) == [("event-late", "told 30 s late, and all behind it")]


async def test_an_order_is_filled_in_parts():
    async with heard("partial-fills(8)") as (client, _, messages):
        fills = [message["o"] for message in messages if message.get("o", {}).get("x") == "TRADE"]
        trades = await client.ok("GET", "/fapi/v1/userTrades", symbol=SYMBOL)

        assert [(float(fill["l"]), float(fill["z"]), fill["X"]) for fill in fills] == [
            (4, 4, "PARTIALLY_FILLED"),
            (4, 8, "PARTIALLY_FILLED"),
            (2, 10, "FILLED"),
        ]
        assert len(trades) == 3
        assert injected(client) == [("partial-fills", "filled in parts of at most 8.0 USDT")]


async def test_a_fill_does_not_tell_its_commission():
    async with heard("commission-absent") as (client, _, messages):
        (fill,) = [message["o"] for message in messages if message.get("o", {}).get("x") == "TRADE"]
        (trade,) = await client.ok("GET", "/fapi/v1/userTrades", symbol=SYMBOL)

        assert {"n", "N"} & set(fill) == set()
        assert float(trade["commission"]) == 0.01


async def test_a_commission_is_taken_in_bnb():
    async with heard("commission-in-bnb(500)") as (client, _, messages):
        fill = next(m["o"] for m in messages if m.get("o", {}).get("x") == "TRADE")
        update = next(m["a"] for m in messages if m["e"] == "ACCOUNT_UPDATE")
        (trade,) = await client.ok("GET", "/fapi/v1/userTrades", symbol=SYMBOL)
        (income,) = await client.ok("GET", "/fapi/v1/income", incomeType="COMMISSION")

        assert (fill["n"], fill["N"]) == ("0.00002000", "BNB")
        assert update["B"][0]["wb"] == "1000.00000000"
        assert (trade["commission"], trade["commissionAsset"]) == ("0.00002000", "BNB")
        assert (income["income"], income["asset"]) == ("-0.00002000", "BNB")


async def test_events_have_fields_that_nobody_knows():
    async with heard("event-extended") as (_, __, messages):
        assert kinds(messages) == ENTRY
        assert all("zz" in message for message in messages)
