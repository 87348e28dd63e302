"""How far chance alone may move a figure: the stationary bootstrap.

Trades are drawn anew in runs of neighbours, not one by one, so that what hangs together in time
(a volatile week, symbols that fall together) stays together. The runs have random lengths and wrap
around the end; how long they are on average, the data say.

References: Politis & Romano (1994), The Stationary Bootstrap, JASA 89; Politis & White (2004),
Automatic Block-Length Selection for the Dependent Bootstrap, Econometric Reviews 23, with the
correction of Patton, Politis & White (2009), Econometric Reviews 28.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.statistics.columns import Floats, Truths
from cointrader.signals.compiled import can_compile, compiled

DRAWS = 10_000  # at 1,000 an interval still moves visibly with the seed
_CELLS_AT_ONCE = 200_000  # bounds the memory, whatever the number of trades


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, the range in which chance leaves it, and its standard error.

    `low` and `high` are percentiles of the drawn figures, the same share of them left out on
    either side.
    """

    value: float
    low: float
    high: float
    error: float


def interval(
    figure: Callable[[Floats], Floats],
    values: Floats,
    *,
    seed: int,
    confidence: float = 0.95,
    draws: int = DRAWS,
    block: float | None = None,
) -> Interval:
    """A figure of a series in order of time, with its interval.

    Parameters
    ----------
    figure : array of shape (n_draws, n) -> array of shape (n_draws,), such as `mean_of`; it may
        answer infinity, but no NaN
    values : float64 array of shape (n,)
    seed : the same seed draws the same series
    confidence : share of the drawn figures inside the interval
    block : mean length of a run; by default that of `optimal_block_length`

    Returns
    -------
    all NaN for an empty series. Percentiles are drawn figures, not interpolated, so that an
    infinite one does no harm; where one is infinite, so is the error.
    """
    if len(values) == 0:
        return Interval(math.nan, math.nan, math.nan, math.nan)
    block = optimal_block_length(values) if block is None else block
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([figure(of) for (of,) in resampled([values], block, draws, rng)])
    outside = (1.0 - confidence) / 2.0
    low, high = quantiles(drawn, (outside, 1.0 - outside))
    error = float(drawn.std(ddof=1)) if np.isfinite(drawn).all() else math.inf
    return Interval(float(figure(values[None, :])[0]), low, high, error)


def quantiles(drawn: Floats, shares: Sequence[float]) -> list[float]:
    """For each share the smallest drawn figure that at least so many are not above.

    numpy's quantile by the method "inverted_cdf", without the masked arrays that it loads.
    """
    places = [max(0, math.ceil(share * len(drawn)) - 1) for share in shares]
    in_place: Floats = np.partition(drawn, places)
    return [float(in_place[place]) for place in places]


def between(drawn: Floats, share: float) -> float:
    """The figure that a share of the drawn ones is below, between the two nearest of them.

    numpy's quantile as it comes, without the masked arrays that it loads.
    """
    place = share * (len(drawn) - 1)
    below = math.floor(place)
    above = min(below + 1, len(drawn) - 1)
    low, high = np.partition(drawn, (below, above))[[below, above]].tolist()
    part, step = place - below, high - low
    return float(low + step * part if part < 0.5 else high - step * (1.0 - part))


def mean_of(drawn: Floats) -> Floats:
    """Mean of each row."""
    means: Floats = drawn.mean(axis=1)
    return means


def profit_factor_of(drawn: Floats) -> Floats:
    """Winnings over losses of each row; infinite without a loss, 1 where there is neither."""
    some_of: Floats = np.maximum(drawn, 0.0)
    won = some_of.sum(axis=1)
    lost = -np.minimum(drawn, 0.0, out=some_of).sum(axis=1)
    factors: Floats = np.where(won > 0.0, math.inf, 1.0)
    np.divide(won, lost, out=factors, where=lost > 0.0)
    return factors


def resampled(
    columns: Sequence[Floats], block: float, draws: int, rng: np.random.Generator
) -> Iterator[list[Floats]]:
    """`draws` resampled series of columns of one length n, the same rows of all, some at a time.

    Of each column an array of shape (n_series, n); it holds others when the next ones are made.
    """
    n = len(columns[0])
    around = [np.concatenate((column, column), dtype=np.float64) for column in columns]
    room = [np.empty(_at_once(n) * n) for _ in columns]
    for begins, first in _runs(n, block, draws, rng):
        count = len(first) if begins is None else len(begins)
        drawn = [each[:count] for each in room]
        if begins is not None and can_compile():
            for column, out in zip(around, drawn, strict=True):
                _in_runs(column, begins, first, out)
        else:
            rows = _rows(begins, first)
            for column, out in zip(around, drawn, strict=True):
                # No row is beyond the end: "clip" only says that none is looked at for being so.
                np.take(column, rows, out=out, mode="clip")
        yield [each.reshape(-1, n) for each in drawn]


