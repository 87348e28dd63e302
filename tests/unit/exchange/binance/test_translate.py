from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cointrader.domain.candle import Candle
from cointrader.domain.errors import InvariantBroken
from cointrader.domain.events import FundingSettled
from cointrader.domain.instrument import Instrument, LeverageBracket
from cointrader.domain.order import (
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    PriceSource,
    Side,
    TimeInForce,
)
from cointrader.domain.ports import Account, Settlement
from cointrader.domain.position import Position
from cointrader.exchange.binance import translate
from cointrader.exchange.binance.rate_limit import Limit, Pool
from cointrader.exchange.binance.schemas import (
    AccountInformation,
    AlgoOrder,
    ExchangeInfo,
    FundingRate,
    Income,
    KeyRestrictions,
    Kline,
    PlainOrder,
    PositionRisk,
    SymbolBrackets,
    SymbolConfig,
    SymbolInfo,
    UserTrade,
)
from tests.unit.exchange.binance import payloads
from tests.unit.exchange.binance.scripted import NOW_MS

T = TypeVar("T")
D = Decimal
HOUR = 3_600_000


def wire(payload: Any, type_: type[T], **changes: Any) -> T:
    """`payload` as it is read from the wire, changed in some fields; None leaves a field out."""
    if changes:
        payload = {k: v for k, v in {**payload, **changes}.items() if v is not None}
    return msgspec.json.decode(msgspec.json.encode(payload), type=type_)


# -- what is sent ---------------------------------------------------------------------------------


def test_a_market_order_is_sent_with_side_quantity_and_id():
    request = OrderRequest("ct-1", "XRPUSDT", OrderSide.BUY, OrderKind.MARKET, D("10.50"))

    assert translate.plain_parameters(request) == {
        "symbol": "XRPUSDT",
        "side": "BUY",
        "type": "MARKET",
        "positionSide": "BOTH",
        "newClientOrderId": "ct-1",
        "quantity": "10.5",
    }


def test_a_closing_order_says_reduce_only():
    request = OrderRequest(
        "ct-1", "XRPUSDT", OrderSide.SELL, OrderKind.MARKET, D(10), reduce_only=True
    )

    assert translate.plain_parameters(request)["reduceOnly"] == "true"


def test_a_limit_order_carries_price_and_time_in_force():
    request = OrderRequest(
        "ct-1", "XRPUSDT", OrderSide.BUY, OrderKind.LIMIT, D(10),
        price=D("2.0500"), time_in_force=TimeInForce.GTX,
    )  # fmt: skip

    parameters = translate.plain_parameters(request)
    assert (parameters["price"], parameters["timeInForce"]) == ("2.05", "GTX")


def test_a_stop_that_closes_the_position_has_neither_quantity_nor_reduce_only():
    request = OrderRequest(
        "ct-1", "XRPUSDT", OrderSide.SELL, OrderKind.STOP_MARKET,
        trigger_price=D("2.05"), close_position=True,
    )  # fmt: skip

    assert translate.algo_parameters(request) == {
        "symbol": "XRPUSDT",
        "side": "SELL",
        "type": "STOP_MARKET",
        "positionSide": "BOTH",
        "clientAlgoId": "ct-1",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": "false",
        "closePosition": "true",
        "triggerPrice": "2.05",
    }


def test_a_stop_for_a_quantity_reduces_only():
    request = OrderRequest(
        "ct-1", "XRPUSDT", OrderSide.SELL, OrderKind.STOP_MARKET, D(10),
        trigger_price=D("2.05"), reduce_only=True,
    )  # fmt: skip

    parameters = translate.algo_parameters(request)
    assert (parameters["quantity"], parameters["reduceOnly"]) == ("10", "true")
    assert "closePosition" not in parameters


def test_a_trailing_stop_tells_its_callback_in_percent():
    request = OrderRequest(
        "ct-1", "XRPUSDT", OrderSide.SELL, OrderKind.TRAILING_STOP_MARKET, D(10),
        reduce_only=True, activation_price=D("2.2"), callback_ratio=D("0.015"),
        triggered_by=PriceSource.MARK,
    )  # fmt: skip

    parameters = translate.algo_parameters(request)
    assert parameters["activatePrice"] == "2.2"
    assert parameters["callbackRate"] == "1.5"
    assert parameters["workingType"] == "MARK_PRICE"
    assert "triggerPrice" not in parameters


