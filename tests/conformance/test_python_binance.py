"""python-binance against the simulated exchange: form bodies, also on DELETE; sockets by URL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conformance.serving import (
    CALM,
    DROP,
    KEY,
    OTHER,
    SECRET,
    START_MS,
    SYMBOL,
    T0,
    Served,
    served,
)

binance = pytest.importorskip(
    "binance", reason="python-binance is not installed here", exc_type=ImportError
)
exceptions = pytest.importorskip("binance.exceptions")

S = {"symbol": SYMBOL}
LIMIT = {**S, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
MARKET = {**S, "side": "BUY", "type": "MARKET"}
STOP = {**S, "side": "SELL", "type": "STOP_MARKET"}
CLOSING = {**STOP, "stopPrice": "1.9", "closePosition": "true"}


def pointed(base: Any, exchange: Served) -> Any:
    """A client class whose addresses are the exchange's."""
    at = exchange.at
    addresses = {
        "API_URL": f"{at.rest}/api",
        "FUTURES_URL": f"{at.rest}/fapi",
        "FUTURES_DATA_URL": f"{at.rest}/futures/data",
        "WS_FUTURES_URL": at.ws_api,
    }
    return type("Local", (base,), addresses)


@contextlib.asynccontextmanager
async def connected(exchange: Served) -> AsyncIterator[Any]:
    client = await pointed(binance.AsyncClient, exchange).create(KEY, SECRET)
    try:
        yield client
    finally:
        await client.close_connection()


@contextlib.asynccontextmanager
async def heard(exchange: Served, socket: str, *arguments: Any) -> AsyncIterator[Any]:
    """A client, and one of its sockets."""
    async with connected(exchange) as client:
        manager = binance.BinanceSocketManager(client)
        manager.FSTREAM_URL = exchange.at.ws + "/"
        stream = getattr(manager, socket)(*arguments)
        await stream.__aenter__()
        try:
            yield client, stream
        finally:
            # It ends with the next message, or ten seconds later.
            rousing = asyncio.create_task(rouse(exchange))
            await stream.__aexit__(None, None, None)
            await rousing


async def rouse(exchange: Served) -> None:
    """Let something happen that every stream tells."""
    await asyncio.sleep(0.02)
    await asyncio.to_thread(exchange.control, "deposit", amount="1")
    await asyncio.to_thread(exchange.step)


# -- market data ----------------------------------------------------------------------------------


async def test_market_data_is_read(exchange):
    async with connected(exchange) as client:
        info = await client.futures_exchange_info()
        klines = await client.futures_klines(**S, interval="15m", limit=2)
        history = await client.futures_historical_klines(
            SYMBOL, "15m", T0, end_str=START_MS - 900_000
        )
        mark = await client.futures_mark_price(**S)
        book = await client.futures_order_book(**S, limit=5)
        ticker = await client.futures_symbol_ticker(**S)
        rates = await client.futures_funding_rate(**S)
        interest = await client.futures_open_interest(**S)
        ratios = await client.futures_global_longshort_ratio(**S, period="15m", limit=3)
        trades = await client.futures_historical_trades(**S, limit=3)

    assert [each["symbol"] for each in info["symbols"]] == [SYMBOL, OTHER]
    assert klines[0][:5] == [START_MS - 900_000, "2.0", "2.01", "1.99", "2.0"]
    assert [row[0] for row in history] == [T0 + 900_000 * bar for bar in range(40)]
    assert (mark["markPrice"], mark["nextFundingTime"]) == ("2.00000000", T0 + 16 * 3_600_000)
    assert (len(book["bids"]), len(book["asks"]), ticker["price"]) == (5, 5, "2.0")
    assert [row["fundingTime"] for row in rates] == [T0, T0 + 8 * 3_600_000]
    assert interest["openInterest"] == "1000040.0"
    assert [row["longShortRatio"] for row in ratios] == ["1.0000"] * 3
    assert [row["price"] for row in trades] == ["2.0"] * 3


