"""Against doing nothing clever: holding the coin, and entering at random."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from cointrader.backtest.statistics.bootstrap import (
    DRAWS,
    Interval,
    between,
    mean_of,
    optimal_block_length,
    resampled,
)
from cointrader.backtest.statistics.columns import (
    Equity,
    Floats,
    Integers,
    TradeColumns,
    distinct,
)
from cointrader.backtest.statistics.daily import DAYS_PER_YEAR, Daily, daily_returns, on_days
from cointrader.backtest.statistics.metrics import drawdown, sharpe
from cointrader.domain.errors import DataError

RANDOM_PLAYS = 200


class RandomEntries(Protocol):
    """Plays the strategy with entries at random bars.

    As many entries on each side as the strategy had, on the same candles, with the same exits,
    size and costs; only when to enter is left to chance. Each call draws anew from `rng`.
    """

    def __call__(self, rng: np.random.Generator, /) -> TradeColumns: ...


@runtime_checkable
class ManyRandomEntries(Protocol):
    """The same, many plays in one go."""

    def r_of_each(self, rngs: Sequence[np.random.Generator], /) -> Iterable[Floats]:
        """R of the trades of a play for each of `rngs`, as a call with it makes them."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class AgainstRandom:
    """The strategy's mean R among those of random entries.

    Parameters
    ----------
    own : mean R of the strategy
    random : float64 of shape (n_plays,), mean R of each play at random; a play without a trade
        made 0
    p_value : how often chance does as well, the strategy itself counted as one such play
    """

    own: float
    random: Floats
    p_value: float


def against_random(
    trades: TradeColumns, play: RandomEntries, *, seed: int, plays: int = RANDOM_PLAYS
) -> AgainstRandom:
    """Compare the moments of entry with random ones. NaN for a strategy without trades.

    What is left when sides, exits, costs and market are the same is the timing. A rule that only
    went with a rising market is not better than random long entries in it.
    """
    if len(trades) == 0:
        return AgainstRandom(math.nan, np.zeros(0), math.nan)
    own = float(trades.r.mean())
    rngs = np.random.default_rng(seed).spawn(plays)
    drawn: Iterable[Floats] = (play(each).r for each in rngs)
    if isinstance(play, ManyRandomEntries):
        drawn = play.r_of_each(rngs)
    random = np.array([float(r.mean()) if len(r) else 0.0 for r in drawn])
    as_good = int((random >= own).sum())
    return AgainstRandom(own, random, (as_good + 1) / (plays + 1))


@dataclass(frozen=True, slots=True, eq=False)
class Holding:
    """Buying at the first price and keeping, in equal parts where there are several symbols.

    Each part is left alone: what rises becomes a larger part. `returns` are fractions per day.
    """

    total_ratio: float
    sharpe: float  # annualised
    drawdown_ratio: float
    returns: Daily


def buy_and_hold(prices: list[tuple[Integers, Floats]], cost_ratio: float = 0.0) -> Holding:
    """Hold one or more symbols over the same time.

    Parameters
    ----------
    prices : per symbol the times (int64 epoch ms, rising) and closes (float64) of its candles
    cost_ratio : fee and slippage of buying and of selling together, taken at the start
    """
    if not prices or any(len(close) == 0 for _, close in prices):
        raise DataError("nothing to hold", found="no candles")
    times = distinct(np.concatenate([time for time, _ in prices]))
    parts = [_worth(times, time, close) for time, close in prices]
    value = np.mean(parts, axis=0)
    value[1:] *= 1.0 - cost_ratio
    equity = Equity(times, value)
    returns = daily_returns(equity)
    return Holding(float(value[-1] - 1.0), sharpe(returns.value), drawdown(equity).ratio, returns)


def _worth(times: Integers, own: Integers, close: Floats) -> Floats:
    """One unit put into a symbol: 1 before its first candle, then with its price."""
    last = np.searchsorted(own, times, side="right") - 1
    worth: Floats = close[np.maximum(last, 0)] / close[0]
    return worth


@dataclass(frozen=True, slots=True)
class MarketShare:
    """How much of the days is the market's doing.

    Parameters
    ----------
    beta : what the strategy earns, in its own unit, per unit of the market's daily return
    alpha : what is left of a mean day without the market, times 365
    correlation : of the two
    """

    beta: float
    alpha: Interval
    correlation: float


def market_share(
    strategy: Daily, market: Daily, *, seed: int, confidence: float = 0.95, draws: int = DRAWS
) -> MarketShare:
    """Regress daily results on the daily returns of the market, on the strategy's days.

    The interval comes from pairs of days, drawn together. NaN when either never moves.
    """
    x, y = on_days(market, strategy.day), strategy.value
    if len(y) < 3 or float(np.ptp(x)) == 0.0 or float(np.ptp(y)) == 0.0:
        return MarketShare(math.nan, Interval(*(math.nan,) * 4), math.nan)
    rng = np.random.default_rng(seed)
    block = max(optimal_block_length(y), optimal_block_length(x))
    series = resampled([x, y], block, draws, rng)
    drawn = np.concatenate([_alphas(*each) for each in series]) * DAYS_PER_YEAR
    outside = (1.0 - confidence) / 2.0
    low, high = between(drawn, outside), between(drawn, 1.0 - outside)
    value = float(_alphas(x[None, :].copy(), y[None, :].copy())[0]) * DAYS_PER_YEAR
    beta = float(np.cov(x, y)[0, 1] / np.var(x, ddof=1))
    alpha = Interval(value, low, high, float(drawn.std(ddof=1)))
    return MarketShare(beta, alpha, float(np.corrcoef(x, y)[0, 1]))


def _alphas(x: Floats, y: Floats) -> Floats:
    """Intercepts of y on x, row by row; the mean of y where x does not move. Spoils both."""
    mean_x, mean_y = mean_of(x), mean_of(y)
    x -= mean_x[:, None]
    y *= x
    together, square = y.sum(axis=1), np.square(x, out=x).sum(axis=1)
    beta = np.divide(together, square, out=np.zeros(len(square)), where=square > 0.0)
    alphas: Floats = mean_y - beta * mean_x
    return alphas
