"""The usual figures of a list of trades and of an equity curve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cointrader.backtest.statistics.columns import Equity, Floats, TradeColumns
from cointrader.backtest.statistics.daily import DAYS_PER_YEAR
from cointrader.domain.clock import DAY_MS


@dataclass(frozen=True, slots=True)
class Totals:
    """A list of trades in a line. Means and shares of no trades are NaN."""

    trades: int
    net: float  # quote currency
    mean_r: float  # expectancy in units of the risk
    deviation_r: float
    win_ratio: float  # share of trades with net > 0
    payoff: float  # mean R of winners over mean R of losers; infinite without a loser
    profit_factor: float  # in money; infinite without a loser


def totals(trades: TradeColumns) -> Totals:
    """Add up trades. A net of exactly 0 neither wins nor loses."""
    r = trades.r
    wins, losses = r[r > 0.0], r[r < 0.0]
    return Totals(
        trades=len(trades),
        net=float(trades.net.sum()),
        mean_r=mean(r),
        deviation_r=float(r.std(ddof=1)) if len(r) > 1 else math.nan,
        win_ratio=len(wins) / len(r) if len(r) else math.nan,
        payoff=_over(mean(wins), -mean(losses) if len(losses) else 0.0),
        profit_factor=profit_factor(trades.net),
    )


def profit_factor(net: Floats) -> float:
    """Winnings over losses: infinite without a loss, NaN where nothing was won or lost."""
    return _over(float(net[net > 0.0].sum()), -float(net[net < 0.0].sum()))


def mean(values: Floats) -> float:
    """The mean; NaN of nothing."""
    return float(values.mean()) if len(values) else math.nan


def sharpe(daily: Floats) -> float:
    """Mean over sample deviation of daily values, times the root of 365; NaN without a deviation.

    Never of single trades or bars: those are not independent, and how many of them make a year is
    a property of the strategy. A crypto year has 365 days.
    """
    return per_day(daily) * math.sqrt(DAYS_PER_YEAR)


def per_day(values: Floats) -> float:
    """The same for one observation: mean over sample deviation."""
    if len(values) < 2 or float(np.ptp(values)) == 0.0:
        return math.nan
    return float(values.mean() / values.std(ddof=1))


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The largest fall of an equity curve below its highest value so far."""

    amount: float  # the deepest one, in quote currency
    ratio: float  # the deepest one as a fraction of the highest value; over 1 below zero
    longest_days: float  # the longest time between a high and its return, or the end


def drawdown(equity: Equity) -> Drawdown:
    """The worst falls of marked equity. Closed trades alone would hide what was open.

    Deepest in money and deepest as a fraction need not be the same fall.
    """
    high = np.maximum.accumulate(equity.value)
    fall = high - equity.value
    ratio = fall / np.where(high > 0.0, high, np.inf)
    at_high = np.flatnonzero(fall == 0.0)
    edges = np.append(equity.time_ms[at_high], equity.time_ms[-1])
    return Drawdown(
        float(fall.max()), float(ratio.max()), float(np.diff(edges).max(initial=0)) / DAY_MS
    )


def per_year(amount: float, start_ms: int, end_ms: int) -> float:
    """An amount made between two times, at the same pace over 365 days."""
    return amount * DAYS_PER_YEAR * DAY_MS / (end_ms - start_ms)


def return_over_drawdown(yearly: float, fall: float) -> float:
    """The MAR ratio: what a year made over the largest fall, both in money or both in fractions.

    Infinite for a gain without a fall.
    """
    return _over(yearly, fall)


def _over(gain: float, loss: float) -> float:
    if loss > 0.0:
        return gain / loss
    return math.inf if gain > 0.0 else math.nan
