from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from cointrader.domain.errors import Rejected, Unreachable
from cointrader.exchange.binance.rate_limit import Pool
from cointrader.exchange.binance.rules import Rules
from tests.unit.exchange.binance import payloads
from tests.unit.exchange.binance.scripted import CUT, HANG, a_scene, refusal
from tests.unit.exchange.binance_streams.fakes import running

DAY = 86_400_000
INFO, BRACKETS = "/fapi/v1/exchangeInfo", "/fapi/v1/leverageBracket"


def info(tick: str, status: str = "TRADING") -> dict:
    filters = [{"filterType": "PRICE_FILTER", "tickSize": tick}]
    symbol = {**payloads.SYMBOL_INFO, "filters": filters, "status": status}
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
    ]
    return {**payloads.EXCHANGE_INFO, "symbols": [symbol], "rateLimits": limits}


def scripted(scene, *answers) -> Rules:
    scene.server.on("GET", INFO, *answers)
    scene.server.on("GET", BRACKETS, [payloads.BRACKETS])
    return Rules(scene.api, scene.clock)


def with_odd(info: dict, symbol: str) -> dict:
    """The answer with one more symbol, whose tick size is no number."""
    filters = [{"filterType": "PRICE_FILTER", "tickSize": ""}]
    odd = {**payloads.SYMBOL_INFO, "symbol": symbol, "filters": filters}
    return {**info, "symbols": [*info["symbols"], odd]}


async def requested(scene, path: str, count: int) -> None:
    """Wait until `path` was asked for so many times."""
    async with asyncio.timeout(5):
        while len(scene.server.requests("GET", path)) < count:
            await asyncio.sleep(0.005)


async def tick(rules: Rules) -> str:
    return str((await rules.instrument("XRPUSDT")).tick_size)


async def becomes(rules: Rules, expected: str) -> None:
    """Wait until the rules that were read beside us are there."""
    async with asyncio.timeout(5):
        while await tick(rules) != expected:
            await asyncio.sleep(0.005)


async def test_rules_are_read_once_a_day_with_their_brackets():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), info("0.01"))
        smaller = {**payloads.BRACKETS, "brackets": payloads.BRACKETS["brackets"][:1]}
        scene.server.on("GET", BRACKETS, [payloads.BRACKETS], [smaller])

        assert await tick(rules) == "0.1"
        scene.clock.at_ms += DAY - 1
        assert await tick(rules) == "0.1"
        assert len(scene.server.requests("GET", INFO)) == 1
        scene.clock.at_ms += 1
        await becomes(rules, "0.01")
        async with asyncio.timeout(5):
            while len((await rules.instrument("XRPUSDT")).brackets) > 1:
                await asyncio.sleep(0.005)


async def test_who_asks_for_known_rules_waits_for_no_reading():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), HANG)
        await tick(rules)
        scene.clock.at_ms += DAY

        async with asyncio.timeout(1):
            assert await tick(rules) == "0.1"  # begins the reading
            await requested(scene, INFO, 2)
            assert await tick(rules) == "0.1"
            assert await rules.is_trading("XRPUSDT")


async def test_known_rules_are_answered_while_brackets_of_another_symbol_are_asked_for():
    async with a_scene() as scene:
        both = info("0.1")
        both["symbols"].append({**both["symbols"][0], "symbol": "BTCUSDT"})
        rules = scripted(scene, both)
        await tick(rules)
        scene.server.on("GET", BRACKETS, HANG)
        other = asyncio.create_task(rules.instrument("BTCUSDT"))
        await requested(scene, BRACKETS, 2)

        async with asyncio.timeout(1):
            assert await tick(rules) == "0.1"
        other.cancel()


async def test_brackets_that_cannot_be_read_again_stay_as_they_were():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), info("0.01"))
        scene.server.on("GET", BRACKETS, [payloads.BRACKETS], refusal(-1121))
        before = (await rules.instrument("XRPUSDT")).brackets
        scene.clock.at_ms += DAY
        await becomes(rules, "0.01")

        assert (await rules.instrument("XRPUSDT")).brackets == before


