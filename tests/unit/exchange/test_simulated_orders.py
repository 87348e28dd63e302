"""The life of an order, and every reason for which one is refused."""

# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

import json
from decimal import Decimal
from typing import Any

import pytest

from cointrader.domain.errors import DataError, Rejected
from cointrader.domain.events import OrderFilled, OrderUpdated
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderKind, OrderRequest, OrderStatus, Side
from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import Costs
from tests.unit.exchange.simulated_fakes import (
    BUY,
    FLAT,
    SELL,
    STOP,
    TARGET,
    Bench,
    Row,
    opens,
    unread,
)

GRIDDED = Instrument(
    "XRPUSDT",
    tick_size=Decimal("0.1"),
    step_size=Decimal("0.1"),
    min_quantity=Decimal("0.1"),
    max_quantity=Decimal(50),
    min_notional=Decimal(20),
    maintenance_margin_ratio=Decimal("0.005"),
)


async def refused(bench: Bench, request: OrderRequest) -> str:
    """The code with which `request` is refused; nothing else may have happened."""
    before = bench.exchange.snapshot()
    with pytest.raises(Rejected) as caught:
        await bench.exchange.place(request)
    assert bench.exchange.snapshot() == before
    assert caught.value.todo
    return caught.value.code


def market(side=BUY, quantity: str | None = "1", **changes) -> OrderRequest:
    amount = None if quantity is None else Decimal(quantity)
    values: dict[str, Any] = {
        "client_order_id": "new",
        "symbol": "XRPUSDT",
        "quantity": amount,
        **changes,
    }
    return OrderRequest(side=side, kind=OrderKind.MARKET, **values)


def conditional(side=SELL, kind=STOP, trigger: str | None = "98", **changes) -> OrderRequest:
    price = None if trigger is None else Decimal(trigger)
    if "quantity" not in changes and "close_position" not in changes:
        changes["close_position"] = True
    return OrderRequest(
        **{"client_order_id": "new", "symbol": "XRPUSDT", "trigger_price": price, **changes},
        side=side,
        kind=kind,
    )


def opened(**settings) -> Bench:
    bench = Bench(FLAT, FLAT, **settings)
    bench.open(0)
    return bench


# -- life cycle -----------------------------------------------------------------------------------


async def test_market_order_is_filled_and_told_before_place_returns():
    bench = opened(costs=Costs(Decimal("0.001"), Decimal("0.01")))

    report = await bench.market(BUY, "2", "e1")

    assert (report.status, report.average_price, report.filled_quantity) == (
        OrderStatus.FILLED,
        101,
        2,
    )
    taken, filled, updated = await unread(bench.events)
    assert isinstance(taken, OrderUpdated)
    assert taken.report.status is OrderStatus.NEW
    assert isinstance(filled, OrderFilled)
    assert (filled.fill.trade_id, filled.fill.fee, filled.fill.at_ms) == (
        1,
        Decimal("0.202"),
        opens(0),
    )
    assert updated == OrderUpdated(report)
    assert await bench.exchange.order("XRPUSDT", "e1") == report
    assert await bench.exchange.fills("XRPUSDT", since_ms=opens(0)) == [filled.fill]
    assert await bench.exchange.fills("XRPUSDT", since_ms=opens(0) + 1) == []


async def test_quote_is_what_market_orders_fill_at():
    bench = opened(costs=Costs(Decimal(0), Decimal("0.01")))

    quote = await bench.exchange.quote("XRPUSDT")

    assert (quote.bid, quote.ask, quote.mark) == (99, 101, 100)
    assert (await bench.market(SELL, "1", "a")).average_price == quote.bid
    assert (await bench.market(BUY, "1", "b")).average_price == quote.ask


async def test_conditional_order_rests_until_cancelled():
    bench = opened()
    await bench.market(BUY)
    await unread(bench.events)

    placed = await bench.conditional(SELL, STOP, "98")
    assert await bench.exchange.open_orders("XRPUSDT") == [placed]
    cancelled = await bench.exchange.cancel("XRPUSDT", "sl")

    assert cancelled is not None
    assert (placed.status, cancelled.status) == (OrderStatus.NEW, OrderStatus.CANCELED)
    assert await unread(bench.events) == [OrderUpdated(placed), OrderUpdated(cancelled)]
    assert await bench.exchange.open_orders("XRPUSDT") == []
    assert await bench.exchange.order("XRPUSDT", "sl") == cancelled


async def test_cancel_of_an_order_that_is_not_open_answers_none():
    bench = opened()
    await bench.market(BUY, order_id="e1")

    assert await bench.exchange.cancel("XRPUSDT", "e1") is None
    assert await bench.exchange.cancel("XRPUSDT", "never-seen") is None


async def test_order_that_was_never_seen_is_none():
    assert await opened().exchange.order("XRPUSDT", "never-seen") is None


