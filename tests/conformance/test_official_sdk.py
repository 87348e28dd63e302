"""Binance's own Python SDK against the simulated exchange.

Its models are strict: what it cannot parse it logs, and what it does not know it keeps apart.
Neither may happen.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.conformance.serving import KEY, OTHER, SECRET, START_MS, SYMBOL, Served, served

pytest.importorskip(
    "binance_sdk_derivatives_trading_usds_futures",
    reason="the official SDK is not installed here",
    exc_type=ImportError,
)
pydantic = pytest.importorskip("pydantic")
from binance_common.configuration import (  # noqa: E402 - after it is known to be there
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError, UnauthorizedError  # noqa: E402
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (  # noqa: E402
    DerivativesTradingUsdsFutures,
)
from binance_sdk_derivatives_trading_usds_futures.websocket_streams import models  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # it calls aiohttp so

S = {"symbol": SYMBOL}
LIMIT = {**S, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC"}
MARKET = {**S, "side": "BUY", "type": "MARKET"}
STOP = {**S, "algo_type": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET"}


def client(exchange: Served) -> Any:
    at = exchange.at
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(
            api_key=KEY, api_secret=SECRET, base_path=at.rest, timeout=5000
        ),
        config_ws_api=ConfigurationWebSocketAPI(
            api_key=KEY, api_secret=SECRET, stream_url=at.ws_api, return_rate_limits=False
        ),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=at.ws),
    )


@pytest.fixture(autouse=True)
def nothing_was_misunderstood(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    said = [record.getMessage() for record in caplog.records]
    bad = ("Failed to parse", "did not match the declared types", "Unknown user data event")
    assert not [line for line in said if any(words in line for words in bad)]


def unwrapped(data: Any) -> Any:
    """A model out of the choice that it was put into."""
    while hasattr(data, "actual_instance"):
        data = data.actual_instance
    return data


def model_of(data: Any) -> Any:
    found = unwrapped(data[0] if isinstance(data, list) and data else data)
    return type(found) if isinstance(found, pydantic.BaseModel) else None


def unknown_names(raw: Any, model: Any, where: str = "") -> set[str]:
    """What a message has and its model does not know, at any depth."""
    if isinstance(raw, list):
        return set().union(*(unknown_names(each, model, where + "[]") for each in raw))
    if not isinstance(raw, dict):
        return set()
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    found = {f"{where}.{name}" for name in raw if name not in fields}
    for name in raw.keys() & fields.keys():
        for inner in models_in(fields[name].annotation):
            found |= unknown_names(raw[name], inner, f"{where}.{name}")
    return found


def models_in(annotation: Any) -> Iterator[Any]:
    if inspect.isclass(annotation) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for each in typing.get_args(annotation):
        yield from models_in(each)


def asked(exchange: Served, call: Callable[..., Any], **params: Any) -> Any:
    """A call's data; fails when it has something that its model does not know."""
    data = unwrapped(call(**params).data())
    model = model_of(data)
    if model is not None:
        assert unknown_names(exchange.last_answer, model) == set()
        if not isinstance(data, list):
            assert data.additional_properties == {}
    return data


# -- market data ----------------------------------------------------------------------------------


