"""Every REST call once, with the right shape: names, and which values are text or numbers."""

from __future__ import annotations

from typing import Any

import pytest

from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated.wire.routes import ROUTES
from tests.unit.exchange.simulated_fakes import M15, T0
from tests.unit.exchange.wire.serving import CALM, SYMBOL, served

S = {"symbol": SYMBOL}
TEXT, NUMBER, FLAG, LIST = str, (int, float), bool, list
Names = dict[str, Any]

# call, parameters, what its answer (or the first row of it) has at least
PUBLIC: list[tuple[str, Names, Names]] = [
    ("/fapi/v1/ping", {}, {}),
    ("/fapi/v1/time", {}, {"serverTime": NUMBER}),
    (
        "/fapi/v1/exchangeInfo",
        {},
        {"timezone": TEXT, "serverTime": NUMBER, "rateLimits": LIST, "symbols": LIST},
    ),
    (
        "/fapi/v1/fundingRate",
        S,
        {"symbol": TEXT, "fundingRate": TEXT, "fundingTime": NUMBER, "markPrice": TEXT},
    ),
    (
        "/fapi/v1/premiumIndex",
        S,
        {
            "markPrice": TEXT,
            "indexPrice": TEXT,
            "estimatedSettlePrice": TEXT,
            "lastFundingRate": TEXT,
            "interestRate": TEXT,
            "nextFundingTime": NUMBER,
            "time": NUMBER,
        },
    ),
    ("/fapi/v1/premiumIndex", {}, {"symbol": TEXT}),
    ("/fapi/v1/openInterest", S, {"openInterest": TEXT, "symbol": TEXT, "time": NUMBER}),
    (
        "/futures/data/openInterestHist",
        {**S, "period": "15m"},
        {"sumOpenInterest": TEXT, "sumOpenInterestValue": TEXT, "timestamp": NUMBER},
    ),
    ("/fapi/v1/depth", {**S, "limit": 5}, {"lastUpdateId": NUMBER, "bids": LIST, "asks": LIST}),
    (
        "/fapi/v1/trades",
        {**S, "limit": 3},
        {"id": NUMBER, "price": TEXT, "qty": TEXT, "time": NUMBER, "isBuyerMaker": FLAG},
    ),
    (
        "/fapi/v1/aggTrades",
        {**S, "limit": 3},
        {"a": NUMBER, "p": TEXT, "q": TEXT, "nq": TEXT, "f": NUMBER, "l": NUMBER, "T": NUMBER},
    ),
    ("/fapi/v1/rpiDepth", S, {"lastUpdateId": NUMBER, "bids": LIST, "asks": LIST}),
    ("/fapi/v1/constituents", S, {"symbol": TEXT, "time": NUMBER, "constituents": LIST}),
    ("/fapi/v1/symbolAdlRisk", S, {"symbol": TEXT, "adlRisk": TEXT, "updateTime": NUMBER}),
    *(
        (
            f"/futures/data/{name}",
            {**S, "period": "15m"},
            {"longShortRatio": TEXT, "longAccount": TEXT, "timestamp": NUMBER},
        )
        for name in (
            "globalLongShortAccountRatio",
            "topLongShortAccountRatio",
            "topLongShortPositionRatio",
        )
    ),
    (
        "/futures/data/takerlongshortRatio",
        {**S, "period": "15m"},
        {"buySellRatio": TEXT, "buyVol": TEXT, "sellVol": TEXT, "timestamp": NUMBER},
    ),
    (
        "/futures/data/basis",
        {"pair": SYMBOL, "contractType": "PERPETUAL", "period": "15m"},
        {"indexPrice": TEXT, "basis": TEXT, "pair": TEXT, "timestamp": NUMBER},
    ),
    ("/fapi/v1/ticker/price", S, {"symbol": TEXT, "price": TEXT, "time": NUMBER}),
    ("/fapi/v2/ticker/price", {}, {"symbol": TEXT, "price": TEXT, "time": NUMBER}),
    (
        "/fapi/v1/ticker/bookTicker",
        S,
        {"bidPrice": TEXT, "bidQty": TEXT, "askPrice": TEXT, "askQty": TEXT, "time": NUMBER},
    ),
    ("/fapi/v1/ticker/24hr", S, {"lastPrice": TEXT, "volume": TEXT, "count": NUMBER}),
    ("/api/v3/ping", {}, {}),
    ("/api/v3/time", {}, {"serverTime": NUMBER}),
]
POSITION_V3 = {
    "symbol": TEXT,
    "positionSide": TEXT,
    "positionAmt": TEXT,
    "entryPrice": TEXT,
    "breakEvenPrice": TEXT,
    "markPrice": TEXT,
    "unRealizedProfit": TEXT,
    "liquidationPrice": TEXT,
    "isolatedMargin": TEXT,
    "notional": TEXT,
    "marginAsset": TEXT,
    "isolatedWallet": TEXT,
    "initialMargin": TEXT,
    "maintMargin": TEXT,
    "positionInitialMargin": TEXT,
    "openOrderInitialMargin": TEXT,
    "adl": NUMBER,
    "updateTime": NUMBER,
}
ORDER = {
    "orderId": NUMBER,
    "symbol": TEXT,
    "status": TEXT,
    "clientOrderId": TEXT,
    "price": TEXT,
    "origQty": TEXT,
    "executedQty": TEXT,
    "timeInForce": TEXT,
    "type": TEXT,
    "reduceOnly": FLAG,
    "closePosition": FLAG,
    "side": TEXT,
    "positionSide": TEXT,
    "stopPrice": TEXT,
    "workingType": TEXT,
    "priceProtect": FLAG,
    "origType": TEXT,
    "priceMatch": TEXT,
    "selfTradePreventionMode": TEXT,
    "goodTillDate": NUMBER,
    "updateTime": NUMBER,
}
ALGO = {
    "algoId": NUMBER,
    "clientAlgoId": TEXT,
    "algoType": TEXT,
    "orderType": TEXT,
    "symbol": TEXT,
    "side": TEXT,
    "timeInForce": TEXT,
    "quantity": TEXT,
    "algoStatus": TEXT,
    "triggerPrice": TEXT,
    "workingType": TEXT,
    "closePosition": FLAG,
    "priceProtect": FLAG,
    "reduceOnly": FLAG,
    "createTime": NUMBER,
    "triggerTime": NUMBER,
}
LIMIT = {
    **S,
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "10",
    "price": "1.95",
}
STOP = {
    **S,
    "algoType": "CONDITIONAL",
    "side": "SELL",
    "type": "STOP_MARKET",
    "triggerPrice": "1.9",
    "quantity": "10",
    "reduceOnly": "true",
}
# In this order: later rows speak of what earlier ones made.
SIGNED: list[tuple[str, str, Names, Names]] = [
    ("GET", "/fapi/v2/account", {}, {"canTrade": FLAG, "totalWalletBalance": TEXT, "assets": LIST}),
    ("GET", "/fapi/v3/account", {}, {"availableBalance": TEXT, "positions": LIST}),
    ("GET", "/fapi/v2/balance", {}, {"asset": TEXT, "balance": TEXT, "updateTime": NUMBER}),
    ("GET", "/fapi/v3/balance", {}, {"asset": TEXT, "availableBalance": TEXT}),
    (
        "GET",
        "/fapi/v2/positionRisk",
        S,
        {"leverage": TEXT, "marginType": TEXT, "isAutoAddMargin": TEXT, "maxNotionalValue": TEXT},
    ),
    ("GET", "/fapi/v3/positionRisk", S, POSITION_V3),
    ("GET", "/fapi/v1/accountConfig", {}, {"dualSidePosition": FLAG, "multiAssetsMargin": FLAG}),
    ("GET", "/fapi/v1/symbolConfig", S, {"marginType": TEXT, "leverage": NUMBER}),
    ("POST", "/fapi/v1/leverage", {**S, "leverage": 12}, {"leverage": NUMBER, "symbol": TEXT}),
    ("GET", "/fapi/v1/positionSide/dual", {}, {"dualSidePosition": FLAG}),
    ("GET", "/fapi/v1/multiAssetsMargin", {}, {"multiAssetsMargin": FLAG}),
    ("GET", "/fapi/v1/leverageBracket", S, {"symbol": TEXT, "brackets": LIST}),
    (
        "GET",
        "/fapi/v1/commissionRate",
        S,
        {"makerCommissionRate": TEXT, "takerCommissionRate": TEXT},
    ),
    (
        "GET",
        "/fapi/v1/income",
        {},
        {"incomeType": TEXT, "income": TEXT, "time": NUMBER, "tranId": NUMBER, "tradeId": TEXT},
    ),
    (
        "GET",
        "/fapi/v1/userTrades",
        S,
        {
            "buyer": FLAG,
            "commission": TEXT,
            "commissionAsset": TEXT,
            "id": NUMBER,
            "maker": FLAG,
            "orderId": NUMBER,
            "price": TEXT,
            "qty": TEXT,
            "quoteQty": TEXT,
            "realizedPnl": TEXT,
            "side": TEXT,
            "time": NUMBER,
        },
    ),
    ("GET", "/fapi/v1/rateLimit/order", {}, {"rateLimitType": TEXT, "limit": NUMBER}),
    ("GET", "/fapi/v1/adlQuantile", S, {"symbol": TEXT, "adlQuantile": dict}),
    ("GET", "/fapi/v1/apiTradingStatus", {}, {"indicators": dict, "updateTime": NUMBER}),
    ("GET", "/fapi/v1/feeBurn", {}, {"feeBurn": FLAG}),
    ("POST", "/fapi/v1/feeBurn", {"feeBurn": "false"}, {"code": NUMBER, "msg": TEXT}),
    ("GET", "/fapi/v1/historicalTrades", S, {"id": NUMBER, "price": TEXT, "isRPITrade": FLAG}),
    ("POST", "/fapi/v1/order/test", LIMIT, {**ORDER, "avgPrice": TEXT, "cumQuote": TEXT}),
    ("POST", "/fapi/v1/order", {**LIMIT, "newClientOrderId": "a"}, ORDER),
    ("GET", "/fapi/v1/order", {**S, "origClientOrderId": "a"}, {**ORDER, "time": NUMBER}),
    ("GET", "/fapi/v1/openOrder", {**S, "origClientOrderId": "a"}, {**ORDER, "time": NUMBER}),
    (
        "PUT",
        "/fapi/v1/order",
        {**S, "origClientOrderId": "a", "side": "BUY", "quantity": "20", "price": "1.94"},
        ORDER,
    ),
    (
        "PUT",
        "/fapi/v1/batchOrders",
        {
            "batchOrders": '[{"symbol":"XRPUSDT","origClientOrderId":"a","side":"BUY",'
            '"quantity":"20","price":"1.93","modifyId":7}]'
        },
        {**ORDER, "modifyId": NUMBER, "pair": TEXT},
    ),
    (
        "GET",
        "/fapi/v1/orderAmendment",
        S,
        {"amendmentId": NUMBER, "orderId": NUMBER, "time": NUMBER, "amendment": dict},
    ),
    ("GET", "/fapi/v1/openOrders", S, ORDER),
    ("GET", "/fapi/v1/allOrders", S, ORDER),
    ("DELETE", "/fapi/v1/order", {**S, "origClientOrderId": "a"}, ORDER),
    (
        "POST",
        "/fapi/v1/batchOrders",
        {
            "batchOrders": '[{"symbol":"XRPUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC",'
            '"quantity":"10","price":"1.95","newClientOrderId":"b"}]'
        },
        ORDER,
    ),
    ("DELETE", "/fapi/v1/batchOrders", {**S, "origClientOrderIdList": '["b"]'}, ORDER),
    ("DELETE", "/fapi/v1/allOpenOrders", S, {"code": NUMBER, "msg": TEXT}),
    (
        "POST",
        "/fapi/v1/countdownCancelAll",
        {**S, "countdownTime": 120000},
        {"symbol": TEXT, "countdownTime": TEXT},
    ),
    (
        "POST",
        "/fapi/v1/algoOrder",
        {**STOP, "clientAlgoId": "s"},
        {**ALGO, "activatePrice": TEXT, "callbackRate": TEXT},
    ),
    (
        "GET",
        "/fapi/v1/algoOrder",
        {"clientAlgoId": "s"},
        {**ALGO, "actualOrderId": TEXT, "actualType": TEXT, "actualQty": TEXT},
    ),
    ("GET", "/fapi/v1/openAlgoOrders", S, {**ALGO, "actualOrderId": TEXT, "tpOrderType": TEXT}),
    ("GET", "/fapi/v1/allAlgoOrders", S, {**ALGO, "actualOrderId": TEXT}),
    (
        "DELETE",
        "/fapi/v1/algoOrder",
        {"clientAlgoId": "s"},
        {"algoId": NUMBER, "clientAlgoId": TEXT, "code": TEXT, "msg": TEXT},
    ),
    ("DELETE", "/fapi/v1/algoOpenOrders", S, {"code": NUMBER, "msg": TEXT}),
    ("GET", "/sapi/v1/account/apiRestrictions", {}, {"enableFutures": FLAG}),
]
# These answer with lists that are empty here, with a refusal, or are tested elsewhere.
OTHERS = {
    ("GET", "/fapi/v1/klines"),
    ("GET", "/fapi/v1/continuousKlines"),
    ("GET", "/fapi/v1/markPriceKlines"),
    ("GET", "/fapi/v1/indexPriceKlines"),
    ("GET", "/fapi/v1/premiumIndexKlines"),
    ("GET", "/fapi/v1/fundingInfo"),
    ("GET", "/fapi/v1/forceOrders"),
    ("GET", "/fapi/v1/indexInfo"),
    ("GET", "/fapi/v1/assetIndex"),
    ("GET", "/fapi/v1/positionMargin/history"),
    ("GET", "/futures/data/delivery-price"),
    ("POST", "/fapi/v1/marginType"),
    ("POST", "/fapi/v1/positionSide/dual"),
    ("POST", "/fapi/v1/multiAssetsMargin"),
    ("POST", "/fapi/v1/positionMargin"),
    ("POST", "/fapi/v1/listenKey"),
    ("PUT", "/fapi/v1/listenKey"),
    ("DELETE", "/fapi/v1/listenKey"),
}


