"""Stops and targets with a limit price, and orders that are good until a time."""

# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

import json
from decimal import Decimal
from typing import Any

import pytest

from cointrader.domain.errors import Rejected
from cointrader.domain.events import OrderUpdated
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import (
    DetailedFill,
    DetailedReport,
    OrderKind,
    OrderRequest,
    OrderStatus,
    PriceSource,
    Side,
    TimeInForce,
)
from cointrader.exchange.simulated import Costs, at_most
from tests.unit.exchange.simulated_fakes import (
    BUY,
    FLAT,
    M15,
    SELL,
    STOP,
    T0,
    TARGET,
    Bench,
    Row,
    opens,
    statuses,
    unread,
)

D = Decimal
SLIPPING = Costs(taker_fee=D("0.001"), slippage=D("0.01"), maker_fee=D("0.0002"))
RISES: Row = (100, 110, 99, 108)
FALLS: Row = (100, 101, 90, 92)


async def opened(*bars: Row, **settings) -> Bench:
    bench = Bench(*(bars or (FLAT, FLAT)), **settings)
    bench.open(0)
    return bench


def fills(bench: Bench) -> list[tuple[Decimal, bool]]:
    """Price of each fill, and whether it was a maker's."""
    log = bench.exchange.fill_log
    return [(fill.price, fill.is_maker) for fill in log if isinstance(fill, DetailedFill)]


async def kinds_told(bench: Bench) -> list[tuple[OrderKind, OrderStatus]]:
    events = await unread(bench.events)
    return [(e.report.kind, e.report.status) for e in events if isinstance(e, OrderUpdated)]


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "price", "bar", "filled"),
    [
        pytest.param(BUY, STOP, "105", "106", RISES, [(105, False)], id="taken at the trigger"),
        pytest.param(BUY, STOP, "105", "105", RISES, [(105, False)], id="price and trigger equal"),
        pytest.param(BUY, STOP, "105", "104", RISES, [(104, True)], id="rests below, comes back"),
        pytest.param(BUY, STOP, "105", "98", RISES, [], id="rests below, never comes back"),
        pytest.param(BUY, STOP, "111", "112", RISES, [], id="not triggered"),
        pytest.param(BUY, STOP, "110", "110", RISES, [(110, False)], id="triggered by the high"),
        pytest.param(SELL, STOP, "95", "94", FALLS, [(95, False)], id="a sell stop is taken"),
        pytest.param(SELL, STOP, "95", "96", FALLS, [(96, True)], id="the bar comes back to it"),
        pytest.param(SELL, STOP, "95", "102", FALLS, [], id="a sell stop rests above the bar"),
        pytest.param(SELL, STOP, "91", "92", FALLS, [(92, True)], id="touched by the close"),
        pytest.param(BUY, TARGET, "95", "96", FALLS, [(95, False)], id="a buy target is taken"),
        pytest.param(BUY, TARGET, "95", "93", FALLS, [(93, True)], id="a buy target waits lower"),
        pytest.param(BUY, TARGET, "95", "89", FALLS, [], id="a buy target too low"),
        pytest.param(SELL, TARGET, "105", "104", RISES, [(105, False)], id="a sell target"),
        pytest.param(SELL, TARGET, "105", "107", RISES, [(107, True)], id="a sell target higher"),
    ],
)
async def test_it_becomes_a_limit_order_that_takes_or_rests(
    side, kind, trigger, price, bar, filled
):
    bench = await opened(bar)
    await bench.place(side, kind, trigger_price=trigger, price=price, quantity="1")
    bench.close(0)

    assert fills(bench) == filled


async def test_what_it_became_rests_over_the_next_bars_until_one_touches_it():
    bench = await opened(RISES, (108, 109, 105, 106), (106, 107, 98, 99))
    await bench.place(BUY, STOP, trigger_price="105", price="98", quantity="1")
    bench.close(0)
    (resting,) = await bench.exchange.open_orders("XRPUSDT")
    bench.play(1, 2)

    assert (resting.kind, resting.status, resting.client_order_id) == (
        OrderKind.LIMIT,
        OrderStatus.NEW,
        "o",
    )
    assert fills(bench) == [(98, True)]
    assert await kinds_told(bench) == [
        (STOP, OrderStatus.NEW),
        (STOP, OrderStatus.TRIGGERED),
        (OrderKind.LIMIT, OrderStatus.NEW),
        (OrderKind.LIMIT, OrderStatus.FILLED),
    ]