def test_the_exchange_tells_its_symbols_and_their_filters(exchange):
    told = asked(exchange, client(exchange).rest_api.exchange_information)
    xrp, trx = told.symbols
    filters = {each.filter_type: each for each in xrp.filters}

    assert (xrp.symbol, trx.symbol, xrp.status) == (SYMBOL, OTHER, "TRADING")
    assert (xrp.contract_type, xrp.quote_asset, xrp.margin_asset) == ("PERPETUAL", "USDT", "USDT")
    assert filters["PRICE_FILTER"].tick_size == "0.0001"
    assert filters["LOT_SIZE"].step_size == "0.1"
    assert filters["MIN_NOTIONAL"].notional == "5"
    assert filters["PERCENT_PRICE"].multiplier_decimal == "4"
    assert {each.rate_limit_type: each.limit for each in told.rate_limits[:2]} == {
        "REQUEST_WEIGHT": 2400,
        "ORDERS": 1200,
    }


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("kline_candlestick_data", S),
        ("mark_price_kline_candlestick_data", S),
        ("premium_index_kline_data", S),
        ("index_price_kline_candlestick_data", {"pair": SYMBOL}),
        (
            "continuous_contract_kline_candlestick_data",
            {"pair": SYMBOL, "contract_type": "PERPETUAL"},
        ),
    ],
)
def test_klines_come_in_twelve_slots_the_last_one_open(exchange, name, params):
    call = getattr(client(exchange).rest_api, name)

    closed, opened = asked(exchange, call, **params, interval="15m", limit=2)

    assert [type(slot) for slot in closed] == [
        *[int, str, str, str, str, str],
        *[int, str, int, str, str, str],
    ]
    assert (closed[0], closed[6]) == (START_MS - 900_000, START_MS - 1)
    assert opened[0] == START_MS


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("check_server_time", {}, {"server_time": START_MS}),
        ("mark_price", S, {"symbol": SYMBOL, "last_funding_rate": "0.00010000"}),
        ("mark_price", {}, {"symbol": SYMBOL, "mark_price": "2.00000000"}),
        ("get_funding_rate_history", S, {"funding_rate": "0.00010000", "rate_type": "Regular"}),
        ("order_book", {**S, "limit": 5}, {"last_update_id": START_MS}),
        ("rpi_order_book", {**S, "limit": 5}, {"last_update_id": START_MS}),
        ("recent_trades_list", {**S, "limit": 3}, {"price": "2.0", "is_rpi_trade": False}),
        ("old_trades_lookup", {**S, "limit": 3}, {"price": "2.0"}),
        ("compressed_aggregate_trades_list", {**S, "limit": 3}, {"p": "2.0"}),
        ("open_interest", S, {"open_interest": "1000040.0"}),
        ("open_interest_statistics", {**S, "period": "15m"}, {"symbol": SYMBOL}),
        ("long_short_ratio", {**S, "period": "15m"}, {"long_short_ratio": "1.0000"}),
        ("top_trader_long_short_ratio_accounts", {**S, "period": "1h"}, {"symbol": SYMBOL}),
        ("top_trader_long_short_ratio_positions", {**S, "period": "1h"}, {"symbol": SYMBOL}),
        ("taker_buy_sell_volume", {**S, "period": "15m"}, {"buy_vol": "500.0"}),
        (
            "basis",
            {"pair": SYMBOL, "contract_type": "PERPETUAL", "period": "15m"},
            {"index_price": "2.0", "basis": "0"},
        ),
        ("symbol_order_book_ticker", S, {"bid_price": "2.0", "ask_price": "2.0"}),
        ("symbol_order_book_ticker", {}, {"symbol": SYMBOL}),
        ("symbol_price_ticker", S, {"price": "2.0"}),
        ("symbol_price_ticker_v2", {}, {"price": "2.0"}),
        ("ticker24hr_price_change_statistics", S, {"last_price": "2.0"}),
        ("ticker24hr_price_change_statistics", {}, {"symbol": SYMBOL}),
        ("query_index_price_constituents", S, {"symbol": SYMBOL}),
        ("adl_risk", S, {"adl_risk": "low"}),
    ],
)
def test_market_data_is_understood(exchange, name, params, expected):
    told = asked(exchange, getattr(client(exchange).rest_api, name), **params)
    first = unwrapped(told[0] if isinstance(told, list) else told)

    assert {field: getattr(first, field) for field in expected} == expected


# -- account --------------------------------------------------------------------------------------


