"""Kill switches per symbol, and how often they stop a healthy strategy."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from cointrader.risk.switches import Switch, fast_trip_chance, slow_trip_chance, trip_chances


def after(nets: Iterable[float], *, fast: bool = True, slow: bool = True) -> Switch:
    switch = Switch()
    for net in nets:
        switch = switch.after(net, fast=fast, slow=slow)
    return switch


def test_eight_losses_running_trip_the_fast_switch_and_a_zero_is_a_loss():
    assert not after([-1.0] * 7).is_fast_tripped
    assert after([-1.0] * 7 + [0.0]).is_fast_tripped
    assert not after([-1.0] * 7 + [0.1, -1.0]).is_fast_tripped
    assert not after([0.1] + [-1.0] * 7).is_fast_tripped
    assert after([0.1] + [-1.0] * 8).is_fast_tripped


def test_the_slow_switch_waits_for_fifteen_trades():
    assert not after([7.4] + [-1.0, 0.0] * 6 + [-1.0], slow=True).is_slow_tripped  # 14 trades
    assert after([4.4, -2.0, -2.0, -2.0] + [0.0] * 11).is_slow_tripped  # 4.4 / 6 < 0.75
    assert not after([4.5, -2.0, -2.0, -2.0] + [0.0] * 11).is_slow_tripped  # exactly 0.75
    assert after([0.1, -0.2] + [0.0] * 13).is_slow_tripped  # of a small account


def test_a_profit_factor_without_losses_is_infinite():
    assert not after([0.0] * 20).is_slow_tripped


def test_only_the_last_fifteen_trades_count():
    assert not after([-100.0, 200.0] + [1.0, -1.0] * 8).is_slow_tripped
    assert after([200.0, -100.0] + [1.0, -1.0] * 7).is_slow_tripped  # the gain dropped out first


def test_a_tripped_switch_stays_tripped_and_one_that_is_off_never_trips():
    assert after([-1.0] * 8 + [50.0] * 20).is_fast_tripped
    assert not after([-1.0] * 30, fast=False, slow=False).is_fast_tripped


def test_the_chance_of_a_run_of_losses_is_exact():
    assert fast_trip_chance(0.5, 7) == 0.0
    assert fast_trip_chance(0.5, 8) == pytest.approx(1 / 256)
    assert fast_trip_chance(0.5, 9) == pytest.approx(1 / 256 + 1 / 512)
    assert fast_trip_chance(0.0, 8) == 1.0


def test_the_slow_chance_is_seeded_and_grows_with_the_number_of_trades():
    few, many = slow_trip_chance(0.4, 2.0, 30), slow_trip_chance(0.4, 2.0, 90)

    assert slow_trip_chance(0.4, 2.0, 30) == few
    assert 0.0 < few < many < 1.0


def test_the_slow_chance_of_fifteen_trades_is_that_of_too_few_wins_among_them():
    """4 wins of 2 are 8, less than 0.75 x 11; 5 are 10 and enough. 0.2173 by the binomial."""
    assert slow_trip_chance(0.4, 2.0, 15, runs=20_000) == pytest.approx(0.2173, abs=0.01)
    assert slow_trip_chance(0.0, 2.0, 14) == 0.0
    assert slow_trip_chance(0.0, 2.0, 15) == 1.0
    assert slow_trip_chance(1.0, 2.0, 100) == 0.0


def test_the_slow_chance_looks_at_the_last_fifteen_trades_at_every_trade():
    source, tripped = random.Random(5), 0
    for _ in range(2_000):
        wins = [source.random() < 0.5 for _ in range(40)]
        windows = [sum(wins[at - 15 : at]) for at in range(15, 41)]
        tripped += any(won * 2.0 < 0.75 * (15 - won) for won in windows)

    assert slow_trip_chance(0.5, 2.0, 40) == pytest.approx(tripped / 2_000, abs=0.04)


def test_two_thousand_histories_of_the_first_seed_unless_told_otherwise():
    told = {"runs": 2_000, "seed": 1}

    assert trip_chances(0.4, 2.0, 40) == trip_chances(0.4, 2.0, 40, **told)
    assert slow_trip_chance(0.4, 2.0, 40) == slow_trip_chance(0.4, 2.0, 40, **told)
    assert trip_chances(0.4, 2.0, 40).slow == slow_trip_chance(0.4, 2.0, 40)
    assert trip_chances(0.4, 2.0, 40, runs=10, seed=5).slow == slow_trip_chance(
        0.4, 2.0, 40, runs=10, seed=5
    )


def test_a_healthy_strategy_trips_the_fast_switch_almost_certainly_within_a_year():
    chances = trip_chances(0.40, 2.0, 500, runs=200)

    assert chances.fast == pytest.approx(0.964, abs=0.05)
    assert chances.slow > 0.5
