"""Fills, exits, costs and funding of single positions, worked out by hand.

A notional of 1,000 at 100 is 10 pieces. Stop 2, target 4, no costs, where a test says nothing else.
"""

from decimal import Decimal

import numpy as np
import pytest

from cointrader.backtest.codes import FILTER, LATE, NO_MODEL
from cointrader.domain.order import Leg, Side, client_order_id
from cointrader.domain.position import CloseReason, Trade
from tests.markets import BAR_MS, START_MS
from tests.unit.backtest.by_hand import ACCOUNT, MONEY, answers, exits, flat, money, play

AAA, BBB = "AAAUSDT", "BBBUSDT"
TINY = 2.0**-17  # a power of two, by which floats are multiplied without rounding


def test_a_long_at_its_target_with_fees_in_trade_wallet_and_equity():
    rows = [*flat(100, 2), (101, 105, 99, 104), *flat(104)]

    result = play({AAA: rows}, {AAA: {0: 1}}, taker_fee=0.001)

    assert exits(result) == [(AAA, 1, 1, 100.0, 2, 104.0, "TP")]
    assert money(result) == [(40.0, 2.04, 0.0, 37.96, 20.0)]
    assert result.wallet == pytest.approx([1000, 1000, 999, 1037.96])
    assert result.equity == pytest.approx([1000, 1000, 1009, 1037.96])
    assert result.final_wallet == pytest.approx(1037.96)
    assert result.start_wallet == 1000.0
    assert result.r_multiples == pytest.approx([1.898])


def test_a_short_at_its_stop_with_slippage_on_both_fills():
    """Sold at 99, 10 of them; bought at 101.00 and a hundredth more."""
    rows = [*flat(100, 2), (100, 101, 99, 100), *flat(100)]

    result = play({AAA: rows}, {AAA: {0: -1}}, slippage=0.01, taker_fee=0.001, sizing="fixed:990")

    assert exits(result) == [(AAA, -1, 1, 99.0, 2, 102.01, "SL")]
    assert money(result) == [(-30.1, 2.0101, 0.0, -32.1101, 20.0)]


def test_a_short_earns_as_the_price_falls_and_its_equity_tells():
    rows = [*flat(100, 2), (97, 98, 96, 97), *flat(97)]

    result = play({AAA: rows}, {AAA: {0: -1}})

    assert exits(result) == [(AAA, -1, 1, 100.0, 2, 96.0, "TP")]
    assert result.equity == pytest.approx([1000, 1000, 1030, 1040])
    assert result.wallet == pytest.approx([1000, 1000, 1000, 1040])


@pytest.mark.parametrize(
    ("side", "bar", "expected"),
    [
        (1, (97.0, 99.0, 96.0, 98.0), (2, 97.0, "SL_GAP")),
        (1, (98.0, 99.0, 96.0, 98.0), (2, 98.0, "SL")),
        (1, (99.0, 104.0, 98.0, 99.0), (2, 98.0, "SL")),
        (1, (99.0, 103.99, 98.01, 99.0), (3, 100.0, "END")),
        (-1, (103.0, 103.0, 102.5, 103.0), (2, 103.0, "SL_GAP")),
        (-1, (102.0, 103.0, 101.0, 102.0), (2, 102.0, "SL")),
        (-1, (100.0, 101.0, 96.0, 100.0), (2, 96.0, "TP")),
    ],
)
def test_which_level_a_later_bar_touches(side, bar, expected):
    result = play({AAA: [*flat(100, 2), bar, *flat(100)]}, {AAA: {0: side}})

    assert exits(result) == [(AAA, side, 1, 100.0, *expected)]


@pytest.mark.parametrize(
    ("side", "bar", "expected"),
    [(1, (100, 101, 96, 97), (1, 98.0, "SL")), (-1, (100, 103, 95, 99), (1, 102.0, "SL"))],
)
def test_the_entry_bar_counts(side, bar, expected):
    result = play({AAA: [*flat(100), bar, *flat(100)]}, {AAA: {0: side}})

    assert exits(result) == [(AAA, side, 1, 100.0, *expected)]