async def test_a_bar_that_opens_past_trigger_and_price_leaves_it_on_the_book():
    bench = await opened(FLAT, (110, 112, 106, 111), (111, 111, 103, 104))
    await bench.place(BUY, STOP, trigger_price="105", price="107", quantity="1")
    bench.close(0)
    bench.play(1)

    assert fills(bench) == [(107, True)]  # 110 is too dear; the bar comes back to 107


async def test_a_bar_that_opens_past_the_trigger_within_the_price_fills_at_its_open():
    bench = await opened(FLAT, (106, 112, 104, 111))
    await bench.place(BUY, STOP, trigger_price="105", price="107", quantity="1")
    bench.close(0)
    bench.play(1)

    assert fills(bench) == [(106, False)]


async def test_slippage_counts_against_the_price_and_the_fee_is_a_takers_or_a_makers():
    near = await opened(RISES, costs=SLIPPING)
    await near.place(BUY, STOP, trigger_price="105", price="106", quantity="1")  # 106.05 to buy
    near.close(0)
    far = await opened(RISES, costs=SLIPPING)
    await far.place(BUY, STOP, trigger_price="105", price="107", quantity="1")
    far.close(0)

    assert fills(near) == [(106, True)]
    assert fills(far) == [(D("106.05"), False)]
    assert near.exchange.fill_log[0].fee == D("0.0212")
    assert far.exchange.fill_log[0].fee == D("0.10605")


@pytest.mark.parametrize(
    ("times", "price", "status", "filled"),
    [
        (TimeInForce.GTC, "106", OrderStatus.FILLED, [(105, False)]),
        (TimeInForce.GTC, "98", OrderStatus.NEW, []),
        (TimeInForce.IOC, "106", OrderStatus.FILLED, [(105, False)]),
        (TimeInForce.IOC, "104", OrderStatus.EXPIRED, []),
        (TimeInForce.FOK, "106", OrderStatus.FILLED, [(105, False)]),
        (TimeInForce.FOK, "104", OrderStatus.EXPIRED, []),
        (TimeInForce.GTX, "106", OrderStatus.EXPIRED, []),
        (TimeInForce.GTX, "104", OrderStatus.FILLED, [(104, True)]),
    ],
)
async def test_its_time_in_force_counts_from_the_trigger_on(times, price, status, filled):
    bench = await opened(RISES)
    placed = await bench.place(
        BUY, STOP, trigger_price="105", price=price, quantity="1", time_in_force=times
    )
    bench.close(0)

    assert placed.status is OrderStatus.NEW
    assert await bench.status("o") is status
    assert fills(bench) == filled


async def test_it_is_cancelled_before_the_trigger_and_after_it():
    bench = await opened(FLAT, RISES)
    before = {"trigger_price": "105", "price": "98", "quantity": "1"}
    await bench.place(BUY, STOP, "early", **before)
    await bench.place(BUY, STOP, "late", **before)

    await bench.exchange.cancel("XRPUSDT", "early")
    bench.close(0)
    bench.play(1)
    assert [o.client_order_id for o in await bench.exchange.open_orders("XRPUSDT")] == ["late"]
    cancelled = await bench.exchange.cancel("XRPUSDT", "late")

    assert cancelled is not None
    assert (cancelled.kind, cancelled.status) == (OrderKind.LIMIT, OrderStatus.CANCELED)
    assert await bench.status("early") is OrderStatus.CANCELED


async def test_a_reduce_only_one_closes_no_more_than_there_is():
    bench = await opened(FALLS)
    await bench.market(BUY, "2")
    await bench.place(SELL, STOP, trigger_price="95", price="94", quantity="5", reduce_only=True)
    bench.close(0)

    assert fills(bench)[1:] == [(95, False)]
    assert await bench.exchange.position("XRPUSDT") is None


