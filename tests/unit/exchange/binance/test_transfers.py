from __future__ import annotations

from decimal import Decimal

from cointrader.exchange.binance.transfers import Transfers
from tests.unit.exchange.binance import payloads
from tests.unit.exchange.binance.scripted import NOW_MS, a_scene

HOUR = 3_600_000
INCOME = "/fapi/v1/income"


def row(number: int, amount: str, *, at_ms: int = NOW_MS, asset: str = "USDT") -> dict:
    return {
        **payloads.TRANSFER,
        "tranId": number,
        "income": amount,
        "time": at_ms,
        "asset": asset,
    }


def counting(scene, before: str = "0") -> Transfers:
    return Transfers(scene.api, asset="USDT", since_ms=NOW_MS - 24 * HOUR, before=Decimal(before))


async def test_what_came_in_less_what_left_is_counted_in_one_asset():
    async with a_scene() as scene:
        scene.server.on("GET", INCOME, [row(1, "100"), row(2, "-30.5"), row(3, "7", asset="BNB")])

        assert await counting(scene).total() == Decimal("69.5")
        (asked,) = scene.server.requests("GET", INCOME)
        assert asked.parameters["incomeType"] == "TRANSFER"
        assert asked.parameters["startTime"] == str(NOW_MS - 24 * HOUR)


async def test_it_goes_on_from_what_was_known_before():
    async with a_scene() as scene:
        scene.server.on("GET", INCOME, [row(1, "5")])

        assert await counting(scene, before="1000").total() == 1_005


async def test_later_readings_ask_for_the_last_hour_and_count_each_row_once():
    async with a_scene() as scene:
        scene.server.on("GET", INCOME, [row(1, "100")], [row(1, "100"), row(2, "20")])
        transfers = counting(scene)

        assert await transfers.total() == 100
        assert await transfers.total() == 120
        assert scene.server.requests("GET", INCOME)[1].parameters["startTime"] == str(NOW_MS - HOUR)


async def test_an_announced_transfer_counts_before_its_row_is_there_and_once():
    async with a_scene() as scene:
        scene.server.on("GET", INCOME, [], [row(1, "100", at_ms=NOW_MS + 900)])
        transfers = counting(scene)
        transfers.announce("USDT", Decimal(100), at_ms=NOW_MS)

        assert await transfers.total() == 100
        assert await transfers.total() == 100


async def test_an_announcement_after_its_row_counts_nothing():
    async with a_scene() as scene:
        scene.server.on("GET", INCOME, [row(1, "100")])
        transfers = counting(scene)
        await transfers.total()

        transfers.announce("USDT", Decimal(100), at_ms=NOW_MS)

        assert await transfers.total() == 100


async def test_two_equal_deposits_are_two():
    async with a_scene() as scene:
        scene.server.on("GET", INCOME, [row(1, "100")], [row(1, "100"), row(2, "100")])
        transfers = counting(scene)
        transfers.announce("USDT", Decimal(100), at_ms=NOW_MS)
        transfers.announce("USDT", Decimal(100), at_ms=NOW_MS)

        assert await transfers.total() == 200
        assert await transfers.total() == 200


async def test_what_is_older_or_in_another_asset_is_not_announced():
    async with a_scene() as scene:
        scene.server.on("GET", INCOME, [])
        transfers = counting(scene)
        transfers.announce("BNB", Decimal(1), at_ms=NOW_MS)
        transfers.announce("USDT", Decimal(1), at_ms=NOW_MS - 25 * HOUR)

        assert await transfers.total() == 0
