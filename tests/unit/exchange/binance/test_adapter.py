from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from cointrader.domain.candle import Candle
from cointrader.domain.errors import OutcomeUnknown, RateLimited, Rejected, Unreachable
from cointrader.domain.events import FundingSettled, OrderUpdated
from cointrader.domain.order import (
    Leg,
    OrderKind,
    OrderRequest,
    OrderSide,
    OrderStatus,
    client_order_id,
)
from cointrader.domain.ports import Account, Exchange, Quote, Settlement
from cointrader.exchange.binance import translate
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.market_feed import CandleHistory
from cointrader.exchange.binance.transfers import Transfers
from cointrader.exchange.binance.user_feed import AccountHistory
from tests.unit.exchange.binance import payloads
from tests.unit.exchange.binance.scripted import (
    CUT,
    HANG,
    NOW_MS,
    Reply,
    Scene,
    a_scene,
    refusal,
)

D = Decimal
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
OPEN, OPEN_ALGO = "/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"
ENTRY_ID = client_order_id("XRPUSDT", 0, Leg.ENTRY)
STOP_ID = client_order_id("XRPUSDT", 0, Leg.STOP)
ENTRY = OrderRequest(ENTRY_ID, "XRPUSDT", OrderSide.BUY, OrderKind.MARKET, D(10))
STOP = OrderRequest(
    STOP_ID,
    "XRPUSDT",
    OrderSide.SELL,
    OrderKind.STOP_MARKET,
    trigger_price=D("2.05"),
    close_position=True,
)


async def no_events(symbol: str) -> AsyncIterator[OrderUpdated]:
    return
    yield


@asynccontextmanager
async def an_exchange(
    **settings: float,
) -> AsyncIterator[tuple[Scene, BinanceExchange]]:
    async with a_scene(**settings) as scene:
        yield (
            scene,
            BinanceExchange(scene.api, scene.clock, interval="1m", account_events=no_events),
        )


async def test_a_look_ahead_under_way_ends_with_the_connections():
    before = asyncio.all_tasks()
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v3/positionRisk", HANG)
        await exchange.now_ms()
        exchange.look_ahead()
        while not scene.server.requests("GET", "/fapi/v3/positionRisk"):
            await asyncio.sleep(0.001)

        await scene.api.close()
        names = {task.get_name() for task in asyncio.all_tasks() - before}
    assert not names & {"ahead", "together"}


# -- placing --------------------------------------------------------------------------------------


async def test_it_is_an_exchange_and_what_the_streams_ask():
    async with an_exchange() as (_, exchange):
        port: Exchange = exchange
        candles: CandleHistory = exchange
        account: AccountHistory = exchange
        assert [event async for event in port.account_events("XRPUSDT")] == []
        assert {type(each) for each in (candles, account)} == {BinanceExchange}


async def test_a_market_order_goes_to_the_plain_service_and_asks_for_its_result():
    async with an_exchange() as (scene, exchange):
        scene.server.on("POST", ORDER, {**payloads.ORDER, "clientOrderId": ENTRY_ID})

        report = await exchange.place(ENTRY)

        assert (report.status, report.average_price) == (OrderStatus.FILLED, D("2.101"))
        (asked,) = scene.server.requests("POST", ORDER)
        assert asked.parameters == {
            "symbol": "XRPUSDT",
            "side": "BUY",
            "type": "MARKET",
            "positionSide": "BOTH",
            "newClientOrderId": ENTRY_ID,
            "quantity": "10",
            "newOrderRespType": "RESULT",
        }


async def test_a_stop_goes_to_the_algo_service():
    async with an_exchange() as (scene, exchange):
        scene.server.on("POST", ALGO, {**payloads.ALGO, "clientAlgoId": STOP_ID})

        report = await exchange.place(STOP)

        assert (report.client_order_id, report.status) == (STOP_ID, OrderStatus.NEW)
        (asked,) = scene.server.requests("POST", ALGO)
        assert asked.parameters["algoType"] == "CONDITIONAL"
        assert asked.parameters["closePosition"] == "true"
        assert "quantity" not in asked.parameters