@given(st.decimals(min_value=0, max_value=10**12, places=8))
def test_amounts_are_written_digit_for_digit(value):
    text = translate.amount(value)

    assert Decimal(text) == value
    assert set(text) <= set("0123456789.")


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+3", "1000"), ("1E-8", "0.00000001"), ("10.0", "10"), ("100", "100"), ("0.10", "0.1")],
)
def test_amounts_are_written_without_exponents(value, text):
    assert translate.amount(D(value)) == text


# -- orders ---------------------------------------------------------------------------------------


def test_a_filled_order_is_reported_with_its_average_price():
    assert translate.plain_report(wire(payloads.ORDER, PlainOrder)) == OrderReport(
        client_order_id="ct-XRPUSDT-abc-e0",
        symbol="XRPUSDT",
        side=OrderSide.BUY,
        kind=OrderKind.MARKET,
        status=OrderStatus.FILLED,
        updated_ms=1795000000010,
        quantity=D("10.0"),
        filled_quantity=D("10.0"),
        average_price=D("2.101"),
    )


def test_an_average_price_that_is_not_told_is_worked_out_or_unknown():
    by_quote = wire(payloads.ORDER, PlainOrder, avgPrice=None)
    untold = wire(payloads.ORDER, PlainOrder, avgPrice=None, cumQuote=None)

    assert translate.plain_report(by_quote).average_price == D("2.101")
    assert translate.plain_report(untold).average_price is None


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("NEW", OrderStatus.NEW),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED),
        ("FILLED", OrderStatus.FILLED),
        ("CANCELED", OrderStatus.CANCELED),
        ("REJECTED", OrderStatus.REJECTED),
        ("EXPIRED", OrderStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
        ("NEW_INSURANCE", OrderStatus.NEW),
        ("SOMETHING_NEW", OrderStatus.NEW),
    ],
)
def test_plain_statuses(name, status):
    order = wire(payloads.ORDER, PlainOrder, status=name)

    assert translate.plain_report(order).status is status


def test_a_kind_that_we_never_send_is_named_by_its_nearest():
    names = ("STOP", "TAKE_PROFIT", "LIQUIDATION", "LIMIT", "SOMETHING")
    orders = [wire(payloads.ORDER, PlainOrder, origType=name) for name in names]

    assert [translate.plain_report(order).kind.value for order in orders] == [
        "STOP_MARKET",
        "TAKE_PROFIT_MARKET",
        "MARKET",
        "LIMIT",
        "LIMIT",
    ]


def test_a_resting_stop_is_reported_with_its_trigger_and_without_a_quantity():
    assert translate.algo_report(wire(payloads.ALGO, AlgoOrder)) == OrderReport(
        client_order_id="ct-XRPUSDT-abc-s0",
        symbol="XRPUSDT",
        side=OrderSide.SELL,
        kind=OrderKind.STOP_MARKET,
        status=OrderStatus.NEW,
        updated_ms=1795000000100,
        trigger_price=D("2.05"),
        close_position=True,
        reduce_only=True,
    )


@pytest.mark.parametrize(
    ("changes", "status", "filled"),
    [
        ({"algoStatus": "NEW"}, OrderStatus.NEW, "0"),
        ({"algoStatus": "TRIGGERING", "actualOrderId": ""}, OrderStatus.TRIGGERED, "0"),
        ({"algoStatus": "TRIGGERED", "actualQty": "0"}, OrderStatus.TRIGGERED, "0"),
        ({"algoStatus": "FINISHED", "actualQty": "10.0"}, OrderStatus.FILLED, "10"),
        ({"algoStatus": "FINISHED", "actualQty": "0", "actualPrice": "0"},
         OrderStatus.CANCELED, "0"),
        ({"algoStatus": "FINISHED", "actualPrice": "2.05"}, OrderStatus.FILLED, "0"),
        ({"algoStatus": "FINISHED", "actualPrice": ""}, OrderStatus.CANCELED, "0"),
        ({"algoStatus": "CANCELED"}, OrderStatus.CANCELED, "0"),
        ({"algoStatus": "EXPIRED"}, OrderStatus.EXPIRED, "0"),
        ({"algoStatus": "REJECTED"}, OrderStatus.REJECTED, "0"),
    ],
)  # fmt: skip
def test_algo_statuses(changes, status, filled):
    report = translate.algo_report(wire(payloads.ALGO, AlgoOrder, **changes))

    assert (report.status, report.filled_quantity) == (status, D(filled))


