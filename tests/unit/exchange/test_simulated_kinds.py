"""Limit orders, stops that open, trailing stops: how each waits, fills and ends."""

# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

from decimal import Decimal

import pytest

from cointrader.domain.errors import Rejected
from cointrader.domain.events import OrderFilled, OrderUpdated
from cointrader.domain.order import DetailedFill, OrderStatus, Side, TimeInForce
from cointrader.exchange.simulated import Costs
from tests.unit.exchange.simulated_fakes import (
    BUY,
    FLAT,
    SELL,
    STOP,
    TARGET,
    TRAILING,
    Bench,
    Row,
    statuses,
    unread,
)

D = Decimal
SLIPPING = Costs(taker_fee=D("0.001"), slippage=D("0.01"), maker_fee=D("0.0002"))


def opened(*bars: Row, **settings) -> Bench:
    bench = Bench(*(bars or (FLAT, FLAT)), **settings)
    bench.open(0)
    return bench


def filled(bench: Bench) -> list[tuple[str, Decimal]]:
    return [(fill.client_order_id, fill.price) for fill in bench.exchange.fill_log]


# -- limit orders ---------------------------------------------------------------------------------


async def test_limit_rests_and_fills_at_its_price_as_a_maker_when_a_bar_reaches_it():
    bench = opened((100, 101, 98, 99), costs=SLIPPING)
    placed = await bench.limit(BUY, "98")
    bench.close(0)

    assert placed.status is OrderStatus.NEW
    (fill,) = bench.exchange.fill_log
    assert isinstance(fill, DetailedFill)
    assert (fill.price, fill.fee, fill.is_maker) == (98, D("0.0196"), True)
    assert await bench.status("l") is OrderStatus.FILLED


async def test_limit_that_no_bar_reaches_rests_on():
    bench = opened((100, 101, 98, 99))
    await bench.limit(BUY, "97.9")
    bench.close(0)

    assert [order.client_order_id for order in await bench.exchange.open_orders("XRPUSDT")] == ["l"]


async def test_limit_that_a_bar_opens_beyond_fills_at_its_price_never_better():
    bench = opened(FLAT, (90, 91, 89, 90))
    await bench.limit(BUY, "98")
    bench.close(0)
    bench.play(1)

    assert filled(bench) == [("l", 98)]