@pytest.mark.parametrize(
    "trouble",
    [HANG, CUT, refusal(-1007, status=408), Reply({"code": -1000, "msg": "Unknown error"}, 503)],
    ids=["silence", "cut", "-1007", "503"],
)
async def test_an_order_without_a_clear_answer_is_sent_once_and_unknown(trouble):
    async with an_exchange(vital_timeout_s=0.2) as (scene, exchange):
        scene.server.on("POST", ORDER, trouble)

        with pytest.raises(OutcomeUnknown):
            await exchange.place(ENTRY)

        assert len(scene.server.requests("POST", ORDER)) == 1


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Reply("Service Unavailable.", 503), Unreachable),
        (refusal(-1008, "overloaded", 503), RateLimited),
        (refusal(-1003, status=429, Retry_After="3"), RateLimited),
        (refusal(-2019, "Margin is insufficient."), Rejected),
    ],
)
async def test_an_order_that_was_surely_not_taken_says_so(trouble, kind):
    async with an_exchange() as (scene, exchange):
        scene.server.on("POST", ORDER, trouble)

        with pytest.raises(kind):
            await exchange.place(ENTRY)


async def test_a_refusal_by_a_rule_makes_the_rules_be_read_again():
    async with an_exchange() as (scene, exchange):
        coarse = {**payloads.SYMBOL_INFO, "filters": []}
        infos = [{**payloads.EXCHANGE_INFO, "symbols": [s]} for s in (payloads.SYMBOL_INFO, coarse)]
        scene.server.on("GET", "/fapi/v1/exchangeInfo", *infos)
        scene.server.on("GET", "/fapi/v1/leverageBracket", [payloads.BRACKETS])
        scene.server.on("POST", ORDER, refusal(-1111, "Precision is over the maximum"))
        assert (await exchange.instrument("XRPUSDT")).step_size == D("0.1")
        scene.clock.at_ms += 60_000

        with pytest.raises(Rejected):
            await exchange.place(ENTRY)

        assert (await exchange.instrument("XRPUSDT")).step_size is None


# -- cancelling and looking up --------------------------------------------------------------------


async def test_an_entry_is_cancelled_in_the_plain_service():
    async with an_exchange() as (scene, exchange):
        cancelled = {**payloads.ORDER, "status": "CANCELED", "clientOrderId": ENTRY_ID}
        scene.server.on("DELETE", ORDER, cancelled)

        report = await exchange.cancel("XRPUSDT", ENTRY_ID)

        assert report is not None
        assert report.status is OrderStatus.CANCELED
        assert not scene.server.requests("DELETE", ALGO)


async def test_a_stop_is_cancelled_in_the_algo_service_even_after_a_restart():
    async with an_exchange() as (scene, exchange):
        scene.server.on("DELETE", ALGO, payloads.ALGO_CANCELLED)
        scene.server.on("GET", ALGO, {**payloads.ALGO, "algoStatus": "CANCELED"})

        report = await exchange.cancel("XRPUSDT", STOP_ID)

        assert report is not None
        assert report.status is OrderStatus.CANCELED
        assert not scene.server.requests("DELETE", ORDER)


async def test_a_cancelled_stop_that_still_looks_alive_is_cancelled_all_the_same():
    async with an_exchange() as (scene, exchange):
        scene.server.on("DELETE", ALGO, payloads.ALGO_CANCELLED)
        scene.server.on("GET", ALGO, payloads.ALGO)

        report = await exchange.cancel("XRPUSDT", STOP_ID)

        assert report is not None
        assert report.status is OrderStatus.CANCELED


@pytest.mark.parametrize("code", [-2011, -2013, -4117])
@pytest.mark.parametrize(("order_id", "path"), [(ENTRY_ID, ORDER), (STOP_ID, ALGO)])
async def test_what_is_not_open_any_more_is_not_looked_for_elsewhere(order_id, path, code):
    async with an_exchange() as (scene, exchange):
        scene.server.on("DELETE", path, refusal(code, "Unknown order sent."))

        assert await exchange.cancel("XRPUSDT", order_id) is None

        assert {each.path for each in scene.server.asked if each.method == "DELETE"} == {path}