async def test_many_who_ask_at_once_cause_one_reading():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"))

        await asyncio.gather(*(rules.instrument("XRPUSDT") for _ in range(5)))

        assert len(scene.server.requests("GET", INFO)) == 1


async def test_after_a_doubt_they_are_read_again_once_a_minute_at_most():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), info("0.01"))
        rules.doubt("XRPUSDT")
        await tick(rules)

        rules.doubt("XRPUSDT")
        assert await tick(rules) == "0.1"
        scene.clock.at_ms += 60_000
        assert await tick(rules) == "0.01"


async def test_a_doubt_begins_a_reading_at_once():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), info("0.01"))
        await tick(rules)
        scene.clock.at_ms += 60_000

        rules.doubt("XRPUSDT")

        await requested(scene, INFO, 2)


async def test_a_symbol_in_doubt_waits_a_second_for_new_rules_and_no_longer():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), HANG)
        await tick(rules)
        scene.clock.at_ms += 60_000
        rules.doubt("XRPUSDT")
        began_s = time.monotonic()

        assert await tick(rules) == "0.1"
        assert 0.9 < time.monotonic() - began_s < 2
        assert await tick(rules) == "0.1"  # the second has passed for all
        assert time.monotonic() - began_s < 2


async def test_rules_of_yesterday_serve_while_today_s_cannot_be_read():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), CUT, CUT, CUT, CUT, info("0.01"))
        await tick(rules)
        scene.clock.at_ms += DAY

        assert await tick(rules) == "0.1"
        await requested(scene, INFO, 5)
        await asyncio.sleep(0.02)
        assert await tick(rules) == "0.1"
        assert len(scene.server.requests("GET", INFO)) == 5  # a pause, and not a try for each
        scene.clock.at_ms += 60_000
        await becomes(rules, "0.01")


async def test_an_answer_that_makes_no_sense_ends_nothing_and_is_asked_for_again():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), {"symbols": "none"}, info("0.01"))
        await tick(rules)
        scene.clock.at_ms += DAY

        async with running(rules.run()) as reader:
            await becomes(rules, "0.01")
            assert not reader.done()


async def test_a_symbol_that_cannot_be_read_hides_no_other():
    async with a_scene() as scene:
        rules = scripted(scene, with_odd(info("0.1"), "NEWUSDT"))

        assert await tick(rules) == "0.1"
        with pytest.raises(Rejected, match="no symbol NEWUSDT"):
            await rules.instrument("NEWUSDT")


async def test_a_symbol_that_cannot_be_read_any_more_keeps_its_rules_and_is_told_once():
    async with a_scene() as scene:
        odd = with_odd(with_odd({**info("0.1"), "symbols": []}, "XRPUSDT"), "NEWUSDT")
        odd["symbols"].append({**payloads.SYMBOL_INFO, "symbol": "BTCUSDT"})
        rules = scripted(scene, info("0.1"), odd)
        await tick(rules)

        with capture_logs() as logs:
            for count in (2, 3):
                scene.clock.at_ms += DAY
                assert await tick(rules) == "0.1"
                await requested(scene, BRACKETS, count)
        assert await rules.is_trading("BTCUSDT")
        assert await tick(rules) == "0.1"
        assert [each["symbol"] for each in logs] == ["NEWUSDT", "XRPUSDT"]


async def test_without_any_rules_there_is_no_answer():
    async with a_scene() as scene:
        with pytest.raises(Unreachable):
            await scripted(scene, CUT).instrument("XRPUSDT")


async def test_an_unknown_symbol_is_refused():
    async with a_scene() as scene:
        with pytest.raises(Rejected, match="no symbol ABCUSDT") as refused:
            await scripted(scene, info("0.1")).instrument("ABCUSDT")

        assert refused.value.code == "-1121"


async def test_a_symbol_is_trading_or_not():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1", status="SETTLING"))

        assert await rules.is_trading("XRPUSDT") is False


async def test_declared_limits_are_taken_over():
    async with a_scene() as scene:
        await tick(scripted(scene, info("0.1")))

        await scene.rest.limiter.admit({Pool.WEIGHT: 4_000}, is_vital=False, patience_ms=0)