def test_an_opposite_signal_closes_and_opens_at_the_same_price():
    rows = [*flat(100, 3), (101, 101, 101, 101), *flat(101, 2)]

    result = play({AAA: rows}, {AAA: {0: 1, 2: -1}}, taker_fee=0.001, slippage=0.001)

    assert [row[:6] for row in exits(result)] == [
        (AAA, 1, 1, 100.1, 3, 100.899),
        (AAA, -1, 3, 100.899, 5, 101.101),
    ]
    assert [row[-1] for row in exits(result)] == ["REVERSE", "END"]
    assert answers(result) == [(AAA, 1, "ENTER", ""), (AAA, 3, "REVERSE", "")]


@pytest.mark.parametrize(
    ("code", "word", "flat_action", "held_action"),
    [
        (FILTER, "filter", "HOLD", "EXIT"),
        (NO_MODEL, "no-model", "HOLD", "EXIT"),
        (LATE, "late", "ENTER", "REVERSE"),
    ],
)
def test_a_refused_signal_opens_nothing_but_closes_what_it_is_against(
    code, word, flat_action, held_action
):
    signals, refused = {0: -1, 1: 1, 3: -1}, {0: code, 3: code}

    result = play({AAA: flat(100, 7)}, {AAA: signals}, refused={AAA: refused})

    assert exits(result) == [(AAA, 1, 2, 100.0, 4, 100.0, "REVERSE")]
    assert answers(result) == [
        (AAA, 1, flat_action, word),
        (AAA, 2, "ENTER", ""),
        (AAA, 4, held_action, word),
    ]
    assert result.refusals == {word: 2}


def test_a_signal_of_the_same_side_changes_nothing():
    result = play({AAA: flat(100, 6)}, {AAA: {0: 1, 1: 1, 2: 1}})

    assert exits(result) == [(AAA, 1, 1, 100.0, 5, 100.0, "END")]
    assert answers(result)[1:] == [(AAA, 2, "HOLD", ""), (AAA, 3, "HOLD", "")]


def test_a_symbol_ends_at_its_own_last_candle_and_another_goes_on():
    rows = {AAA: [*flat(100, 3), (100, 101, 99, 101)], BBB: [*flat(100, 6), (100, 105, 100, 100)]}

    result = play(rows, {AAA: {0: 1}, BBB: {0: 1}})

    assert exits(result) == [
        (AAA, 1, 1, 100.0, 3, 101.0, "END"),
        (BBB, 1, 1, 100.0, 6, 104.0, "TP"),
    ]
    assert result.equity == pytest.approx([1000] * 4 + [1010] * 3)
    assert result.bars == 3 + 6  # decisions: the last candle of each decides nothing


def test_a_symbol_that_begins_later_trades_on_the_others_bars():
    rows = {AAA: flat(100, 6), BBB: flat(50, 3)}

    result = play(rows, {AAA: {3: 1}, BBB: {0: -1}}, first={BBB: 2})

    assert exits(result) == [
        (BBB, -1, 3, 50.0, 4, 50.0, "END"),
        (AAA, 1, 4, 100.0, 5, 100.0, "END"),
    ]
    assert result.entry_ms.tolist() == [START_MS + 3 * BAR_MS, START_MS + 4 * BAR_MS]
    assert result.exit_ms.tolist() == [START_MS + 4 * BAR_MS, START_MS + 5 * BAR_MS]
    assert result.bars == 5 + 2


def test_of_three_open_positions_the_middle_one_ends_and_the_others_are_still_marked():
    names = [AAA, BBB, "CCCUSDT"]
    rows = {
        AAA: [*flat(100, 3), *flat(101, 3)],
        BBB: [*flat(100, 2), (100, 104, 100, 100), *flat(100, 3)],
        "CCCUSDT": [*flat(100, 3), *flat(103, 3)],
    }

    result = play(rows, {name: {0: 1} for name in names})

    assert [row[0] for row in exits(result)] == [BBB, AAA, "CCCUSDT"]
    assert result.equity == pytest.approx([1000, 1000, 1000, 1080, 1080, 1080])


