"""Market streams: forms of connecting, families, control frames, and what is told when."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp.web
import pytest

from cointrader.exchange.simulated.wire import Passage
from cointrader.exchange.simulated.wire.server import ServerSettings
from cointrader.exchange.simulated.wire.sockets import MAX_WAITING, Connection
from cointrader.exchange.simulated.wire.topics import Family, topic_of
from tests.unit.exchange.simulated_fakes import M15, T0
from tests.unit.exchange.wire.serving import CALM, SYMBOL, served

KLINE = "xrpusdt@kline_15m"
ROWS = [(2.0 + i / 100, 2.5 + i / 100, 1.5, 2.1 + i / 100) for i in range(6)]


async def test_the_closing_candles_are_exactly_the_loaded_ones():
    async with served(*ROWS) as client, client.socket(f"/market/ws/{KLINE}") as stream:
        await client.step(6)
        klines = [message["k"] for message in await stream.all_now()]

    closed = [k for k in klines if k["x"]]
    assert [
        (k["t"], float(k["o"]), float(k["h"]), float(k["l"]), float(k["c"])) for k in closed
    ] == [(T0 + i * M15, *row) for i, row in enumerate(ROWS)]
    assert {k["T"] - k["t"] for k in closed} == {M15 - 1}
    opened = [(k["t"], k["o"] == k["h"] == k["l"] == k["c"], k["v"]) for k in klines if not k["x"]]
    assert opened == [(T0 + i * M15, True, "0.0") for i in range(7)]


async def test_a_kline_has_all_its_fields():
    async with served(*ROWS) as client, client.socket(f"/market/ws/{KLINE}") as stream:
        message = await stream.next()

    assert (message["e"], message["E"], message["s"]) == ("kline", T0, SYMBOL)
    assert list(message["k"]) == [
        "s", "t", "T", "i", "f", "L", "o", "c", "h", "l", "v", "n", "x", "q", "V", "Q", "B",
    ]  # fmt: skip


async def test_a_longer_kline_closes_with_the_last_of_its_candles():
    name = "xrpusdt@kline_30m"
    async with served(*ROWS) as client, client.socket(f"/market/ws/{name}") as stream:
        await client.step(4)
        klines = [message["k"] for message in await stream.all_now()]

    closed = [(k["t"], k["o"], k["h"], k["c"], k["v"]) for k in klines if k["x"]]
    assert closed == [
        (T0, "2.0", "2.51", "2.11", "2.0"),
        (T0 + 2 * M15, "2.02", "2.53", "2.13", "2.0"),
    ]


async def test_the_klines_of_a_shorter_interval_close_each_at_its_time_and_once():
    name = "xrpusdt@kline_5m"
    async with served(*ROWS) as client, client.socket(f"/market/ws/{name}") as stream:
        await client.step(2)
        klines = [message["k"] for message in await stream.all_now()]

    part = M15 // 3
    closed = [(k["t"], k["o"], k["h"], k["c"], k["v"]) for k in klines if k["x"]]
    assert closed == [
        (T0, "2.0", "2.0", "2.0", "0.0"),
        (T0 + part, "2.0", "2.0", "2.0", "0.0"),
        (T0 + 2 * part, "2.0", "2.5", "2.1", "1.0"),
        (T0 + M15, "2.01", "2.01", "2.01", "0.0"),
        (T0 + M15 + part, "2.01", "2.01", "2.01", "0.0"),
        (T0 + M15 + 2 * part, "2.01", "2.51", "2.11", "1.0"),
    ]
    assert klines[-1]["t"] == T0 + 2 * M15
    assert not klines[-1]["x"]


@pytest.mark.parametrize("form", ["kline", "continuousKline"])
async def test_shorter_klines_close_by_the_clock_while_the_bar_is_open(form):
    """A minute takes a tenth of a second."""
    head = "xrpusdt" if form == "kline" else "xrpusdt_perpetual"
    async with (
        served(*ROWS, pace=600.0) as client,
        client.socket(f"/market/ws/{head}@{form}_1m") as stream,
    ):
        told = [await stream.next() for _ in range(9)]

    closed = [(m["k"]["t"] - T0) // 60_000 for m in told if m["k"]["x"]]
    opened = [(m["k"]["t"] - T0) // 60_000 for m in told if not m["k"]["x"]]
    assert closed == [0, 1, 2, 3]
    assert opened == [0, 1, 2, 3, 4]
    late = [m["E"] - m["k"]["T"] for m in told if m["k"]["x"]]
    assert all(1 <= each < 30_000 for each in late), late


async def test_a_combined_stream_wraps_its_messages():
    other = "xrpusdt_perpetual@continuousKline_15m"
    async with (
        served(*ROWS) as client,
        client.socket(f"/market/stream?streams={KLINE}/{other}") as stream,
    ):
        first, second = await stream.next(), await stream.next()

    assert (first["stream"], first["data"]["e"]) == (KLINE, "kline")
    assert (second["stream"], second["data"]["e"]) == (other, "continuous_kline")
    assert (second["data"]["ps"], second["data"]["ct"]) == (SYMBOL, "PERPETUAL")


@pytest.mark.parametrize(
    "path", ["/market/ws", "/market/stream", "/market/ws/0", "/market/stream/"]
)
async def test_a_connection_may_begin_with_nothing_and_subscribe(path):
    async with served(*ROWS) as client, client.socket(path) as stream:
        assert await stream.ask("SUBSCRIBE", [KLINE], "a-uuid") == {"result": None, "id": "a-uuid"}
        await client.step()
        messages = await stream.all_now()

    names = [message.get("data", message)["e"] for message in messages]
    assert names
    assert set(names) == {"kline"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ws", ["bookTicker"]),
        ("/stream", ["bookTicker"]),
        ("/public/ws", ["bookTicker"]),
        ("/market/ws", ["kline"]),
        ("/private/ws", []),
    ],
)
async def test_a_connection_hears_streams_of_its_own_family_only(path, expected):
    async with served(*ROWS) as client, client.socket(path) as stream:
        await stream.ask("SUBSCRIBE", [KLINE, "xrpusdt@bookTicker"])
        await client.step()
        messages = [message.get("data", message) for message in await stream.all_now()]

    assert sorted({message["e"] for message in messages if "e" in message}) == expected


async def test_control_frames_list_change_and_end_subscriptions():
    async with served(*ROWS) as client, client.socket("/market/ws") as stream:
        await stream.ask("SUBSCRIBE", [KLINE, "xrpusdt@markPrice@1s"])
        assert (await stream.ask("LIST_SUBSCRIPTIONS", number=7)) == {
            "result": [KLINE, "xrpusdt@markPrice@1s"],
            "id": 7,
        }
        assert (await stream.ask("SET_PROPERTY", ["combined", True]))["result"] is None
        assert (await stream.ask("GET_PROPERTY", ["combined"]))["result"] is True
        await stream.ask("UNSUBSCRIBE", ["xrpusdt@markPrice@1s"])
        await stream.all_now()
        await client.step()
        messages = await stream.all_now()

    assert {message["stream"] for message in messages} == {KLINE}


@pytest.mark.parametrize(
    "text",
    ["no json", '{"method":"JUMP","id":1}', '{"method":"SUBSCRIBE","params":["a"]}', "[]"],
)
async def test_a_control_frame_that_cannot_be_read_is_answered_with_an_error(text):
    async with served(*ROWS) as client, client.socket("/market/ws") as stream:
        await stream.raw.send_str(text)

        assert (await stream.next())["error"]["code"] == 2


async def test_more_than_1024_streams_are_refused():
    async with served(*ROWS) as client, client.socket("/market/ws") as stream:
        answer = await stream.ask("SUBSCRIBE", [f"s{i}@kline_15m" for i in range(1025)])

    assert answer["error"]["code"] == 2


async def test_more_than_ten_messages_a_second_end_the_connection():
    async with served(*ROWS) as client, client.socket("/market/ws") as stream:
        for number in range(12):
            await stream.raw.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        kinds = [(await stream.raw.receive(timeout=3)).type for _ in range(11)]

    assert aiohttp.WSMsgType.CLOSE in kinds


@pytest.mark.parametrize(
    ("name", "event", "fields"),
    [
        ("xrpusdt@bookTicker", "bookTicker", "u E T s ps b B a A st"),
        ("xrpusdt@depth5@100ms", "depthUpdate", "E T s ps U u pu b a st"),
        ("xrpusdt@depth", "depthUpdate", "E T s ps U u pu b a st"),
        ("xrpusdt@rpiDepth@500ms", "depthUpdate", "E T s ps U u pu b a st"),
        ("xrpusdt@trade", "trade", "E T s t p q X m"),
        ("xrpusdt@aggTrade", "aggTrade", "E s a p q nq f l T m st"),
        ("xrpusdt@markPrice", "markPriceUpdate", "E s p ap P i r T st"),
        ("xrpusdt@markPrice@1s", "markPriceUpdate", "E s p ap P i r T st"),
        ("xrpusdt@miniTicker", "24hrMiniTicker", "E s ps c o h l v q st"),
        ("xrpusdt@ticker", "24hrTicker", "E s ps p P w c Q o h l v q O C F L n st"),
    ],
)
async def test_a_stream_tells_its_message(name, event, fields):
    topic = topic_of(name)
    assert topic is not None
    async with served(*ROWS) as client, client.socket(f"/{topic.family.value}/ws/{name}") as stream:
        message = await stream.next()

    assert message["e"] == event
    assert set(message) == {"e", *fields.split()}


async def test_changes_of_a_book_lead_from_the_one_that_was_asked_for_to_the_next():
    rises = (2.1, 2.1, 2.1, 2.1)
    async with (
        served(CALM, rises, rises) as client,
        client.socket("/public/ws/xrpusdt@depth") as stream,
    ):
        start = await stream.next()
        before = await client.get("/fapi/v1/depth", symbol="XRPUSDT", limit=1000)
        await client.step()
        change = await stream.next()
        after = await client.get("/fapi/v1/depth", symbol="XRPUSDT", limit=1000)

    assert start["U"] <= before["lastUpdateId"] <= start["u"]
    assert (start["b"], start["a"]) == (before["bids"][:1], before["asks"][:1])
    assert (change["pu"], change["u"]) == (start["u"], after["lastUpdateId"])
    for side, name in (("bids", "b"), ("asks", "a")):
        book = dict(before[side]) | dict(change[name])
        assert {p: q for p, q in book.items() if q != "0"} == dict(after[side])


async def test_a_liquidation_is_public_news():
    crash = (2.0, 2.0, 1.5, 1.5)
    async with (
        served(CALM, crash, CALM) as client,
        client.socket("/market/ws/xrpusdt@forceOrder/!forceOrder@arr") as stream,
    ):
        await client.market_order("BUY", "100")
        await client.step(2)
        told = [await stream.next(), await stream.next()]

    assert [(each["e"], each["o"]["S"], each["o"]["z"]) for each in told] == [
        ("forceOrder", "SELL", "100"),
    ] * 2


async def test_the_stream_of_all_mark_prices_is_a_list():
    rows = {"TRXUSDT": [CALM] * 6}
    async with (
        served(*ROWS, others=rows) as client,
        client.socket("/market/ws/!markPrice@arr@1s") as stream,
    ):
        message = await stream.next()

    assert [row["s"] for row in message] == ["XRPUSDT", "TRXUSDT"]


async def test_an_own_execution_is_a_public_trade():
    async with served(*ROWS) as client, client.socket("/market/ws/xrpusdt@aggTrade") as stream:
        await stream.all_now()
        await client.market_order("BUY", "10")
        message = await stream.next()

    assert (message["e"], message["p"]) == ("aggTrade", "2.0")


async def test_mark_prices_are_told_every_second_while_time_passes():
    name = "xrpusdt@markPrice@1s"
    async with (
        served(*ROWS, pace=20.0) as client,
        client.socket(f"/market/ws/{name}") as stream,
    ):
        times = [(await stream.next())["E"] // 1000 for _ in range(8)]

    assert times == sorted(times)
    assert len(set(times)) > 4


async def test_bars_follow_one_another_by_the_clock():
    """A quarter of an hour takes a fifth of a second."""
    async with (
        served(*ROWS, pace=4_500.0) as client,
        client.socket(f"/market/ws/{KLINE}") as stream,
    ):
        closed: list[dict[str, Any]] = []
        while len(closed) < 4:
            message = await stream.next()
            if message["k"]["x"]:
                closed.append(message)

    assert [message["k"]["t"] for message in closed] == [T0 + i * M15 for i in range(4)]
    assert [message["E"] for message in closed] == [T0 + i * M15 + M15 - 1 for i in range(4)]


async def test_a_connection_ends_when_its_life_is_over():
    settings = ServerSettings(connection_life_s=0.2)
    async with served(*ROWS, settings=settings) as client, client.socket("/market/ws") as stream:
        message = await stream.raw.receive(timeout=3)

    assert message.type is aiohttp.WSMsgType.CLOSE


async def test_a_connection_lives_by_the_exchanges_time():
    """A quarter of an hour of a market that goes 4,500 times as fast as time."""
    settings = ServerSettings(connection_life_s=900)
    async with (
        served(*ROWS, pace=4_500.0, settings=settings) as client,
        client.socket("/private/ws") as stream,
    ):
        message = await stream.raw.receive(timeout=3)

    assert message.type is aiohttp.WSMsgType.CLOSE


async def test_the_server_pings():
    settings = ServerSettings(ping_s=0.1)
    async with (
        served(*ROWS, settings=settings) as client,
        client.session.ws_connect(client.at.ws + "/market/ws", autoping=False) as socket,
    ):
        message = await socket.receive(timeout=3)

    assert message.type is aiohttp.WSMsgType.PING


def test_a_client_that_reads_too_slowly_is_cut_off():
    cuts: list[bool] = []
    connection = Connection(
        aiohttp.web.WebSocketResponse(),
        Family.MARKET,
        is_combined=False,
        passage=Passage(),
        cut=lambda: cuts.append(True),
    )

    for _ in range(MAX_WAITING):
        connection.offer(KLINE, {})
    assert cuts == []
    connection.offer(KLINE, {})
    assert cuts == [True]


async def test_a_client_that_leaves_is_forgotten():
    async with served(*ROWS) as client:
        async with client.socket(f"/market/ws/{KLINE}"):
            pass
        await asyncio.sleep(0.05)
        await client.step(2)

        assert await client.get("/fapi/v1/ping") == {}


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("xrpusdt@bookTicker", Family.PUBLIC),
        ("!bookTicker", Family.PUBLIC),
        ("xrpusdt@depth20@500ms", Family.PUBLIC),
        ("xrpusdt@kline_1m", Family.MARKET),
        ("xrpusdt@aggTrade", Family.MARKET),
        ("!markPrice@arr", Family.MARKET),
        ("!ticker@arr", Family.MARKET),
    ],
)
def test_streams_belong_to_families(name, family):
    topic = topic_of(name)
    assert topic is not None
    assert topic.family is family


@pytest.mark.parametrize(
    "name", ["0", "", "a" * 64, "xrpusdt@nothing", "!nothing@arr", "XRPUSDT@kline_1m"]
)
def test_what_is_no_stream_has_no_topic(name):
    assert topic_of(name) is None
