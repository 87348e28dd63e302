from __future__ import annotations

import asyncio
import logging
import socket
import traceback

import msgspec
import pytest

from cointrader import __version__
from cointrader.domain.errors import (
    CointraderError,
    ConfigError,
    DataError,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unreachable,
)
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.rate_limit import Pool, weight
from cointrader.exchange.binance.rest import RestClient
from tests.unit.exchange.binance.scripted import (
    CUT,
    HANG,
    KEY,
    NOW_MS,
    SECRET,
    FakeClock,
    Reply,
    a_scene,
    refusal,
    serving,
)

PATH = "/fapi/v1/thing"


class Thing(msgspec.Struct):
    number: int


THING = {"number": 7, "unknown": "field"}


async def test_a_public_call_carries_neither_key_nor_signature():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, THING)

        thing = await scene.rest.call("GET", PATH, Thing, {"symbol": "XRPUSDT"})

        (asked,) = scene.server.asked
        assert thing == Thing(7)
        assert asked.raw_query == "symbol=XRPUSDT"
        assert "X-MBX-APIKEY" not in asked.headers
        assert asked.headers["User-Agent"] == f"cointrader/{__version__}"


async def test_a_signed_call_signs_what_is_sent_stamped_with_the_servers_time():
    async with a_scene() as scene:
        scene.server.ahead_ms = 1_234
        scene.server.on("POST", PATH, THING)

        await scene.rest.call(
            "POST", PATH, Thing, {"symbol": "币安USDT", "id": "a b/c+d"}, access="signed"
        )

        (asked,) = scene.server.requests("POST", PATH)
        unsigned, _, signature = asked.raw_query.rpartition("&signature=")
        assert unsigned == (
            "symbol=%E5%B8%81%E5%AE%89USDT&id=a%20b%2Fc%2Bd"
            f"&recvWindow=5000&timestamp={NOW_MS + 1_234}"
        )
        assert Credentials(KEY, SECRET).signed(unsigned).endswith(signature)
        assert len(signature) == 64
        assert asked.headers["X-MBX-APIKEY"] == KEY


async def test_a_call_by_key_alone_is_not_signed():
    async with a_scene() as scene:
        scene.server.on("POST", PATH, THING)

        await scene.rest.call("POST", PATH, Thing, access="key")

        (asked,) = scene.server.asked
        assert asked.headers["X-MBX-APIKEY"] == KEY
        assert asked.raw_query == ""


async def test_without_credentials_a_signed_call_asks_for_a_key():
    clock = FakeClock()
    async with serving(clock) as server, RestClient(server.url, clock) as rest:
        with pytest.raises(ConfigError, match="needs an API key"):
            await rest.call("GET", PATH, Thing, access="signed")


async def test_a_stamp_that_is_refused_is_corrected_and_sent_again():
    async with a_scene() as scene:
        scene.server.on("POST", PATH, refusal(-1021, "Timestamp outside"), THING)
        await scene.rest.now_ms()
        scene.server.ahead_ms = 60_000

        thing = await scene.rest.call("POST", PATH, Thing, access="signed")

        first, second = scene.server.requests("POST", PATH)
        assert thing == Thing(7)
        assert int(second.query["timestamp"]) - int(first.query["timestamp"]) == 60_000


async def test_a_stamp_that_is_always_refused_says_that_nothing_happened():
    async with a_scene() as scene:
        scene.server.on("POST", PATH, refusal(-1021))

        with pytest.raises(Unreachable, match="time is off"):
            await scene.rest.call("POST", PATH, Thing, access="signed")


async def test_time_is_measured_once_for_many_who_ask_at_the_same_moment():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, THING)

        calls = [scene.rest.call("GET", PATH, Thing, access="signed") for _ in range(5)]
        await asyncio.gather(*calls)

        assert len(scene.server.requests("GET", "/fapi/v1/time")) == 3


async def test_what_is_vital_does_not_wait_for_a_measurement_that_is_merely_due():
    async with a_scene() as scene:
        scene.server.on("POST", PATH, THING)
        await scene.rest.now_ms()
        scene.clock.at_ms += 3_600_000

        await scene.rest.call("POST", PATH, Thing, access="signed", is_vital=True)

        assert len(scene.server.requests("GET", "/fapi/v1/time")) == 3


