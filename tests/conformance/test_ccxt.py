"""ccxt against the simulated exchange: an independent parser, other parameters and sockets.

It tells refusals of an address that it does not know by their code in its text only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conformance.serving import KEY, PATIENCE_S, SECRET, START_MS, T0, Served

ccxt = pytest.importorskip("ccxt.pro", reason="ccxt is not installed here", exc_type=ImportError)

XRP, TRX = "XRP/USDT:USDT", "TRX/USDT:USDT"
CLOSING = {"stopPrice": 1.9, "closePosition": True}


@contextlib.asynccontextmanager
async def connected(exchange: Served) -> AsyncIterator[Any]:
    at = exchange.at
    options = {"fetchCurrencies": False, "fetchMarkets": {"types": ["linear"]}}
    client = ccxt.binanceusdm({"apiKey": KEY, "secret": SECRET, "options": options})
    client.enableRateLimit = False  # it would wait a second here and there, for nobody
    addresses = client.urls["api"]
    for name, address in addresses.items():
        if isinstance(address, str):
            addresses[name] = address.replace("https://fapi.binance.com", at.rest)
    addresses["ws"]["linear"] = f"{at.ws}/ws"
    addresses["ws"]["ws-api"]["linear"] = at.ws_api
    try:
        yield client
    finally:
        await client.close()


# -- market data ----------------------------------------------------------------------------------


async def test_markets_are_loaded_with_their_steps(exchange):
    async with connected(exchange) as client:
        markets = await client.load_markets()

    assert sorted(markets) == [TRX, XRP]
    xrp = markets[XRP]
    assert (xrp["swap"], xrp["linear"], xrp["active"], xrp["contractSize"]) == (
        True,
        True,
        True,
        1.0,
    )
    assert (xrp["precision"]["price"], xrp["precision"]["amount"]) == (0.0001, 0.1)
    assert (xrp["limits"]["cost"]["min"], xrp["limits"]["amount"]["min"]) == (5.0, 0.1)


async def test_market_data_is_read(exchange):
    async with connected(exchange) as client:
        candles = await client.fetch_ohlcv(XRP, "15m", since=T0, limit=50)
        minutes = await client.fetch_ohlcv(XRP, limit=16)  # what it asks for without a timeframe
        ticker = await client.fetch_ticker(XRP)
        book = await client.fetch_order_book(XRP, 5)
        rate = await client.fetch_funding_rate(XRP)
        rates = await client.fetch_funding_rate_history(XRP)
        interest = await client.fetch_open_interest(XRP)
        marks = await client.fetch_mark_ohlcv(XRP, "15m", limit=2)
        trades = await client.fetch_trades(XRP, limit=3)
        ratios = await client.fetch_long_short_ratio_history(XRP, "15m", limit=2)
        now_ms = await client.fetch_time()

    assert [row[0] for row in candles] == [T0 + 900_000 * bar for bar in range(41)]
    assert candles[0][1:5] == [2.0, 2.01, 1.99, 2.0]
    assert [row[0] for row in minutes] == [START_MS - 60_000 * back for back in range(15, -1, -1)]
    assert (minutes[13][1:], minutes[14][1:5]) == ([2.0, 2.0, 2.0, 2.0, 0.0], candles[-2][1:5])
    assert (ticker["last"], ticker["baseVolume"]) == (2.0, 40_000.0)
    assert (len(book["bids"]), len(book["asks"]), book["nonce"]) == (5, 5, START_MS)
    assert (rate["markPrice"], rate["fundingRate"]) == (2.0, 0.0001)
    assert [row["timestamp"] for row in rates] == [T0, T0 + 8 * 3_600_000]
    assert interest["openInterestAmount"] == 1_000_040.0
    assert marks[0][:5] == [START_MS - 900_000, 2.0, 2.01, 1.99, 2.0]
    assert [trade["price"] for trade in trades] == [2.0] * 3
    assert [row["longShortRatio"] for row in ratios] == [1.0, 1.0]
    assert now_ms == START_MS


# -- account --------------------------------------------------------------------------------------


async def test_the_account_and_its_settings_are_read(exchange):
    async with connected(exchange) as client:
        await client.create_order(XRP, "market", "buy", 50)
        balance = await client.fetch_balance()
        (position,) = await client.fetch_positions([XRP])
        (trade,) = await client.fetch_my_trades(XRP)
        fee = await client.fetch_trading_fee(XRP)
        tiers = await client.fetch_market_leverage_tiers(XRP)
        leverage = await client.fetch_leverage(XRP)
        mode = await client.fetch_position_mode(XRP)
        (booked,) = await client.fetch_ledger("USDT")

    assert (balance["USDT"]["total"], balance["USDT"]["used"]) == (999.95, 20.0)
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", 50.0, 2.0)
    assert (position["initialMargin"], position["marginMode"]) == (20.0, "isolated")
    assert 1.6 < position["liquidationPrice"] < 1.62
    assert (trade["amount"], trade["price"], trade["fee"]["cost"]) == (50.0, 2.0, 0.05)
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)
    assert (tiers[0]["maxLeverage"], tiers[0]["maintenanceMarginRate"]) == (75.0, 0.005)
    assert (leverage["longLeverage"], leverage["marginMode"], mode["hedged"]) == (
        5,
        "isolated",
        False,
    )
    assert (booked["direction"], booked["amount"]) == ("out", 0.05)


async def test_leverage_is_set_and_a_margin_type_that_is_so_already_is_told(exchange):
    async with connected(exchange) as client:
        answer = await client.set_leverage(8, XRP)
        with pytest.raises(ccxt.MarginModeAlreadySet):
            await client.set_margin_mode("isolated", XRP)

    assert answer["leverage"] == 8


# -- orders ---------------------------------------------------------------------------------------


async def test_an_order_is_placed_found_amended_and_cancelled(exchange):
    async with connected(exchange) as client:
        placed = await client.create_order(XRP, "limit", "buy", 20, 1.95)
        found = await client.fetch_order(placed["id"], XRP)
        amended = await client.edit_order(placed["id"], XRP, "limit", "buy", 30, 1.94)
        waiting = await client.fetch_open_orders(XRP)
        gone = await client.cancel_order(placed["id"], XRP)
        (remembered,) = await client.fetch_orders(XRP)
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(placed["id"], XRP)

    assert (placed["status"], found["price"], amended["price"]) == ("open", 1.95, 1.94)
    assert [order["id"] for order in waiting] == [placed["id"]]
    assert (gone["status"], remembered["status"]) == ("canceled", "canceled")


async def test_a_market_order_comes_back_filled_and_is_found_with_its_price(exchange):
    async with connected(exchange) as client:
        placed = await client.create_order(XRP, "market", "buy", 50)
        found = await client.fetch_order(placed["id"], XRP)

    assert (placed["status"], placed["filled"]) == ("closed", 50.0)
    assert (found["average"], found["cost"]) == (2.0, 100.0)


async def test_batches_are_placed_and_cancelled(exchange):
    order = {"symbol": XRP, "type": "limit", "side": "buy", "price": 1.9}
    async with connected(exchange) as client:
        orders = await client.create_orders([{**order, "amount": 20}, {**order, "amount": 1}])
        placed = [each["id"] for each in orders if each["id"] is not None]
        (gone,) = await client.cancel_orders(placed, XRP)
        await client.create_order(XRP, "limit", "buy", 20, 1.9)
        await client.cancel_all_orders(XRP)
        left = await client.fetch_open_orders(XRP)

    assert sorted(each["status"] for each in orders) == ["open", "rejected"]
    assert (gone["status"], left) == ("canceled", [])


async def test_conditional_orders_live_in_the_algo_service(exchange):
    conditional = {"trigger": True}
    async with connected(exchange) as client:
        await client.create_order(XRP, "market", "buy", 50)
        stop = await client.create_order(XRP, "STOP_MARKET", "sell", None, None, CLOSING)
        target = {"takeProfitPrice": 2.2, "reduceOnly": True}
        await client.create_order(XRP, "market", "sell", 10, None, target)
        trailing = {"trailingPercent": 1.0, "reduceOnly": True}
        await client.create_order(XRP, "market", "sell", 10, None, trailing)
        waiting = await client.fetch_open_orders(XRP, params=conditional)
        found = await client.fetch_order(stop["id"], XRP, conditional)
        gone = await client.cancel_order(stop["id"], XRP, conditional)
        await client.cancel_all_orders(XRP, conditional)
        left = await client.fetch_open_orders(XRP, params=conditional)
        plain = await client.fetch_open_orders(XRP)

    assert [each["info"]["orderType"] for each in waiting] == [
        "STOP_MARKET",
        "TAKE_PROFIT_MARKET",
        "TRAILING_STOP_MARKET",
    ]
    assert (found["triggerPrice"], found["status"]) == (1.9, "open")
    assert (gone["id"], left, plain) == (stop["id"], [], [])


@pytest.mark.parametrize(
    ("kind", "side", "price", "trigger"),
    [("STOP", "buy", 2.06, 2.05), ("TAKE_PROFIT", "buy", 1.9, 1.95), ("STOP", "sell", 1.9, 1.95)],
)
async def test_a_conditional_order_with_a_limit_price_is_placed_and_found(
    exchange, kind, side, price, trigger
):
    async with connected(exchange) as client:
        placed = await client.create_order(XRP, kind, side, 20, price, {"stopPrice": trigger})
        (waiting,) = await client.fetch_open_orders(XRP, params={"trigger": True})

    assert (placed["info"]["orderType"], waiting["id"]) == (kind, placed["id"])
    assert (waiting["price"], waiting["triggerPrice"], waiting["status"]) == (
        price,
        trigger,
        "open",
    )


async def test_a_stop_with_a_limit_price_becomes_an_order_that_is_cancelled(exchange):
    order = (XRP, "limit", "sell", 20, 2.1, {"stopLossPrice": 1.9})
    async with connected(exchange) as client:
        placed = await client.create_order(*order)  # the market falls below 1.9 and stays there
        await asyncio.to_thread(exchange.step, 2)
        (resting,) = await client.fetch_open_orders(XRP)
        gone = await client.cancel_order(resting["id"], XRP)
        done = await client.fetch_order(placed["id"], XRP, {"trigger": True})

    assert (resting["type"], resting["price"], resting["status"]) == ("limit", 2.1, "open")
    assert gone["status"] == "canceled"
    assert done["info"]["algoStatus"] == "FINISHED"
    assert done["info"]["actualOrderId"] == resting["id"]


async def test_an_order_that_is_good_till_a_date_is_taken(exchange):
    async with connected(exchange) as client:
        until = await client.fetch_time() + 700_000
        terms = {"timeInForce": "GTD", "goodTillDate": until}
        placed = await client.create_order(XRP, "limit", "buy", 20, 1.95, terms)

    assert (placed["timeInForce"], placed["info"]["goodTillDate"]) == (
        "GTD",
        until // 1000 * 1000,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((XRP, "market", "buy", 100_000), -2019),
        ((XRP, "limit", "buy", 1, 1.9), -4164),
        ((XRP, "market", "sell", 20, None, {"reduceOnly": True}), -2022),
        ((XRP, "STOP_MARKET", "sell", None, None, CLOSING), -4509),
        ((XRP, "market", "sell", 20, None, {"stopLossPrice": 2.1}), -2021),
    ],
)
async def test_a_refusal_carries_its_code(exchange, arguments, code):
    async with connected(exchange) as client:
        with pytest.raises(ccxt.ExchangeError, match=f'"code":{code},'):
            await client.create_order(*arguments)


async def test_a_second_closing_stop_is_refused(exchange):
    async with connected(exchange) as client:
        await client.create_order(XRP, "market", "buy", 50)
        await client.create_order(XRP, "STOP_MARKET", "sell", None, None, CLOSING)
        with pytest.raises(ccxt.ExchangeError, match='"code":-4130,'):
            await client.create_order(XRP, "STOP_MARKET", "sell", None, None, CLOSING)


async def test_orders_go_over_the_websocket_api(exchange):
    async with connected(exchange) as client:
        placed = await client.create_order_ws(XRP, "limit", "buy", 20, 1.95)
        amended = await client.edit_order_ws(placed["id"], XRP, "limit", "buy", 30, 1.94)
        found = await client.fetch_order_ws(placed["id"], XRP)
        gone = await client.cancel_order_ws(placed["id"], XRP)
        filled = await client.create_order_ws(XRP, "market", "buy", 50)
        balance = await client.fetch_balance_ws()
        (position, *_) = await client.fetch_positions_ws([XRP])

    assert (amended["price"], found["amount"], gone["status"]) == (1.94, 30.0, "canceled")
    assert (filled["status"], balance["USDT"]["total"]) == ("closed", 999.95)
    assert (position["contracts"], position["side"]) == (50.0, "long")


# -- streams --------------------------------------------------------------------------------------


async def test_market_streams_are_heard(exchange):
    async with connected(exchange) as client, asyncio.timeout(PATIENCE_S):
        await client.load_markets()
        (opened,) = [list(row) for row in await client.watch_ohlcv(XRP, "15m")]
        ticker = await client.watch_ticker(XRP)
        mark = await client.watch_mark_price(XRP)
        best = await client.watch_bids_asks([XRP])
        (trade, *_) = await client.watch_trades(XRP)
        many = await client.watch_ohlcv_for_symbols([[TRX, "15m"]])
        waiting = asyncio.ensure_future(client.watch_ohlcv(XRP, "15m"))
        await asyncio.to_thread(exchange.step)
        closed = await waiting

    assert opened == [START_MS, 2.0, 2.0, 2.0, 2.0, 0.0]
    assert (ticker["last"], mark["markPrice"], trade["price"]) == (2.0, 2.0, 2.0)
    assert (best[XRP]["bid"], best[XRP]["ask"]) == (2.0, 2.0)
    assert many[TRX]["15m"][-1][4] == 0.3
    assert closed[0] == [START_MS, 2.0, 2.01, 1.99, 2.0, 1_000.0]


async def test_an_order_book_follows_what_has_changed_in_it(fallen):
    async with connected(fallen) as client, asyncio.timeout(PATIENCE_S):
        await client.load_markets()
        book = await client.watch_order_book(XRP)
        before = book["bids"][0][0], book["asks"][0][0]
        waiting = asyncio.ensure_future(client.watch_order_book(XRP))
        await asyncio.to_thread(fallen.step, 2)  # the second bar drops
        book = await waiting
        while book["asks"][0][0] >= 2.0:
            book = await client.watch_order_book(XRP)
        after = book["bids"][0][0], book["asks"][0][0]
        told = await client.fetch_order_book(XRP, 1000)

    assert before == (2.0, 2.0001)
    assert after[0] < after[1] < 2.0
    assert told["bids"][0][0] < told["asks"][0][0]


async def test_orders_trades_positions_and_money_are_heard(exchange):
    async with connected(exchange) as client, asyncio.timeout(PATIENCE_S):
        await client.load_markets()
        told = [
            asyncio.ensure_future(each)
            for each in (
                client.watch_orders(XRP),
                client.watch_my_trades(XRP),
                held(client),
                client.watch_balance(),
            )
        ]
        await asyncio.sleep(0.5)  # its sockets open one after the other
        placed = await client.create_order(XRP, "market", "buy", 50)
        orders, trades, positions, balance = await asyncio.gather(*told)

    assert orders[0]["id"] == trades[0]["order"] == placed["id"]
    assert (trades[0]["amount"], trades[0]["price"]) == (50.0, 2.0)
    assert (positions[0]["contracts"], positions[0]["entryPrice"]) == (50.0, 2.0)
    assert balance["USDT"]["total"] == 999.95


async def held(client: Any) -> Any:
    """Positions, as soon as there are any."""
    while not (positions := await client.watch_positions([XRP])):
        pass
    return positions


async def test_a_conditional_order_is_heard_among_the_orders(exchange):
    async with connected(exchange) as client, asyncio.timeout(PATIENCE_S):
        await client.load_markets()
        await client.create_order(XRP, "market", "buy", 50)
        waiting = asyncio.ensure_future(client.watch_orders(XRP))
        await asyncio.sleep(0.3)
        stop = await client.create_order(XRP, "STOP_MARKET", "sell", None, None, CLOSING)
        orders = await waiting

    assert (orders[-1]["id"], orders[-1]["triggerPrice"]) == (stop["id"], 1.9)
