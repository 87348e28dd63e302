from __future__ import annotations

import asyncio

import pytest

from cointrader.domain.errors import Rejected, Unreachable
from cointrader.exchange.binance.rate_limit import Pool
from cointrader.exchange.binance.rules import Rules
from tests.unit.exchange.binance import payloads
from tests.unit.exchange.binance.scripted import CUT, a_scene

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


async def tick(rules: Rules) -> str:
    return str((await rules.instrument("XRPUSDT")).tick_size)


async def test_rules_are_read_once_a_day_with_their_brackets():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), info("0.01"))

        assert await tick(rules) == "0.1"
        scene.clock.at_ms += DAY - 1
        assert await tick(rules) == "0.1"
        scene.clock.at_ms += 1
        assert await tick(rules) == "0.01"
        assert len(scene.server.requests("GET", BRACKETS)) == 2


async def test_many_who_ask_at_once_cause_one_reading():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"))

        await asyncio.gather(*(rules.instrument("XRPUSDT") for _ in range(5)))

        assert len(scene.server.requests("GET", INFO)) == 1


async def test_after_a_doubt_they_are_read_again_once_a_minute_at_most():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), info("0.01"))
        rules.doubt()
        await tick(rules)

        rules.doubt()
        assert await tick(rules) == "0.1"
        scene.clock.at_ms += 60_000
        assert await tick(rules) == "0.01"


async def test_rules_of_yesterday_serve_while_today_s_cannot_be_read():
    async with a_scene() as scene:
        rules = scripted(scene, info("0.1"), CUT, CUT, CUT, CUT, info("0.01"))
        await tick(rules)
        scene.clock.at_ms += DAY

        assert await tick(rules) == "0.1"
        scene.clock.at_ms += 60_000
        assert await tick(rules) == "0.01"


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
