"""Kill switches per symbol, and how often they stop a healthy strategy."""

from __future__ import annotations

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


def test_a_healthy_strategy_trips_the_fast_switch_almost_certainly_within_a_year():
    chances = trip_chances(0.40, 2.0, 500, runs=200)

    assert chances.fast == pytest.approx(0.964, abs=0.05)
    assert chances.slow > 0.5