# -- account --------------------------------------------------------------------------------------


async def test_the_account_and_its_settings_are_read(exchange):
    async with connected(exchange) as client:
        await client.futures_create_order(**MARKET, quantity=50)
        account = await client.futures_account()
        (balance,) = await client.futures_account_balance()
        (position,) = await client.futures_position_information()
        (brackets,) = await client.futures_leverage_bracket(**S)
        (trade,) = await client.futures_account_trades(**S)
        (fee,) = await client.futures_income_history(**S)
        rate = await client.futures_commission_rate(**S)
        mode = await client.futures_get_position_mode()
        leverage = await client.futures_change_leverage(symbol=OTHER, leverage=8)

    assert account["totalWalletBalance"] == balance["balance"] == "999.95000000"
    assert (position["symbol"], position["positionAmt"]) == (SYMBOL, "50")
    assert brackets["brackets"][0]["maintMarginRatio"] == 0.005
    assert (trade["qty"], trade["commission"]) == ("50", "0.05000000")
    assert (fee["incomeType"], fee["income"]) == ("COMMISSION", "-0.05000000")
    assert (rate["takerCommissionRate"], mode) == ("0.0005", {"dualSidePosition": False})
    assert leverage["leverage"] == 8


# -- orders ---------------------------------------------------------------------------------------


async def test_an_order_is_placed_found_amended_and_cancelled(exchange):
    async with connected(exchange) as client:
        placed = await client.futures_create_order(**LIMIT, quantity=20, price="1.95")
        order = {**S, "orderId": placed["orderId"]}
        found = await client.futures_get_order(**order)
        amended = await client.futures_modify_order(**order, side="BUY", quantity=30, price="1.94")
        waiting = await client.futures_get_open_orders()
        gone = await client.futures_cancel_order(**order)

    assert (placed["status"], found["price"], amended["price"]) == ("NEW", "1.95", "1.94")
    assert [each["orderId"] for each in waiting] == [placed["orderId"]]
    assert gone["status"] == "CANCELED"


async def test_batches_are_placed_and_cancelled(exchange):
    order = {**LIMIT, "price": "1.9", "quantity": "20"}
    async with connected(exchange) as client:
        batch = [dict(order), {**order, "quantity": "1"}]
        good, bad = await client.futures_place_batch_order(batchOrders=batch)
        (gone,) = await client.futures_cancel_orders(**S, orderIdList=[good["orderId"]])
        await client.futures_create_order(**order)
        done = await client.futures_cancel_all_open_orders(**S)
        left = await client.futures_get_open_orders(**S)

    assert (good["status"], bad["code"], gone["status"]) == ("NEW", -4164, "CANCELED")
    assert (done["code"], left) == (200, [])


async def test_an_id_that_must_be_encoded_on_its_way_is_accepted(exchange):
    async with connected(exchange) as client:
        placed = await client.futures_create_order(
            **MARKET, quantity=20, newClientOrderId="a:b/c.d"
        )

    assert placed["clientOrderId"] == "a:b/c.d"


async def test_conditional_orders_are_sent_where_they_belong(exchange):
    async with connected(exchange) as client:
        await client.futures_create_order(**MARKET, quantity=50)
        stop = await client.futures_create_order(**CLOSING)
        await client.futures_create_order(
            **{**CLOSING, "type": "TAKE_PROFIT_MARKET", "stopPrice": "2.2"}
        )
        await client.futures_create_order(
            **{**STOP, "type": "TRAILING_STOP_MARKET"}, quantity=10, callbackRate="1"
        )
        waiting = await client.futures_get_open_algo_orders(**S)
        found = await client.futures_get_algo_order(algoId=stop["algoId"])
        gone = await client.futures_cancel_algo_order(algoId=stop["algoId"])
        done = await client.futures_cancel_all_algo_open_orders(**S)
        plain = await client.futures_get_open_orders()

    assert [each["orderType"] for each in waiting] == [
        "STOP_MARKET",
        "TAKE_PROFIT_MARKET",
        "TRAILING_STOP_MARKET",
    ]
    assert (found["timeInForce"], found["algoStatus"]) == ("GTE_GTC", "NEW")
    assert (gone["code"], done["code"], plain) == ("200", 200, [])


