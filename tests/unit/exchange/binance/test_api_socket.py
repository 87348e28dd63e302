"""Calls that go over the WebSocket API while it is up, and over HTTP otherwise."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from decimal import Decimal

import aiohttp
import pytest

from cointrader.domain.clock import SystemClock
from cointrader.domain.errors import ConfigError, OutcomeUnknown, RateLimited, Rejected
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.api_socket import ApiSocket
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.rate_limit import Pool, RateLimiter
from cointrader.exchange.binance.rest import RestClient
from cointrader.exchange.simulated.wire import Passage, ServerSettings
from cointrader.exchange.simulated.wire.limits import LimitSettings
from cointrader.exchange.simulated.wire.refusals import Answer
from cointrader.exchange.simulated.wire.venue import VenueSettings
from tests.unit.exchange.binance_streams.fakes import (
    JumpingClock,
    an_exchange,
    running,
    until,
)
from tests.unit.exchange.wire.serving import CALM, KEY, SECRET, SYMBOL, served
from tests.unit.exchange.wire_faults.faulty import faulty, names

ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "10"}


class Overheard(Passage):
    """How each call came."""

    def __init__(self):
        self.calls = []

    async def request(self, request):
        self.calls.append(f"{request.method} {request.path}")


@dataclass
class Caller:
    """Our client, and its socket."""

    api: BinanceApi
    socket: ApiSocket
    limiter: RateLimiter

    async def connected(self):
        await until(lambda: self.socket.is_up)


@contextlib.asynccontextmanager
async def calling(client, *, vital_timeout_s=5.0, secret=SECRET, clock=None):
    """A caller of the served exchange whose socket is kept open."""
    clock = clock or SystemClock()
    rest = RestClient(
        client.at.rest,
        clock,
        credentials=Credentials(KEY, secret),
        vital_timeout_s=vital_timeout_s,
    )
    api = BinanceApi(rest)
    socket = ApiSocket(client.at.ws_api, session=client.session, clock=clock, limiter=rest.limiter)
    rest.use(socket)
    try:
        async with running(socket.run()):
            caller = Caller(api, socket, rest.limiter)
            await api.server_time()
            await caller.connected()
            yield caller
    finally:
        await api.close()


async def test_calls_in_a_hurry_go_over_the_socket_and_all_others_over_http():
    heard = Overheard()
    async with served(CALM, passage=heard) as client, calling(client) as caller:
        await caller.api.account()  # measures the time before
        heard.calls.clear()

        await caller.api.account()
        await caller.api.position_risk()
        await caller.api.book_ticker(SYMBOL)
        await caller.api.place_order({**ORDER, "newClientOrderId": "a"})
        await caller.api.order(SYMBOL, client_order_id="a")

    assert heard.calls == [
        "WS v2/account.status",
        "WS v2/account.position",
        "WS ticker.book",
        "WS order.place",
        "GET /fapi/v1/order",
    ]


async def test_answers_are_those_that_http_gives():
    async with served(CALM) as client, calling(client) as caller:
        placed = await caller.api.place_order({**ORDER, "newClientOrderId": "a"})
        readings = (
            caller.api.account,
            caller.api.position_risk,
            lambda: caller.api.book_ticker(SYMBOL),
        )
        over_socket = [await read() for read in readings]
        over_http = BinanceApi(
            RestClient(client.at.rest, SystemClock(), credentials=Credentials(KEY, SECRET))
        )
        try:
            asked = [
                await over_http.account(),
                await over_http.position_risk(),
                await over_http.book_ticker(SYMBOL),
            ]
            found = await over_http.order(SYMBOL, client_order_id="a")
        finally:
            await over_http.close()

    assert over_socket == asked
    assert (placed.order_id, placed.status, placed.executed_qty) == (
        found.order_id,
        found.status,
        Decimal(10),
    )


async def test_an_order_that_is_refused_over_the_socket_is_not_sent_again():
    heard = Overheard()
    async with served(CALM, passage=heard) as client, calling(client) as caller:
        with pytest.raises(Rejected) as refused:
            await caller.api.place_order({**ORDER, "quantity": "1000000"})

    assert [call for call in heard.calls if "order" in call] == ["WS order.place"]

    assert refused.value.code == "-2019"
    assert refused.value.todo


async def test_what_an_order_costs_is_heard():
    async with served(CALM) as client, calling(client) as caller:
        for _ in range(3):  # others use this account too
            await client.market_order("BUY", "10")
        await caller.api.place_order(ORDER)

        assert caller.limiter.used(Pool.ORDERS_10S) == 4
        assert caller.limiter.used(Pool.ORDERS_1M) == 4


async def test_a_limit_that_is_used_up_says_how_long_to_wait():
    few = ServerSettings(VenueSettings(limits=LimitSettings(orders_per_10_s=1)))
    async with served(CALM, settings=few) as client, calling(client) as caller:
        await caller.api.place_order(ORDER)
        with pytest.raises(RateLimited) as limited:
            await caller.api.place_order(ORDER)

    assert 0 < limited.value.retry_after_ms <= 10_000


@pytest.mark.parametrize(("fault", "position"), [("request-lost", "0"), ("answer-lost", "10")])
async def test_an_order_whose_answer_is_lost_may_have_arrived(fault, position):
    async with faulty(f"{fault}(order)*1") as client, calling(client) as caller:
        with pytest.raises(OutcomeUnknown, match="did not answer") as unknown:
            await caller.api.place_order(ORDER)
        (row,) = await client.ok("GET", "/fapi/v2/positionRisk", symbol=SYMBOL)

        assert (row["positionAmt"], names(client)) == (position, [fault])
        assert "closed with code" in str(unknown.value)
        assert "signature" not in str(unknown.value)
        await caller.connected()  # again


async def test_a_reading_whose_answer_is_lost_is_asked_for_again_over_http():
    async with faulty("answer-lost(account)*1") as client, calling(client) as caller:
        account = await caller.api.account()

        assert account.assets
        assert names(client) == ["answer-lost"]


async def test_a_socket_that_does_not_answer_is_replaced_and_left_alone_for_a_while():
    heard, clock = Overheard(), JumpingClock(SystemClock().now_ms())
    late = "answer-late(2, call=account)*1"
    async with (
        faulty(late, passage=heard, pace=1.0) as client,
        calling(client, vital_timeout_s=0.4, clock=clock) as caller,
    ):
        heard.calls.clear()
        await caller.api.account()
        await until(lambda: caller.socket.health().renewals == 1)
        await caller.api.account()
        asked = [call for call in heard.calls if "account" in call]

        assert asked == ["WS v2/account.status", "GET /fapi/v3/account", "GET /fapi/v3/account"]
        assert not caller.socket.is_up
        clock.jump_to(clock.now_ms() + 61_000)
        assert caller.socket.is_up


async def test_an_order_that_is_not_answered_in_time_may_have_arrived():
    late = "answer-late(5, call=order)*1"
    async with (
        faulty(late, pace=1.0) as client,
        calling(client, vital_timeout_s=0.3) as caller,
    ):
        with pytest.raises(OutcomeUnknown) as unknown:
            await caller.api.place_order(ORDER)

    assert unknown.value.found == "TimeoutError"


async def test_an_answer_that_is_late_holds_up_no_other():
    late = "answer-late(2, call=account)*1"
    async with faulty(late, pace=1.0) as client, calling(client) as caller:
        slow = asyncio.create_task(caller.api.account())
        await until(lambda: names(client) == ["answer-late"])
        await caller.api.book_ticker(SYMBOL)

        assert not slow.done()
        assert (await slow).assets


class Changed(Passage):
    """An exchange whose socket answers in its own way."""

    def __init__(self, answer):
        self.calls = []
        self._answer = answer

    async def answer(self, request, answer):
        self.calls.append(f"{request.method} {request.path}")
        return self._answer if request.method == "WS" else answer


class Refusing(Passage):
    """An exchange whose socket carries nothing out."""

    def __init__(self, answer):
        self.calls = []
        self._answer = answer

    async def request(self, request):
        self.calls.append(f"{request.method} {request.path}")
        return self._answer if request.method == "WS" else None


UNKNOWN_METHOD = Answer(400, {"code": -1136, "msg": "Invalid method"})
NO_ACCOUNT = Answer(200, {"assets": "none"})
NO_PERMISSION = Answer(401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions."})


@pytest.mark.parametrize("answer", [UNKNOWN_METHOD, NO_ACCOUNT, NO_PERMISSION])
async def test_what_the_socket_cannot_do_is_left_to_http(answer):
    heard = Changed(answer)
    async with served(CALM, passage=heard) as client, calling(client) as caller:
        await caller.api.account()
        heard.calls.clear()
        await caller.api.account()
        await caller.api.account()
        await caller.api.server_time()

        assert heard.calls == ["GET /fapi/v3/account"] * 2 + ["GET /fapi/v1/time"]


async def test_an_order_that_the_socket_does_not_understand_is_placed_once_over_http():
    async with served(CALM, passage=Refusing(UNKNOWN_METHOD)) as client, calling(client) as caller:
        placed = await caller.api.place_order(ORDER)
        (row,) = await client.ok("GET", "/fapi/v2/positionRisk", symbol=SYMBOL)

    assert (placed.executed_qty, row["positionAmt"]) == (10, "10")


async def test_an_order_refused_for_a_reason_that_nobody_knows_is_not_sent_again():
    heard = Refusing(Answer(400, {"code": -1099, "msg": "something new"}))
    async with served(CALM, passage=heard) as client, calling(client) as caller:
        with pytest.raises(Rejected):
            await caller.api.place_order(ORDER)

    assert [call for call in heard.calls if "order" in call] == ["WS order.place"]


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        ({"status": 200, "result": {"a": 1}, "rateLimits": None}, (200, {}, b'{"a": 1}')),
        ({"status": 200, "result": {"a": 1}, "rateLimits": [{"x": 1}]}, (200, {}, b'{"a": 1}')),
        ({"status": "200", "result": {"a": 1}}, (200, {}, b"null")),
        ({"status": 400, "error": {"code": -1, "msg": ""}}, (400, {}, b'{"code":-1,"msg":""}')),
    ],
    ids=["no limits", "other limits", "another status", "an error without limits"],
)
async def test_an_answer_of_another_shape_is_an_answer(told, understood):
    clock = SystemClock()
    async with an_exchange() as exchange, aiohttp.ClientSession() as session:
        exchange.acknowledges = False
        socket = ApiSocket(exchange.url, session=session, clock=clock, limiter=RateLimiter(clock))
        async with running(socket.run()):
            await until(lambda: socket.is_up)
            asking = asyncio.create_task(socket.ask("GET", "/fapi/v3/account", {}, within_s=5.0))
            visit = await exchange.subscribed(1)
            await visit.say({"id": visit.requests[0]["id"], **told})

            assert await asking == understood


async def test_a_socket_that_is_turned_away_for_asking_too_much_is_not_tried_again_at_once():
    clock = SystemClock()
    async with (
        faulty("handshake-refused(429, family=ws-api)") as client,
        aiohttp.ClientSession() as session,
    ):
        limiter = RateLimiter(clock)
        socket = ApiSocket(client.at.ws_api, session=session, clock=clock, limiter=limiter)
        async with running(socket.run()):
            await until(lambda: bool(names(client)))
            await asyncio.sleep(1.5)

        assert names(client) == ["handshake-refused"]


async def test_an_order_whose_answer_cannot_be_read_may_have_arrived_and_the_next_goes_over_http():
    heard = Changed(NO_ACCOUNT)
    async with served(CALM, passage=heard) as client, calling(client) as caller:
        with pytest.raises(OutcomeUnknown, match="cannot be read"):
            await caller.api.place_order(ORDER)
        placed = await caller.api.place_order(ORDER)

    assert placed.executed_qty == 10
    assert [call for call in heard.calls if "order" in call] == [
        "WS order.place",
        "POST /fapi/v1/order",
    ]


async def test_a_socket_that_is_turned_away_stops_nothing():
    async with faulty("handshake-refused(family=ws-api)") as client:
        clock = SystemClock()
        rest = RestClient(client.at.rest, clock, credentials=Credentials(KEY, SECRET))
        socket = ApiSocket(
            client.at.ws_api, session=client.session, clock=clock, limiter=rest.limiter
        )
        rest.use(socket)
        async with running(socket.run()):
            await until(lambda: bool(names(client)))
            placed = await BinanceApi(rest).place_order(ORDER)
        await rest.close()

    assert placed.executed_qty == 10


async def test_neither_key_nor_signature_is_in_an_error():
    async with served(CALM) as client, calling(client, secret="wrong" * 8) as caller:
        with pytest.raises(ConfigError, match="signature is wrong") as refused:
            await caller.api.account()

    told = f"{refused.value!r} {refused.value}"
    assert KEY not in told
    assert "signature=" not in told