def test_nothing_open_means_the_wallet_is_the_equity_until_the_next_fill():
    rows = [*flat(100, 2), (100, 104, 100, 104), *flat(104, 3), *flat(105, 2)]

    result = play({AAA: rows}, {AAA: {0: 1, 5: 1}}, target=4.0)

    assert result.equity == pytest.approx([1000, 1000, 1000, 1040, 1040, 1040, 1040, 1040])
    assert len(result.trades) == 2


@pytest.mark.parametrize("limits", [{}, ACCOUNT], ids=["fixed", "account"])
@pytest.mark.parametrize("bars", [1, 6])
def test_whoever_asks_for_no_equity_gets_none_and_the_same_trades(limits, bars):
    plan = {AAA: [*flat(100, 2), (101, 105, 99, 104), *flat(104, 3)][:bars]}, {AAA: {0: 1, 3: -1}}

    without = play(*plan, with_equity=False, **limits)
    with_it = play(*plan, **limits)

    assert len(without.equity) == len(without.wallet) == 0
    assert len(with_it.equity) == len(with_it.wallet) == bars
    assert exits(without) == exits(with_it)
    assert money(without) == money(with_it)
    assert without.final_wallet == with_it.final_wallet


# ---------------------------------------------------------------------- funding


def test_funding_is_paid_by_whoever_was_in_before_the_bar():
    """Bar 1 is the entry's own and bar 5 the exit's: neither pays. Bar 3 has a mark price."""
    rows = [*flat(100, 2), *flat(101, 4), *flat(101)]
    told = [(0, 0.5), (1, 0.5), (2, 0.001), (3, -0.002, 200.0), (5, 0.5)]

    result = play({AAA: rows}, {AAA: {0: 1, 4: -1}}, funding={AAA: told}, taker_fee=0.001)

    assert money(result)[0] == (10.0, 2.01, 2.99, 10.98, 20.0)  # -1.01, then +4
    assert result.wallet[:5] == pytest.approx([1000, 1000, 999, 997.99, 1001.99])


def test_a_short_receives_what_a_long_pays():
    result = play({AAA: flat(100, 5)}, {AAA: {0: -1}}, funding={AAA: [(2, 0.001), (3, 0.002)]})

    assert money(result) == [(0.0, 0.0, 3.0, 3.0, 20.0)]


def test_each_symbol_and_each_position_pays_its_own():
    rows = {AAA: flat(100, 8), BBB: flat(100, 8)}
    told = {
        AAA: [(2, 0.001), (3, 0.5), (6, 0.002)],
        BBB: [(1, 0.5), (4, 0.003)],
    }
    signals = {AAA: {0: 1, 2: -1, 4: 1}, BBB: {0: 1}}

    result = play(rows, signals, funding=told, refused={AAA: {2: FILTER}})

    assert [(row[0], row[2]) for row in exits(result)] == [(AAA, 1), (AAA, 5), (BBB, 1)]
    assert [row[2] for row in money(result)] == [-1.0, -2.0, -3.0]


# ---------------------------------------------------------------------- a stop that follows


def test_a_trailing_stop_follows_the_best_close_and_never_goes_back():
    rows = [
        *flat(100, 2),
        (100, 104, 100, 104),  # 99 from the close before; 102.96 from the next bar on
        (104, 104, 103.5, 103.5),
        (103.5, 103.6, 102.9, 103),
        *flat(103),
    ]

    result = play({AAA: rows}, {AAA: {0: 1}}, stop=5.0, target=50.0, trail=0.01)

    assert exits(result) == [(AAA, 1, 1, 100.0, 4, 102.96, "SL")]
    assert money(result)[0][-1] == 50.0  # R counts from the first stop


