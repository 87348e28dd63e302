"""Change one thing about a backtest, and what must follow follows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metamorphic.backtests import BARS, Scene, rows_of

seeds = st.integers(0, 2**32 - 1)
WHAT = ("symbol", "side", "reason", "entry_bar", "exit_bar")
WHERE = (*WHAT, "entry_price", "exit_price", "quantity", "gross")
END = 6


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_doubled_fees_cost_exactly_the_fees_more(seed):
    scene = Scene.random(seed, symbols=2)

    once, twice = scene.play(taker_fee=0.0004), scene.play(taker_fee=0.0008)

    assert len(once.trades) > 0
    assert rows_of(once, *WHERE) == rows_of(twice, *WHERE)
    assert (once.trades["fee"] * 2.0 == twice.trades["fee"]).all()
    assert twice.final_wallet == pytest.approx(once.final_wallet - once.trades["fee"].sum())


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_prices_mirrored_at_a_level_mirror_the_sides(seed):
    """Prices are whole hundredths and the mirror a power of two, so that nothing is rounded."""
    scene = Scene.random(seed)
    level = 1024.0
    hundredths = {
        name: [tuple(round(price * 100) / 128 for price in row) for row in rows]
        for name, rows in scene.rows.items()
    }
    scene = replace(scene, rows=hundredths, funding={name: [] for name in scene.rows})
    mirrored = replace(
        scene,
        rows={
            name: [(level - o, level - low, level - h, level - c) for o, h, low, c in rows]
            for name, rows in hundredths.items()
        },
        sides={name: -side for name, side in scene.sides.items()},
    )

    ours, theirs = scene.play(distance=0.625), mirrored.play(distance=0.625)

    mirror = [(s, -side, *rest) for s, side, *rest in rows_of(theirs, *WHAT)]
    assert rows_of(ours, *WHAT) == mirror
    assert (ours.trades["entry_price"] == level - theirs.trades["entry_price"]).all()
    assert (ours.trades["exit_price"] == level - theirs.trades["exit_price"]).all()
    per_unit = ours.trades["gross"] / ours.trades["quantity"]
    assert per_unit == pytest.approx(theirs.trades["gross"] / theirs.trades["quantity"], abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(seeds, st.integers(50, BARS - 1), st.sampled_from(["fixed:1000", "account"]))
def test_candles_of_the_future_change_no_trade_of_the_past(seed, end, sizing):
    whole = Scene.random(seed, symbols=2)
    cut = replace(
        whole,
        rows={name: rows[:end] for name, rows in whole.rows.items()},
        sides={name: side[:end] for name, side in whole.sides.items()},
    )

    past, both = cut.play(sizing=sizing), whole.play(sizing=sizing)

    ended = [row for row in rows_of(past, *WHERE, "fee", "funding", "net") if row[2] != END]
    assert ended == rows_of(both, *WHERE, "fee", "funding", "net")[: len(ended)]
    assert (past.equity == both.equity[:end]).all()


@settings(deadline=None, max_examples=25)
@given(seeds, st.floats(0.0001, 0.0005))
def test_a_halt_never_stops_an_exit(seed, max_daily_loss):
    """One entry fee halts the day, and what is open then ends as it ends without any halt."""
    scene = Scene.random(seed, symbols=3, chance=0.4)
    account: dict[str, Any] = {"sizing": "account", "taker_fee": 0.0004}

    halted = scene.play(max_daily_loss=max_daily_loss, **account)
    free = scene.play(max_daily_loss=1.0, **account)

    assert halted.refusals["daily-loss"] > 0
    entered = ("symbol", "side", "entry_bar", "entry_price")
    ends = dict(zip(rows_of(free, *entered), rows_of(free, "exit_bar", "exit_price", "reason"),
                    strict=True))  # fmt: skip
    both = [
        (ends[trade], end)
        for trade, end in zip(
            rows_of(halted, *entered), rows_of(halted, "exit_bar", "exit_price", "reason"),
            strict=True,
        )
        if trade in ends
    ]  # fmt: skip
    assert both
    assert all(with_it == without for without, with_it in both)


@settings(deadline=None, max_examples=25)
@given(seeds, st.permutations([0, 1, 2]))
def test_the_order_of_symbols_matters_only_where_entries_compete(seed, order):
    """Slots for everybody: nobody competes. With one slot they differ no sooner than two ask."""
    scene = Scene.random(seed, symbols=3)
    names = list(scene.rows)
    permuted = replace(scene, rows={names[place]: scene.rows[names[place]] for place in order})
    permuted = replace(permuted, sides={name: scene.sides[name] for name in permuted.rows})

    def trades(played, before):
        result = played.play(sizing="account", max_positions=1, max_same_direction=1)
        own = list(played.rows)
        return sorted(
            (own[s], *rest)
            for s, *rest, left in rows_of(result, "symbol", "side", "entry_bar", "net", "exit_bar")
            if left < before
        )

    asks = np.sum([side != 0 for side in scene.sides.values()], axis=0)
    competing = int(np.argmax(asks > 1)) + 1 if (asks > 1).any() else BARS
    ours, theirs = trades(scene, competing), trades(permuted, competing)
    assert ours == theirs
    nets = [
        sorted(
            (list(each.rows)[s], at, net)
            for s, at, net in rows_of(each.play(), "symbol", "entry_bar", "net")
        )
        for each in (scene, permuted)
    ]
    assert nets[0] == nets[1]
