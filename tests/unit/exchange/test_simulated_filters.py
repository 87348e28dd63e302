"""What a symbol's filters refuse, and with which code. The price is 100."""

# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

from decimal import Decimal

import pytest

from cointrader.domain.errors import Rejected
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderKind, OrderStatus, TimeInForce
from cointrader.exchange.simulated import Costs
from tests.unit.exchange.simulated_fakes import (
    BUY,
    FLAT,
    SELL,
    STOP,
    TRAILING,
    Bench,
    opens,
)

D = Decimal
LIMIT = OrderKind.LIMIT
LISTED = Instrument(
    "XRPUSDT",
    tick_size=D("0.1"),
    step_size=D("0.1"),
    min_quantity=D("0.2"),
    max_quantity=D(50),
    max_limit_quantity=D(80),
    min_notional=D(25),
    min_price=D(20),
    max_price=D(104),
    price_multiplier_up=D("1.05"),
    price_multiplier_down=D("0.95"),
)


def opened(**settings) -> Bench:
    bench = Bench(FLAT, FLAT, **{"instrument": LISTED, **settings})
    bench.open(0)
    return bench


async def code_of(bench: Bench, side, kind, **terms) -> str:
    before = bench.exchange.snapshot()
    with pytest.raises(Rejected) as caught:
        await bench.place(side, kind, **terms)
    assert bench.exchange.snapshot() == before
    assert caught.value.todo
    return caught.value.code


@pytest.mark.parametrize(
    ("side", "terms", "code"),
    [
        (BUY, {"price": "99.95", "quantity": "1"}, "-1111"),
        (BUY, {"price": "0", "quantity": "1"}, "-4001"),
        (BUY, {"price": "19.9", "quantity": "10"}, "-4013"),
        (SELL, {"price": "104.1", "quantity": "1"}, "-4002"),
        (SELL, {"price": "94.9", "quantity": "1"}, "-4024"),
        (BUY, {"price": "99", "quantity": "80.1"}, "-4005"),
        (BUY, {"price": "99", "quantity": "0.1"}, "-4004"),
        (BUY, {"price": "99", "quantity": "0.25"}, "-1111"),
        (BUY, {"price": "99", "quantity": "-1"}, "-4003"),
        (BUY, {"price": "50", "quantity": "0.4"}, "-4164"),
        (BUY, {"quantity": "1"}, "-1102"),
        (BUY, {"price": "99"}, "-1102"),
        (BUY, {"price": "99", "quantity": "1", "trigger_price": "99"}, "-1106"),
        (BUY, {"price": "99", "quantity": "1", "callback_ratio": "0.01"}, "-1106"),
        (BUY, {"price": "99", "close_position": True}, "-4136"),
        (BUY, {"price": "99", "quantity": "1", "reduce_only": True}, "-2022"),
    ],
)
async def test_limit_order_is_refused(side, terms, code):
    assert await code_of(opened(), side, LIMIT, **terms) == code


async def test_buy_limit_too_far_above_the_mark_is_refused():
    from_a_wider_market = Instrument("XRPUSDT", price_multiplier_up=D("1.05"))
    bench = opened(instrument=from_a_wider_market)

    assert await code_of(bench, BUY, LIMIT, price="105.01", quantity="1") == "-4016"
    assert (await bench.limit(BUY, "105")).status is OrderStatus.FILLED


async def test_limit_order_may_be_larger_than_a_market_order():
    bench = opened()

    assert await code_of(bench, BUY, OrderKind.MARKET, quantity="50.1") == "-4005"
    assert (await bench.limit(BUY, "99", "80")).status is OrderStatus.NEW


async def test_minimum_notional_is_of_a_limit_at_its_price_and_of_a_market_order_at_the_mark():
    marks = {"XRPUSDT": [(opens(0), 120.0)]}
    bench = opened(mark_prices=marks)

    assert await code_of(bench, BUY, LIMIT, price="99", quantity="0.2") == "-4164"
    assert await code_of(bench, BUY, OrderKind.MARKET, quantity="0.2") == "-4164"
    loose = Bench(FLAT, instrument=Instrument("XRPUSDT", min_notional=D(24)), mark_prices=marks)
    loose.open(0)
    assert (await loose.market(BUY, "0.2")).status is OrderStatus.FILLED  # 24 at the mark


async def test_market_order_far_from_the_mark_is_refused():
    bench = opened(costs=Costs(D(0), D("0.051")))

    assert await code_of(bench, BUY, OrderKind.MARKET, quantity="1") == "-4131"
    assert await code_of(bench, SELL, OrderKind.MARKET, quantity="1") == "-4131"


@pytest.mark.parametrize(
    ("side", "terms", "code"),
    [
        (SELL, {"quantity": "1"}, "-1102"),
        (SELL, {"quantity": "1", "callback_ratio": "0.0009"}, "-2007"),
        (SELL, {"quantity": "1", "callback_ratio": "0.201"}, "-2007"),
        (SELL, {"quantity": "1", "callback_ratio": "0.01", "activation_price": "0"}, "-4135"),
        (SELL, {"quantity": "1", "callback_ratio": "0.01", "activation_price": "100"}, "-2021"),
        (BUY, {"quantity": "1", "callback_ratio": "0.01", "activation_price": "100"}, "-2021"),
        (SELL, {"quantity": "1", "callback_ratio": "0.01", "activation_price": "101.05"}, "-1111"),
        (SELL, {"quantity": "1", "callback_ratio": "0.01", "trigger_price": "99"}, "-1106"),
        (SELL, {"callback_ratio": "0.01"}, "-1102"),
        (SELL, {"callback_ratio": "0.01", "close_position": True}, "-4136"),
        (SELL, {"quantity": "1", "callback_ratio": "0.01", "reduce_only": True}, "-2022"),
    ],
)
async def test_trailing_stop_is_refused(side, terms, code):
    assert await code_of(opened(), side, TRAILING, **terms) == code


async def test_stop_by_quantity_has_the_minimum_notional_of_its_trigger():
    bench = opened()

    assert await code_of(bench, BUY, STOP, trigger_price="101", quantity="0.2") == "-4164"
    assert (await bench.place(BUY, STOP, trigger_price="125", quantity="0.2")).status is (
        OrderStatus.NEW
    )


@pytest.mark.parametrize(
    ("time_in_force", "price", "code"),
    [(TimeInForce.GTX, "100", "-5022"), (TimeInForce.FOK, "99.9", "-5021")],
)
async def test_time_in_force_that_cannot_be_kept_is_refused(time_in_force, price, code):
    terms = {"price": price, "quantity": "1", "time_in_force": time_in_force}

    assert await code_of(opened(), BUY, LIMIT, **terms) == code


async def test_symbol_holds_200_limit_orders_which_count_apart_from_conditional_ones():
    bench = opened(balance="100000")
    for number in range(200):
        await bench.limit(BUY, "99", "0.3", f"l{number}")

    assert await code_of(bench, BUY, LIMIT, price="99", quantity="1") == "-2025"
    assert (await bench.place(BUY, STOP, trigger_price="101", quantity="1")).status is (
        OrderStatus.NEW
    )
