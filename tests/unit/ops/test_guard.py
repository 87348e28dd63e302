"""Which positions a guard holds to be without a stop, and what it asks for."""

from decimal import Decimal

import pytest

from cointrader.domain.order import OrderKind, OrderSide, OrderStatus, Side
from cointrader.ops.guard import Deed, Seen, Watch, parts, stop_level, uncovered
from tests.unit.app.exchange_fakes import XRP, a_position, an_order

LONG_50 = a_position(quantity="50")


@pytest.mark.parametrize(
    ("orders", "left"),
    [
        ([], 50),
        ([an_order("a", close_position=True)], 0),
        ([an_order("a", close_position=True, kind=OrderKind.TRAILING_STOP_MARKET)], 0),
        ([an_order("a", quantity="50", reduce_only=True)], 0),
        ([an_order("a", quantity="30", reduce_only=True)], 20),
        ([an_order(i, quantity="30", reduce_only=True) for i in "ab"], 0),
        ([an_order("a", quantity="50")], 50),  # it might open a position the other way
        ([an_order("a", close_position=True, side=OrderSide.BUY)], 50),
        ([an_order("a", close_position=True, kind=OrderKind.TAKE_PROFIT_MARKET)], 50),
        ([an_order("a", close_position=True, kind=OrderKind.LIMIT)], 50),
        ([an_order("a", close_position=True, status=OrderStatus.CANCELED)], 50),
        ([an_order("a", close_position=True, status=OrderStatus.TRIGGERED)], 50),
    ],
)
def test_only_a_waiting_stop_on_the_other_side_covers_a_position(orders, left):
    assert uncovered(LONG_50, orders) == left


def test_a_position_without_a_stop_is_given_its_grace_and_then_a_stop():
    watch = Watch(grace_ms=10_000)

    watch, first = watch.look(0, [Seen(LONG_50, [])])
    watch, early = watch.look(9_999, [Seen(LONG_50, [])])
    _, due = watch.look(10_000, [Seen(LONG_50, [])])

    assert (first, early) == ([], [])
    assert due == [Deed(LONG_50, 10_000)]


def test_a_stop_in_between_starts_the_grace_anew():
    watch = Watch(grace_ms=10_000)
    watch, _ = watch.look(0, [Seen(LONG_50, [])])
    watch, _ = watch.look(5_000, [Seen(LONG_50, [an_order("a", close_position=True)])])

    _, deeds = watch.look(12_000, [Seen(LONG_50, [])])

    assert deeds == []


def test_a_look_that_failed_changes_nothing():
    watch = Watch(grace_ms=10_000)
    watch, _ = watch.look(0, [Seen(LONG_50, [])])
    watch, blind = watch.tried(XRP).tried(XRP).look(5_000, [], unseen={XRP})

    _, deeds = watch.look(10_000, [Seen(LONG_50, [])])

    assert blind == []
    assert deeds == [Deed(LONG_50, 10_000, closes=True)]


def test_a_look_that_failed_leaves_alone_what_was_covered():
    watch = Watch(grace_ms=10_000)
    watch, _ = watch.look(0, [Seen(LONG_50, [an_order("a", close_position=True)])])

    watch, _ = watch.look(5_000, [], unseen={XRP})

    assert watch == Watch(grace_ms=10_000)


def test_a_position_seen_to_be_gone_is_forgotten():
    watch = Watch(grace_ms=10_000)
    watch, _ = watch.look(0, [Seen(LONG_50, [])])

    watch, _ = watch.look(5_000, [])

    assert watch == Watch(grace_ms=10_000)


def test_a_position_that_turned_around_is_another_one():
    watch = Watch(grace_ms=10_000)
    watch, _ = watch.look(0, [Seen(LONG_50, [])])

    _, deeds = watch.look(12_000, [Seen(a_position(side=Side.SHORT), [])])

    assert deeds == []


def test_after_two_stops_that_did_not_help_it_is_to_be_closed():
    watch = Watch(grace_ms=0)
    watch, _ = watch.look(0, [Seen(LONG_50, [])])
    watch, (deed,) = watch.tried(XRP).look(5_000, [Seen(LONG_50, [])])
    assert not deed.closes

    _, (deed,) = watch.tried(XRP).look(10_000, [Seen(LONG_50, [])])

    assert deed.closes


@pytest.mark.parametrize(
    ("side", "liquidation", "level"),
    [
        (Side.LONG, None, 1.96),
        (Side.SHORT, None, 2.04),
        (Side.LONG, "1.90", 1.96),
        (Side.LONG, "1.98", 1.99),  # past its liquidation a stop is no stop
        (Side.SHORT, "2.02", 2.01),
    ],
)
def test_a_stop_stands_at_its_distance_but_before_liquidation(side, liquidation, level):
    position = a_position(side=side, liquidation=liquidation)

    assert stop_level(position, Decimal(2), 0.02) == pytest.approx(level)


@pytest.mark.parametrize(
    ("quantity", "largest", "orders"),
    [
        ("50", None, ["50"]),
        ("50", "0", ["50"]),  # no limit can be meant by that
        ("50", "50", ["50"]),
        ("50", "20", ["20", "20", "10"]),
        ("0.3", "0.1", ["0.1", "0.1", "0.1"]),
        ("1000", "1", ["1"] * 50),  # the rest is for the next look
    ],
)
def test_a_close_has_as_many_parts_as_its_orders_may_be_large(quantity, largest, orders):
    limit = None if largest is None else Decimal(largest)

    assert parts(Decimal(quantity), limit) == [Decimal(each) for each in orders]