def test_the_account_shows_its_money_and_its_position(exchange):
    rest = client(exchange).rest_api
    asked(exchange, rest.new_order, **MARKET, quantity=50)

    for version in ("v2", "v3"):
        account = asked(exchange, getattr(rest, f"account_information_{version}"))
        assert account.total_wallet_balance == "999.95000000"
        assert account.total_position_initial_margin == "20.00000000"
        held = [each for each in account.positions if each.position_amt != "0"]
        assert [(each.symbol, each.position_amt) for each in held] == [(SYMBOL, "50")]
        (balance,) = asked(exchange, getattr(rest, f"futures_account_balance_{version}"))
        assert (balance.asset, balance.balance) == ("USDT", "999.95000000")
        risks = asked(exchange, getattr(rest, f"position_information_{version}"), symbol=SYMBOL)
        assert (risks[0].entry_price, risks[0].notional) == ("2.0", "100.00000000")
        assert 1.6 < float(risks[0].liquidation_price) < 1.62


def test_a_fill_is_found_in_trades_and_income(exchange):
    rest = client(exchange).rest_api
    asked(exchange, rest.new_order, **MARKET, quantity=50)
    asked(exchange, rest.new_order, **MARKET | {"side": "SELL"}, quantity=20)

    bought, sold = asked(exchange, rest.account_trade_list, symbol=SYMBOL)
    income = asked(exchange, rest.get_income_history, symbol=SYMBOL)

    assert (bought.side, bought.qty, bought.commission) == ("BUY", "50", "0.05000000")
    assert (sold.side, sold.qty, sold.buyer, sold.maker) == ("SELL", "20", False, False)
    assert [(row.income_type, row.income) for row in income] == [
        ("COMMISSION", "-0.05000000"),
        ("COMMISSION", "-0.02000000"),
    ]


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("futures_account_configuration", {}, {"can_trade": True, "dual_side_position": False}),
        ("symbol_configuration", S, {"margin_type": "ISOLATED", "leverage": 5}),
        ("notional_and_leverage_brackets", S, {"symbol": SYMBOL}),
        (
            "user_commission_rate",
            S,
            {"maker_commission_rate": "0.0002", "taker_commission_rate": "0.0005"},
        ),
        ("get_current_position_mode", {}, {"dual_side_position": False}),
        ("get_current_multi_assets_mode", {}, {"multi_assets_margin": False}),
        ("get_bnb_burn_status", {}, {"fee_burn": False}),
        ("query_user_rate_limit", {}, {"rate_limit_type": "ORDERS", "limit": 1200}),
        ("futures_trading_quantitative_rules_indicators", {}, {"update_time": START_MS}),
        ("change_initial_leverage", {**S, "leverage": 8}, {"symbol": SYMBOL, "leverage": 8}),
        ("toggle_bnb_burn_on_futures_trade", {"fee_burn": "false"}, {"code": 200}),
    ],
)
def test_settings_are_read_and_made(exchange, name, params, expected):
    told = asked(exchange, getattr(client(exchange).rest_api, name), **params)
    first = unwrapped(told[0] if isinstance(told, list) else told)

    assert {field: getattr(first, field) for field in expected} == expected


@pytest.mark.parametrize("params", [{}, {"symbol": "USDTUSD"}])
def test_the_index_of_the_one_asset_is_read(exchange, params):
    rest = client(exchange).rest_api
    told = asked(exchange, rest.asset_index, **params)
    first = unwrapped(told[0] if isinstance(told, list) else told)

    assert (first.symbol, first.index, first.ask_rate) == ("USDTUSD", "1.00000000", "1.00000000")


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("get_funding_rate_info", {}),
        ("users_force_orders", {}),
        ("get_position_margin_change_history", S),
        ("quarterly_contract_settlement_price", {"pair": SYMBOL}),
        ("composite_index_symbol_information", {}),
        ("position_adl_quantile_estimation", {}),
    ],
)
def test_what_does_not_happen_here_is_an_empty_list(exchange, name, params):
    assert asked(exchange, getattr(client(exchange).rest_api, name), **params) == []


# -- orders ---------------------------------------------------------------------------------------