@pytest.mark.parametrize(("told", "order_id"), [("9002", 9002), (9002, 9002), ("", None)])
def test_what_a_conditional_order_became(told, order_id):
    assert translate.became(wire(payloads.ALGO, AlgoOrder, actualOrderId=told)) == order_id


# -- executions and money -------------------------------------------------------------------------


def test_a_trade_becomes_a_fill_of_the_order_it_belongs_to():
    fill = translate.fill(wire(payloads.TRADE, UserTrade, realizedPnl="1.5"), "ct-1")

    assert fill == translate.BinanceFill(
        symbol="XRPUSDT",
        trade_id=7001,
        client_order_id="ct-1",
        side=OrderSide.BUY,
        price=D("2.101"),
        quantity=D(10),
        fee=D("0.010505"),
        at_ms=NOW_MS,
        gross=D("1.5"),
        is_maker=False,
        commission=translate.Commission("USDT", D("0.010505")),
    )


def test_a_fee_in_another_asset_is_valued_and_kept_as_it_was_paid():
    trade = wire(payloads.TRADE, UserTrade, commission="0.00002", commissionAsset="BNB")

    fill = translate.fill(trade, "ct-1", asset_price=D(600))
    assert fill.fee == D("0.012")
    assert fill.commission == translate.Commission("BNB", D("0.00002"))


def test_the_account_is_the_part_in_quote_currency():
    information = wire(payloads.ACCOUNT, AccountInformation)

    assert translate.account(information, "USDT", D(100)) == Account(
        wallet=D(1000), equity=D("1000.35"), available=D("996.15"), transfers=D(100)
    )
    assert translate.account(information, "USDC", None) == Account(D(0), D(0), D(0))


def test_a_short_position_has_a_negative_amount_on_the_wire():
    rows = [wire(payloads.POSITION, PositionRisk)]

    assert translate.position(rows, "XRPUSDT") == Position(
        symbol="XRPUSDT",
        side=Side.SHORT,
        quantity=D(10),
        entry_price=D("2.066"),
        opened_ms=NOW_MS,
        liquidation_price=D("2.2601"),
        margin=D("2.10"),
    )


def test_flat_is_no_row_or_an_amount_of_zero():
    flat = wire(payloads.POSITION, PositionRisk, positionAmt="0.0")

    assert translate.position([], "XRPUSDT") is None
    assert translate.position([flat], "XRPUSDT") is None
    assert translate.position([wire(payloads.POSITION, PositionRisk)], "TRXUSDT") is None


def test_a_liquidation_price_of_zero_is_none():
    row = wire(payloads.POSITION_V2, PositionRisk, liquidationPrice="0", positionAmt="3")

    position = translate.position([row], "XRPUSDT")
    assert position is not None
    assert position.liquidation_price is None
    assert position.side is Side.LONG


def test_a_position_in_hedge_mode_stops_everything():
    with pytest.raises(InvariantBroken, match="one-way"):
        translate.position([wire(payloads.POSITION, PositionRisk, positionSide="SHORT")], "XRPUSDT")


def test_funding_carries_the_rate_of_its_settlement():
    paid = [
        wire(payloads.INCOME, Income, time=1794988800150),
        wire(payloads.INCOME, Income, time=1794960000000),
    ]
    rates = [wire(payloads.FUNDING_RATE, FundingRate, fundingTime=1794988800004)]

    assert translate.funding(paid, rates, "XRPUSDT") == [
        FundingSettled("XRPUSDT", 1794960000000, D(0), D("-0.0021")),
        FundingSettled("XRPUSDT", 1794988800150, D("0.0001"), D("-0.0021")),
    ]