def test_a_trailing_stop_of_a_short_comes_down():
    rows = [
        *flat(100, 2),
        (100, 100, 96, 96),
        (96, 96.5, 96, 96.5),
        (96.5, 97.1, 96.4, 97),
        *flat(97),
    ]

    result = play({AAA: rows}, {AAA: {0: -1}}, stop=5.0, target=50.0, trail=0.01)

    assert exits(result) == [(AAA, -1, 1, 100.0, 4, 96.96, "SL")]


@pytest.mark.parametrize(
    ("side", "close", "opened"), [(1, 104.0, 102.0), (-1, 96.0, 98.0), (1, 104.0, 102.9)]
)
def test_an_open_past_the_moved_stop_closes_there(side, close, opened):
    bar = (100.0, max(100.0, close), min(100.0, close), close)
    rows = [*flat(100, 2), bar, (opened, opened, opened, opened), *flat(opened)]

    result = play({AAA: rows}, {AAA: {0: side}}, stop=5.0, target=50.0, trail=0.01)

    assert exits(result) == [(AAA, side, 1, 100.0, 3, opened, "SL_GAP")]


@pytest.mark.parametrize(("side", "filled"), [(1, 101.9082), (-1, 98.0882)])
def test_what_is_closed_past_its_moved_stop_slips_and_pays_no_funding_any_more(side, filled):
    """At the open of bar 3, 4 below (above) the close that its stop stands 1 behind."""
    close, opened = 100 + 6 * side, 100 + 2 * side
    rows = [*flat(100, 2), (100, max(close, 100), min(close, 100), close), *flat(opened, 2)]
    slippage = 0.0009
    plan = {AAA: rows}, {AAA: {0: side}}

    result = play(*plan, target=50.0, trail=0.01, slippage=slippage, funding={AAA: [(3, 0.5)]})

    assert exits(result) == [
        (AAA, side, 1, 100 + side * 0.09, 3, pytest.approx(filled), "SL_GAP"),
    ]
    assert money(result)[0][2] == 0.0


def test_a_stop_that_need_not_move_is_not_past():
    """The close of bar 2 is below the best one; the open of bar 3 reaches the stop of bar 2."""
    rows = [*flat(100, 3), (100, 100, 99.5, 99.5), (99, 99.4, 98.9, 99.2), *flat(99)]

    result = play({AAA: rows}, {AAA: {0: 1}}, stop=5.0, target=50.0, trail=0.01)

    assert exits(result) == [(AAA, 1, 1, 100.0, 4, 99.0, "SL")]


def test_a_stop_that_need_not_move_is_gapped_over_after_funding_was_paid():
    """Only a stop that cannot be moved any more closes the position first, at the open itself."""
    rows = [*flat(100, 2), (100, 100, 99.5, 99.5), (98, 98, 98, 98), *flat(98)]
    paid = {AAA: [(3, 0.01)]}

    result = play({AAA: rows}, {AAA: {0: 1}}, stop=5.0, target=50.0, trail=0.01, funding=paid)

    assert exits(result) == [(AAA, 1, 1, 100.0, 3, 98.0, "SL_GAP")]
    assert money(result) == [(-20.0, 0.0, -9.8, -29.8, 50.0)]


def test_a_trailing_stop_moves_under_signals_of_its_own_side_too():
    rows = [*flat(100, 2), (100, 104, 100, 104), (104, 104, 102.9, 103), *flat(103)]

    result = play({AAA: rows}, {AAA: {0: 1, 2: 1}}, stop=5.0, target=50.0, trail=0.01)

    assert exits(result) == [(AAA, 1, 1, 100.0, 3, 102.96, "SL")]