def stationary_rows(
    n: int, block: float, draws: int, rng: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Row numbers of `draws` resampled series of length n, some series at a time.

    At every place a new run starts at any row with probability 1 / block; otherwise the row after
    the last one follows, the first after the last of all.
    """
    for begins, first in _runs(n, block, draws, rng):
        rows = _rows(begins, first)
        rows[rows >= n] -= n
        yield rows.reshape(-1, n)


def _at_once(n: int) -> int:
    """Series of length n that are drawn together. Other numbers of them would be other series."""
    return max(1, _CELLS_AT_ONCE // n)


def _runs(
    n: int, block: float, draws: int, rng: np.random.Generator
) -> Iterator[tuple[Truths | None, NDArray[np.int64]]]:
    """Of some series, one after the other: where runs begin, and the first row of each.

    None for where: everywhere. A run ends with its series.
    """
    restart = 1.0 / max(1.0, block)
    most = _at_once(n) * n
    chances, starts = np.empty(most), np.empty(most, np.bool_)
    for done in range(0, draws, _at_once(n)):
        count = min(_at_once(n), draws - done) * n
        if block <= 1.0 and _skip(rng, count):
            yield None, rng.integers(0, n, count)
            continue
        begins = np.less(rng.random(out=chances[:count]), restart, out=starts[:count])
        begins[::n] = True
        yield begins, rng.integers(0, n, np.count_nonzero(begins))


def _rows(begins: Truths | None, first: NDArray[np.int64]) -> NDArray[np.intp]:
    """The row of every place, below 2 n: n stands for row 0 again."""
    if begins is None:
        return np.asarray(first, np.intp)
    of_run = np.cumsum(begins, dtype=np.intp)
    of_run -= 1
    rows = np.take(first - np.flatnonzero(begins), of_run, mode="clip")
    rows += np.arange(len(begins))
    return np.asarray(rows, np.intp)


def in_runs(around: Floats, begins: Truths, first: NDArray[np.int64], out: Floats) -> None:
    """Values in runs: the n-th `begins` begins one at the n-th of `first`.

    `around` holds all values twice, so that a run finds the first ones again after the last. The
    start of a run is chosen without a branch, as no processor foresees where chance begins one.
    """
    run = ahead = -1
    for place in range(len(begins)):
        run += begins[place]
        begun = first[run] - place
        ahead = begun if begins[place] else ahead
        out[place] = around[place + ahead]


_in_runs = compiled(in_runs)


def _skip(rng: np.random.Generator, count: int) -> bool:
    """Leave `rng` as if it had drawn `count` numbers by `random`; False where that cannot be."""
    source = rng.bit_generator
    if not isinstance(source, np.random.PCG64):
        return False
    before = source.state
    source.advance(count)  # which forgets the half of a number that smaller ones have left over
    after = source.state
    after["has_uint32"], after["uinteger"] = before["has_uint32"], before["uinteger"]
    source.state = after
    return True


def optimal_block_length(values: Floats) -> float:
    """Mean length of the runs that lets the stationary bootstrap err least about a mean.

    Autocorrelations are taken in up to twice the lag from which on `max(5, log10 n)` of them
    running are insignificant, weighted by a flat-top window. At least 1, which draws single rows;
    at most ``ceil(min(3 sqrt(n), n / 3))``. 1 for fewer than 8 values or for equal ones, which
    tell nothing about their order.
    """
    n = len(values)
    if n < 8 or float(np.ptp(values)) == 0.0:
        return 1.0
    covariance, correlation = _autocovariance(values - values.mean(), _largest_lag(n))
    lags = _significant_lags(correlation, n)
    lag = np.arange(1, lags + 1)
    weight = np.minimum(1.0, 2.0 * (1.0 - lag / lags))
    slope = 2.0 * float((weight * lag * covariance[1 : lags + 1]).sum())
    long_run = float(covariance[0]) + 2.0 * float((weight * covariance[1 : lags + 1]).sum())
    if long_run == 0.0:
        return 1.0
    longest = math.ceil(min(3.0 * math.sqrt(n), n / 3.0))
    best = math.cbrt(slope**2 / long_run**2 * n)
    return min(max(1.0, best), float(longest))


def _run_of_lags(n: int) -> int:
    return max(5, int(math.log10(n)))


def _largest_lag(n: int) -> int:
    return min(math.ceil(math.sqrt(n)) + _run_of_lags(n), n - 2)


def _autocovariance(deviations: Floats, largest: int) -> tuple[Floats, Floats]:
    """Autocovariance at lags 0 to `largest`, and the size of each correlation."""
    n = len(deviations)
    covariance, correlation = np.zeros((2, largest + 1))
    for lag in range(largest + 1):
        product = float(deviations[lag:] @ deviations[: n - lag])
        late, early = deviations[lag + 1 :], deviations[: -(lag + 1)]
        scale = math.sqrt(float(late @ late) * float(early @ early))
        covariance[lag] = product / n
        correlation[lag] = abs(product) / scale if scale > 0.0 else 0.0
    return covariance, correlation


def _significant_lags(correlation: Floats, n: int) -> int:
    """How many lags are summed: all there are where no run of insignificant ones is found."""
    run = _run_of_lags(n)
    largest = len(correlation) - 1
    quiet = correlation < 2.0 * math.sqrt(math.log10(n) / n)
    for lag in range(1, largest - run + 1):
        if quiet[lag : lag + run].all():
            return min(2 * lag, largest)
    return largest