async def test_a_stop_with_a_limit_price_and_a_date_is_sent_where_it_belongs(exchange):
    async with connected(exchange) as client:
        until = (await client.futures_time())["serverTime"] + 700_000
        stop = {**S, "side": "SELL", "type": "STOP", "stopPrice": "1.95", "price": "1.94"}
        dated = {"timeInForce": "GTD", "goodTillDate": until}
        await client.futures_create_order(**stop, **dated, quantity=20)
        (waiting,) = await client.futures_get_open_algo_orders(**S)

    assert (waiting["orderType"], waiting["price"], waiting["timeInForce"]) == (
        "STOP",
        "1.94",
        "GTD",
    )


@pytest.mark.parametrize(
    ("name", "params", "code"),
    [
        ("futures_create_order", {**MARKET, "quantity": 100_000}, -2019),
        ("futures_create_order", {**MARKET, "quantity": 1}, -4164),
        ("futures_create_order", CLOSING, -4509),
        ("futures_create_order", {**STOP, "stopPrice": "2.1", "quantity": 20}, -2021),
        ("futures_cancel_order", {**S, "orderId": 1}, -2011),
        ("futures_get_order", {**S, "orderId": 1}, -2013),
        ("futures_cancel_algo_order", {"algoId": 1}, -2011),
        ("futures_change_margin_type", {**S, "marginType": "ISOLATED"}, -4046),
        ("futures_change_position_mode", {"dualSidePosition": "false"}, -4059),
        ("futures_klines", {"symbol": "NOPEUSDT", "interval": "15m"}, -1121),
    ],
)
async def test_a_refusal_carries_its_code(exchange, name, params, code):
    async with connected(exchange) as client:
        with pytest.raises(exceptions.BinanceAPIException) as refused:
            await getattr(client, name)(**params)

    assert (refused.value.status_code, refused.value.code) == (400, code)


async def test_a_second_closing_stop_is_refused(exchange):
    async with connected(exchange) as client:
        await client.futures_create_order(**MARKET, quantity=50)
        await client.futures_create_order(**CLOSING)
        with pytest.raises(exceptions.BinanceAPIException) as refused:
            await client.futures_create_order(**CLOSING)

    assert refused.value.code == -4130


async def test_orders_go_over_the_websocket_api(exchange):
    async with connected(exchange) as client:
        placed = await client.ws_futures_create_order(**LIMIT, quantity=20, price="1.95")
        order = {**S, "orderId": placed["orderId"]}
        amended = await client.ws_futures_edit_order(**order, side="BUY", quantity=30, price="1.94")
        found = await client.ws_futures_get_order(**order)
        gone = await client.ws_futures_cancel_order(**order)
        account = await client.ws_futures_v2_account_status()
        with pytest.raises(exceptions.BinanceAPIException) as refused:
            await client.ws_futures_create_order(**MARKET, quantity=100_000)

    assert (amended["price"], found["origQty"], gone["status"]) == ("1.94", "30", "CANCELED")
    assert account["totalWalletBalance"] == "1000.00000000"
    assert refused.value.code == -2019


def test_the_blocking_client_trades_too(exchange):
    client = pointed(binance.Client, exchange)(KEY, SECRET)
    order = client.futures_create_order(**MARKET, quantity=20, newOrderRespType="RESULT")
    balance = client.futures_account_balance()
    client.close_connection()

    assert (order["status"], order["executedQty"]) == ("FILLED", "20")
    assert balance[0]["balance"] == "999.98000000"