def test_each_position_follows_its_own_best_close():
    """The first one's was 110; behind that a stop would be past any price of the second."""
    rows = [*flat(100, 2), (100, 110, 100, 110), *flat(110, 2), *flat(100, 3)]
    rows[-2] = (100, 102, 100, 102)
    signals, refused = {0: 1, 2: -1, 4: 1}, {2: FILTER}

    result = play(
        {AAA: rows}, {AAA: signals}, stop=20.0, target=50.0, trail=0.05, refused={AAA: refused}
    )

    assert exits(result) == [
        (AAA, 1, 1, 100.0, 3, 110.0, "REVERSE"),
        (AAA, 1, 5, 100.0, 7, 100.0, "END"),
    ]


def test_slippage_beyond_the_moved_stop_is_what_makes_it_past():
    """Bar 3 opens at 103.5; a stop is asked for against 104.535, what buying would cost."""
    rows = [*flat(100, 2), (100, 104, 100, 104), (102.5, 103.5, 102.5, 103.5), *flat(103)]

    result = play({AAA: rows}, {AAA: {0: 1}}, stop=5.0, target=50.0, trail=0.01, slippage=0.01)

    # 102.5 is below the stop of 102.96 and 103.525 above it: the order rests, and is gapped over.
    assert exits(result)[0][4:] == (3, 101.475, "SL_GAP")
    assert exits(result)[0][3] == 101.0


# ---------------------------------------------------------------------- liquidation

KEPT = {"maintenance_margin_ratio": Decimal("0.01")}  # a long at 100 with 10 of margin: 90.909...


def test_a_position_is_liquidated_where_its_margin_ends():
    rows = [*flat(100, 2), (100, 100, 90.5, 91), *flat(91)]

    result = play({AAA: rows}, {AAA: {0: 1}}, stop=15.0, instrument=KEPT)

    assert exits(result) == [(AAA, 1, 1, 100.0, 2, 90.0, "LIQUIDATED")]
    assert money(result) == [(-100.0, 0.0, 0.0, -100.0, 150.0)]


@pytest.mark.parametrize("price", [TINY, 1.0, 1e6])
def test_a_coin_of_any_price_is_liquidated(price):
    rows = [tuple(price * p for p in row) for row in [*flat(1, 2), (1, 1, 0.905, 0.91), *flat(1)]]

    result = play({AAA: rows}, {AAA: {0: 1}}, stop=0.15 * price, instrument=KEPT)

    assert result.reasons == {"LIQUIDATED": 1}


def test_liquidation_of_a_short_leaves_its_fee_in_the_price():
    """109 / 1.01 = 108.91 is its level; at 110 / 1.001 the margin of 100 pays the fee as well."""
    rows = [*flat(100, 2), (100, 109, 100, 108), *flat(108)]

    result = play({AAA: rows}, {AAA: {0: -1}}, stop=15.0, instrument=KEPT, taker_fee=0.001)

    assert exits(result) == [(AAA, -1, 1, 100.0, 2, 109.89010989, "LIQUIDATED")]
    assert money(result)[0][3] == -101.0  # the entry fee of 1, and the margin


def test_funding_that_was_paid_brings_liquidation_nearer():
    """20 of 100 are gone: 92 / 0.99 = 92.93 instead of 90.91, and 92 is all that is left."""
    rows = [*flat(100, 3), (100, 100, 92.5, 93), *flat(93)]

    result = play(
        {AAA: rows}, {AAA: {0: 1}}, stop=15.0, instrument=KEPT, funding={AAA: [(2, 0.02)]}
    )

    assert exits(result) == [(AAA, 1, 1, 100.0, 3, 92.0, "LIQUIDATED")]
    assert money(result) == [(-80.0, 0.0, -20.0, -100.0, 150.0)]


def test_without_brackets_nothing_is_liquidated():
    rows = [*flat(100, 2), (100, 100, 5, 91), *flat(91)]

    result = play({AAA: rows}, {AAA: {0: 1}}, stop=99.0)

    assert exits(result) == [(AAA, 1, 1, 100.0, 3, 91.0, "END")]


