"""Kill switches: when one symbol has lost so steadily that it should stop opening positions.

Pure. `fast` trips on net losses running, `slow` on a low profit factor over the last trades.
Both are off by default, because a healthy strategy trips them too: `trip_chances` says how often.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

FAST_LOSSES = 8
SLOW_TRADES = 15
SLOW_PROFIT_FACTOR = 0.75


def losses_running_after(losses_running: int, net: float) -> int:
    """Losses without a gain between them, after one more trade. One that nets nothing is a loss."""
    return 0 if net > 0.0 else losses_running + 1


def fast_switch_trips(losses_running: int) -> bool:
    return losses_running >= FAST_LOSSES


def slow_switch_trips(trades: int, gained: float, lost: float) -> bool:
    """`gained` and `lost`, neither below 0, over the last SLOW_TRADES trades.

    Without losses the profit factor is infinite.
    """
    return trades >= SLOW_TRADES and gained < SLOW_PROFIT_FACTOR * lost


@dataclass(frozen=True, slots=True)
class Switch:
    """The kill switches of one symbol. Tripped ones stay so until a new `Switch` replaces them."""

    losses_running: int = 0
    nets: tuple[float, ...] = ()  # of the last SLOW_TRADES trades, oldest first
    is_fast_tripped: bool = False
    is_slow_tripped: bool = False

    def after(self, net: float, *, fast: bool, slow: bool) -> Switch:
        """The switches after one more trade; `fast` and `slow` say which of them are on."""
        running = losses_running_after(self.losses_running, net)
        nets = (*self.nets, net)[-SLOW_TRADES:]
        gained = sum(max(value, 0.0) for value in nets)
        lost = -sum(min(value, 0.0) for value in nets)
        return Switch(
            running,
            nets,
            self.is_fast_tripped or (fast and fast_switch_trips(running)),
            self.is_slow_tripped or (slow and slow_switch_trips(len(nets), gained, lost)),
        )


@dataclass(frozen=True, slots=True)
class TripChances:
    """Probability that each switch trips at least once."""

    fast: float
    slow: float


def trip_chances(
    win_ratio: float, payoff: float, trades: int, *, runs: int = 2_000, seed: int = 1
) -> TripChances:
    """How often the switches stop a strategy that has nothing wrong with it.

    Parameters
    ----------
    win_ratio : chance that a trade wins, independent of the others
    payoff : what a win gains for each unit that a loss loses
    trades : how many trades the strategy makes
    runs, seed : of the simulation behind `slow`; `fast` is exact
    """
    return TripChances(
        fast_trip_chance(win_ratio, trades),
        slow_trip_chance(win_ratio, payoff, trades, runs=runs, seed=seed),
    )


def fast_trip_chance(win_ratio: float, trades: int) -> float:
    """Exact chance of at least one run of FAST_LOSSES losses within `trades` trades."""
    loss_ratio = 1.0 - win_ratio
    running = [1.0] + [0.0] * (FAST_LOSSES - 1)  # chance of 0, 1, ... losses running
    tripped = 0.0
    for _ in range(trades):
        tripped += running[-1] * loss_ratio
        still_alive = sum(running)
        running = [still_alive * win_ratio] + [chance * loss_ratio for chance in running[:-1]]
    return tripped


def slow_trip_chance(
    win_ratio: float, payoff: float, trades: int, *, runs: int = 2_000, seed: int = 1
) -> float:
    """Share of `runs` simulated histories in which the profit factor falls low enough once."""
    source = random.Random(seed)
    return sum(_slow_trips(source, win_ratio, payoff, trades) for _ in range(runs)) / runs


def _slow_trips(source: random.Random, win_ratio: float, payoff: float, trades: int) -> bool:
    window = 0  # the last trades as bits, 1 for a win
    for count in range(1, trades + 1):
        window = (window << 1 | (source.random() < win_ratio)) & ((1 << SLOW_TRADES) - 1)
        wins = window.bit_count()
        if slow_switch_trips(count, wins * payoff, float(SLOW_TRADES - wins)):
            return True
    return False