def market():
    return served(
        *[CALM] * 6,
        start_bar=4,
        settlements=[Settlement(T0 + 2 * M15, 0.0001)],
        open_interest=[(T0 + 3 * M15, 1234.5)],
    )


def assert_shape(answer, shape):
    row = answer[0] if isinstance(answer, list) and shape else answer
    for name, kind in shape.items():
        assert isinstance(row[name], kind), (name, row[name])
        assert kind is FLAG or not isinstance(row[name], bool), name


@pytest.mark.parametrize(("path", "params", "shape"), PUBLIC)
async def test_a_public_call_answers_in_its_shape(path, params, shape):
    async with market() as client:
        assert_shape(await client.get(path, **params), shape)


@pytest.mark.parametrize("in_body", [False, True], ids=["in the query", "in the body"])
async def test_every_signed_call_answers_in_its_shape(in_body):
    async with market() as client:
        await client.market_order("BUY", "100")
        for method, path, params, shape in SIGNED:
            is_form = in_body and method != "GET"
            call = client.signed_in_body if is_form else client.signed
            reply = await call(method, path, **params)
            assert reply.status == 200, (method, path, reply)
            assert_shape(reply.body, shape)


def test_every_call_that_is_served_is_tested():
    tested = {("GET", path) for path, *_ in PUBLIC} | {(m, p) for m, p, *_ in SIGNED} | OTHERS

    assert set(ROUTES) == tested