async def test_opposite_market_order_reduces_then_closes_then_flips():
    bench = opened()
    await bench.market(BUY, "3")
    await bench.market(SELL, "1")
    position = await bench.exchange.position("XRPUSDT")
    assert position is not None
    assert (position.side, position.quantity, position.opened_ms) == (Side.LONG, 2, opens(0))

    await bench.market(SELL, "2")
    assert await bench.exchange.position("XRPUSDT") is None

    await bench.market(BUY, "1")
    await bench.market(SELL, "4")
    position = await bench.exchange.position("XRPUSDT")
    assert position is not None
    assert (position.side, position.quantity) == (Side.SHORT, 3)


async def test_reduce_only_order_is_cut_to_the_position():
    bench = opened()
    await bench.market(BUY, "2")

    report = await bench.market(SELL, "5", reduce_only=True)

    assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, 2)
    assert await bench.exchange.position("XRPUSDT") is None


async def test_order_between_bars_fills_at_the_close_and_is_stamped_inside_the_old_bar():
    bench = Bench((100, 103, 99, 102), FLAT)
    bench.play(0)

    report = await bench.market(BUY)

    assert (report.average_price, report.updated_ms) == (102, opens(1) - 1)


async def test_client_order_id_may_be_used_again_once_its_order_is_done():
    # As measured on the real exchange: ids do not deduplicate.
    bench = opened()
    await bench.market(BUY, order_id="same")
    await bench.market(BUY, order_id="same")

    assert len(bench.exchange.fill_log) == 2


# -- conditional orders near the price -----------------------------------------------------------


async def test_stop_at_the_last_price_rests():
    bench = opened()
    await bench.market(BUY)

    assert (await bench.conditional(SELL, STOP, "100")).status is OrderStatus.NEW


async def test_stop_at_a_fill_that_slipped_past_the_open_rests():
    bench = opened(costs=Costs(Decimal(0), Decimal("0.01")))
    await bench.market(BUY)

    assert (await bench.conditional(SELL, STOP, "101")).status is OrderStatus.NEW
    assert await refused(bench, conditional(trigger="101.1", quantity=Decimal(1),
                                            reduce_only=True)) == "-2021"  # fmt: skip


async def test_stop_rounded_up_to_the_tick_of_its_fill_rests():
    bench = opened(instrument=GRIDDED, costs=Costs(Decimal(0), Decimal("0.0001")))
    await bench.market(BUY)  # at 100.01; the next tick is 100.1

    assert (await bench.conditional(SELL, STOP, "100.1")).status is OrderStatus.NEW


@pytest.mark.parametrize(
    ("held", "side", "kind", "trigger"),
    [
        (BUY, SELL, STOP, "100.1"),
        (BUY, SELL, TARGET, "99.9"),
        (SELL, BUY, STOP, "99.9"),
        (SELL, BUY, TARGET, "100.1"),
    ],
)
async def test_conditional_order_strictly_through_is_refused(held, side, kind, trigger):
    bench = opened()
    await bench.market(held)

    assert await refused(bench, conditional(side, kind, trigger)) == "-2021"


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (market(symbol="NOPEUSDT"), "-1121"),
        (market(client_order_id="x" * 37), "-4015"),
        (market(client_order_id="with space"), "-4015"),
        (market(quantity=None), "-1102"),
        (market(quantity=None, close_position=True), "-4136"),
        (market(trigger_price=Decimal(98)), "-1106"),
        (market(quantity="0"), "-4003"),
        (market(quantity="1.05"), "-1111"),
        (market(quantity="50.1"), "-4005"),
        (market(quantity="0.1"), "-4164"),
        (market(SELL, reduce_only=True), "-2022"),
        (conditional(trigger=None), "-1102"),
        (conditional(trigger="98.05"), "-1111"),
        (conditional(quantity=Decimal(1), close_position=True), "-4137"),
        (conditional(reduce_only=True, close_position=True), "-4138"),
        (conditional(), "-4509"),
    ],
)
async def test_refusal_while_flat(request_: OrderRequest, code: str):
    assert await refused(opened(instrument=GRIDDED), request_) == code


async def test_reduce_only_stop_with_a_quantity_rests_while_flat_until_cancelled():
    bench = opened(instrument=GRIDDED)
    probe = conditional(quantity=Decimal(1), reduce_only=True)

    await bench.exchange.place(probe)

    [resting] = await bench.exchange.open_orders(probe.symbol)
    assert (resting.client_order_id, resting.reduce_only) == (probe.client_order_id, True)
    assert await bench.exchange.cancel(probe.symbol, probe.client_order_id) is not None
    assert await bench.exchange.open_orders(probe.symbol) == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (market(BUY, reduce_only=True), "-2022"),
        (conditional(BUY, STOP, "102"), "-4509"),
        (conditional(client_order_id="sl", kind=TARGET, trigger="105"), "-4116"),
        (conditional(trigger="97"), "-4130"),
    ],
)
async def test_refusal_while_long_with_a_stop(request_: OrderRequest, code: str):
    bench = opened()
    await bench.enter(Side.LONG, stop="98")

    assert await refused(bench, request_) == code


