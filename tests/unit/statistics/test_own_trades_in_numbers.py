"""What the statistics read of a few trades worked out by hand."""

import numpy as np
import pytest

from cointrader.backtest.own_trades import marked_equity, trade_columns
from tests.markets import BAR_MS, START_MS
from tests.unit.backtest.by_hand import flat, play

AAA = "AAAUSDT"


def test_slippage_is_what_each_fill_was_moved_by():
    """Sold at 99 instead of 100, bought at 102.01 instead of 101: 10 pieces of each."""
    rows = [*flat(100, 2), (100, 101, 99, 100), *flat(100)]
    result = play({AAA: rows}, {AAA: {0: -1}}, slippage=0.01, taker_fee=0.001, sizing="fixed:990")

    columns = trade_columns(result, 0.01)

    assert columns.slippage == pytest.approx([10.0 + 10.1])
    assert columns.fees == pytest.approx([2.0101])
    assert columns.net == pytest.approx([-32.1101])
    assert columns.risk == pytest.approx([20.0])
    assert columns.side.tolist() == [-1]
    assert columns.entry_ms.tolist() == [START_MS + BAR_MS]
    assert columns.exit_ms.tolist() == [START_MS + 2 * BAR_MS]


def test_slippage_of_a_long_counts_both_ways_too():
    """Bought at 101 and sold at 99.99, a hundredth below 101."""
    rows = [*flat(100, 2), *flat(101, 2)]
    result = play({AAA: rows}, {AAA: {0: 1}}, slippage=0.01, sizing="fixed:1010")

    assert trade_columns(result, 0.01).slippage == pytest.approx([10.0 + 10.1])


def test_a_liquidation_is_moved_by_nothing():
    rows = [*flat(100, 2), (100, 100, 80, 91), *flat(91)]
    kept = {"maintenance_margin_ratio": 0.01}
    result = play(
        {AAA: rows}, {AAA: {0: 1}}, stop=50.0, slippage=0.01, sizing="fixed:1010", instrument=kept
    )

    assert result.reasons == {"LIQUIDATED": 1}
    assert trade_columns(result, 0.01).slippage == pytest.approx([10.0])


def test_equity_is_marked_at_every_open_and_ends_with_the_wallet():
    result = play({AAA: [*flat(100, 2), (101, 105, 101, 102)]}, {AAA: {0: 1}})

    equity = marked_equity(result)

    assert equity.value.tolist() == [1_000.0, 1_000.0, 1_010.0, 1_040.0]
    assert (equity.time_ms - START_MS).tolist() == [0, BAR_MS, 2 * BAR_MS, 3 * BAR_MS - 1]
    assert np.isfinite(equity.value).all()