async def test_calls_after_a_connection_ahead_wait_for_no_connection_and_no_measurement():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, THING)
        await scene.rest.now_ms()
        scene.clock.at_ms += 3_600_000

        await scene.rest.connect_ahead(4)
        ahead = {asked.port for asked in scene.server.asked}
        asked_before = len(scene.server.asked)
        calls = [scene.rest.call("GET", PATH, Thing, access="signed") for _ in range(4)]
        await asyncio.gather(*calls)

        assert len(ahead) == 4
        assert {asked.port for asked in scene.server.requests("GET", PATH)} == ahead
        assert len(scene.server.asked) == asked_before + 4


async def test_a_connection_ahead_that_fails_leaves_the_time_as_it_was_known():
    async with a_scene() as scene:
        scene.server.ahead_ms = 700
        await scene.rest.now_ms()
        scene.server.on("GET", "/fapi/v1/time", refusal(-1001))

        with pytest.raises(Unreachable):
            await scene.rest.connect_ahead(2)

        clock = scene.rest.server_clock
        assert (clock.is_known, clock.offset_ms) == (True, 700)


@pytest.mark.parametrize(
    "trouble",
    [CUT, Reply("Bad gateway", 502), refusal(-1001), Reply("<html>", 200)],
    ids=["cut", "502", "-1001", "no JSON"],
)
async def test_a_reading_is_tried_again_with_growing_pauses(trouble):
    async with a_scene() as scene:
        scene.server.on("GET", PATH, trouble, trouble, THING)

        assert await scene.rest.call("GET", PATH, Thing) == Thing(7)

        first, second = scene.clock.slept_ms
        assert 125 <= first <= 375
        assert 250 <= second <= 750


async def test_a_reading_is_given_up_after_four_tries():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, CUT)

        with pytest.raises(Unreachable, match="did not answer"):
            await scene.rest.call("GET", PATH, Thing)

        assert len(scene.server.asked) == 4


async def test_a_vital_reading_is_given_up_after_two():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, CUT)

        with pytest.raises(Unreachable):
            await scene.rest.call("GET", PATH, Thing, is_vital=True)

        assert len(scene.server.asked) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "trouble",
    [HANG, CUT, Reply("Bad gateway", 502), refusal(-1007, status=408), Reply("<html>", 200),
     Reply({"number": "seven"}, 200)],
    ids=["silence", "cut", "502", "-1007", "no JSON", "other shape"],
)  # fmt: skip
async def test_a_change_without_a_clear_answer_is_unknown_and_never_sent_twice(method, trouble):
    async with a_scene(timeout_s=0.2) as scene:
        scene.server.on("GET", PATH, THING)
        await scene.rest.call("GET", PATH, Thing)  # so that the connection is an old one
        scene.server.on(method, PATH, trouble)

        with pytest.raises(OutcomeUnknown):
            await scene.rest.call(method, PATH, Thing, access="signed")

        assert len(scene.server.requests(method, PATH)) == 1


async def test_a_change_that_could_not_leave_did_not_happen():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening
        async with RestClient(f"http://127.0.0.1:{nobody.getsockname()[1]}", FakeClock()) as rest:
            with pytest.raises(Unreachable, match="cannot be reached"):
                await rest.call("POST", PATH, Thing)


async def test_a_host_without_an_address_is_unreachable():
    async with RestClient("http://nowhere.invalid", FakeClock()) as rest:
        with pytest.raises(Unreachable, match="cannot be reached"):
            await rest.call("DELETE", PATH, Thing)


async def test_a_refusal_is_raised_at_once():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, refusal(-1121, "Invalid symbol."))

        with pytest.raises(Rejected, match=r"no such symbol .*Invalid symbol") as refused:
            await scene.rest.call("GET", PATH, Thing)

        assert refused.value.code == "-1121"
        assert len(scene.server.asked) == 1


async def test_a_code_told_as_text_is_the_same_code():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, Reply({"code": "-1121", "msg": "no"}, 400))

        with pytest.raises(Rejected) as refused:
            await scene.rest.call("GET", PATH, Thing)

        assert refused.value.code == "-1121"


