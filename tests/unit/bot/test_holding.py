"""A position is what its fills add up to, in whatever pieces and however often they are told."""

import itertools
from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.domain.events import FundingSettled
from cointrader.domain.order import Leg
from cointrader.domain.position import CloseReason
from cointrader.strategy.plan import Levels
from tests.unit.bot.fakes import (
    BAR_MS,
    BUY,
    LONG,
    SELL,
    SHORT,
    T0,
    XRP,
    a_fill,
    a_holding,
    order_id,
)

NO_SLIPPAGE = Decimal(0)
TWO_BPS = Decimal("0.0002")
STOP, TARGET, TRAIL = order_id(Leg.STOP), order_id(Leg.TARGET), order_id(Leg.TRAIL)
CLOSE, EMERGENCY = order_id(Leg.CLOSE), order_id(Leg.EMERGENCY)
ENTERED_MS = T0 + BAR_MS
LEFT_MS = ENTERED_MS + 3 * BAR_MS + 60_000


def after(holding, *fills):
    for fill in fills:
        holding = holding.with_fill(fill)
    return holding


def an_exit(trade_id=9, quantity="50", price="98", **more):
    return a_fill(
        trade_id, SELL, quantity, price, **{"order": STOP, "fee": "1.96", "at_ms": LEFT_MS, **more}
    )


def funding(amount, at_ms=T0):
    return FundingSettled(XRP, at_ms, Decimal("0.001"), Decimal(amount))


def with_stop_at(holding, stop):
    return replace(holding, levels=Levels(Decimal(stop), Decimal("104")))


# ---------------------------------------------------------------------- the fold


def test_nothing_is_held_before_the_first_fill():
    holding = a_holding()

    assert holding.quantity == 0
    assert not holding.is_closed


def test_an_entry_in_one_piece_is_held_at_its_price():
    holding = after(a_holding(), a_fill(1))

    assert (holding.quantity, holding.entry_price, holding.entry_fee) == (50, 100, 2)
    assert holding.entered_ms == ENTERED_MS
    assert not holding.is_closed


def test_partial_fills_add_up_to_their_average_price():
    holding = after(
        a_holding(),
        a_fill(1, quantity="10", price="100", fee="0.4"),
        a_fill(2, quantity="30", price="102", fee="1.2", at_ms=ENTERED_MS + 40),
    )

    assert (holding.quantity, holding.entry_price) == (40, Decimal("101.5"))
    assert holding.entry_fee == Decimal("1.6")
    assert holding.entered_ms == ENTERED_MS


@pytest.mark.parametrize(
    "order", [*itertools.permutations([0, 1, 2, 3])], ids=lambda o: "".join(map(str, o))
)
def test_fills_in_any_order_make_the_same_trade(order):
    fills = [
        a_fill(1, quantity="10", price="100"),
        a_fill(2, quantity="30", price="102"),
        an_exit(3, quantity="25", price="104", order=TARGET),
        an_exit(4, quantity="15", price="104", order=TARGET),
    ]

    trade = after(a_holding(), *(fills[i] for i in order)).to_trade(NO_SLIPPAGE)

    assert (trade.entry_price, trade.exit_price, trade.quantity) == (Decimal("101.5"), 104, 40)
    assert (trade.gross, trade.fee, trade.net) == (100, Decimal("7.92"), Decimal("92.08"))
    assert trade.reason is CloseReason.TARGET


def test_a_fill_that_is_told_twice_counts_once():
    once = after(a_holding(), a_fill(1), an_exit(2, quantity="20"))

    assert after(once, a_fill(1), an_exit(2, quantity="20")) is once


def test_a_partial_exit_leaves_the_rest_open():
    holding = after(a_holding(), a_fill(1), an_exit(2, quantity="20"))

    assert holding.quantity == 30
    assert not holding.is_closed


def test_the_last_partial_exit_closes():
    holding = after(a_holding(), a_fill(1), an_exit(2, quantity="20"), an_exit(3, quantity="30"))

    assert holding.is_closed


def test_equal_prices_average_exactly_however_many_pieces():
    """A weighted mean of thirds would leave a residue in the 28th digit."""
    price = "0.3333333333333333333333333333"
    pieces = [a_fill(i, quantity="0.1", price=price) for i in range(1, 8)]

    assert after(a_holding(), *pieces).entry_price == Decimal(price)


# ---------------------------------------------------------------------- the trade


def test_a_long_that_lost_is_booked_with_both_fees_and_its_funding():
    holding = after(a_holding(), a_fill(1)).with_funding(funding("-5"))

    trade = after(holding, an_exit()).to_trade(NO_SLIPPAGE)

    assert (trade.symbol, trade.side, trade.trade_id) == (XRP, LONG, order_id(Leg.ENTRY))
    assert (trade.gross, trade.fee, trade.funding) == (-100, Decimal("3.96"), -5)
    assert trade.net == Decimal("-108.96")