# ---------------------------------------------------------------------- exchangeInfo


async def test_exchange_info_tells_the_filters_of_the_instruments():
    async with market() as client:
        info = await client.get("/fapi/v1/exchangeInfo")

    (symbol,) = info["symbols"]
    filters = {each["filterType"]: each for each in symbol["filters"]}
    assert (symbol["symbol"], symbol["status"], symbol["contractType"]) == (
        "XRPUSDT",
        "TRADING",
        "PERPETUAL",
    )
    assert (symbol["pricePrecision"], symbol["quantityPrecision"]) == (4, 1)
    assert filters["PRICE_FILTER"]["tickSize"] == "0.0001"
    assert filters["LOT_SIZE"]["stepSize"] == "0.1"
    assert filters["MARKET_LOT_SIZE"]["maxQty"] == "1000000"
    assert filters["MIN_NOTIONAL"] == {"filterType": "MIN_NOTIONAL", "notional": "5"}
    assert filters["PERCENT_PRICE"]["multiplierDecimal"] == "4"
    assert [(row["rateLimitType"], row["limit"]) for row in info["rateLimits"]] == [
        ("REQUEST_WEIGHT", 2400),
        ("ORDERS", 1200),
        ("ORDERS", 300),
    ]


# ---------------------------------------------------------------------- candles