async def test_an_order_of_others_is_looked_for_in_the_second_place_once_the_first_has_said_no():
    async with an_exchange() as (scene, exchange):
        scene.server.on("DELETE", ORDER, refusal(-2011))
        scene.server.on("DELETE", ALGO, payloads.ALGO_CANCELLED)
        scene.server.on("GET", ALGO, {**payloads.ALGO, "algoStatus": "CANCELED"})

        assert await exchange.cancel("XRPUSDT", "web_1") is not None


@pytest.mark.parametrize("trouble", [HANG, CUT, Reply("bad gateway", 502)])
async def test_silence_of_the_first_place_is_no_reason_to_look_in_the_second(trouble):
    async with an_exchange(vital_timeout_s=0.2) as (scene, exchange):
        scene.server.on("DELETE", ORDER, trouble)

        with pytest.raises(OutcomeUnknown):
            await exchange.cancel("XRPUSDT", "web_1")

        assert not scene.server.requests("DELETE", ALGO)


async def test_an_order_of_others_that_was_seen_is_cancelled_where_it_was_seen():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", OPEN, [])
        scene.server.on("GET", OPEN_ALGO, [{**payloads.ALGO, "clientAlgoId": "web_1"}])
        scene.server.on("DELETE", ALGO, payloads.ALGO_CANCELLED)
        scene.server.on("GET", ALGO, {**payloads.ALGO, "clientAlgoId": "web_1"})
        await exchange.open_orders("XRPUSDT")

        await exchange.cancel("XRPUSDT", "web_1")

        assert not scene.server.requests("DELETE", ORDER)


async def test_an_order_that_is_not_there_is_none():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", ORDER, refusal(-2013, "Order does not exist."))
        scene.server.on("GET", ALGO, refusal(-2013, "Order does not exist."))

        assert await exchange.order("XRPUSDT", ENTRY_ID) is None
        assert await exchange.order("XRPUSDT", STOP_ID) is None
        assert await exchange.order("XRPUSDT", "web_1") is None


async def test_a_stop_that_was_triggered_tells_what_it_filled():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", ALGO, payloads.ALGO_DONE)

        report = await exchange.order("XRPUSDT", STOP_ID)

        assert report is not None
        assert (report.status, report.filled_quantity, report.average_price) == (
            OrderStatus.FILLED,
            D(10),
            D("2.049"),
        )


async def test_whose_child_an_order_is_waits_for_no_firewall():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v1/allAlgoOrders", Reply("<html>go away</html>", 403))

        with pytest.raises(RateLimited):  # at once: a position may have ended with this order
            await exchange.parent_of("XRPUSDT", 9002)

        assert scene.clock.slept_ms == []


async def test_the_conditional_order_that_became_an_order_is_found():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v1/allAlgoOrders", [payloads.ALGO], [payloads.ALGO_DONE], [])
        scene.server.on("GET", ALGO, payloads.ALGO_DONE)

        first = await exchange.parent_of("XRPUSDT", 9002)
        again = await exchange.parent_of("XRPUSDT", 9002)

        assert first is not None
        assert again is not None
        assert first.client_order_id == again.client_order_id == payloads.ALGO["clientAlgoId"]
        assert len(scene.server.requests("GET", "/fapi/v1/allAlgoOrders")) == 2
        assert await exchange.parent_of("XRPUSDT", 1) is None


async def test_a_look_up_that_cannot_be_made_is_not_taken_for_absence():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", ORDER, CUT)

        with pytest.raises(Unreachable):
            await exchange.order("XRPUSDT", ENTRY_ID)


async def test_open_orders_are_those_of_both_services_each_once():
    async with an_exchange() as (scene, exchange):
        triggered = {**payloads.ALGO, "algoStatus": "TRIGGERED", "actualOrderId": "9002"}
        child = {**payloads.ORDER, "orderId": 9002, "clientOrderId": "made", "status": "NEW"}
        resting = {**payloads.ORDER, "orderId": 9003, "clientOrderId": "web_1", "status": "NEW"}
        twice = {**resting, "orderId": 9004, "clientOrderId": payloads.ALGO["clientAlgoId"]}
        scene.server.on("GET", OPEN_ALGO, [triggered])
        scene.server.on("GET", OPEN, [child, resting, twice])

        reports = await exchange.open_orders("XRPUSDT")

        assert [(r.client_order_id, r.status.value) for r in reports] == [
            ("ct-XRPUSDT-abc-s0", "TRIGGERED"),
            ("web_1", "NEW"),
        ]
        paths = [each.path for each in scene.server.asked]
        assert paths.index(OPEN_ALGO) < paths.index(OPEN)