def test_a_short_wins_when_the_price_falls():
    holding = after(a_holding(SHORT), a_fill(1, SELL), a_fill(2, BUY, price="96", order=TARGET))

    trade = holding.to_trade(NO_SLIPPAGE)

    assert (trade.side, trade.gross, trade.net) == (SHORT, 200, 196)


def test_times_of_a_trade_are_those_of_its_bars():
    trade = after(a_holding(), a_fill(1, at_ms=ENTERED_MS + 1), an_exit()).to_trade(NO_SLIPPAGE)

    assert (trade.entry_time_ms, trade.exit_time_ms) == (ENTERED_MS, ENTERED_MS + 3 * BAR_MS)


def test_funding_of_one_settlement_counts_once():
    holding = after(a_holding(), a_fill(1))
    paid = holding.with_funding(funding("-5")).with_funding(funding("-5"))

    assert paid.funding == -5
    assert paid.with_funding(funding("3", T0 + 32 * BAR_MS)).funding == -2


def test_a_settlement_of_nothing_is_remembered_too():
    paid = a_holding().with_funding(funding("0"))

    assert paid.with_funding(funding("0")) is paid


# ---------------------------------------------------------------------- why it closed


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (STOP, "SL"),
        (TRAIL, "SL"),
        (TARGET, "TP"),
        (CLOSE, "REVERSE"),
        (EMERGENCY, "UNPROTECTED"),
        ("settlement_autoclose-17", "END"),
        ("autoclose-1700000000000", "LIQUIDATED"),
        ("adl_autoclose", "LIQUIDATED"),
        ("web_8kf3", "MANUAL"),
        ("x-somebody-else", "MANUAL"),
        ("ct-", "MANUAL"),
        ("", "MANUAL"),
    ],
)
def test_the_order_that_closed_it_tells_why(order, reason):
    holding = with_stop_at(a_holding(), "98")

    trade = after(holding, a_fill(1), an_exit(order=order)).to_trade(NO_SLIPPAGE)

    assert trade.reason.value == reason


@pytest.mark.parametrize(
    ("side", "stop", "filled", "slippage", "reason"),
    [
        ("LONG", "98", "98", NO_SLIPPAGE, "SL"),
        ("LONG", "98", "98.5", NO_SLIPPAGE, "SL"),  # better than the level
        ("LONG", "98", "97.99", NO_SLIPPAGE, "SL_GAP"),
        ("LONG", "98", "97.9804", TWO_BPS, "SL"),  # 98 x 0.9998: the slippage expected
        ("LONG", "98", "97.9803", TWO_BPS, "SL_GAP"),
        ("LONG", "98", "97.9999999999999", NO_SLIPPAGE, "SL"),  # residue of a float
        ("SHORT", "102", "102", NO_SLIPPAGE, "SL"),
        ("SHORT", "102", "102.01", NO_SLIPPAGE, "SL_GAP"),
        ("SHORT", "102", "102.0204", TWO_BPS, "SL"),
        ("SHORT", "102", "102.0205", TWO_BPS, "SL_GAP"),
    ],
)
def test_a_stop_filled_beyond_its_level_and_the_slippage_is_a_gap(
    side, stop, filled, slippage, reason
):
    held = with_stop_at(a_holding(LONG if side == "LONG" else SHORT), stop)
    enters, leaves = (BUY, SELL) if side == "LONG" else (SELL, BUY)

    closed = after(held, a_fill(1, enters), a_fill(2, leaves, price=filled, order=STOP))

    assert closed.to_trade(slippage).reason.value == reason


def test_a_stop_without_known_levels_is_a_plain_stop():
    assert after(a_holding(), a_fill(1), an_exit()).to_trade(NO_SLIPPAGE).reason.value == "SL"


CLOSED_IN_TWO = [
    an_exit(2, quantity="20", price="99", order=CLOSE),
    an_exit(3, quantity="30", price="98", order=STOP, at_ms=LEFT_MS + 5),
]


def test_the_last_of_two_orders_that_closed_it_tells_the_reason():
    """It made the position flat."""
    held = with_stop_at(after(a_holding(), a_fill(1)), "98")

    trade = after(held, *CLOSED_IN_TWO).to_trade(NO_SLIPPAGE)

    assert (trade.reason, trade.exit_price) == (CloseReason.STOP, Decimal("98.4"))


def test_the_order_of_arrival_does_not_change_the_reason():
    held = with_stop_at(after(a_holding(), a_fill(1)), "98")

    trade = after(held, *reversed(CLOSED_IN_TWO)).to_trade(NO_SLIPPAGE)

    assert trade.reason is CloseReason.STOP