ROWS = [(2.0 + i / 100, 2.5 + i / 100, 1.5, 2.1 + i / 100) for i in range(10)]


async def test_klines_are_the_stored_candles_as_text_and_the_last_one_is_open():
    async with served(*ROWS, start_bar=3) as client:
        rows = await client.get("/fapi/v1/klines", symbol=SYMBOL, interval="15m", limit=3)

    assert [row[:6] for row in rows] == [
        [T0 + M15, "2.01", "2.51", "1.5", "2.11", "1.0"],
        [T0 + 2 * M15, "2.02", "2.52", "1.5", "2.12", "1.0"],
        [T0 + 3 * M15, "2.03", "2.03", "2.03", "2.03", "0.0"],
    ]
    assert rows[0][6] == T0 + 2 * M15 - 1
    assert [type(slot) for slot in rows[0]] == [
        int, str, str, str, str, str, int, str, int, str, str, str,
    ]  # fmt: skip


async def test_no_candle_of_the_future_is_served():
    async with served(*ROWS, start_bar=3) as client:
        rows = await client.get(
            "/fapi/v1/klines",
            symbol=SYMBOL,
            interval="15m",
            startTime=T0,
            endTime=T0 + 100 * M15,
            limit=1500,
        )

    assert [row[0] for row in rows] == [T0, T0 + M15, T0 + 2 * M15, T0 + 3 * M15]