def test_a_limit_order_is_placed_found_amended_and_cancelled(exchange):
    rest = client(exchange).rest_api
    placed = asked(exchange, rest.new_order, **LIMIT, quantity=20, price=1.95)
    order = {**S, "order_id": placed.order_id}

    assert (placed.status, placed.price, placed.orig_qty) == ("NEW", "1.95", "20")
    assert asked(exchange, rest.query_order, **order).time == START_MS
    assert asked(exchange, rest.query_current_open_order, **order).price == "1.95"
    amended = asked(exchange, rest.modify_order, **order, side="BUY", quantity=30, price=1.94)
    assert (amended.orig_qty, amended.price) == ("30", "1.94")
    (change,) = asked(exchange, rest.get_order_modify_history, **order)
    assert (change.amendment.price.before, change.amendment.price.after) == ("1.95", "1.94")
    (waiting,) = asked(exchange, rest.current_all_open_orders)
    assert waiting.order_id == placed.order_id
    assert asked(exchange, rest.cancel_order, **order).status == "CANCELED"
    assert asked(exchange, rest.all_orders, **S)[0].status == "CANCELED"
    assert asked(exchange, rest.current_all_open_orders) == []


def test_an_order_is_good_till_a_date_and_a_stop_has_a_price(exchange):
    rest = client(exchange).rest_api
    dated = {"time_in_force": "GTD", "good_till_date": START_MS + 700_000}
    placed = asked(exchange, rest.new_order, **LIMIT | dated, quantity=20, price=1.95)
    terms = STOP | {"type": "STOP"} | dated
    stop = asked(
        exchange, rest.new_algo_order, **terms, quantity=20, trigger_price=1.95, price=1.94
    )
    found = asked(exchange, rest.query_algo_order, algo_id=stop.algo_id)

    assert (placed.time_in_force, placed.good_till_date) == ("GTD", START_MS + 700_000)
    assert (stop.order_type, stop.price, stop.good_till_date) == (
        "STOP",
        "1.94",
        START_MS + 700_000,
    )
    assert (found.algo_status, found.price) == ("NEW", "1.94")


def test_a_market_order_is_acknowledged_or_told_with_its_result(exchange):
    rest = client(exchange).rest_api
    ack = asked(exchange, rest.new_order, **MARKET, quantity=20)
    result = asked(exchange, rest.new_order, **MARKET, quantity=20, new_order_resp_type="RESULT")
    found = asked(exchange, rest.query_order, **S, order_id=result.order_id)

    assert (ack.status, ack.executed_qty) == ("NEW", "0")
    assert (result.status, result.executed_qty, result.cum_qty) == ("FILLED", "20", "20")
    assert (found.avg_price, found.cum_quote) == ("2.0", "40.0")


def test_a_batch_is_answered_order_by_order(exchange):
    rest = client(exchange).rest_api
    order = {**S, "side": "BUY", "type": "LIMIT", "price": "1.9", "timeInForce": "GTC"}
    batch = [{**order, "quantity": "20"}, {**order, "quantity": "1"}]

    good, bad = asked(exchange, rest.place_multiple_orders, batch_orders=batch)
    again = [{**S, "orderId": good.order_id, "side": "BUY", "quantity": "20", "price": "1.92"}]
    (amended,) = asked(exchange, rest.modify_multiple_orders, batch_orders=again)
    (gone,) = asked(exchange, rest.cancel_multiple_orders, **S, order_id_list=[good.order_id])

    assert (good.status, bad.code) == ("NEW", -4164)
    assert amended.price == "1.92"
    assert gone.status == "CANCELED"


def test_all_orders_are_cancelled_at_once_and_by_a_countdown(exchange):
    rest = client(exchange).rest_api
    asked(exchange, rest.new_order, **LIMIT, quantity=20, price=1.95)

    counting = asked(exchange, rest.auto_cancel_all_open_orders, **S, countdown_time=60_000)
    assert counting.countdown_time == "60000"
    assert asked(exchange, rest.cancel_all_open_orders, **S).code == 200
    assert asked(exchange, rest.current_all_open_orders, **S) == []


def test_an_order_can_be_tried_out(exchange):
    rest = client(exchange).rest_api

    tried = asked(exchange, rest.test_order, **MARKET, quantity=20)

    assert (tried.status, tried.orig_qty) == ("NEW", "20")
    assert asked(exchange, rest.all_orders, **S) == []


