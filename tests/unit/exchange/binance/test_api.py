from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.domain.errors import DataError, Rejected
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import TESTNET, endpoints_at
from cointrader.exchange.binance.listen_key import AccountListenKey
from cointrader.exchange.binance.rate_limit import Pool
from tests.unit.exchange.binance import payloads
from tests.unit.exchange.binance.scripted import (
    KEY,
    NOW_MS,
    SECRET,
    FakeClock,
    a_scene,
    refusal,
    serving,
)

DAY = 86_400_000
XRP = {"symbol": "XRPUSDT"}


def kline(open_ms: int) -> list:
    return [open_ms, *payloads.KLINE[1:]]


# (method of the api, its arguments, HTTP method, path, answer, parameters expected, signed?)
SIMPLE = [
    ("server_time", (), "GET", "/fapi/v1/time", {"serverTime": 5}, {}, False),
    ("exchange_info", (), "GET", "/fapi/v1/exchangeInfo", payloads.EXCHANGE_INFO, {}, False),
    ("open_interest", ("XRPUSDT",), "GET", "/fapi/v1/openInterest", payloads.OPEN_INTEREST, XRP,
     False),
    ("premium_index", ("XRPUSDT",), "GET", "/fapi/v1/premiumIndex", payloads.PREMIUM_INDEX, XRP,
     False),
    ("book_ticker", ("XRPUSDT",), "GET", "/fapi/v1/ticker/bookTicker", payloads.BOOK_TICKER, XRP,
     False),
    ("leverage_brackets", ("XRPUSDT",), "GET", "/fapi/v1/leverageBracket", [payloads.BRACKETS],
     XRP, True),
    ("leverage_brackets", ("XRPUSDT",), "GET", "/fapi/v1/leverageBracket", payloads.BRACKETS,
     XRP, True),
    ("account", (), "GET", "/fapi/v3/account", payloads.ACCOUNT, {}, True),
    ("balances", (), "GET", "/fapi/v3/balance", [payloads.BALANCE], {}, True),
    ("position_risk", ("XRPUSDT",), "GET", "/fapi/v3/positionRisk", [payloads.POSITION], XRP, True),
    ("position_risk_v2", (), "GET", "/fapi/v2/positionRisk", [payloads.POSITION_V2], {}, True),
    ("account_config", (), "GET", "/fapi/v1/accountConfig",
     {"dualSidePosition": False, "multiAssetsMargin": False, "canTrade": True}, {}, True),
    ("symbol_config", ("XRPUSDT",), "GET", "/fapi/v1/symbolConfig",
     [{"symbol": "XRPUSDT", "marginType": "ISOLATED", "leverage": 10}], XRP, True),
    ("set_leverage", ("XRPUSDT", 10), "POST", "/fapi/v1/leverage",
     {"symbol": "XRPUSDT", "leverage": 10, "maxNotionalValue": "5000000"},
     {**XRP, "leverage": "10"}, True),
    ("set_isolated", ("XRPUSDT",), "POST", "/fapi/v1/marginType", payloads.SUCCESS,
     {**XRP, "marginType": "ISOLATED"}, True),
    ("is_hedge_mode", (), "GET", "/fapi/v1/positionSide/dual", {"dualSidePosition": False}, {},
     True),
    ("set_hedge_mode", (False,), "POST", "/fapi/v1/positionSide/dual", payloads.SUCCESS,
     {"dualSidePosition": "false"}, True),
    ("is_multi_assets", (), "GET", "/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": False}, {},
     True),
    ("commission_rate", ("XRPUSDT",), "GET", "/fapi/v1/commissionRate",
     {"symbol": "XRPUSDT", "makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005"}, XRP,
     True),
    ("key_restrictions", (), "GET", "/sapi/v1/account/apiRestrictions", payloads.KEY_RESTRICTIONS,
     {}, True),
    ("cancel_order", ("XRPUSDT", "ct-1"), "DELETE", "/fapi/v1/order", payloads.ORDER,
     {**XRP, "origClientOrderId": "ct-1"}, True),
    ("open_orders", ("XRPUSDT",), "GET", "/fapi/v1/openOrders", [payloads.ORDER], XRP, True),
    ("algo_order", ("ct-1",), "GET", "/fapi/v1/algoOrder", payloads.ALGO_DONE,
     {"clientAlgoId": "ct-1"}, True),
    ("cancel_algo_order", ("ct-1",), "DELETE", "/fapi/v1/algoOrder", payloads.ALGO_CANCELLED,
     {"clientAlgoId": "ct-1"}, True),
    ("open_algo_orders", ("XRPUSDT",), "GET", "/fapi/v1/openAlgoOrders", [payloads.ALGO], XRP,
     True),
    ("cancel_all_algo_orders", ("XRPUSDT",), "DELETE", "/fapi/v1/algoOpenOrders",
     payloads.SUCCESS, XRP, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "method", "path", "answer", "parameters", "is_signed"),
    SIMPLE,
    ids=[row[0] for row in SIMPLE],
)
async def test_each_call_asks_its_path_and_reads_the_answer(
    name, arguments, method, path, answer, parameters, is_signed
):
    async with a_scene() as scene:
        scene.server.on(method, path, answer)

        await getattr(scene.api, name)(*arguments)

        asked = scene.server.requests(method, path)[-1]
        assert asked.parameters == parameters
        assert ("signature" in asked.query) is is_signed


