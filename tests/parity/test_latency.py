"""Requests and answers that take their time change no trade, and leave no trace when they are lost.

Killed while others are under way, a run may trade differently (who comes late to an auction is
served later); but its books still agree with the exchange's.
"""

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest

from cointrader.domain.order import Leg, leg_of
from tests.markets import BAR_MS, START_MS
from tests.parity.mortal import Fate, Latency, World
from tests.parity.playing import founding, summary_of
from tests.parity.test_restarts import SYMBOLS, WARM_UP, a_short_market, play_with_deaths

SEEDS = range(10)


@pytest.mark.parametrize("seed", SEEDS)
def test_requests_that_take_their_time_change_no_trade(seed, tmp_path):
    world = play_with_deaths(seed, tmp_path / "journal.db", [], latency=Latency(seed))

    assert world.lives == 1


@pytest.mark.parametrize("max_positions", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_while_requests_are_under_way_the_books_agree_with_the_exchange(
    seed, max_positions, tmp_path
):
    source, rules, _ = a_short_market(seed)
    rng = np.random.default_rng(seed)
    world = World(
        founding(SYMBOLS, max_positions=max_positions, max_same_direction=1),
        source,
        tmp_path / "journal.db",
        rules=rules,
        start_ms=START_MS + WARM_UP * BAR_MS,
        latency=Latency(seed),
    )
    world.run([Fate(int(rng.integers(1, 60))) for _ in range(12)])
    trades = summary_of(tmp_path / "journal.db", SYMBOLS).trades

    assert world.lives > 3
    assert world.left_positions == []
    assert world.left_orders == []
    assert most_open_at_once(world.fill_log) <= max_positions
    assert_booked_once(world.fill_log, trades)
    earned = 1000 + sum(trade.net for trade in trades)
    assert abs(world.final_wallet - earned) < Decimal("1e-15")  # they round at the 28th digit


def most_open_at_once(fills):
    """How many symbols held a position at the same time, by the fills in their order."""
    held: Counter[str] = Counter()
    most = 0
    for fill in fills:
        held[fill.symbol] += fill.quantity * fill.side.sign
        most = max(most, sum(1 for quantity in held.values() if quantity))
    return most


def assert_booked_once(fills, trades):
    """Each trade is one entry fill and one exit fill, and no fill is left over."""
    is_entry = [leg_of(fill.client_order_id) is Leg.ENTRY for fill in fills]
    entries = [fill for fill, yes in zip(fills, is_entry, strict=True) if yes]
    exits = [fill for fill, yes in zip(fills, is_entry, strict=True) if not yes]
    assert Counter(fill.client_order_id for fill in entries) == Counter(
        trade.trade_id for trade in trades
    )
    assert Counter(map(exit_of_fill, exits)) == Counter(map(exit_of_trade, trades))


def exit_of_fill(fill):
    return fill.symbol, fill.at_ms // BAR_MS * BAR_MS, fill.side, fill.price, fill.quantity


def exit_of_trade(trade):
    return trade.symbol, trade.exit_time_ms, trade.side.exit, trade.exit_price, trade.quantity