def test_conditional_orders_live_in_the_algo_service(exchange):
    rest = client(exchange).rest_api
    asked(exchange, rest.new_order, **MARKET, quantity=50)
    closing = {"close_position": "true"}
    stop = asked(exchange, rest.new_algo_order, **STOP, trigger_price=1.9, **closing)
    target = STOP | {"type": "TAKE_PROFIT_MARKET"}
    asked(exchange, rest.new_algo_order, **target, trigger_price=2.2, **closing)
    trailing = STOP | {"type": "TRAILING_STOP_MARKET"}
    asked(exchange, rest.new_algo_order, **trailing, quantity=10, callback_rate=1.0)

    assert (stop.time_in_force, stop.quantity, stop.close_position) == ("GTE_GTC", "0", True)
    assert asked(exchange, rest.query_algo_order, algo_id=stop.algo_id).actual_order_id == ""
    waiting = asked(exchange, rest.current_all_algo_open_orders)
    assert [each.order_type for each in waiting] == [
        "STOP_MARKET",
        "TAKE_PROFIT_MARKET",
        "TRAILING_STOP_MARKET",
    ]
    assert asked(exchange, rest.current_all_open_orders) == []
    assert asked(exchange, rest.cancel_algo_order, algo_id=stop.algo_id).code == "200"
    assert asked(exchange, rest.cancel_all_algo_open_orders, **S).code == 200
    statuses = [each.algo_status for each in asked(exchange, rest.query_all_algo_orders, **S)]
    assert statuses == ["CANCELED"] * 3


def test_a_triggered_stop_names_its_order(exchange):
    rest = client(exchange).rest_api
    asked(exchange, rest.new_order, **MARKET, quantity=50)
    asked(exchange, rest.new_algo_order, **STOP, trigger_price=1.9, close_position="true")
    exchange.step(2)

    (done,) = asked(exchange, rest.query_all_algo_orders, **S)
    child = asked(exchange, rest.query_order, **S, order_id=int(done.actual_order_id))

    assert (done.algo_status, done.actual_price) == ("FINISHED", "1.9")
    assert (child.type, child.status, child.executed_qty) == ("MARKET", "FILLED", "50")


@pytest.mark.parametrize(
    ("name", "params", "code"),
    [
        ("new_order", {**MARKET, "quantity": 100_000}, -2019),
        ("new_order", {**MARKET, "quantity": 1}, -4164),
        ("new_order", {**MARKET, "side": "SELL", "quantity": 20, "reduce_only": "true"}, -2022),
        ("new_order", {**S, "side": "SELL", "type": "STOP_MARKET", "quantity": 20}, -4120),
        ("new_algo_order", {**STOP, "trigger_price": 1.9, "close_position": "true"}, -4509),
        ("new_algo_order", {**STOP, "trigger_price": 2.1, "quantity": 20}, -2021),
        ("cancel_order", {**S, "order_id": 1}, -2011),
        ("cancel_algo_order", {"algo_id": 1}, -2011),
        ("query_order", {**S, "order_id": 1}, -2013),
        ("change_margin_type", {**S, "margin_type": "ISOLATED"}, -4046),
        ("change_position_mode", {"dual_side_position": "false"}, -4059),
        ("change_multi_assets_mode", {"multi_assets_margin": "false"}, -4171),
        ("keepalive_user_data_stream", {}, -1125),
    ],
)
def test_a_refusal_carries_its_code(exchange, name, params, code):
    with pytest.raises(BadRequestError) as refused:
        getattr(client(exchange).rest_api, name)(**params)

    assert refused.value.status_code == code


def test_a_second_closing_stop_is_refused(exchange):
    rest = client(exchange).rest_api
    asked(exchange, rest.new_order, **MARKET, quantity=50)
    asked(exchange, rest.new_algo_order, **STOP, trigger_price=1.9, close_position="true")

    with pytest.raises(BadRequestError) as refused:
        rest.new_algo_order(**STOP, trigger_price=1.8, close_position="true")

    assert refused.value.status_code == -4130