@pytest.mark.parametrize("time_in_force", [TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
async def test_limit_through_the_spread_takes_the_best_counter_price_at_once(time_in_force):
    bench = opened(costs=SLIPPING)
    report = await bench.limit(BUY, "103", time_in_force=time_in_force)

    assert (report.status, report.average_price) == (OrderStatus.FILLED, 101)
    assert bench.exchange.fill_log[0].fee == D("0.101")  # a taker


async def test_immediate_or_cancel_away_from_the_spread_expires_and_post_only_rests():
    bench = opened(costs=SLIPPING)

    expired = await bench.limit(BUY, "100", order_id="ioc", time_in_force=TimeInForce.IOC)
    rests = await bench.limit(BUY, "100", order_id="post", time_in_force=TimeInForce.GTX)

    assert (expired.status, rests.status) == (OrderStatus.EXPIRED, OrderStatus.NEW)
    told = statuses(await unread(bench.events))
    assert told == [OrderStatus.NEW, OrderStatus.EXPIRED, OrderStatus.NEW]


async def test_sell_limit_closes_a_long_and_one_larger_than_it_flips():
    bench = opened((100, 106, 99, 105))
    await bench.market(BUY, "2")
    await bench.limit(SELL, "103", "1", "half")
    await bench.limit(SELL, "105", "3", "flip")
    bench.close(0)

    held = await bench.held()
    assert filled(bench)[1:] == [("half", 103), ("flip", 105)]
    assert (held.side, held.quantity, held.entry_price) == (Side.SHORT, 2, 105)


async def test_reduce_only_limit_expires_when_nothing_is_left_to_reduce():
    bench = opened((100, 104, 97, 100))
    await bench.market(BUY)
    await bench.conditional(SELL, STOP, "98")
    await bench.limit(SELL, "103", reduce_only=True)
    bench.close(0)

    assert filled(bench)[1:] == [("sl", 98)]
    assert await bench.status("l") is OrderStatus.EXPIRED


async def test_grid_of_two_limits_both_fill_in_a_bar_that_reaches_both():
    bench = opened((100, 103, 97, 100))
    await bench.limit(BUY, "98", order_id="low")
    await bench.limit(SELL, "102", order_id="high")
    bench.close(0)

    assert sorted(filled(bench)) == [("high", 102), ("low", 98)]
    assert await bench.wallet() == 1004


async def test_limit_order_holds_margin_until_it_is_cancelled():
    bench = opened(balance="100", check_margin=True, leverage=10)
    await bench.limit(BUY, "90", "10", "a")

    assert (await bench.exchange.account()).available == 10
    with pytest.raises(Rejected, match="is available") as caught:
        await bench.limit(BUY, "90", "2", "b")
    assert caught.value.code == "-2019"
    await bench.exchange.cancel("XRPUSDT", "a")
    assert (await bench.exchange.account()).available == 100


async def test_limit_order_that_reduces_holds_no_margin():
    bench = opened(balance="100", check_margin=True, leverage=10)
    await bench.market(BUY, "9")
    await bench.limit(SELL, "110", "9", "all")

    assert (await bench.exchange.account()).available == 10
    with pytest.raises(Rejected):  # with the first one, this would open a short
        await bench.limit(SELL, "110", "2", "more")


async def test_filled_limit_order_turns_its_margin_into_the_positions():
    bench = opened((100, 100, 90, 90), balance="100", check_margin=True, leverage=10)
    await bench.limit(BUY, "90", "10")
    bench.close(0)

    assert (await bench.held()).margin == 90
    assert (await bench.exchange.account()).available == 10


# -- conditional orders that open -----------------------------------------------------------------


async def test_stop_by_quantity_may_wait_while_flat_and_opens_at_its_trigger_less_slippage():
    bench = opened((100, 106, 99, 103), costs=Costs(D(0), D("0.01")))
    await bench.place(BUY, STOP, trigger_price="105", quantity="2")
    await unread(bench.events)
    bench.close(0)

    triggered, fill, done = await unread(bench.events)
    assert isinstance(triggered, OrderUpdated)
    assert isinstance(fill, OrderFilled)
    assert isinstance(done, OrderUpdated)
    assert (triggered.report.status, done.report.status) == (
        OrderStatus.TRIGGERED,
        OrderStatus.FILLED,
    )
    assert fill.fill.price == D("106.05")
    assert (await bench.held()).side is Side.LONG


async def test_stop_entry_that_a_bar_opens_beyond_fills_at_the_open():
    bench = opened(FLAT, (108, 109, 107, 108))
    await bench.place(BUY, STOP, trigger_price="105", quantity="1")
    bench.close(0)
    bench.play(1)

    assert filled(bench) == [("o", 108)]


async def test_take_profit_by_quantity_opens_when_the_price_comes_down_to_it():
    bench = opened((100, 101, 94, 97))
    await bench.place(BUY, TARGET, trigger_price="95", quantity="1")
    bench.close(0)

    assert filled(bench) == [("o", 95)]


async def test_position_opened_inside_a_bar_sees_the_extreme_against_it_last():
    # Bought at 105 on the way up; the sell stop below was placed to flip it.
    bench = opened((100, 106, 94, 100))
    await bench.place(BUY, STOP, "in", trigger_price="105", quantity="1")
    await bench.place(SELL, STOP, "out", trigger_price="95", quantity="1")
    bench.close(0)

    assert filled(bench) == [("in", 105), ("out", 95)]
    assert await bench.wallet() == 990


async def test_stop_entry_without_the_margin_for_it_is_rejected_when_it_triggers():
    bench = opened((100, 106, 99, 103), balance="10", check_margin=True, leverage=10)
    await bench.place(BUY, STOP, trigger_price="105", quantity="1")
    await unread(bench.events)
    bench.close(0)

    told = statuses(await unread(bench.events))
    assert told == [OrderStatus.TRIGGERED, OrderStatus.REJECTED]
    assert await bench.exchange.position("XRPUSDT") is None


async def test_reduce_only_stop_that_triggers_with_nothing_left_is_rejected():
    bench = opened((100, 101, 96, 97))
    await bench.market(BUY)
    await bench.conditional(SELL, STOP, "98", "first", quantity="1")
    await bench.conditional(SELL, STOP, "97", "second", quantity="1")
    bench.close(0)

    assert (await bench.status("first"), await bench.status("second")) == (
        OrderStatus.FILLED,
        OrderStatus.REJECTED,
    )


async def test_siblings_expire_unless_they_are_told_to_stay():
    for settings, status in (
        ({}, OrderStatus.EXPIRED),
        ({"siblings": "expire"}, OrderStatus.EXPIRED),
        ({"siblings": "stay"}, OrderStatus.NEW),
    ):
        bench = opened((100, 101, 97, 99), **settings)
        await bench.enter(Side.LONG, stop="98", target="105")
        bench.close(0)

        assert await bench.status("tp") is status


async def test_orders_that_close_a_position_expire_when_it_turns_round():
    bench = opened((100, 101, 99, 100))
    await bench.enter(Side.LONG, stop="95", target="105")
    await bench.market(SELL, "2")

    assert await bench.status("sl") is OrderStatus.EXPIRED
    assert await bench.status("tp") is OrderStatus.EXPIRED


async def test_a_reduce_only_limit_order_expires_with_the_position():
    bench = opened((100, 101, 99, 100))
    await bench.market(BUY)
    await bench.limit(SELL, "105", order_id="reduces", reduce_only=True)
    await bench.limit(SELL, "105", order_id="opens")
    await bench.market(SELL)

    assert await bench.status("reduces") is OrderStatus.EXPIRED
    assert await bench.status("opens") is OrderStatus.NEW


async def test_a_conditional_order_with_a_quantity_outlives_the_position():
    bench = opened((100, 101, 99, 100))
    await bench.market(BUY)
    await bench.conditional(SELL, STOP, "95", "stop", quantity="1")
    await bench.market(SELL)

    assert await bench.status("stop") is OrderStatus.NEW


# -- trailing stops -------------------------------------------------------------------------------


async def trailed(*bars: Row, side=SELL, **terms) -> list[tuple[str, Decimal]]:
    """Fills after a position of 1 with a trailing exit saw `bars`."""
    bench = opened(*bars)
    await bench.market(BUY if side is SELL else SELL)
    await bench.place(side, TRAILING, "trail", quantity="1", reduce_only=True, **terms)
    bench.close(0)
    bench.play(*range(1, len(bars)))
    return filled(bench)[1:]


async def test_trailing_stop_follows_the_highest_price_and_fills_that_far_below_it():
    bars = (100, 110, 100, 109), (109, 109, 100, 101)

    assert await trailed(*bars, callback_ratio="0.05") == [("trail", D("104.5"))]


async def test_trailing_stop_of_a_short_follows_the_lowest_price():
    bars = (100, 100, 80, 81), (81, 90, 81, 89)

    assert await trailed(*bars, side=BUY, callback_ratio="0.1") == [("trail", 88)]


async def test_trailing_stop_sees_the_low_of_a_bar_before_its_high():
    # Had the high come first, 95 would have been below 110 less 10 %.
    assert await trailed((100, 110, 95, 108), callback_ratio="0.1") == []
    # It was certainly there before the close, which lies below 110 less 10 %.
    assert await trailed((100, 110, 95, 98), callback_ratio="0.1") == [("trail", 99)]


async def test_trailing_stop_that_a_bar_opens_beyond_fills_at_the_open():
    bars = FLAT, (90, 101, 89, 100)

    assert await trailed(*bars, callback_ratio="0.05") == [("trail", 90)]


async def test_trailing_stop_waits_for_its_activation_price():
    terms = {"callback_ratio": "0.05", "activation_price": "110"}

    assert await trailed((100, 109, 90, 95), **terms) == []
    assert await trailed((100, 112, 90, 111), (111, 111, 100, 100), **terms) == [
        ("trail", D("106.4"))
    ]


async def test_trailing_stop_may_open_a_position():
    bench = opened((100, 110, 100, 104))
    await bench.place(SELL, TRAILING, quantity="1", callback_ratio="0.05")
    bench.close(0)

    assert filled(bench) == [("o", D("104.5"))]
    assert (await bench.held()).side is Side.SHORT


async def test_cancelled_trailing_stop_says_its_terms():
    bench = opened()
    await bench.place(SELL, TRAILING, quantity="1", callback_ratio="0.05", activation_price="105")
    report = await bench.exchange.cancel("XRPUSDT", "o")

    assert (report.activation_price, report.callback_ratio) == (105, D("0.05"))  # type: ignore[union-attr]