async def test_a_reduce_only_one_is_rejected_at_its_trigger_while_flat():
    bench = await opened(FALLS)
    await bench.place(SELL, STOP, trigger_price="95", price="94", quantity="5", reduce_only=True)
    bench.close(0)

    assert await bench.status("o") is OrderStatus.REJECTED
    assert statuses(await unread(bench.events)) == [
        OrderStatus.NEW,
        OrderStatus.TRIGGERED,
        OrderStatus.REJECTED,
    ]


@pytest.mark.parametrize("price", ["106", "104"])
async def test_margin_is_asked_at_the_trigger_whether_it_takes_or_rests(price):
    bench = await opened(RISES, check_margin=True)
    terms = {"trigger_price": "105", "price": price}
    await bench.place(BUY, STOP, "large", quantity="1000", **terms)
    await bench.place(BUY, STOP, "small", quantity="1", **terms)
    bench.close(0)

    assert await bench.status("large") is OrderStatus.REJECTED
    assert await bench.status("small") is OrderStatus.FILLED


async def test_after_its_trigger_it_holds_margin_as_limit_orders_do():
    bench = await opened(RISES, check_margin=True)
    await bench.place(BUY, STOP, trigger_price="105", price="98", quantity="10")
    assert (await bench.exchange.account()).available == 1000
    bench.close(0)

    assert (await bench.exchange.account()).available == 902  # 10 at 98 with leverage 10


async def test_the_mark_price_triggers_it_and_the_last_price_fills_it():
    marks = [(opens(0), 100.0), (opens(1), 106.0)]
    bench = await opened(FLAT, FLAT, (100, 100, 97, 98), mark_prices={"XRPUSDT": marks})
    await bench.place(
        BUY,
        STOP,
        trigger_price="105",
        price="98",
        quantity="1",
        triggered_by=PriceSource.MARK,
    )
    bench.close(0)
    bench.play(1)
    assert [o.kind for o in await bench.exchange.open_orders("XRPUSDT")] == [OrderKind.LIMIT]
    bench.play(2)

    assert fills(bench) == [(98, True)]


async def test_it_fills_in_parts_where_there_is_little_liquidity():
    bench = await opened(RISES, liquidity=at_most(D(210)))
    await bench.place(BUY, STOP, trigger_price="105", price="106", quantity="6")
    bench.close(0)

    assert [fill.quantity for fill in bench.exchange.fill_log] == [2, 2, 2]
    assert (await bench.held()).quantity == 6


LISTED = Instrument(
    "XRPUSDT",
    tick_size=D("0.5"),
    step_size=D("0.1"),
    min_quantity=D("0.1"),
    max_quantity=D(5),
    max_limit_quantity=D(8),
    min_notional=D(5),
    price_multiplier_up=D("1.05"),
    price_multiplier_down=D("0.95"),
)


@pytest.mark.parametrize(
    ("side", "terms", "code"),
    [
        (BUY, {"price": "106.2"}, "-4014"),
        (BUY, {"price": "106.25"}, "-1111"),
        (BUY, {"price": "0"}, "-4001"),
        (BUY, {"price": "131.5"}, "-4183"),  # 1.05 times 125; the mark price is 100
        (SELL, {"trigger_price": "80", "price": "75.5"}, "-4184"),
        (BUY, {"price": "126", "quantity": "8.1"}, "-4005"),
        (BUY, {"price": "126", "quantity": "0"}, "-4003"),
        (BUY, {"trigger_price": "99", "price": "99"}, "-2021"),
        (BUY, {"price": "126", "close_position": True, "quantity": None}, "-4136"),
    ],
)
async def test_it_is_refused(side, terms, code):
    bench = await opened(instrument=LISTED)
    base = {"trigger_price": "125", "price": "126", "quantity": "1"} | terms
    if base["quantity"] is None:
        del base["quantity"]
    before = bench.exchange.snapshot()

    with pytest.raises(Rejected) as caught:
        await bench.place(side, STOP, **base)
    assert caught.value.code == code
    assert caught.value.todo
    assert bench.exchange.snapshot() == before