async def test_an_answer_of_another_shape_names_the_field():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, {"number": "seven"})

        with pytest.raises(DataError, match=r"\$\.number"):
            await scene.rest.call("GET", PATH, Thing)


async def test_a_redirection_is_not_followed():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, Reply("", 302, {"Location": "/fapi/v1/other"}))

        with pytest.raises(ConfigError, match="elsewhere"):
            await scene.rest.call("GET", PATH, Thing)

        assert [each.path for each in scene.server.asked] == [PATH]


async def test_answers_correct_the_budget():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, Reply(THING, headers={"x-mbx-used-weight-1m": "2399"}))

        await scene.rest.call("GET", PATH, Thing)

        assert scene.rest.limiter.used(Pool.WEIGHT) == 2_399


async def test_after_a_broken_limit_nothing_is_sent_until_it_is_over():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, refusal(-1003, status=429, Retry_After="30"), THING)

        with pytest.raises(RateLimited) as limited:
            await scene.rest.call("GET", PATH, Thing, is_vital=True)
        assert limited.value.retry_after_ms == 30_000
        with pytest.raises(RateLimited):
            await scene.rest.call("POST", PATH, Thing, is_vital=True)
        assert len(scene.server.asked) == 1

        scene.clock.at_ms += 30_000
        assert await scene.rest.call("GET", PATH, Thing, is_vital=True) == Thing(7)


async def test_a_ban_whose_end_is_in_the_text_is_kept():
    async with a_scene() as scene:
        banned = f"Way too much request weight used; IP banned until {NOW_MS + 600_000}."
        scene.server.on("GET", PATH, refusal(-1003, banned, status=418))

        for _ in range(2):
            with pytest.raises(RateLimited) as limited:
                await scene.rest.call("GET", PATH, Thing)
            assert limited.value.retry_after_ms == 600_000

        assert len(scene.server.asked) == 1


async def test_an_ordinary_reading_waits_for_the_end_of_a_limit_by_itself():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, refusal(-1003, status=429, Retry_After="30"), THING)

        assert await scene.rest.call("GET", PATH, Thing) == Thing(7)

        assert scene.clock.at_ms == NOW_MS + 30_000


async def test_an_ordinary_call_waits_for_room_and_an_order_says_how_long():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, THING)
        await scene.rest.call("GET", PATH, Thing, cost=weight(2_400))

        with pytest.raises(RateLimited):
            await scene.rest.call("POST", PATH, Thing, is_vital=True)
        await scene.rest.call("GET", PATH, Thing)

        assert scene.clock.at_ms // 60_000 == NOW_MS // 60_000 + 1


TROUBLES = {
    "hang": HANG,
    "cut": CUT,
    "signature": refusal(-1022, f"bad signature=00ff11 of {SECRET} for {KEY}", status=401),
    "gateway": Reply(f"<html>/fapi?timestamp=1&signature=00ff11 {KEY}</html>", 502),
    "firewall": Reply(f"<html>signature=00ff11 {SECRET}</html>", 403),
    "shape": Reply({"number": SECRET}),
    "text": Reply(f"not JSON {SECRET}"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_no_error_shows_key_secret_or_signature(method, trouble, caplog):
    caplog.set_level(logging.DEBUG)
    async with a_scene(timeout_s=0.2) as scene:
        scene.server.on(method, PATH, TROUBLES[trouble])
        with pytest.raises(CointraderError) as raised:
            await scene.rest.call(method, PATH, Thing, access="signed")
        sent = [each.query["signature"] for each in scene.server.requests(method, PATH)]

    error = raised.value
    shown = "\n".join(
        [str(error), repr(error), *map(str, error.args), *traceback.format_exception(error)]
    )
    logged = "\n".join(
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith("aiohttp.acc")
    )
    for secret in (KEY, SECRET, "00ff11", *sent):
        assert secret not in shown
        assert secret not in logged


async def test_a_closed_client_opens_again_when_asked():
    async with a_scene() as scene:
        scene.server.on("GET", PATH, THING)
        await scene.rest.call("GET", PATH, Thing)
        await scene.rest.close()
        await scene.rest.close()

        assert await scene.rest.call("GET", PATH, Thing) == Thing(7)