@pytest.mark.parametrize("late_ms", [0, 47, 60_000, -5])
def test_funding_booked_around_the_hour_is_of_that_settlement(late_ms):
    hour_ms = 498_608 * HOUR

    assert translate.settlement_ms(hour_ms + late_ms) == hour_ms


def test_funding_booked_at_another_time_is_of_none():
    assert translate.settlement_ms(498_608 * HOUR + 600_000) == 498_608 * HOUR + 600_000


def test_what_a_key_may_do_and_how_a_symbol_is_set():
    restrictions = wire(payloads.KEY_RESTRICTIONS, KeyRestrictions)
    config = {"symbol": "XRPUSDT", "marginType": "CROSSED", "leverage": 20}

    assert translate.key_rights(restrictions) == translate.KeyRights(
        trades_futures=True, withdraws=False, is_bound_to_addresses=True
    )
    assert translate.symbol_settings(wire(config, SymbolConfig)) == translate.SymbolSettings(
        leverage=20, is_isolated=False
    )


# -- the market -----------------------------------------------------------------------------------


def test_a_candle_closes_with_the_first_millisecond_after_it():
    assert translate.candle(wire(payloads.KLINE, Kline), "XRPUSDT", 60_000) == Candle(
        "XRPUSDT", 1794999960000, 1795000020000, 2.1, 2.104, 2.099, 2.101, 15230.4
    )


def test_a_settlement_has_a_mark_price_where_one_is_told():
    rate = wire(payloads.FUNDING_RATE, FundingRate)
    old = wire(payloads.FUNDING_RATE, FundingRate, markPrice="")

    assert translate.settlement(rate) == Settlement(1794988800000, 0.0001, 2.1012)
    assert translate.settlement(old).mark_price is None


def test_an_instrument_takes_its_grids_from_the_filters():
    info = wire(payloads.SYMBOL_INFO, SymbolInfo)
    brackets = wire(payloads.BRACKETS, SymbolBrackets)

    assert translate.instrument(info, brackets) == Instrument(
        symbol="XRPUSDT",
        tick_size=D("0.0001"),
        step_size=D("0.1"),
        min_quantity=D("0.1"),
        max_quantity=D(2_000_000),
        min_notional=D(5),
        brackets=(
            LeverageBracket(D(10_000), 75, D("0.005"), D(0)),
            LeverageBracket(D(20_000), 50, D("0.0065"), D(15)),
        ),
        max_limit_quantity=D(10_000_000),
        min_price=D("0.0143"),
        max_price=D(100_000),
        price_multiplier_up=D("1.05"),
        price_multiplier_down=D("0.95"),
    )


def test_the_coarser_step_and_the_smaller_maximum_hold_for_market_orders():
    filters = [
        {"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "50", "stepSize": "0.1"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "1", "maxQty": "900", "stepSize": "1"},
    ]
    info = wire(payloads.SYMBOL_INFO, SymbolInfo, filters=filters)

    instrument = translate.instrument(info, wire(payloads.BRACKETS, SymbolBrackets))
    assert (instrument.step_size, instrument.min_quantity) == (D(1), D(1))
    assert instrument.max_quantity == D(50)
    assert (instrument.tick_size, instrument.min_price) == (None, None)
    assert instrument.min_notional == 0


def test_a_market_step_of_zero_leaves_the_other_one():
    filters = [
        {"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "50", "stepSize": "0.1"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "0", "stepSize": "0"},
    ]
    info = wire(payloads.SYMBOL_INFO, SymbolInfo, filters=filters)

    instrument = translate.instrument(info, wire(payloads.BRACKETS, SymbolBrackets))
    assert (instrument.step_size, instrument.max_quantity) == (D("0.1"), D(50))


def test_rate_limits_are_those_the_exchange_declares():
    assert translate.limits(wire(payloads.EXCHANGE_INFO, ExchangeInfo)) == {
        Pool.WEIGHT: Limit(60_000, 2_400),
        Pool.ORDERS_1M: Limit(60_000, 1_200),
        Pool.ORDERS_10S: Limit(10_000, 300),
    }