@pytest.mark.parametrize(
    ("params", "bars"),
    [
        ({"startTime": T0 + 1, "limit": 2}, [1, 2]),
        ({"startTime": T0 + M15, "endTime": T0 + 2 * M15}, [1, 2]),
        ({"endTime": T0 + 2 * M15 - 1}, [0, 1]),
        ({"endTime": T0 - 1}, []),
        ({"limit": 1}, [3]),
    ],
)
async def test_klines_are_bounded_by_open_time(params, bars):
    async with served(*ROWS, start_bar=3) as client:
        rows = await client.get("/fapi/v1/klines", symbol=SYMBOL, interval="15m", **params)

    assert [row[0] for row in rows] == [T0 + bar * M15 for bar in bars]


async def test_klines_of_a_longer_interval_unite_the_stored_ones():
    async with served(*ROWS, start_bar=5) as client:
        rows = await client.get("/fapi/v1/klines", symbol=SYMBOL, interval="1h")

    assert [row[:6] for row in rows] == [
        [T0, "2.0", "2.53", "1.5", "2.13", "4.0"],
        [T0 + 4 * M15, "2.04", "2.54", "1.5", "2.05", "1.0"],
    ]


@pytest.mark.parametrize(
    ("interval", "opens_ms"),
    [("1w", 1_799_625_600_000), ("1M", 1_798_761_600_000)],  # Monday 2027-01-11, 2027-01-01
)
async def test_klines_of_weeks_and_months_are_told_too(interval, opens_ms):
    async with served(*ROWS, start_bar=3) as client:
        rows = await client.get("/fapi/v1/klines", symbol=SYMBOL, interval=interval)

    assert [row[:6] for row in rows] == [[opens_ms, "2.0", "2.52", "1.5", "2.03", "3.0"]]