async def test_values_are_read_digit_for_digit():
    async with a_scene() as scene:
        scene.server.on("GET", "/fapi/v1/leverageBracket", [payloads.BRACKETS])
        scene.server.on("GET", "/fapi/v3/account", payloads.ACCOUNT)

        brackets = await scene.api.leverage_brackets("XRPUSDT")
        account = await scene.api.account()

        assert brackets.brackets[0].maint_margin_ratio == Decimal("0.0065")
        assert account.assets[1].margin_balance == Decimal("1000.35")


async def test_a_symbol_that_is_left_out_of_the_answer_is_an_error():
    async with a_scene() as scene:
        scene.server.on("GET", "/fapi/v1/symbolConfig", [])

        with pytest.raises(DataError, match="left out"):
            await scene.api.symbol_config("XRPUSDT")


@pytest.mark.parametrize(
    ("path", "code"), [("/fapi/v1/marginType", -4046), ("/fapi/v1/positionSide/dual", -4059)]
)
async def test_a_setting_that_is_so_already_is_fine(path, code):
    async with a_scene() as scene:
        scene.server.on("POST", path, refusal(code, "No need to change."))

        if code == -4046:
            await scene.api.set_isolated("XRPUSDT")
        else:
            await scene.api.set_hedge_mode(False)


async def test_a_setting_that_is_blocked_is_refused_with_what_to_do():
    async with a_scene() as scene:
        scene.server.on("POST", "/fapi/v1/marginType", refusal(-4048))

        with pytest.raises(Rejected, match="close positions and cancel orders"):
            await scene.api.set_isolated("XRPUSDT")


async def test_klines_are_asked_in_pages_of_a_thousand():
    async with a_scene() as scene:
        pages = [[kline(n * 60_000) for n in range(1_000)], [kline(60_000_000)]]
        scene.server.on("GET", "/fapi/v1/klines", *pages)

        rows = await scene.api.klines("XRPUSDT", "1m", start_ms=0, end_ms=90_000_000)

        assert [row.open_time for row in rows] == [n * 60_000 for n in range(1_001)]
        first, second = (each.query for each in scene.server.asked)
        assert first == {
            "symbol": "XRPUSDT", "interval": "1m", "startTime": "0", "endTime": "89999999",
            "limit": "1000",
        }  # fmt: skip
        assert (second["startTime"], second["limit"]) == ("59940001", "501")


@pytest.mark.parametrize(("bars", "cost"), [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5)])
async def test_few_klines_cost_little(bars, cost):
    async with a_scene() as scene:
        scene.server.on("GET", "/fapi/v1/klines", [])

        await scene.api.klines("XRPUSDT", "1m", start_ms=0, end_ms=bars * 60_000)

        assert scene.rest.limiter.used(Pool.WEIGHT) == cost
        assert scene.server.asked[0].query["limit"] == str(bars)


async def test_funding_rates_are_asked_in_pages():
    async with a_scene() as scene:
        rows = [{**payloads.FUNDING_RATE, "fundingTime": n} for n in range(1_001)]
        scene.server.on("GET", "/fapi/v1/fundingRate", rows[:1_000], rows[1_000:])

        found = await scene.api.funding_rates("XRPUSDT", start_ms=0, end_ms=5_000)

        assert [row.funding_time for row in found] == list(range(1_001))


async def test_open_interest_is_asked_in_windows_that_fit_one_answer():
    async with a_scene() as scene:
        rows = [{**payloads.OPEN_INTEREST_ROW, "timestamp": n * 300_000} for n in range(700)]
        scene.server.on("GET", "/futures/data/openInterestHist", rows[:499], rows[499:])

        found = await scene.api.open_interest_history(
            "XRPUSDT", "5m", start_ms=0, end_ms=700 * 300_000
        )

        assert [row.timestamp for row in found] == [n * 300_000 for n in range(700)]
        asked = [(q.query["startTime"], q.query["endTime"]) for q in scene.server.asked]
        middle_ms = 499 * 300_000
        assert asked == [("0", str(middle_ms - 1)), (str(middle_ms), str(700 * 300_000 - 1))]


