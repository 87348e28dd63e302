"""How often the criteria find an edge that is there, and one that is not.

Criteria are promises: to find an edge of a stated size, and to be fooled seldom. Both can be
measured where the truth is known, so they are. A `World` is where it is known: lists of trades made
up here, or markets with a planted edge that somebody plays.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np

from cointrader.backtest.criteria import Criteria
from cointrader.backtest.statistics.columns import Equity, Floats, Integers, TradeColumns, joined
from cointrader.backtest.statistics.daily import daily_r
from cointrader.backtest.statistics.evidence import Played, measured
from cointrader.backtest.statistics.metrics import per_day
from cointrader.backtest.verdict import Answer, Subject, judge
from cointrader.domain.clock import DAY_MS

START_MS = 1_735_689_600_000  # 2025-01-01T00:00Z
QUARTER_MS = DAY_MS // 96


class World(Protocol):
    """A place with a known edge."""

    def play(self, seed: int, net_r: float, cells: int) -> Iterable[Played]:
        """What `cells` configurations made there, all of which earn `net_r` a trade in truth.

        The same seed plays the same; a search is of cells that share a seed.
        """
        ...


def answers(
    world: World, criteria: Criteria, *, net_r: float, seeds: Iterable[int], cells: int = 1
) -> Counter[Answer]:
    """Judge the best of `cells` configurations for each seed, counted as that many trials.

    The best is the one whose daily R has the highest Sharpe ratio: no other choice is harder to
    tell from an edge.
    """
    said: Counter[Answer] = Counter()
    for seed in seeds:
        best = max(world.play(seed, net_r, cells), key=_appeal)
        said[answer(best, criteria, trials=cells)] += 1
    return said


def answer(played: Played, criteria: Criteria, *, trials: int) -> Answer:
    """What the criteria say to one configuration."""
    measures = measured(played, trials, criteria.method)
    return judge(measures, criteria, Subject("power", "power")).answer


def _appeal(played: Played) -> float:
    ratio = per_day(daily_r(played.trades, played.start_ms, played.end_ms).value)
    return -math.inf if math.isnan(ratio) else ratio


@dataclass(frozen=True, slots=True)
class TradeLists:
    """Made-up trades with the habits of the built-in rule on real candles.

    What is measured there, and the same here: a stop of 1 R, a target of 2 R, one trade in 25 ended
    by an opposite signal somewhere between; costs that differ from trade to trade by a factor (they
    are small where the stop is wide); all in one year. Added here: trades follow their neighbours
    a little, as they share their market.

    Parameters
    ----------
    trades : of each configuration; by Poisson's law around it where `exact` is False
    days : over which they are spread
    cost_r : median of fees and slippage in R
    cost_spread : deviation of their logarithm
    neighbours : correlation of the luck of one trade with that of the next, -0.5 to 0.5
    shared : share of its trades a configuration of a search has in common with each other one
    """

    trades: int = 500
    days: int = 365
    cost_r: float = 0.30
    cost_spread: float = 0.42
    neighbours: float = 0.05
    shared: float = 0.0
    exact: bool = True

    def play(self, seed: int, net_r: float, cells: int) -> Iterable[Played]:
        """See `World`. Cells draw their common trades from one list."""
        rng = np.random.default_rng((seed, 1))
        common = self._trades(rng, net_r, self._count(rng))
        for own in rng.spawn(cells):
            trades = common if cells == 1 else self._cell(own, net_r, common)
            yield self._played(trades)

    def _cell(self, rng: np.random.Generator, net_r: float, common: TradeColumns) -> TradeColumns:
        own = self._trades(rng, net_r, self._count(rng))
        taken = rng.random(len(common)) < self.shared
        rest = rng.random(len(own)) >= self.shared
        return joined([common.take(taken), own.take(rest)])

    def _count(self, rng: np.random.Generator) -> int:
        return self.trades if self.exact else int(rng.poisson(self.trades))

    def _played(self, trades: TradeColumns) -> Played:
        end_ms = START_MS + self.days * DAY_MS
        times = np.concatenate(([START_MS], trades.exit_ms))
        equity = Equity(times, np.concatenate(([0.0], np.cumsum(trades.net))) + 1_000.0)
        return Played(trades, equity, START_MS, end_ms, random=self._random(len(trades)))

    def _random(self, count: int) -> Callable[[np.random.Generator], TradeColumns]:
        """Entries without an edge: they earn nothing and pay the costs."""

        def play(rng: np.random.Generator) -> TradeColumns:
            return self._trades(rng, None, count)

        return play

    def _trades(self, rng: np.random.Generator, net_r: float | None, count: int) -> TradeColumns:
        """`net_r` None: a fair market, in which only costs are lost."""
        cost = self.cost_r * np.exp(self.cost_spread * rng.standard_normal(count))
        gross = _outcomes(rng, cost * 0.0 if net_r is None else net_r + cost, self.neighbours)
        risk = 1.4 / cost  # a notional of 1,000 at 14 bps a round trip
        bars = rng.integers(0, self.days * 96, count)
        exit_ms: Integers = START_MS + np.sort(bars).astype(np.int64) * QUARTER_MS
        return TradeColumns(
            entry_ms=exit_ms - 4 * QUARTER_MS,
            exit_ms=exit_ms,
            side=rng.choice(np.array([-1, 1]), count),
            net=(gross - cost) * risk,
            risk=risk,
            fees=np.full(count, 1.0),
            slippage=np.full(count, 0.4),
            funding=np.zeros(count),
        )


_SCORES = np.linspace(-6.0, 6.0, 1_201)
_SHARES = np.array([NormalDist().cdf(value) for value in _SCORES.tolist()])
REVERSED = 0.04  # share of trades that an opposite signal ends


def _outcomes(rng: np.random.Generator, mean: Floats, neighbours: float) -> Floats:
    """Gross R of each trade, -1, +2 or between, with these means.

    Each trade has a luck of its own, correlated with the luck of the one before.
    """
    luck = _chain(rng, len(mean), neighbours)
    winners = np.clip((mean + 1.0) / 3.0, 0.0, 1.0)
    gross = np.where(luck < winners, 2.0, -1.0)
    between = np.clip(mean + 0.7 * rng.standard_normal(len(mean)), -1.0, 2.0)
    outcomes: Floats = np.where(rng.random(len(mean)) < REVERSED, between, gross)
    return outcomes


def _chain(rng: np.random.Generator, count: int, correlation: float) -> Floats:
    """Uniform numbers of which each resembles the one before."""
    angle = math.asin(2.0 * correlation) / 2.0  # sin cos of it is the correlation
    fresh = rng.standard_normal(count + 1)
    mixed = math.cos(angle) * fresh[1:] + math.sin(angle) * fresh[:-1]
    shares: Floats = np.interp(mixed, _SCORES, _SHARES)
    return shares