# -- the account ----------------------------------------------------------------------------------


async def test_the_position_is_read_from_the_newest_version():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v3/positionRisk", [payloads.POSITION], [])

        position = await exchange.position("XRPUSDT")

        assert position is not None
        assert position.quantity == 10
        assert await exchange.position("XRPUSDT") is None


async def test_an_account_that_does_not_tell_transfers_has_none():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v3/account", payloads.ACCOUNT)

        assert await exchange.account() == Account(D(1000), D("1000.35"), D("996.15"))


async def test_a_wallet_is_read_again_where_money_came_in_meanwhile():
    async with a_scene() as scene:
        transfers = Transfers(scene.api, asset="USDT", since_ms=NOW_MS - 1_000)
        exchange = BinanceExchange(
            scene.api, scene.clock, interval="1m", account_events=no_events, transfers=transfers
        )
        rich = {**payloads.ACCOUNT["assets"][1], "walletBalance": "1100.00"}
        scene.server.on(
            "GET", "/fapi/v3/account", payloads.ACCOUNT, {**payloads.ACCOUNT, "assets": [rich]}
        )
        scene.server.on("GET", "/fapi/v1/income", [payloads.TRANSFER])

        account = await exchange.account()

        assert (account.wallet, account.transfers) == (D(1100), D(100))


async def test_a_wallet_is_read_once_where_no_money_came_in():
    async with a_scene() as scene:
        transfers = Transfers(scene.api, asset="USDT", since_ms=NOW_MS - 1_000)
        exchange = BinanceExchange(
            scene.api, scene.clock, interval="1m", account_events=no_events, transfers=transfers
        )
        scene.server.on("GET", "/fapi/v3/account", payloads.ACCOUNT)
        scene.server.on("GET", "/fapi/v1/income", [])

        await exchange.account()

        assert len(scene.server.requests("GET", "/fapi/v3/account")) == 1
        assert len(scene.server.requests("GET", "/fapi/v1/income")) == 1


async def test_fills_name_their_orders_from_memory():
    async with an_exchange() as (scene, exchange):
        scene.server.on("POST", ORDER, {**payloads.ORDER, "clientOrderId": ENTRY_ID})
        scene.server.on("GET", "/fapi/v1/userTrades", [payloads.TRADE])
        await exchange.place(ENTRY)

        (fill,) = await exchange.fills("XRPUSDT", since_ms=NOW_MS - 1)

        assert fill.client_order_id == ENTRY_ID
        assert not scene.server.requests("GET", ORDER)


async def test_a_stop_s_child_that_was_seen_among_open_orders_is_still_named_by_its_stop():
    async with an_exchange() as (scene, exchange):
        child = {**payloads.ORDER, "orderId": 9002, "clientOrderId": "x-made-by-the-exchange"}
        scene.server.on("GET", OPEN, [child])
        scene.server.on("GET", OPEN_ALGO, [])
        scene.server.on("GET", ORDER, child)
        scene.server.on("GET", "/fapi/v1/userTrades", [{**payloads.TRADE, "orderId": 9002}])
        scene.server.on("GET", "/fapi/v1/allAlgoOrders", [payloads.ALGO_DONE])
        await exchange.open_orders("XRPUSDT")

        (fill,) = await exchange.fills("XRPUSDT", since_ms=NOW_MS - 1)

        assert fill.client_order_id == "ct-XRPUSDT-abc-s0"


async def test_funding_is_read_with_its_rates():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v1/income", [payloads.INCOME])
        scene.server.on("GET", "/fapi/v1/fundingRate", [payloads.FUNDING_RATE])

        payments = await exchange.funding("XRPUSDT", since_ms=NOW_MS - 86_400_000)

        assert payments == [FundingSettled("XRPUSDT", 1794988800000, D("0.0001"), D("-0.0021"))]
        (asked,) = scene.server.requests("GET", "/fapi/v1/income")
        assert asked.parameters["symbol"] == "XRPUSDT"


