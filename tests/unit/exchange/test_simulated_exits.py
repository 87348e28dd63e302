"""Every way a bar ends a position, by hand-worked tables. Positions are of 1 unit from 100."""

# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

from decimal import Decimal

import pytest

from cointrader.domain.events import FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.order import Fill, OrderStatus, Side
from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import Costs
from tests.unit.exchange.simulated_fakes import (
    FLAT,
    FREE,
    M15,
    STOP,
    TARGET,
    Bench,
    Row,
    opens,
    unread,
)

LONG, SHORT = Side.LONG, Side.SHORT


async def fill_of_exit(
    side: Side, *bars: Row, stop: str | None, target: str | None, costs: Costs = FREE
) -> Fill | None:
    """Enter at the open of the first bar and play all; the exit's fill, None while it is open."""
    bench = Bench(*bars, costs=costs)
    bench.open(0)
    await bench.enter(side, stop=stop, target=target)
    bench.close(0)
    bench.play(*range(1, len(bars)))
    fills = bench.exchange.fill_log
    return fills[1] if len(fills) > 1 else None


# side, bars, stop, target, id of the order that fills, price
EXITS: dict[str, tuple[Side, list[Row], str | None, str | None, str, str]] = {
    "a long's stop is touched by the low": (
        LONG, [FLAT, (100, 101, 97, 99)], "98", "105", "sl", "98"),
    "a short's stop is touched by the high": (
        SHORT, [FLAT, (100, 103, 99, 101)], "102", "95", "sl", "102"),
    "a low equal to the stop touches it": (
        LONG, [FLAT, (100, 101, 98, 99)], "98", "105", "sl", "98"),
    "a high equal to a short's stop touches it": (
        SHORT, [FLAT, (100, 102, 99, 101)], "102", "95", "sl", "102"),
    "a high equal to the target touches it": (
        LONG, [FLAT, (100, 105, 99, 101)], "98", "105", "tp", "105"),
    "a low equal to a short's target touches it": (
        SHORT, [FLAT, (100, 101, 95, 99)], "102", "95", "tp", "95"),
    "a bar that opens beyond the stop fills at the open": (
        LONG, [FLAT, (96, 97, 95, 97)], "98", "105", "sl", "96"),
    "a bar that opens beyond a short's stop fills at the open": (
        SHORT, [FLAT, (104, 105, 103, 103)], "102", "95", "sl", "104"),
    "an open equal to the stop fills at the stop": (
        LONG, [FLAT, (98, 99, 97, 97)], "98", "105", "sl", "98"),
    "a bar that opens beyond the target fills at the target, never better": (
        LONG, [FLAT, (107, 108, 106, 107)], "98", "105", "tp", "105"),
    "a bar that opens beyond a short's target fills at the target, never better": (
        SHORT, [FLAT, (93, 94, 92, 93)], "102", "95", "tp", "95"),
    "both levels in one bar: the stop": (
        LONG, [FLAT, (100, 106, 97, 100)], "98", "105", "sl", "98"),
    "both levels of a short in one bar: the stop": (
        SHORT, [FLAT, (100, 103, 94, 100)], "102", "95", "sl", "102"),
    "the stop counts on the entry bar": (
        LONG, [(100, 101, 97, 99)], "98", "105", "sl", "98"),
    "the target counts on the entry bar": (
        SHORT, [(100, 101, 94, 99)], "102", "95", "tp", "95"),
    "a stop at the entry price fills on the entry bar": (
        LONG, [(100, 101, 100, 101)], "100", "105", "sl", "100"),
    "a stop alone is enough": (
        LONG, [FLAT, (100, 101, 97, 99)], "98", None, "sl", "98"),
    "a target alone is enough": (
        LONG, [FLAT, (100, 106, 90, 99)], None, "105", "tp", "105"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXITS)
async def test_exit_table(name: str):
    side, bars, stop, target, order_id, price = EXITS[name]

    fill = await fill_of_exit(side, *bars, stop=stop, target=target)

    assert fill is not None
    assert (fill.client_order_id, fill.price, fill.side) == (order_id, Decimal(price), side.exit)


@pytest.mark.parametrize("side", [LONG, SHORT])
async def test_bar_between_the_levels_leaves_the_position_open(side: Side):
    stop, target = ("98", "105") if side is LONG else ("105", "98")

    assert await fill_of_exit(side, FLAT, (100, 104.9, 98.1, 99), stop=stop, target=target) is None


async def test_entry_bar_opens_beyond_a_stop_inside_the_spread_fills_at_the_stop_not_the_open():
    # Bought at 101 (open 100, slippage 1 %) with a stop at the fill, as an ATR of zero gives.
    costs = Costs(taker_fee=Decimal(0), slippage=Decimal("0.01"))

    fill = await fill_of_exit(LONG, (100, 102, 100, 101), stop="101", target="110", costs=costs)

    assert fill is not None
    assert fill.price == Decimal("99.99")  # 101 less 1 %, not 100 less 1 %


async def test_slippage_moves_every_fill_against_us_and_fees_are_on_what_was_paid():
    costs = Costs(taker_fee=Decimal("0.0005"), slippage=Decimal("0.0002"))
    bench = Bench(FLAT, (100, 101, 97, 99), costs=costs)
    bench.open(0)
    await bench.enter(LONG, stop="98", target="105")
    assert await bench.wallet() == Decimal("999.94999")  # 100.02 x 0.0005 of fee
    bench.close(0)
    bench.play(1)

    entry, stop = bench.exchange.fill_log
    assert (entry.price, entry.fee) == (Decimal("100.02"), Decimal("0.05001"))
    assert (stop.price, stop.fee) == (Decimal("97.9804"), Decimal("0.0489902"))
    assert await bench.wallet() == Decimal("997.8613998")  # -2.0396 gross, -0.0990002 fees


async def test_slippage_of_a_short_lowers_its_entry_and_raises_its_exit():
    costs = Costs(taker_fee=Decimal("0.0004"), slippage=Decimal("0.001"))
    bench = Bench(FLAT, (100, 101, 94, 96), costs=costs)
    bench.open(0)
    await bench.enter(SHORT, stop="102", target="95")
    bench.close(0)
    bench.play(1)

    entry, target = bench.exchange.fill_log
    assert (entry.price, entry.fee) == (Decimal("99.9"), Decimal("0.03996"))
    assert (target.price, target.fee) == (Decimal("95.095"), Decimal("0.038038"))
    assert await bench.wallet() == Decimal("1004.727002")  # 4.805 gross


async def test_fills_at_the_open_carry_the_open_and_exits_a_time_inside_their_bar():
    bench = Bench(FLAT, (100, 101, 97, 99))
    bench.open(0)
    await bench.enter(LONG, stop="98")
    bench.close(0)
    bench.play(1)

    entry, stop = bench.exchange.fill_log
    assert entry.at_ms == opens(0)
    assert stop.at_ms == opens(2) - 1
    assert stop.at_ms // M15 * M15 == opens(1)


async def test_stop_is_told_as_triggered_then_fill_then_order_and_the_target_expires():
    bench = Bench(FLAT, (100, 101, 97, 99))
    bench.open(0)
    await bench.enter(LONG, stop="98", target="105")
    bench.close(0)
    await unread(bench.events)
    bench.play(1)

    triggered, fill, update, other = await unread(bench.events)
    assert isinstance(triggered, OrderUpdated)
    assert triggered.report.status is OrderStatus.TRIGGERED
    assert isinstance(fill, OrderFilled)
    assert isinstance(update, OrderUpdated)
    assert (update.report.status, update.report.average_price) == (OrderStatus.FILLED, 98)
    assert isinstance(other, OrderUpdated)
    assert (other.report.client_order_id, other.report.status) == ("tp", OrderStatus.EXPIRED)
    assert await bench.exchange.open_orders("XRPUSDT") == []


async def test_target_triggered_while_flat_expires_and_opens_nothing():
    bench = Bench(FLAT, (100, 101, 97, 99), (99, 106, 99, 105), siblings="stay")
    bench.open(0)
    await bench.enter(LONG, stop="98", target="105")
    bench.close(0)
    bench.play(1, 2)

    report = await bench.exchange.order("XRPUSDT", "tp")
    assert report is not None
    assert report.status is OrderStatus.EXPIRED
    assert await bench.exchange.position("XRPUSDT") is None
    assert len(bench.exchange.fill_log) == 2


async def test_orphan_stop_on_the_entry_side_of_a_new_position_expires_and_adds_nothing():
    bench = Bench(FLAT, (100, 101, 97, 99), siblings="stay")
    bench.open(0)
    await bench.enter(LONG, stop="98")
    await bench.market(SHORT.entry, "2")  # flips; the long's stop is left behind
    bench.close(0)
    bench.play(1)

    position = await bench.exchange.position("XRPUSDT")
    assert position is not None
    assert (position.side, position.quantity) == (SHORT, 1)
    assert await bench.exchange.open_orders("XRPUSDT") == []


async def test_nearer_of_two_stops_fills_first_and_the_outer_one_closes_the_rest():
    bench = Bench(FLAT, (100, 100, 96, 97))
    bench.open(0)
    await bench.market(LONG.entry, "3")
    await bench.conditional(LONG.exit, STOP, "97", "outer")
    await bench.conditional(LONG.exit, STOP, "99", "inner", quantity="1")
    bench.close(0)
    bench.play(1)

    _, inner, outer = bench.exchange.fill_log
    assert (inner.client_order_id, inner.quantity, inner.price) == ("inner", 1, 99)
    assert (outer.client_order_id, outer.quantity, outer.price) == ("outer", 2, 97)


async def test_trailing_stop_that_the_next_bar_opens_beyond_fills_at_that_open():
    bench = Bench(FLAT, (100, 104, 100, 104), (103.99, 104, 103, 103), costs=Costs(
        taker_fee=Decimal(0), slippage=Decimal("0.001")))  # fmt: skip
    bench.open(0)
    await bench.enter(LONG, stop="98", target="110")
    bench.close(0)
    bench.play(1)
    bench.open(2)
    await bench.exchange.cancel("XRPUSDT", "sl")
    await bench.conditional(LONG.exit, STOP, "104", "moved")  # between open and ask: it rests
    bench.close(2)

    assert bench.exchange.fill_log[1].price == Decimal("103.88601")  # 103.99 less 0.1 %


# -- funding ------------------------------------------------------------------------------------

SETTLED_AT_1 = [Settlement(opens(1), 0.001)]


async def test_funding_is_paid_by_a_long_opened_earlier_at_the_bars_open():
    bench = Bench(FLAT, (102, 103, 101, 101), settlements=SETTLED_AT_1)
    bench.open(0)
    await bench.enter(LONG)
    bench.close(0)
    await unread(bench.events)
    bench.play(1)

    paid = FundingSettled("XRPUSDT", opens(1), Decimal("0.001"), Decimal("-0.102"))
    assert await unread(bench.events) == [paid]
    assert await bench.exchange.funding("XRPUSDT", since_ms=opens(1)) == [paid]
    assert await bench.exchange.funding("XRPUSDT", since_ms=opens(1) + 1) == []
    assert await bench.wallet() == Decimal("999.898")


async def test_funding_is_received_by_a_short_on_the_stored_mark_price():
    settlements = [Settlement(opens(1) + 6, 0.001, mark_price=99.5)]
    bench = Bench(FLAT, (102, 103, 101, 101), settlements=settlements)
    bench.open(0)
    await bench.enter(SHORT)
    bench.close(0)
    bench.play(1)

    assert await bench.wallet() == Decimal("1000.0995")


async def test_position_opened_at_the_open_of_the_settlement_bar_pays_nothing():
    bench = Bench(FLAT, FLAT, settlements=SETTLED_AT_1)
    bench.play(0)
    bench.open(1)
    await bench.enter(LONG)
    bench.close(1)

    assert await bench.wallet() == 1000


async def test_position_closed_at_the_open_of_the_settlement_bar_pays_nothing():
    bench = Bench(FLAT, FLAT, settlements=SETTLED_AT_1)
    bench.open(0)
    await bench.enter(LONG)
    bench.close(0)
    bench.open(1)
    await bench.market(LONG.exit, reduce_only=True)
    bench.close(1)

    assert await bench.wallet() == 1000


async def test_reversal_at_the_open_of_the_settlement_bar_pays_nothing():
    bench = Bench(FLAT, FLAT, settlements=SETTLED_AT_1)
    bench.open(0)
    await bench.enter(LONG)
    bench.close(0)
    bench.open(1)
    await bench.market(SHORT.entry, "2")
    bench.close(1)

    assert await bench.wallet() == 1000


async def test_position_stopped_inside_the_settlement_bar_pays_first():
    bench = Bench(FLAT, (100, 101, 97, 99), settlements=SETTLED_AT_1)
    bench.open(0)
    await bench.enter(LONG, stop="98")
    bench.close(0)
    await unread(bench.events)
    bench.play(1)

    kinds = [type(event).__name__ for event in await unread(bench.events)]
    assert kinds == ["FundingSettled", "OrderUpdated", "OrderFilled", "OrderUpdated"]
    assert await bench.wallet() == Decimal("997.9")


async def test_rate_of_zero_is_a_settlement_too():
    bench = Bench(FLAT, FLAT, settlements=[Settlement(opens(1), 0.0)])
    bench.open(0)
    await bench.enter(LONG)
    bench.close(0)
    await unread(bench.events)
    bench.play(1)

    (paid,) = await unread(bench.events)
    assert isinstance(paid, FundingSettled)
    assert paid.amount == 0
    assert not paid.amount.is_signed()


async def test_target_kind_is_told_apart_from_stop_by_its_report():
    bench = Bench(FLAT)
    bench.open(0)
    await bench.enter(LONG, stop="98", target="105")

    assert [order.kind for order in await bench.exchange.open_orders("XRPUSDT")] == [STOP, TARGET]