def test_another_key_is_not_let_in(exchange):
    configuration = ConfigurationRestAPI(
        api_key="another", api_secret=SECRET, base_path=exchange.at.rest
    )
    with pytest.raises(UnauthorizedError) as refused:
        DerivativesTradingUsdsFutures(configuration).rest_api.account_information_v3()

    assert refused.value.status_code == -2015


@pytest.mark.parametrize("pace", [1.0, 60.0])
def test_it_signs_with_the_time_of_its_machine_whatever_time_the_market_has(pace):
    with served(pace=pace) as exchange:
        account = asked(exchange, client(exchange).rest_api.account_information_v3)

    assert account.total_wallet_balance == "1000.00000000"


def test_headers_count_weight_and_orders(exchange):
    answer = client(exchange).rest_api.new_order(**MARKET, quantity=20)

    assert answer.status == 200
    assert {
        (each.rateLimitType, each.interval, each.intervalNum) for each in answer.rate_limits
    } == {
        ("REQUEST_WEIGHT", "MINUTE", 1),
        ("ORDERS", "SECOND", 10),
        ("ORDERS", "MINUTE", 1),
    }


# -- WebSocket API --------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def api_socket(exchange: Served) -> AsyncIterator[Any]:
    socket = await client(exchange).websocket_api.create_connection()
    try:
        yield socket
    finally:
        await socket.close_connection(close_session=True)


async def told(call: Any, **params: Any) -> Any:
    """The result of a call; fails when it has something that its model does not know."""
    data = unwrapped((await call(**params)).data())
    assert data.additional_properties == {}
    rows = data.result if isinstance(data.result, list) else [data.result]
    assert all(not getattr(row, "additional_properties", {}) for row in rows)
    return data.result


async def test_orders_go_over_the_websocket_api(exchange):
    async with api_socket(exchange) as api:
        placed = await told(api.new_order, **LIMIT, quantity=20, price=1.95)
        order = {**S, "order_id": placed.order_id}
        found = await told(api.query_order, **order)
        amended = await told(api.modify_order, **order, side="BUY", quantity=30, price=1.94)
        gone = await told(api.cancel_order, **order)
        filled = await told(api.new_order, **MARKET, quantity=50, new_order_resp_type="RESULT")
        stop = await told(api.new_algo_order, **STOP, trigger_price=1.9, close_position="true")
        off = await told(api.cancel_algo_order, algo_id=stop.algo_id)

    assert (placed.status, found.price, amended.price, gone.status) == (
        "NEW",
        "1.95",
        "1.94",
        "CANCELED",
    )
    assert (filled.status, stop.algo_status, off.code) == ("FILLED", "NEW", "200")


async def test_the_websocket_api_tells_account_and_prices(exchange):
    async with api_socket(exchange) as api:
        for call in (api.account_information, api.account_information_v2):
            assert (await told(call)).total_wallet_balance == "1000.00000000"
        for call in (api.futures_account_balance, api.futures_account_balance_v2):
            assert (await told(call))[0].balance == "1000.00000000"
        assert (await told(api.position_information))[0].position_amt == "0"
        assert await told(api.position_information_v2) == []
        assert (await told(api.symbol_order_book_ticker, **S)).bid_price == "2.0"
        assert (await told(api.symbol_price_ticker, **S)).price == "2.0"
        key = (await told(api.start_user_data_stream)).listen_key
        assert (await told(api.keepalive_user_data_stream)).listen_key == key


async def test_a_refusal_over_the_websocket_api_carries_its_code(exchange):
    async with api_socket(exchange) as api:
        answer = await api.new_order(**MARKET, quantity=100_000)

    assert answer.data()["error"] == {"code": -2019, "msg": "Margin is insufficient."}


# -- streams --------------------------------------------------------------------------------------


class Heard:
    """Streams of one client, and what came on each."""

    def __init__(self, streams: Any) -> None:
        self._streams = streams
        self.messages: dict[str, list[Any]] = {}

    async def listen(self, name: str, **params: Any) -> list[Any]:
        messages = self.messages.setdefault(name, [])
        stream = await getattr(self._streams, name)(**params)
        stream.on("message", lambda data: messages.append(unwrapped(data)))
        return messages