def test_each_position_has_its_own_margin_to_lose():
    """The first one paid half of its margin for funding, the second one nothing."""
    bar = (100, 100, 92.5, 100)
    rows = [*flat(100, 5), bar, *flat(100)]
    signals, refused = {0: 1, 2: -1, 3: 1}, {2: FILTER}
    plan = {AAA: rows}, {AAA: signals}

    result = play(
        *plan, stop=15.0, instrument=KEPT, refused={AAA: refused}, funding={AAA: [(2, 0.05)]}
    )

    assert exits(result) == [
        (AAA, 1, 1, 100.0, 3, 100.0, "REVERSE"),
        (AAA, 1, 4, 100.0, 6, 100.0, "END"),
    ]
    assert [row[2] for row in money(result)] == [-50.0, 0.0]


# ---------------------------------------------------------------------- a coin of next to nothing

A_FEW_BARS = {
    "target": [(101, 104, 99.5, 104)],
    "stop": [(101, 101, 97, 97)],
    "gap": [(97, 97.5, 96, 97)],
    "none": [(101, 102, 99, 101)],
    "a stop that follows": [(100, 101, 100, 101), (101, 101, 99.6, 100)],
    "a moved stop that is past": [(100, 103, 100, 103), (100.5, 100.5, 100.5, 100.5)],
}


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("bars", A_FEW_BARS.values(), ids=A_FEW_BARS)
def test_a_hundred_thousandth_of_a_coin_as_cheap_as_that_fares_the_same(side, bars):
    """Prices, quantities and wallets have no natural size: none is held against one of its own."""

    def fare(size):
        turned = [[100 + side * (price - 100) for price in row] for row in bars]
        rows = [*flat(100, 2), *((o, max(h, low), min(h, low), c) for o, h, low, c in turned)]
        return play(
            {AAA: [tuple(size * price for price in row) for row in [*rows, *flat(100, 2)]]},
            {AAA: {0: side, len(rows) - 1: side}},
            **{**ACCOUNT, "max_daily_loss": 0.05, "margin_max_ratio": 0.2},
            balance=1000.0 * size * size,
            stop=2.0 * size,
            target=4.0 * size,
            trail=0.0125,
            taker_fee=0.0005,
            funding={AAA: [(2, 0.001)]},
            max_drawdown=0.05,
            liquidation_distance=True,
            open_risk_bound=True,
            instrument=KEPT,
        )

    large, small = fare(1.0), fare(TINY)

    assert len(large.trades) > 0
    sizes = dict.fromkeys(MONEY, TINY * TINY)
    sizes |= dict.fromkeys(("entry_price", "exit_price", "quantity"), TINY)
    for name in large.trades.dtype.names:
        expected = large.trades[name] * sizes.get(name, 1.0)
        assert small.trades[name].tolist() == expected.tolist(), name
    assert small.r_multiples.tolist() == large.r_multiples.tolist()
    assert small.equity.tolist() == (large.equity * TINY * TINY).tolist()
    assert answers(small) == answers(large)
    assert small.halted_days == large.halted_days
    assert small.drawdown_halt_ms == large.drawdown_halt_ms


# ---------------------------------------------------------------------- grids


def test_levels_stand_on_the_tick_and_quantities_on_the_step():
    """1,000 / 101 is 9.9, rounded down to 9.5; 98.97 and 105.03 go towards the fill of 101."""
    rows = [*flat(101, 2), (101, 101, 99, 100), *flat(100)]
    grid = {"tick_size": Decimal("0.1"), "step_size": Decimal("0.5")}

    result = play({AAA: rows}, {AAA: {0: 1}}, stop=2.03, target=4.03, instrument=grid)

    assert exits(result) == [(AAA, 1, 1, 101.0, 2, 99.0, "SL")]
    assert result.trades["quantity"].tolist() == [9.5]
    assert money(result)[0][-1] == 19.0


def test_a_target_stands_on_the_tick_nearer_to_the_fill():
    rows = [*flat(101, 2), (101, 105.0, 101, 105), *flat(105)]

    result = play({AAA: rows}, {AAA: {0: 1}}, target=4.03, instrument={"tick_size": Decimal("0.1")})

    assert exits(result) == [(AAA, 1, 1, 101.0, 2, 105.0, "TP")]