@pytest.mark.parametrize("pace", [1.0, 60.0])
async def test_the_time_that_it_asked_for_once_is_good_for_longer(pace):
    with served(CALM, DROP, pace=pace) as exchange:
        async with connected(exchange) as client:
            await asyncio.sleep(0.3)  # 18 s of the faster market
            account = await client.futures_account(recvWindow=100)

    assert account["totalWalletBalance"] == "1000.00000000"


# -- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("socket", "arguments", "events"),
    [
        ("kline_futures_socket", (SYMBOL, "15m"), ["continuous_kline"]),
        ("symbol_mark_price_socket", (SYMBOL,), ["markPriceUpdate"]),
        ("all_mark_price_socket", (), ["markPriceUpdate", "markPriceUpdate"]),
        ("symbol_ticker_futures_socket", (SYMBOL,), ["bookTicker"]),
        ("individual_symbol_ticker_futures_socket", (SYMBOL,), ["24hrTicker"]),
        ("all_ticker_futures_socket", (), ["bookTicker"]),
        ("aggtrade_futures_socket", (SYMBOL,), ["aggTrade"]),
        ("futures_depth_socket", (SYMBOL,), ["depthUpdate"]),
        ("futures_multiplex_socket", (["xrpusdt@kline_15m", "!miniTicker@arr"],), ["kline"]),
    ],
)
async def test_a_market_stream_is_heard(exchange, socket, arguments, events):
    async with heard(exchange, socket, *arguments) as (_, stream):
        message = await asyncio.wait_for(stream.recv(), 5)

    data = message.get("data", message)
    assert [each["e"] for each in (data if isinstance(data, list) else [data])] == events


async def test_klines_are_heard_until_they_close(exchange):
    async with heard(exchange, "kline_futures_socket", SYMBOL, "15m") as (_, stream):
        opened = await asyncio.wait_for(stream.recv(), 5)
        await asyncio.to_thread(exchange.step)
        closed = await asyncio.wait_for(stream.recv(), 5)

    assert (opened["k"]["t"], opened["k"]["x"]) == (START_MS, False)
    assert (closed["k"]["t"], closed["k"]["x"], closed["k"]["c"]) == (START_MS, True, "2.0")


async def test_klines_of_a_minute_close_each_in_its_turn(exchange):
    async with heard(exchange, "kline_futures_socket", SYMBOL) as (_, stream):
        opened = await asyncio.wait_for(stream.recv(), 5)
        await asyncio.to_thread(exchange.step)
        minutes = [(await asyncio.wait_for(stream.recv(), 5))["k"] for _ in range(15)]

    assert (opened["k"]["t"], opened["k"]["i"], opened["k"]["x"]) == (START_MS, "1m", False)
    assert [k["t"] for k in minutes] == [START_MS + 60_000 * minute for minute in range(15)]
    assert all(k["x"] for k in minutes)
    assert [k["h"] for k in minutes] == ["2.0"] * 14 + ["2.01"]


async def test_a_stop_that_triggers_is_told_to_the_user(exchange):
    async with heard(exchange, "futures_user_socket") as (client, stream):
        await client.futures_create_order(**MARKET, quantity=50)
        await client.futures_create_order(**CLOSING)
        await asyncio.to_thread(exchange.step, 2)
        told = [await asyncio.wait_for(stream.recv(), 5) for _ in range(12)]

    assert [each["e"] for each in told] == [
        "ORDER_TRADE_UPDATE",
        "TRADE_LITE",
        "ORDER_TRADE_UPDATE",
        "ACCOUNT_UPDATE",
        "ALGO_UPDATE",
        "ALGO_UPDATE",
        "ALGO_UPDATE",
        "ORDER_TRADE_UPDATE",
        "TRADE_LITE",
        "ORDER_TRADE_UPDATE",
        "ACCOUNT_UPDATE",
        "ALGO_UPDATE",
    ]
    assert [each["o"]["X"] for each in told if each["e"] == "ALGO_UPDATE"] == [
        "NEW",
        "TRIGGERING",
        "TRIGGERED",
        "FINISHED",
    ]
    assert told[-2]["a"]["P"][0]["pa"] == "0"
