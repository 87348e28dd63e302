from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.domain.errors import Unreachable
from cointrader.exchange.binance.executions import Executions
from cointrader.exchange.binance.order_ids import OrderIds
from tests.unit.exchange.binance import payloads
from tests.unit.exchange.binance.scripted import NOW_MS, a_scene, refusal

DAY = 86_400_000
TRADES, ORDER = "/fapi/v1/userTrades", "/fapi/v1/order"
ALL_ALGO = "/fapi/v1/allAlgoOrders"
CHILD = {**payloads.ORDER, "orderId": 9002, "clientOrderId": "x-made-by-the-exchange"}
CHILD_TRADE = {**payloads.TRADE, "id": 7002, "orderId": 9002, "side": "SELL"}


async def test_fills_carry_the_client_id_of_their_order_which_is_asked_for_once():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [payloads.TRADE, {**payloads.TRADE, "id": 7002}])
        scene.server.on("GET", ORDER, payloads.ORDER)
        executions = Executions(scene.api, OrderIds())

        fills = await executions.since("XRPUSDT", NOW_MS - 1_000)
        await executions.since("XRPUSDT", NOW_MS - 1_000)

        assert [(fill.trade_id, fill.client_order_id) for fill in fills] == [
            (7001, "ct-XRPUSDT-abc-e0"),
            (7002, "ct-XRPUSDT-abc-e0"),
        ]
        assert len(scene.server.requests("GET", ORDER)) == 1


async def test_fills_are_asked_for_without_waiting_for_a_measurement_of_time_that_is_due():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [])
        executions = Executions(scene.api, OrderIds())
        await executions.since("XRPUSDT", NOW_MS - 1_000)
        scene.clock.at_ms += 3_600_000

        await executions.since("XRPUSDT", NOW_MS - 1_000)

        assert len(scene.server.requests("GET", "/fapi/v1/time")) == 3


async def test_fills_of_a_triggered_stop_carry_the_id_of_the_stop():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [CHILD_TRADE])
        scene.server.on("GET", ORDER, CHILD)
        scene.server.on("GET", ALL_ALGO, [payloads.ALGO, payloads.ALGO_DONE])

        (fill,) = await Executions(scene.api, OrderIds()).since("XRPUSDT", NOW_MS - 1_000)

        assert fill.client_order_id == "ct-XRPUSDT-abc-s0"


async def test_a_look_for_the_stop_that_fails_is_made_again_by_the_next():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [CHILD_TRADE])
        scene.server.on("GET", ORDER, CHILD)
        scene.server.on("GET", ALL_ALGO, refusal(-1001, "Internal error", 503))
        executions = Executions(scene.api, OrderIds())
        with pytest.raises(Unreachable):
            await executions.since("XRPUSDT", NOW_MS - 1_000)
        scene.server.on("GET", ALL_ALGO, [payloads.ALGO_DONE])

        (fill,) = await executions.since("XRPUSDT", NOW_MS - 1_000)

        assert fill.client_order_id == "ct-XRPUSDT-abc-s0"


async def test_an_order_of_somebody_else_is_looked_for_among_conditional_ones_once():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [payloads.TRADE])
        scene.server.on("GET", ORDER, {**payloads.ORDER, "clientOrderId": "web_1"})
        scene.server.on("GET", ALL_ALGO, [])
        executions = Executions(scene.api, OrderIds())

        await executions.since("XRPUSDT", NOW_MS - 1_000)
        (fill,) = await executions.since("XRPUSDT", NOW_MS - 1_000)

        assert fill.client_order_id == "web_1"
        assert len(scene.server.requests("GET", ALL_ALGO)) == 13


async def test_a_stop_placed_weeks_ago_is_found_in_the_weeks_before():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [CHILD_TRADE])
        scene.server.on("GET", ORDER, CHILD)
        scene.server.on("GET", ALL_ALGO, [], [], [payloads.ALGO_DONE])

        (fill,) = await Executions(scene.api, OrderIds()).since("XRPUSDT", NOW_MS - 1_000)

        assert fill.client_order_id == "ct-XRPUSDT-abc-s0"
        asked = [each.parameters for each in scene.server.requests("GET", ALL_ALGO)]
        assert [int(p["endTime"]) - int(p["startTime"]) for p in asked] == [7 * DAY - 1] * 3
        assert int(asked[1]["endTime"]) == int(asked[0]["startTime"]) - 1


async def test_an_order_of_somebody_else_keeps_its_own_id():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [payloads.TRADE])
        scene.server.on("GET", ORDER, {**payloads.ORDER, "clientOrderId": "web_1"})
        scene.server.on("GET", ALL_ALGO, [])

        (fill,) = await Executions(scene.api, OrderIds()).since("XRPUSDT", NOW_MS - 1_000)

        assert fill.client_order_id == "web_1"
        assert len(scene.server.requests("GET", ALL_ALGO)) == 13  # all that is kept, and no more


async def test_a_liquidation_is_not_looked_for_among_conditional_orders():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [payloads.TRADE])
        scene.server.on("GET", ORDER, {**payloads.ORDER, "clientOrderId": "autoclose-1795"})

        (fill,) = await Executions(scene.api, OrderIds()).since("XRPUSDT", NOW_MS - 1_000)

        assert fill.client_order_id == "autoclose-1795"
        assert not scene.server.requests("GET", ALL_ALGO)


async def test_an_order_that_is_no_longer_remembered_is_named_by_its_number():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [payloads.TRADE])
        scene.server.on("GET", ORDER, refusal(-2013))
        scene.server.on("GET", ALL_ALGO, [])

        (fill,) = await Executions(scene.api, OrderIds()).since("XRPUSDT", NOW_MS - 1_000)

        assert fill.client_order_id == "order-9001"


async def test_a_fee_in_another_asset_is_valued_at_its_minute_once():
    async with a_scene() as scene:
        trade = {**payloads.TRADE, "commission": "0.00002", "commissionAsset": "BNB"}
        scene.server.on("GET", TRADES, [trade, {**trade, "id": 7002}])
        scene.server.on("GET", ORDER, payloads.ORDER)
        row = [NOW_MS // 60_000 * 60_000, "598", "601", "597", "600.00", *payloads.KLINE[5:]]
        scene.server.on("GET", "/fapi/v1/klines", [row])

        fills = await Executions(scene.api, OrderIds()).since("XRPUSDT", NOW_MS - 1_000)

        assert [fill.fee for fill in fills] == [Decimal("0.012")] * 2
        (asked,) = scene.server.requests("GET", "/fapi/v1/klines")
        assert asked.query["symbol"] == "BNBUSDT"
        assert asked.query["startTime"] == str(NOW_MS // 60_000 * 60_000)


async def test_a_fee_in_another_dollar_is_taken_at_par():
    async with a_scene() as scene:
        trade = {**payloads.TRADE, "commission": "0.01", "commissionAsset": "BNFCR"}
        scene.server.on("GET", TRADES, [trade])
        scene.server.on("GET", ORDER, payloads.ORDER)
        scene.server.on("GET", "/fapi/v1/klines", refusal(-1121))

        (fill,) = await Executions(scene.api, OrderIds()).since("XRPUSDT", NOW_MS - 1_000)

        assert fill.fee == Decimal("0.01")


async def test_what_the_exchange_has_forgotten_is_not_asked_for():
    async with a_scene() as scene:
        scene.server.on("GET", TRADES, [])

        await Executions(scene.api, OrderIds()).since("XRPUSDT", 0)

        asked = scene.server.requests("GET", TRADES)
        assert int(asked[0].query["startTime"]) == NOW_MS - 90 * DAY
        assert len(asked) == 13