@pytest.mark.parametrize(("most", "quantity"), [("4.2", 4.0), ("20", 10.0)])
def test_more_than_one_order_may_carry_is_cut_off(most, quantity):
    limits = {"max_quantity": Decimal(most), "step_size": Decimal("0.5")}

    result = play({AAA: flat(100, 4)}, {AAA: {0: 1}}, instrument=limits)

    assert result.trades["quantity"].tolist() == [quantity]


def test_a_trade_that_risks_nothing_has_no_r():
    """Its stop stands at its fill, and is touched by the entry bar."""
    result = play({AAA: flat(100, 4)}, {AAA: {0: 1}}, stop=0.0, taker_fee=0.001)

    assert exits(result) == [(AAA, 1, 1, 100.0, 1, 100.0, "SL")]
    assert money(result) == [(0.0, 2.0, 0.0, -2.0, 0.0)]
    assert np.isnan(result.r_multiples).tolist() == [True]


def test_a_signal_of_the_last_bar_is_not_asked_and_one_before_it_is_filled():
    result = play({AAA: flat(100, 3)}, {AAA: {1: 1, 2: -1}})

    assert exits(result) == [(AAA, 1, 2, 100.0, 2, 100.0, "END")]
    assert len(result.decisions) == 1


def test_a_symbol_without_candles_in_the_time_played_decides_nothing():
    rows = {AAA: flat(100, 8), BBB: flat(50, 3)}

    result = play(rows, {AAA: {0: 1}, BBB: {0: 1}}, first={BBB: 5}, bars=4)

    assert exits(result) == [(AAA, 1, 1, 100.0, 3, 100.0, "END")]
    assert len(result.decisions) == 1
    assert result.bars == 3


def test_trades_are_written_down_as_a_running_bot_does_it():
    rows = [*flat(100, 2), (100, 100, 96, 96), *flat(96)]
    told = {AAA: [(2, 0.001)]}

    result = play({AAA: rows}, {AAA: {0: -1}}, funding=told, taker_fee=0.001, sizing="fixed:250")

    assert result.trade_list() == [
        Trade(
            symbol=AAA,
            side=Side.SHORT,
            entry_time_ms=START_MS + BAR_MS,
            exit_time_ms=START_MS + 2 * BAR_MS,
            entry_price=Decimal("100.0"),
            exit_price=Decimal("96.0"),
            quantity=Decimal("2.5"),
            reason=CloseReason.TARGET,
            gross=Decimal("10.0"),
            fee=Decimal("0.49"),
            funding=Decimal("0.25"),
            net=Decimal("9.76"),
            trade_id=client_order_id(AAA, START_MS, Leg.ENTRY),
        )
    ]
    assert result.r_multiples.tolist() == pytest.approx([9.76 / 5.0])


def test_reasons_and_refusals_are_counted_the_most_frequent_first():
    rows = [*flat(100, 2), (100, 100, 98, 100), *[(100, 104, 100, 100)] * 4, *flat(100, 3)]
    signals, refused = {0: 1, 2: 1, 3: 1, 6: 1, 7: 1, 8: 1}, {6: FILTER, 7: LATE, 8: LATE}

    result = play({AAA: rows}, {AAA: signals}, refused={AAA: refused})

    assert list(result.reasons.items()) == [("TP", 2), ("SL", 1)]
    assert list(result.refusals.items()) == [("late", 2), ("filter", 1)]


def test_results_without_trades_are_empty_and_whole():
    result = play({AAA: flat(100, 3)}, {AAA: {}})

    assert len(result.trades) == 0
    assert result.equity.tolist() == [1000.0] * 3
    assert result.r_multiples.shape == (0,)
    assert np.array_equal(result.wallet, result.equity)
    assert result.reasons == result.refusals == {}