async def test_stop_by_quantity_may_stand_beside_a_close_position_stop():
    bench = opened()
    await bench.enter(Side.LONG, stop="98", target="105")

    await bench.conditional(SELL, STOP, "99", "moved", quantity="1")

    assert len(await bench.exchange.open_orders("XRPUSDT")) == 3


async def test_reduce_only_is_exempt_from_the_minimum_notional():
    bench = opened(instrument=GRIDDED)
    await bench.market(BUY, "1")

    assert (await bench.market(SELL, "0.1", reduce_only=True)).status is OrderStatus.FILLED


async def test_margin_check_refuses_what_the_wallet_cannot_hold():
    bench = opened(balance="100", leverage=10, check_margin=True)

    assert await refused(bench, market(BUY, "10.1")) == "-2019"
    await bench.market(BUY, "9")
    assert (await bench.exchange.account()).available == 10
    assert await refused(bench, market(BUY, "1.1")) == "-2019"


async def test_margin_check_lets_a_position_be_reversed_on_its_own_margin():
    bench = opened(balance="100", leverage=10, check_margin=True)
    await bench.market(BUY, "9")

    assert (await bench.market(SELL, "19")).status is OrderStatus.FILLED
    assert await refused(bench, market(BUY, "21.1")) == "-2019"


async def test_without_margin_check_the_account_may_fall_below_zero():
    bench = Bench(FLAT, (100, 100, 50, 50), balance="100", check_margin=False)
    bench.open(0)
    await bench.market(BUY, "50")
    await bench.conditional(SELL, STOP, "90")
    bench.close(0)
    bench.play(1)

    assert await bench.wallet() == -400
    bench.open(2)
    assert (await bench.market(BUY, "1")).status is OrderStatus.FILLED


async def test_account_holds_200_conditional_orders_and_no_more():
    bench = opened()
    await bench.market(BUY, "200")
    for number in range(200):
        await bench.conditional(SELL, STOP, "98", f"s{number}", quantity="1")

    request = conditional(quantity=Decimal(1), reduce_only=True)
    assert await refused(bench, request) == "-4045"


# -- account ---------------------------------------------------------------------------------------


async def test_equity_marks_the_position_at_the_open_and_then_at_the_close():
    bench = Bench((100, 103, 99, 102), (104, 104, 104, 104))
    bench.open(0)
    await bench.market(BUY, "2")
    assert (await bench.exchange.account()).equity == 1000
    bench.close(0)
    assert (await bench.exchange.account()).equity == 1004
    bench.open(1)
    account = await bench.exchange.account()
    assert (account.wallet, account.equity, account.available) == (1000, 1008, 980)


async def test_liquidation_price_follows_leverage_and_maintenance_margin():
    bench = opened(instrument=GRIDDED, leverage=10)
    await bench.market(BUY)
    position = await bench.exchange.position("XRPUSDT")
    assert position is not None
    assert position.liquidation_price is not None
    # 100 x 0.9 / 0.995: there, 10 of margin less 9.5477 of loss is 0.5 % of the notional.
    assert round(position.liquidation_price, 4) == Decimal("90.4523")


async def test_instrument_without_brackets_has_no_liquidation_price():
    bench = opened()
    await bench.market(BUY)
    position = await bench.exchange.position("XRPUSDT")

    assert position is not None
    assert position.liquidation_price is None


# -- resume ----------------------------------------------------------------------------------------


async def test_account_restored_from_json_goes_on_exactly_as_the_one_that_never_stopped():
    bars: list[Row] = [FLAT, (100, 101, 99, 100), (100, 101, 97, 99)]
    settings: dict[str, Any] = {
        "costs": Costs(Decimal("0.0005"), Decimal("0.0002")),
        "settlements": [Settlement(opens(1), 0.0001), Settlement(opens(2), 0.0003)],
    }
    whole, half = Bench(*bars, **settings), Bench(*bars, **settings)
    for bench in (whole, half):
        bench.open(0)
        await bench.enter(Side.LONG, stop="98", target="105")
        bench.close(0)
        bench.play(1)
    stored = json.loads(json.dumps(half.exchange.snapshot()))
    resumed = Bench(*bars, **settings, start_bar=2)
    resumed.exchange.restore(stored)

    assert stored["resume_ms"] == opens(2)
    assert resumed.exchange.snapshot() == stored
    for bench in (whole, resumed):
        bench.play(2)
    assert whole.exchange.fill_log[-1] == resumed.exchange.fill_log[-1]
    assert await whole.exchange.account() == await resumed.exchange.account()
    assert await resumed.exchange.funding("XRPUSDT", since_ms=0) == (
        await whole.exchange.funding("XRPUSDT", since_ms=0)
    )


async def test_snapshot_of_another_format_or_of_another_symbol_is_refused():
    bench = opened()
    await bench.market(BUY)
    stored = bench.exchange.snapshot()
    stored["positions"][0][0] = "TRXUSDT"

    with pytest.raises(DataError, match="not traded now"):
        opened().exchange.restore(stored)
    with pytest.raises(DataError, match="another format"):
        opened().exchange.restore({"version": 99})