async def test_without_payments_no_rates_are_asked_for():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v1/income", [])

        assert await exchange.funding("XRPUSDT", since_ms=NOW_MS - 1_000) == []


# -- the market -----------------------------------------------------------------------------------


async def test_a_quote_is_the_best_of_the_book_and_the_mark_price():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v1/ticker/bookTicker", payloads.BOOK_TICKER)
        scene.server.on("GET", "/fapi/v1/premiumIndex", payloads.PREMIUM_INDEX)

        quote = await exchange.quote("XRPUSDT")

        assert quote == Quote(bid=D("2.1010"), ask=D("2.1011"), mark=D("2.10120000"))


async def test_history_ends_with_the_last_candle_that_has_closed():
    async with an_exchange() as (scene, exchange):
        minute = NOW_MS // 60_000 * 60_000  # the minute that is open now
        rows = [[minute - n * 60_000, *payloads.KLINE[1:]] for n in (2, 1)]
        scene.server.on("GET", "/fapi/v1/klines", rows)

        candles = await exchange.history("XRPUSDT", before_ms=NOW_MS + 86_400_000, limit=2)

        assert candles[-1] == Candle(
            "XRPUSDT", minute - 60_000, minute, 2.1, 2.104, 2.099, 2.101, 15230.4
        )
        (asked,) = scene.server.requests("GET", "/fapi/v1/klines")
        assert asked.query["startTime"] == str(minute - 120_000)
        assert asked.query["endTime"] == str(minute - 60_000)


async def test_history_before_a_moment_does_not_hold_the_candle_that_opened_at_it():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v1/klines", [])

        await exchange.history("XRPUSDT", before_ms=600_000, limit=3)

        (asked,) = scene.server.requests("GET", "/fapi/v1/klines")
        assert (asked.query["startTime"], asked.query["endTime"]) == ("420000", "540000")


async def test_settlements_and_open_interest_are_those_recorded():
    async with an_exchange() as (scene, exchange):
        scene.server.on("GET", "/fapi/v1/fundingRate", [payloads.FUNDING_RATE])
        scene.server.on("GET", "/futures/data/openInterestHist", [payloads.OPEN_INTEREST_ROW])

        assert await exchange.funding_rates("XRPUSDT", 0, NOW_MS) == [
            Settlement(1794988800000, 0.0001, 2.1012)
        ]
        assert await exchange.open_interest("XRPUSDT", 0, NOW_MS) == [(1794999900000, 310022411.4)]


# -- settings -------------------------------------------------------------------------------------


async def test_settings_of_the_account_can_be_read_and_made_ours():
    async with an_exchange() as (scene, exchange):
        server = scene.server
        server.on("GET", "/sapi/v1/account/apiRestrictions", payloads.KEY_RESTRICTIONS)
        server.on("GET", "/fapi/v1/positionSide/dual", {"dualSidePosition": True})
        server.on("POST", "/fapi/v1/positionSide/dual", refusal(-4059))
        server.on("GET", "/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": False})
        config = {"symbol": "XRPUSDT", "marginType": "ISOLATED", "leverage": 10}
        server.on("GET", "/fapi/v1/symbolConfig", [config])
        server.on("POST", "/fapi/v1/leverage", {"symbol": "XRPUSDT", "leverage": 10})
        server.on("POST", "/fapi/v1/marginType", payloads.SUCCESS)
        fees = {"symbol": "XRPUSDT", "makerCommissionRate": "0", "takerCommissionRate": "0.0005"}
        server.on("GET", "/fapi/v1/commissionRate", fees)
        server.on("GET", "/fapi/v1/exchangeInfo", payloads.EXCHANGE_INFO)

        rights = await exchange.key_rights()
        assert rights == translate.KeyRights(True, False, True)
        assert await exchange.is_hedge_mode()
        await exchange.set_one_way_mode()
        assert not await exchange.is_multi_assets()
        settings = await exchange.symbol_settings("XRPUSDT")
        assert settings == translate.SymbolSettings(leverage=10, is_isolated=True)
        assert await exchange.set_leverage("XRPUSDT", 10) == 10
        await exchange.set_isolated("XRPUSDT")
        assert await exchange.taker_fee_ratio("XRPUSDT") == D("0.0005")
        assert await exchange.is_trading("XRPUSDT")