async def test_it_may_be_as_large_as_a_limit_order():
    bench = await opened(instrument=LISTED)
    placed = await bench.place(BUY, STOP, trigger_price="125", price="131", quantity="8")

    assert (placed.status, placed.price) == (OrderStatus.NEW, 131)


# -- good until a time ----------------------------------------------------------------------------


async def good_till(bench: Bench, until_ms: int, **terms) -> DetailedReport:
    values: dict[str, Any] = {"kind": OrderKind.LIMIT, "price": D(98), "quantity": D(1)} | terms
    report = await bench.exchange.place(
        OrderRequest("gtd", "XRPUSDT", BUY, **values), good_till_ms=until_ms
    )
    assert isinstance(report, DetailedReport)
    return report


async def test_an_order_is_good_for_the_bars_that_end_before_its_time():
    touched = (100, 100, 98, 99)
    early = await opened(FLAT, touched)
    await good_till(early, T0 + 2 * M15)
    late = await opened(FLAT, touched)
    await good_till(late, T0 + 2 * M15 - 1)
    for bench in (early, late):
        bench.close(0)
        bench.play(1)

    assert fills(early) == [(98, True)]
    assert fills(late) == []
    assert await late.status("gtd") is OrderStatus.EXPIRED
    assert statuses(await unread(late.events)) == [OrderStatus.NEW, OrderStatus.EXPIRED]


async def test_orders_expire_when_they_are_asked_to_in_the_middle_of_a_bar():
    bench = await opened(FLAT)
    await good_till(bench, T0 + 600_000)

    assert bench.exchange.next_expiry_ms == T0 + 600_000
    bench.exchange.expire_due(T0 + 599_999)
    assert await bench.status("gtd") is OrderStatus.NEW
    bench.exchange.expire_due(T0 + 600_000)
    assert await bench.status("gtd") is OrderStatus.EXPIRED
    assert bench.exchange.next_expiry_ms is None


async def test_a_time_counts_before_the_trigger_and_after_it():
    bench = await opened(FLAT, RISES, FLAT, (98, 99, 97, 98))
    terms = {"kind": STOP, "trigger_price": D(105), "price": D(98)}
    await good_till(bench, T0 + 2 * M15 + 1, **terms)
    bench.close(0)
    bench.play(1)
    (resting,) = await bench.exchange.open_orders("XRPUSDT")
    bench.play(2, 3)

    assert resting.kind is OrderKind.LIMIT
    assert await bench.status("gtd") is OrderStatus.EXPIRED
    assert fills(bench) == []


async def test_times_and_prices_of_resting_orders_survive_a_restart():
    bench = await opened(FLAT, RISES, FLAT)
    terms = {"kind": STOP, "trigger_price": D(105), "price": D(98)}
    await good_till(bench, T0 + 3 * M15 - 1, **terms)
    bench.close(0)
    state = json.loads(json.dumps(bench.exchange.snapshot()))

    again = Bench(FLAT, RISES, FLAT, start_bar=1)
    again.exchange.restore(state)
    assert again.exchange.next_expiry_ms == T0 + 3 * M15 - 1
    again.play(1)
    assert [o.kind for o in await again.exchange.open_orders("XRPUSDT")] == [OrderKind.LIMIT]
    again.play(2)
    assert await again.status("gtd") is OrderStatus.EXPIRED


async def test_a_stored_account_from_before_there_were_times_is_read():
    bench = await opened(FLAT, RISES)
    await bench.market(Side.LONG.entry)
    await bench.conditional(SELL, STOP, "95")
    state = json.loads(json.dumps(bench.exchange.snapshot()))
    (row,) = state["symbols"]["XRPUSDT"]["resting"]

    assert len(row) == 2  # as ever
    again = Bench(FLAT, RISES)
    again.exchange.restore(state)
    assert await again.status("sl") is OrderStatus.NEW