async def test_klines_of_a_shorter_interval_stand_still_until_the_end_of_the_bar():
    async with served(*ROWS, start_bar=3) as client:
        rows = await client.get("/fapi/v1/klines", symbol=SYMBOL, interval="5m", limit=6)

    part = M15 // 3
    assert [row[:6] for row in rows] == [
        [T0 + M15 + part, "2.01", "2.01", "2.01", "2.01", "0.0"],
        [T0 + M15 + 2 * part, "2.01", "2.51", "1.5", "2.11", "1.0"],
        [T0 + 2 * M15, "2.02", "2.02", "2.02", "2.02", "0.0"],
        [T0 + 2 * M15 + part, "2.02", "2.02", "2.02", "2.02", "0.0"],
        [T0 + 2 * M15 + 2 * part, "2.02", "2.52", "1.5", "2.12", "1.0"],
        [T0 + 3 * M15, "2.03", "2.03", "2.03", "2.03", "0.0"],
    ]
    assert [row[6] for row in rows] == [row[0] + part - 1 for row in rows]


@pytest.mark.parametrize(
    ("params", "minutes"),
    [
        ({"limit": 1}, [45]),
        ({"startTime": T0 + M15 - 60_000, "limit": 3}, [14, 15, 16]),
        ({"startTime": T0 + 44 * 60_000}, [44, 45]),
        ({"endTime": T0 + M15, "limit": 2}, [14, 15]),
    ],
)
async def test_shorter_klines_are_bounded_by_their_own_open_time(params, minutes):
    async with served(*ROWS, start_bar=3) as client:
        rows = await client.get("/fapi/v1/klines", symbol=SYMBOL, interval="1m", **params)

    assert [row[0] for row in rows] == [T0 + minute * 60_000 for minute in minutes]


@pytest.mark.parametrize("interval", ["7m", "20m", ""])
async def test_an_interval_that_the_candles_cannot_make_is_refused(interval):
    async with market() as client:
        reply = await client.call(
            "GET", "/fapi/v1/klines", {"symbol": SYMBOL, "interval": interval}
        )

    assert (reply.status, reply.code) == (400, -1120 if interval else -1102)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("markPriceKlines", "symbol"),
        ("indexPriceKlines", "pair"),
        ("premiumIndexKlines", "symbol"),
        ("continuousKlines", "pair"),
    ],
)
async def test_other_klines_have_the_same_twelve_slots(path, name):
    async with market() as client:
        rows = await client.get(
            f"/fapi/v1/{path}", **{name: SYMBOL}, interval="15m", contractType="PERPETUAL"
        )

    assert {len(row) for row in rows} == {12}
    if path != "continuousKlines":
        assert {(row[5], row[7], row[8]) for row in rows} == {("0.0", "0.0", 0)}


async def test_recorded_mark_prices_are_told():
    marks = {SYMBOL: [(T0, 2.2), (T0 + M15, 2.3)]}
    async with served(*[CALM] * 4, start_bar=2, mark_prices=marks) as client:
        index = await client.get("/fapi/v1/premiumIndex", symbol=SYMBOL)
        rows = await client.get("/fapi/v1/markPriceKlines", symbol=SYMBOL, interval="15m")

    assert (index["markPrice"], index["indexPrice"]) == ("2.30000000", "2.00000000")
    assert [row[1] for row in rows] == ["2.2", "2.3", "2.3"]


# ---------------------------------------------------------------------- trades, book