async def test_open_interest_older_than_a_month_is_not_asked_for():
    async with a_scene() as scene:
        scene.server.on("GET", "/futures/data/openInterestHist", [])

        await scene.api.open_interest_history("XRPUSDT", "5m", start_ms=0, end_ms=90 * DAY)

        assert scene.server.asked[0].query["startTime"] == str(59 * DAY)


async def test_income_pages_overlap_and_count_each_row_once():
    async with a_scene() as scene:
        rows = [{**payloads.INCOME, "tranId": n, "time": NOW_MS + n // 2} for n in range(1_200)]
        scene.server.on("GET", "/fapi/v1/income", rows[:1_000], rows[998:])

        found = await scene.api.income(
            "FUNDING_FEE", start_ms=NOW_MS, end_ms=NOW_MS + DAY, symbol="XRPUSDT"
        )

        assert [row.tran_id for row in found] == list(range(1_200))
        last = scene.server.asked[-1]
        assert last.parameters["startTime"] == str(NOW_MS + 499)
        assert last.parameters["incomeType"] == "FUNDING_FEE"


async def test_trades_are_asked_week_by_week_and_a_full_week_by_id():
    async with a_scene() as scene:
        start_ms = NOW_MS - 10 * DAY
        week = [{**payloads.TRADE, "id": n, "time": start_ms + n} for n in range(1_500)]
        later = {**payloads.TRADE, "id": 2_000, "time": start_ms + 8 * DAY}
        scene.server.on("GET", "/fapi/v1/userTrades", week[:1_000], [*week[1_000:], later], [later])

        found = await scene.api.user_trades("XRPUSDT", start_ms=start_ms, end_ms=NOW_MS)

        assert [trade.id for trade in found] == [*range(1_500), 2_000]
        asked = [each.parameters for each in scene.server.requests("GET", "/fapi/v1/userTrades")]
        assert [(p.get("startTime"), p.get("endTime"), p.get("fromId")) for p in asked] == [
            (str(start_ms), str(start_ms + 7 * DAY - 1), None),
            (None, None, "1000"),
            (str(start_ms + 7 * DAY), str(NOW_MS - 1), None),
        ]


async def test_an_order_is_asked_for_by_either_of_its_ids():
    async with a_scene() as scene:
        scene.server.on("GET", "/fapi/v1/order", payloads.ORDER)

        await scene.api.order("XRPUSDT", client_order_id="ct-1")
        await scene.api.order("XRPUSDT", order_id=9001)

        by_client, by_number = scene.server.requests("GET", "/fapi/v1/order")
        assert by_client.parameters == {"symbol": "XRPUSDT", "origClientOrderId": "ct-1"}
        assert by_number.parameters == {"symbol": "XRPUSDT", "orderId": "9001"}


async def test_a_listen_key_is_started_kept_and_closed_by_key_alone():
    async with a_scene() as scene:
        path = "/fapi/v1/listenKey"
        scene.server.on("POST", path, {"listenKey": "abc"})
        scene.server.on("PUT", path, {})
        scene.server.on("DELETE", path, {})

        key = AccountListenKey(scene.api)
        assert await key.start() == "abc"
        await key.keepalive()
        await scene.api.close_listen_key()

        assert [each.method for each in scene.server.asked] == ["POST", "PUT", "DELETE"]
        assert all(each.raw_query == "" for each in scene.server.asked)
        assert all(each.headers["X-MBX-APIKEY"] == KEY for each in scene.server.asked)


async def test_a_listen_key_that_has_ended_says_so():
    async with a_scene() as scene:
        scene.server.on("PUT", "/fapi/v1/listenKey", refusal(-1125))

        with pytest.raises(Rejected) as refused:
            await AccountListenKey(scene.api).keepalive()

        assert refused.value.code == "-1125"


async def test_the_calls_of_any_server_are_made_from_its_addresses():
    clock = FakeClock()
    async with serving(clock) as server:
        server.on("GET", "/sapi/v1/account/apiRestrictions", payloads.KEY_RESTRICTIONS)
        api = BinanceApi.at(endpoints_at(server.url), clock, Credentials(KEY, SECRET))
        try:
            assert await api.server_time() == NOW_MS
            restrictions = await api.key_restrictions()
        finally:
            await api.close()

        assert restrictions is not None
        assert restrictions.enable_futures
        assert server.requests("GET", "/api/v3/time")  # the spot host has a clock of its own


async def test_the_testnet_does_not_say_what_a_key_may_do():
    api = BinanceApi.at(TESTNET, FakeClock(), Credentials(KEY, SECRET))

    assert await api.key_restrictions() is None
