"""How likely a result is if what was expected is true: three ways, each exact in what it assumes.

Few trades: the number of winners, whose distribution is binomial. More of them: the stationary
block bootstrap of the trades themselves, moved so that they come to what was expected. How many
trades there were: Poisson. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cointrader.backtest.statistics.bootstrap import (
    DRAWS,
    mean_of,
    optimal_block_length,
    profit_factor_of,
    stationary_rows,
)
from cointrader.backtest.statistics.columns import Floats

ENOUGH = 20  # trades, for their own spread to say something
OUTSIDE = 0.025  # at either end
_SEED = 1

BOOTSTRAP = "block bootstrap"
BINOMIAL = "exact, by the number of winners"
POISSON = "exact, were trades independent of each other (Poisson)"


@dataclass(frozen=True, slots=True)
class Chance:
    """Of a result as low, and as high, as the one that was seen; `low`, `high` bound 95 %."""

    so_low: float
    so_high: float
    method: str
    low: float
    high: float

    @property
    def is_inside(self) -> bool:
        """Whether the result is one that chance often brings."""
        return self.so_low >= OUTSIDE and self.so_high >= OUTSIDE


def chance_of_mean(r: Floats, expected: float, *, draws: int = DRAWS) -> Chance | None:
    """Of the mean of `r`, had the trades a true mean of `expected`. None for fewer than `ENOUGH`.

    Politis & Romano (1994): the trades are drawn anew in runs of neighbours.
    """
    if len(r) < ENOUGH or not math.isfinite(expected):
        return None
    moved = r - r.mean() + expected
    return _drawn(mean_of, moved, float(r.mean()), draws)


def chance_of_factor(net: Floats, expected: float, *, draws: int = DRAWS) -> Chance | None:
    """Of the profit factor of `net`, had it truly been `expected`: winners are scaled to that.

    None for fewer than `ENOUGH` trades, without a winner or a loser, or where infinitely much was
    expected.
    """
    won, lost = float(net[net > 0.0].sum()), -float(net[net < 0.0].sum())
    if len(net) < ENOUGH or won <= 0.0 or lost <= 0.0 or not 0.0 < expected < math.inf:
        return None
    moved = np.where(net > 0.0, net * (expected * lost / won), net)
    return _drawn(profit_factor_of, moved, won / lost, draws)


def chance_of_winners(wins: int, trades: int, expected: float) -> Chance | None:
    """Of so few, and so many, winners, had each trade won with probability `expected`."""
    if not trades or not 0.0 <= expected <= 1.0:
        return None
    terms = [_binomial(k, trades, expected) for k in range(trades + 1)]
    low, high = _ends(terms)
    return Chance(math.fsum(terms[: wins + 1]), math.fsum(terms[wins:]), BINOMIAL, low, high)


def chance_of_count(count: int, expected: float) -> Chance | None:
    """Of so few, and so many, trades, had `expected` of them been usual."""
    if not 0.0 < expected < math.inf:
        return None
    most = max(count, math.ceil(expected + 12.0 * math.sqrt(expected) + 20.0))
    terms = [math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(most)]
    low, high = _ends(terms)
    below = math.fsum(terms[:count])
    return Chance(min(1.0, below + _term(count, expected)), 1.0 - below, POISSON, low, high)


def _binomial(wins: int, trades: int, chance: float) -> float:
    if chance in (0.0, 1.0):
        return float(wins == trades * chance)
    ways = math.lgamma(trades + 1) - math.lgamma(wins + 1) - math.lgamma(trades - wins + 1)
    return math.exp(ways + wins * math.log(chance) + (trades - wins) * math.log1p(-chance))


def _term(count: int, expected: float) -> float:
    return math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))


def _ends(terms: list[float]) -> tuple[float, float]:
    """The fewest and the most that leave no more than `OUTSIDE` beyond."""
    below = np.cumsum(terms)
    low = int(np.searchsorted(below, OUTSIDE))
    high = int(np.searchsorted(below, 1.0 - OUTSIDE))
    return float(low), float(min(high, len(terms) - 1))


def _drawn(figure: Callable[[Floats], Floats], moved: Floats, seen: float, draws: int) -> Chance:
    rng = np.random.default_rng(_SEED)
    block = optimal_block_length(moved)
    drawn = np.concatenate(
        [figure(moved[rows]) for rows in stationary_rows(len(moved), block, draws, rng)]
    )
    low, high = np.quantile(drawn, [OUTSIDE, 1.0 - OUTSIDE], method="inverted_cdf")
    rounding = 1e-12 * max(1.0, abs(seen))  # the sample itself is one of those that are drawn
    so_low = float((drawn <= seen + rounding).mean())
    so_high = float((drawn >= seen - rounding).mean())
    return Chance(so_low, so_high, BOOTSTRAP, float(low), float(high))
