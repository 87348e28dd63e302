"""How much of a Sharpe ratio luck could have made, once or as the best of many trials.

A Sharpe ratio here is per observation (per day), never annualised: the formulas want it so.

References: Bailey & López de Prado (2012), The Sharpe Ratio Efficient Frontier, Journal of Risk
15(2): probabilistic Sharpe ratio, minimum track record length. Bailey & López de Prado (2014), The
Deflated Sharpe Ratio, Journal of Portfolio Management 40(5): expected best of many trials, deflated
Sharpe ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from cointrader.backtest.statistics.columns import Floats
from cointrader.backtest.statistics.metrics import per_day

_NORMAL = NormalDist()
_EULER = 0.5772156649015329  # Euler-Mascheroni constant


@dataclass(frozen=True, slots=True)
class Moments:
    """What the formulas need to know of a series of returns.

    `sharpe` is mean over sample deviation; `skew` and `kurtosis` are plain sample moments, 0 and 3
    for a normal distribution. NaN where the series has no deviation.
    """

    observations: int
    sharpe: float
    skew: float
    kurtosis: float

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Moments of a series of shape (n,)."""
        ratio = per_day(values)
        if math.isnan(ratio):
            return cls(len(values), math.nan, math.nan, math.nan)
        z = (values - values.mean()) / values.std()
        return cls(len(values), ratio, float(np.mean(z**3)), float(np.mean(z**4)))

    @property
    def spread(self) -> float:
        """The estimator's deviation times sqrt(n - 1); 1 for a normal series with Sharpe 0."""
        square = 1.0 - self.skew * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2
        return math.sqrt(max(square, 1e-12))  # exactly 0 only for series of two values


def score(moments: Moments, benchmark: float = 0.0) -> float:
    """By how many of its standard errors a Sharpe ratio is above a benchmark."""
    return (moments.sharpe - benchmark) * math.sqrt(moments.observations - 1) / moments.spread


def probabilistic_sharpe(moments: Moments, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above the benchmark. NaN without a deviation."""
    return 1.0 - _above(score(moments, benchmark))


def minimum_track_record(
    moments: Moments, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """How many observations like these it takes to be that sure of a Sharpe above the benchmark.

    Infinite for a Sharpe ratio that is not above it: no length would do.
    """
    if math.isnan(moments.sharpe):
        return math.nan
    if moments.sharpe <= benchmark:
        return math.inf
    root = moments.spread * _NORMAL.inv_cdf(confidence) / (moments.sharpe - benchmark)
    return 1.0 + root * root  # a power would not overflow to infinity


def expected_best(trials: int, variance: float) -> float:
    """The highest Sharpe ratio to expect of that many independent trials without any skill.

    Parameters
    ----------
    variance : of the Sharpe ratios of such trials. Not of those that were tried where some of
        them are good or bad for a reason: that would count skill as luck
    """
    if trials <= 1:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - _EULER) * first + _EULER * second)


def deflated_sharpe(moments: Moments, trials: int, variance: float | None = None) -> float:
    """Probability that the true Sharpe ratio is above what the best of the trials owes to luck.

    Parameters
    ----------
    trials : how many configurations were tried on these data, this one included
    variance : see `expected_best`; by default 1 / (n - 1), that of a Sharpe ratio estimated from
        n observations without skill
    """
    if variance is None:
        variance = 1.0 / (moments.observations - 1) if moments.observations > 1 else math.nan
    return probabilistic_sharpe(moments, expected_best(trials, variance))


def luck(moments: Moments, trials: int) -> float:
    """Probability that the best of that many trials without skill has so high a Sharpe ratio.

    ``1 - Phi(z) ** trials``, z being `score`: exact for independent trials and cautious for ones
    that resemble each other. The deflated Sharpe ratio compares with the expected best alone,
    this with the best's whole distribution, so it holds its promise: of results without skill that
    are taken to be real below a luck of 1 %, there is 1 in 100, however many trials were made.
    """
    above = _above(score(moments))
    if math.isnan(above):
        return math.nan
    return 1.0 if above >= 1.0 else -math.expm1(max(1, trials) * math.log1p(-above))


def detectable(error: float, *, luck_limit: float, power: float) -> float:
    """The smallest true mean that a single trial would show with this power.

    Parameters
    ----------
    error : standard error of the mean
    luck_limit : one-sided share of trials without skill that may pass
    power : share of trials with this mean that would pass
    """
    return error * (_NORMAL.inv_cdf(1.0 - luck_limit) + _NORMAL.inv_cdf(power))


def _above(z: float) -> float:
    """Share of a standard normal distribution above z, exact far out as well."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))
