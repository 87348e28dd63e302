from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import pairwise

import aiohttp

from cointrader.domain.clock import SystemClock
from cointrader.domain.errors import RateLimited, Unreachable
from cointrader.exchange.binance.connection import StreamLimits, connect, shards
from cointrader.exchange.binance.line import Line
from tests.unit.exchange.binance_streams.fakes import (
    QUICK,
    ScriptedExchange,
    Visit,
    an_exchange,
    running,
    until,
)

STREAMS = ["xrpusdt@kline_15m"]


class Listener:
    """What came out of a line."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.ups = 0

    def hear(self, text: str) -> None:
        self.numbers.append(json.loads(text)["n"])

    def up(self) -> None:
        self.ups += 1


@asynccontextmanager
async def a_line(exchange: ScriptedExchange, limits: StreamLimits = QUICK, streams=STREAMS):
    listener = Listener()

    async def address() -> str:
        return f"{exchange.url}/market/stream"

    async with aiohttp.ClientSession() as session:
        line = Line(
            "test",
            address=address,
            streams=streams,
            session=session,
            clock=SystemClock(),
            limits=limits,
            on_message=listener.hear,
            on_up=listener.up,
        )
        async with running(line.run()):
            yield line, listener


async def keep_talking(visit: Visit) -> None:
    """Say a number every few milliseconds, until nobody listens."""
    number = 0
    while not visit.socket.closed:
        number += 1
        try:
            await visit.say({"n": number})
        except (ConnectionError, RuntimeError):
            return
        await asyncio.sleep(0.01)


async def test_messages_arrive_in_order_and_the_acknowledgement_is_not_one_of_them():
    async with an_exchange() as exchange, a_line(exchange) as (line, listener):
        visit = await exchange.subscribed(1)
        for number in (1, 2, 3):
            await visit.say({"n": number})
        await until(lambda: len(listener.numbers) == 3)

        assert listener.numbers == [1, 2, 3]
        assert visit.path == "/market/stream"
        assert visit.requests[0] == {"method": "SUBSCRIBE", "params": STREAMS, "id": 1}
        assert line.health().is_up
        assert listener.ups == 1


async def test_cut_connection_is_replaced_and_said_so():
    async with an_exchange() as exchange, a_line(exchange) as (line, listener):
        await (await exchange.subscribed(1)).cut()
        second = await exchange.subscribed(2)
        await until(lambda: listener.ups == 2)
        await second.say({"n": 5})
        await until(lambda: listener.numbers == [5])

        assert line.health().faults == 1


async def test_connection_closed_politely_is_replaced_too():
    async with an_exchange() as exchange, a_line(exchange) as (_, listener):
        await (await exchange.subscribed(1)).socket.close(code=1001)
        await exchange.subscribed(2)
        await until(lambda: listener.ups == 2)


async def test_refused_handshakes_are_tried_again():
    async with an_exchange() as exchange:
        exchange.refused_handshakes = 2
        async with a_line(exchange) as (line, listener):
            await until(lambda: listener.ups == 1)

            assert line.health().faults == 2


async def test_subscription_without_an_acknowledgement_counts_as_failed():
    async with an_exchange() as exchange:
        exchange.acknowledges = False
        async with a_line(exchange, replace(QUICK, ack_timeout_ms=30)) as (line, listener):
            await exchange.subscribed(1)
            assert not line.health().is_up
            exchange.acknowledges = True
            await until(lambda: listener.ups == 1)

            assert len(exchange.open_visits) == 1


async def test_refused_subscription_counts_as_failed():
    async with an_exchange() as exchange:
        exchange.refusal = {"code": 2, "msg": "Invalid request"}
        async with a_line(exchange) as (_, listener):
            await exchange.subscribed(1)
            await exchange.subscribed(2)
            assert listener.ups == 0


async def test_acknowledged_but_silent_stream_is_replaced():
    async with an_exchange() as exchange, a_line(exchange, replace(QUICK, max_age_ms=60)) as up:
        await exchange.subscribed(2)

        assert up[0].health().faults >= 1
        assert len(exchange.open_visits) <= 1


async def test_half_open_socket_is_found_by_its_missing_pong():
    async with an_exchange() as exchange:
        exchange.answers_pings = False
        async with a_line(exchange, replace(QUICK, ping_every_ms=40)):
            await exchange.subscribed(2)


async def test_renewed_connection_delivers_before_the_old_one_is_closed():
    limits = replace(QUICK, renew_after_ms=200)
    async with an_exchange() as exchange, a_line(exchange, limits) as (line, listener):
        first = await exchange.subscribed(1)
        await first.say({"n": 1})
        second = await exchange.subscribed(2)
        await asyncio.sleep(0.05)
        assert not first.socket.closed  # the new one is acknowledged, and silent
        await first.say({"n": 2})
        await second.say({"n": 2})
        await until(lambda: first.socket.closed)

        assert listener.numbers[:3] == [1, 2, 2]
        assert line.health().renewals == 1
        assert line.health().faults == 0


async def test_new_connection_that_stays_silent_does_not_replace_one_that_talks():
    limits = replace(QUICK, renew_after_ms=60, max_age_ms=100)
    async with an_exchange() as exchange, a_line(exchange, limits) as (line, listener):
        first = await exchange.subscribed(1)
        talking = asyncio.create_task(keep_talking(first))
        await exchange.subscribed(3)

        assert not first.socket.closed
        assert line.health().is_up
        assert listener.ups == 1
        talking.cancel()


async def test_stream_that_may_be_quiet_is_renewed_without_a_fault():
    limits = replace(QUICK, max_age_ms=50, may_be_quiet=True)
    async with an_exchange() as exchange, a_line(exchange, limits) as (line, listener):
        await until(lambda: listener.ups >= 3)

        assert line.health().faults == 0
        assert line.health().renewals >= 2


async def test_listener_can_ask_for_another_connection():
    async with an_exchange() as exchange, a_line(exchange) as (line, listener):
        await until(lambda: listener.ups == 1)
        line.doubt("the listener knows better")
        await until(lambda: listener.ups == 2)

        assert len(exchange.open_visits) == 1


async def test_connection_that_is_renewed_may_still_answer_what_it_was_asked():
    limits = replace(QUICK, renew_after_ms=300, may_be_quiet=True)
    async with an_exchange() as exchange, a_line(exchange, limits, []) as (line, _):
        first = await exchange.visit(1)
        await until(lambda: line.may_be_asked)
        exchange.acknowledges = False
        asking = asyncio.create_task(line.ask("order.place", {"a": 1}, within_s=5))
        await until(lambda: bool(first.requests))
        exchange.acknowledges = True
        await until(lambda: len(exchange.visits) == 2 and line.may_be_asked)
        await asyncio.sleep(0.05)
        assert not first.socket.closed
        await first.say({"id": first.requests[0]["id"], "status": 200, "result": {"b": 2}})

        assert json.loads(await asking)["result"] == {"b": 2}
        await until(lambda: first.socket.closed)
        assert line.health().faults == 0


async def test_connection_that_does_not_answer_is_replaced():
    limits = replace(QUICK, may_be_quiet=True)
    async with an_exchange() as exchange, a_line(exchange, limits, []) as (line, _):
        await until(lambda: line.may_be_asked)
        exchange.acknowledges = False
        with suppress(TimeoutError):
            await line.ask("time", {}, within_s=0.05)
        assert not line.may_be_asked
        exchange.acknowledges = True
        await until(lambda: line.may_be_asked)

        assert len(exchange.visits) == 2
        assert line.health().renewals == 1


async def test_exchange_that_says_wait_is_waited_for():
    answers: list[Exception] = [RateLimited("slow down", retry_after_ms=150)]
    asked: list[float] = []
    async with an_exchange() as exchange, aiohttp.ClientSession() as session:

        async def address() -> str:
            asked.append(asyncio.get_running_loop().time())
            if answers:
                raise answers.pop()
            return f"{exchange.url}/private/ws"

        listener = Listener()
        line = Line(
            "test",
            address=address,
            streams=(),
            session=session,
            clock=SystemClock(),
            limits=QUICK,
            on_message=listener.hear,
            on_up=listener.up,
        )
        async with running(line.run()):
            await until(lambda: listener.ups == 1)

        assert asked[1] - asked[0] >= 0.14


async def test_many_streams_are_asked_for_in_pieces_and_no_faster_than_allowed():
    streams = [f"s{number}usdt@kline_15m" for number in range(450)]
    limits = replace(QUICK, messages_per_second=3)
    async with an_exchange() as exchange, a_line(exchange, limits, streams) as (_, listener):
        await until(lambda: listener.ups == 1)
        visit = exchange.visits[0]

        assert visit.streams == streams
        assert [len(request["params"]) for request in visit.requests] == [100, 100, 100, 100, 50]
        assert visit.requested_s[3] - visit.requested_s[0] >= 0.95


async def test_waits_between_attempts_grow():
    times: list[float] = []

    async def address() -> str:
        times.append(asyncio.get_running_loop().time())
        raise Unreachable("away")

    async with aiohttp.ClientSession() as session:
        line = Line(
            "test",
            address=address,
            streams=(),
            session=session,
            clock=SystemClock(),
            limits=replace(QUICK, first_pause_ms=20, longest_pause_ms=1_000),
            on_message=lambda text: None,
            on_up=lambda: None,
        )
        async with running(line.run()):
            await until(lambda: len(times) == 5)

    waits = [after - before for before, after in pairwise(times)]
    at_least = (0.009, 0.019, 0.039, 0.079)  # half of 20, 40, 80 and 160 ms
    assert all(wait >= least for wait, least in zip(waits, at_least, strict=True))


def test_1024_streams_share_a_connection_and_the_next_one_gets_another():
    assert [len(shard) for shard in shards(["s"] * 1024)] == [1024]
    assert [len(shard) for shard in shards(["s"] * 2049)] == [1024, 1024, 1]


async def test_cancelled_line_leaves_no_task_and_no_socket():
    before = asyncio.all_tasks()
    async with an_exchange() as exchange:
        async with a_line(exchange):
            await exchange.subscribed(1)
        await until(lambda: not exchange.open_visits)
    await until(lambda: asyncio.all_tasks() == before)


async def test_line_cancelled_while_it_subscribes_leaves_no_socket():
    async with an_exchange() as exchange:
        exchange.acknowledges = False
        async with a_line(exchange):
            await exchange.subscribed(1)
        await until(lambda: not exchange.open_visits)


async def test_message_after_the_end_is_not_passed_on():
    heard: list[str] = []
    async with an_exchange() as exchange, aiohttp.ClientSession() as session:
        connection = await connect(
            session,
            f"{exchange.url}/market/stream",
            name="test",
            clock=SystemClock(),
            limits=QUICK,
            on_message=heard.append,
        )
        reading = asyncio.create_task(connection.read())
        visit = await exchange.visit(1)
        connection.fail("of no use")
        await visit.say({"n": 1})
        await connection.close()
        await reading

    assert heard == []
    assert connection.reason == "of no use"