@contextlib.asynccontextmanager
async def listening(exchange: Served) -> AsyncIterator[Heard]:
    streams = await client(exchange).websocket_streams.create_connection()
    try:
        yield Heard(streams)
    finally:
        await streams.close_connection(close_session=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_market_streams_are_heard_in_their_models(exchange):
    low = SYMBOL.lower()
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("kline_candlestick_streams", {"symbol": low, "interval": "15m"}),
        (
            "continuous_contract_kline_candlestick_streams",
            {"pair": low, "contract_type": "perpetual", "interval": "15m"},
        ),
        ("mark_price_stream", {"symbol": low}),
        ("mark_price_stream_for_all_market", {}),
        ("individual_symbol_ticker_streams", {"symbol": low}),
        ("all_market_mini_tickers_stream", {}),
        ("all_market_tickers_streams", {}),
        ("aggregate_trade_streams", {"symbol": low}),
        ("individual_symbol_book_ticker_streams", {"symbol": low}),
        ("all_book_tickers_stream", {}),
        ("partial_book_depth_streams", {"symbol": low, "levels": 5}),
        ("diff_book_depth_streams", {"symbol": low}),
        ("rpi_diff_book_depth_streams", {"symbol": low}),
    ]
    async with listening(exchange) as heard:
        await asyncio.gather(*(heard.listen(name, **params) for name, params in wanted))
        await asyncio.to_thread(exchange.step)
        await until(lambda: all(len(heard.messages[name]) > 2 for name, _ in wanted[:1]))
        await until(lambda: all(heard.messages[name] for name, _ in wanted))
    first = {name: heard.messages[name][0] for name, _ in wanted}

    klines = [(each.k.t, each.k.x) for each in heard.messages["kline_candlestick_streams"]]
    assert klines[:3] == [(START_MS, False), (START_MS, True), (START_MS + 900_000, False)]
    assert first["continuous_contract_kline_candlestick_streams"].ct == "PERPETUAL"
    assert first["mark_price_stream"].p == "2.00000000"
    for name in (
        "mark_price_stream_for_all_market",
        "all_market_mini_tickers_stream",
        "all_market_tickers_streams",
    ):
        assert [unwrapped(each).s for each in first[name]] == [SYMBOL, OTHER]
    assert first["individual_symbol_book_ticker_streams"].b == "2.0"
    assert len(first["partial_book_depth_streams"].b) == 5
    assert first["diff_book_depth_streams"].e == "depthUpdate"


async def test_user_events_are_heard_in_their_models(exchange):
    rest = client(exchange).rest_api
    key = rest.start_user_data_stream().data().listen_key

    def trade() -> None:
        rest.new_order(**MARKET, quantity=50)
        rest.new_algo_order(**STOP, trigger_price=1.9, close_position="true")
        rest.change_initial_leverage(symbol=OTHER, leverage=7)
        exchange.step(2)

    async with listening(exchange) as heard:
        events = await heard.listen("user_data", listenKey=key)
        await asyncio.sleep(0.1)
        await asyncio.to_thread(trade)
        await until(lambda: len(events) >= 13)

    assert [type(each) for each in events] == [
        models.OrderTradeUpdate,
        models.TradeLite,
        models.OrderTradeUpdate,
        models.AccountUpdate,
        models.AlgoUpdate,
        models.AccountConfigUpdate,
        models.AlgoUpdate,
        models.AlgoUpdate,
        models.OrderTradeUpdate,
        models.TradeLite,
        models.OrderTradeUpdate,
        models.AccountUpdate,
        models.AlgoUpdate,
    ]
    filled, account, algo = events[2], events[3], events[12]
    assert (filled.o.X, filled.o.z, filled.o.ap) == ("FILLED", "50", "2.0")
    assert (account.a.m, account.a.P[0].pa) == ("ORDER", "50")
    assert (algo.o.X, algo.o.aq, int(algo.o.ai)) == ("FINISHED", "50", events[10].o.i)