@pytest.mark.parametrize(
    ("params", "seconds"),
    [
        ({"limit": 2}, [899, 900]),
        ({"startTime": T0, "limit": 3}, [0, 1, 2]),
        ({"startTime": T0 + 1, "endTime": T0 + 2_999}, [1, 2]),
        ({"endTime": T0 + 5_000, "limit": 2}, [4, 5]),
        ({"fromId": T0 // 1000 + 7, "limit": 2}, [7, 8]),
        ({"startTime": T0 + 2 * M15}, []),
    ],
)
async def test_aggregate_trades_are_those_asked_for(params, seconds):
    async with served(*ROWS, start_bar=1) as client:
        rows = await client.get("/fapi/v1/aggTrades", symbol=SYMBOL, **params)

    assert [row["T"] for row in rows] == [T0 + second * 1000 for second in seconds]


async def test_every_price_of_the_book_is_on_the_tick_and_can_be_ordered_at():
    between_ticks = (2.00005, 2.01, 1.99, 2.0)
    async with served(between_ticks) as client:
        book = await client.get("/fapi/v1/depth", symbol=SYMBOL, limit=5)
        await client.ok(
            "POST",
            "/fapi/v1/order",
            symbol=SYMBOL,
            side="BUY",
            type="LIMIT",
            timeInForce="GTX",
            quantity="10",
            price=book["bids"][0][0],
        )

    assert [price for price, _ in book["bids"]][:2] == ["2.0000", "1.9999"]
    assert [price for price, _ in book["asks"]][:2] == ["2.0001", "2.0002"]


async def test_volumes_are_told_without_the_noise_of_adding_them_up():
    tenths = [(0.1, 0.1, 0.1, 0.1)] * 10  # ten of which a computer adds up to 0.9999999999999999
    async with served(*tenths, CALM, start_bar=10) as client:
        day = await client.get("/fapi/v1/ticker/24hr", symbol=SYMBOL)
        rows = await client.get("/fapi/v1/klines", symbol=SYMBOL, interval="15m", limit=2)

    assert (day["volume"], day["quoteVolume"], day["weightedAvgPrice"]) == ("10.0", "1.0", "0.1")
    assert [rows[0][7], rows[0][10]] == ["0.1", "0.05"]


@pytest.mark.parametrize("limit", [0, 1501])
async def test_more_rows_than_there_may_be_are_refused(limit):
    async with market() as client:
        reply = await client.call(
            "GET", "/fapi/v1/klines", {"symbol": SYMBOL, "interval": "15m", "limit": limit}
        )

    assert (reply.status, reply.code) == (400, -1130)


# ---------------------------------------------------------------------- funding, open interest


async def test_funding_rates_are_those_settled_by_now():
    rates = [Settlement(T0 + i * M15, i / 10_000, 2.5) for i in (1, 2, 30)]
    async with served(*[CALM] * 40, start_bar=4, settlements=rates) as client:
        rows = await client.get("/fapi/v1/fundingRate", symbol=SYMBOL)
        index = await client.get("/fapi/v1/premiumIndex", symbol=SYMBOL)

    assert [(row["fundingTime"], row["fundingRate"], row["markPrice"]) for row in rows] == [
        (T0 + M15, "0.00010000", "2.50000000"),
        (T0 + 2 * M15, "0.00020000", "2.50000000"),
    ]
    assert index["lastFundingRate"] == "0.00020000"


async def test_open_interest_of_more_than_a_month_ago_is_refused():
    async with market() as client:
        reply = await client.call(
            "GET",
            "/futures/data/openInterestHist",
            {"symbol": SYMBOL, "period": "1h", "startTime": T0 - 31 * 86_400_000},
        )

    assert reply.code == -1130


# ---------------------------------------------------------------------- what is nowhere


async def test_an_unknown_path_is_not_found_as_at_binance():
    async with market() as client:
        nowhere = await client.call("GET", "/fapi/v9/nothing")
        wrong = await client.call("DELETE", "/fapi/v1/time")

    assert (nowhere.status, wrong.status) == (404, 404)
    assert nowhere.body == {
        "code": -5000,
        "msg": "Path /fapi/v9/nothing, Method GET is invalid",
    }
    assert wrong.body["msg"] == "Path /fapi/v1/time, Method DELETE is invalid"


@pytest.mark.parametrize("leverage", [1, 11, 15, 20, 75])
async def test_the_largest_position_at_a_leverage_is_told_as_a_whole_number(leverage):
    async with served(CALM) as client:
        told = await client.ok("POST", "/fapi/v1/leverage", symbol=SYMBOL, leverage=leverage)
        (shown,) = await client.ok("GET", "/fapi/v1/symbolConfig", symbol=SYMBOL)

    assert told["leverage"] == leverage
    assert int(told["maxNotionalValue"]) == int(shown["maxNotionalValue"]) > 0
