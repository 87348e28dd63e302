"""Records into rows, by tables. Expected numbers are written out."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from cointrader.dashboard import views
from cointrader.domain.instrument import LeverageBracket
from cointrader.domain.order import Side
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import BotState, Decision, PositionOpened
from cointrader.journal.page_trades import TradeSums

D = Decimal
T0 = 1_767_413_700_000


def a_position(side=Side.LONG, **changes):
    values = {
        "symbol": "XRPUSDT", "trade_id": "ct-1", "side": side, "quantity": D(100),
        "entry_price": D(2), "entry_bar_ms": T0, "entry_fee": D("0.1"), "stop": D("1.9"),
        "target": D("2.2"), "best_close": 2.0,
    }  # fmt: skip
    return PositionOpened(**(values | changes))


def a_trade(side=Side.LONG, **changes):
    values = {
        "symbol": "XRPUSDT", "side": side, "entry_time_ms": T0, "exit_time_ms": T0 + 900_000,
        "entry_price": D("2.0004"), "exit_price": D("2.09958"), "quantity": D(10),
        "reason": CloseReason.TARGET, "gross": D("0.9918"), "fee": D("0.02"),
        "funding": D("-0.01"), "net": D("0.9618"), "trade_id": "ct-1",
    }  # fmt: skip
    return Trade(**(values | changes))


# -- positions


def a_row(held, mark, leverage: int | None = 10, brackets=()):
    return views.position_row(held, mark, leverage=leverage, brackets=brackets, at_stop=D(-10))


def test_a_long_position_is_measured_from_its_mark():
    row = a_row(a_position(), views.Mark(2.05, T0))

    assert row.unrealised == pytest.approx(5.0)
    assert row.unrealised_ratio == pytest.approx(0.25)  # of a margin of 20
    assert row.stop_distance == pytest.approx(0.15 / 2.05)
    assert row.target_distance == pytest.approx(0.15 / 2.05)
    assert row.liquidation_price == pytest.approx(1.8)  # where the margin is gone
    assert row.liquidation_distance == pytest.approx(0.25 / 2.05)


def test_a_short_position_is_measured_the_other_way():
    held = a_position(Side.SHORT, stop=D("2.1"), target=D("1.8"))

    row = a_row(held, views.Mark(1.95, T0))

    assert row.side == "short"
    assert row.unrealised == pytest.approx(5.0)
    assert row.stop_distance == pytest.approx(0.15 / 1.95)
    assert row.target_distance == pytest.approx(0.15 / 1.95)
    assert row.liquidation_price == pytest.approx(2.2)


def test_a_price_past_the_stop_is_a_negative_distance():
    row = a_row(a_position(), views.Mark(1.88, T0))

    assert row.stop_distance == pytest.approx(-0.02 / 1.88)


def test_brackets_bring_liquidation_nearer():
    bracket = LeverageBracket(None, 20, D("0.02"))

    row = a_row(a_position(), views.Mark(2.0, T0), brackets=[bracket])

    assert row.liquidation_price == pytest.approx(1.8 / 0.98)


def test_without_a_mark_nothing_is_made_up():
    row = a_row(a_position(), None)

    assert (row.mark, row.unrealised, row.stop_distance, row.liquidation_distance) == (None,) * 4
    assert row.liquidation_price == pytest.approx(1.8)


def test_without_a_leverage_there_is_no_liquidation_price():
    row = a_row(a_position(), views.Mark(2.0, T0), leverage=None)

    assert row.liquidation_price is None
    assert row.unrealised_ratio is None


@pytest.mark.parametrize(
    ("side", "unrealised", "price"), [(Side.LONG, D(5), 2.05), (Side.SHORT, D(5), 1.95)]
)
def test_the_account_tells_the_price_of_an_only_position(side, unrealised, price):
    mark = views.inferred_mark([a_position(side)], unrealised, T0)

    assert mark is not None
    assert mark.price == pytest.approx(price)
    assert mark.at_ms == T0


def test_of_two_positions_the_account_tells_no_price():
    assert views.inferred_mark([a_position(), a_position()], D(5), T0) is None
    assert views.inferred_mark([], D(0), T0) is None


# -- bots


@pytest.mark.parametrize(
    ("state", "is_running", "shown"),
    [
        ("running", True, "running"),
        ("running", False, "stopped"),
        ("crashed", True, "crashed"),
        ("crashed", False, "stopped"),
        ("quarantined", False, "quarantined"),
        ("ended", False, "ended"),
        (None, True, "unknown"),
    ],
)
def test_a_bot_without_a_process_does_not_run(state, is_running, shown):
    bot = None if state is None else BotState(T0, "XRPUSDT", state, "why\n  so")

    row = views.symbol_row(
        "XRPUSDT",
        bot,
        is_running=is_running,
        side=None,
        last=None,
        trades=(0, 0.0),
        kill_switches=(),
    )

    assert row.state == shown
    assert row.detail == ("" if state is None else "why so")


def test_a_symbol_tells_what_it_did():
    last = Decision("XRPUSDT", T0, "ENTER", Side.LONG, 3, (), "max-positions")

    row = views.symbol_row(
        "XRPUSDT", None, is_running=True, side=Side.SHORT, last=last, trades=(2, 0.7),
        kill_switches=("kill-fast",),
    )  # fmt: skip

    assert (row.side, row.last_bar_ms, row.last_action) == ("short", T0, "ENTER")
    assert (row.last_refusal, row.trades, row.net) == ("max-positions", 2, 0.7)
    assert row.kill_switches == ["kill-fast"]


# -- costs


def test_slippage_is_what_both_fills_were_moved_by():
    # entered at 2 moved up by 2 bps, left at 2.1 moved down by 2 bps
    assert views.trade_slippage(a_trade(), D("0.0002")) == pytest.approx(D("0.0082"))


def test_a_liquidation_is_moved_by_nothing_at_its_end():
    trade = a_trade(reason=CloseReason.LIQUIDATED)

    assert views.trade_slippage(trade, D("0.0002")) == pytest.approx(D("0.004"))


def test_fills_of_an_exchange_have_no_known_slippage():
    assert views.trade_slippage(a_trade(), None) is None


def sums(symbol="XRPUSDT", side=Side.LONG, **changes):
    values = {"is_liquidated": False, "trades": 2, "wins": 1, "gross": 5.0, "fee": 0.5,
              "funding": -0.25, "net": 4.25, "entered": 10_002.0, "left": 9_998.0}  # fmt: skip
    return TradeSums(symbol, side, **(values | changes))


@pytest.mark.parametrize(
    ("side", "entered", "left"), [(Side.LONG, 10_002.0, 9_998.0), (Side.SHORT, 9_998.0, 10_002.0)]
)
def test_slippage_of_sums_is_what_their_fills_were_moved_by(side, entered, left):
    told = sums(side=side, entered=entered, left=left)

    assert views.sums_slippage(told, 0.0002) == pytest.approx(4.0)


def test_liquidations_are_moved_at_their_beginning_only():
    assert views.sums_slippage(sums(is_liquidated=True), 0.0002) == pytest.approx(2.0)


def test_costs_add_up():
    told = [sums(), sums("TRXUSDT", gross=-3.0, fee=0.5, funding=0.0, net=-3.5, wins=0)]

    page = views.cost_page(told, 0.0002, "")

    total = page.total
    assert (total.trades, total.wins) == (4, 1)
    assert total.gross == 2.0
    assert total.slippage is not None
    assert total.slippage == pytest.approx(8.0)
    assert total.before_costs == pytest.approx(10.0)
    assert total.before_costs - total.slippage - total.fee + total.funding == pytest.approx(
        total.net
    )
    assert [row.key for row in page.symbols] == ["TRXUSDT", "XRPUSDT"]


def test_slippage_that_is_not_known_is_in_no_sum():
    page = views.cost_page([sums()], None, "why")

    assert page.total.slippage is None
    assert page.total.before_costs == page.total.gross
    assert page.why_no_slippage == "why"


def test_no_trades_cost_nothing():
    page = views.cost_page([], 0.0002, "")

    assert (page.total.trades, page.total.net, page.total.slippage, page.symbols) == (0, 0, 0, [])


def test_counts_come_the_most_frequent_first_and_in_words():
    rows = views.counted({"b": 2, "a": 2, "c": 5}, {"c": "see"})

    assert [(row.key, row.text, row.count) for row in rows] == [
        ("c", "see", 5),
        ("a", "a", 2),
        ("b", "b", 2),
    ]


# -- curves


def test_a_thinned_curve_keeps_its_ends_and_its_extremes():
    at_ms = np.arange(5_000) * 900_000 + T0
    equity = np.array(1_000.0 + (np.arange(5_000) * 37) % 101, np.float64)
    equity[1_234], equity[4_321] = 2_000.0, 3.0

    chosen = views.thinned(at_ms, equity, 500)

    assert len(chosen) <= 500
    assert {0, 4_999, 1_234, 4_321} <= set(chosen.tolist())
    assert (np.diff(chosen) > 0).all()


def test_a_curve_with_a_long_gap_keeps_what_is_on_both_sides():
    at_ms = np.concatenate([np.arange(400), np.arange(400) + 10**9])

    chosen = views.thinned(at_ms, np.arange(800.0), 100)

    assert {0, 399, 400, 799} <= set(chosen.tolist())


@pytest.mark.parametrize("points", [0, 1, 4])
def test_a_short_curve_stays_as_it_is(points):
    chosen = views.thinned(np.arange(points), np.ones(points), 4)

    assert chosen.tolist() == list(range(points))
