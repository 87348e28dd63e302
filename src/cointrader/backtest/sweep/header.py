"""What a whole search is worth: the lines that stand above its table."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import Floats, Longs
from cointrader.backtest.statistics.overfitting import BLOCKS, DailyTable, overfitting
from cointrader.backtest.statistics.sharpe import Moments, deflated_sharpe, luck
from cointrader.backtest.sweep import ranking
from cointrader.backtest.sweep.ranking import Choice

Rows = NDArray[np.void]
WHOLE, PAST, FUTURE = range(3)  # windows of a sweep's figures


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """Results of all cells of a search, in the order of the cells.

    Parameters
    ----------
    figures : rows of `figures.FIGURES`, shape (cells, 3): all trades, those of the past part (known
        by its end), and those of the future part
    daily : float64 of shape (cells, days), R by UTC day of the exit
    first_day : of `daily`, days since 1970-01-01
    """

    figures: Rows
    daily: Floats
    first_day: int

    @property
    def day(self) -> Longs:
        return np.arange(self.first_day, self.first_day + self.daily.shape[1], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Slump:
    """The cell that the past would have chosen, there and in the future. Means in R."""

    cell: int
    past_trades: int
    past_mean_r: float
    past_profit_factor: float
    future_trades: int
    future_mean_r: float
    future_profit_factor: float


@dataclass(frozen=True, slots=True)
class SearchHeader:
    """The search as a whole. NaN for what cannot be told.

    Parameters
    ----------
    trials : configurations ever tried on these data, from the ledger
    cells, enough : cells of this search; those of them with at least `least_trades` trades
    profitable : share of the cells with enough trades whose net is above 0
    best : the chosen cell, None where none has enough trades
    best_mean_r, median_mean_r : of the chosen cell, and the median over those with enough
    deflated_sharpe, luck : of the chosen cell, with all trials counted
    overfitting : probability of backtest overfitting over the cells with enough trades
    slump : what the past would have chosen and what became of it; None where it has no choice
    """

    trials: int
    cells: int
    least_trades: int
    enough: int
    profitable: float
    best: int | None
    best_mean_r: float
    median_mean_r: float
    deflated_sharpe: float
    luck: float
    overfitting: float
    slump: Slump | None

    def unjudged(self) -> SearchHeader:
        """The same without what would be a judgement."""
        nan = math.nan
        return replace(self, deflated_sharpe=nan, luck=nan, overfitting=nan, slump=None)


def header_of(
    table: CellTable, *, trials: int, least_trades: int, by: Choice = "t"
) -> SearchHeader:
    """Judge a search. `trials` is at least the number of its cells."""
    whole = table.figures[:, WHOLE]
    is_enough = whole["trades"] >= least_trades
    means = ranking.mean_r(whole)
    best = ranking.chosen(whole, by, least_trades)
    moments = None if best is None else Moments.of(table.daily[best])
    count = int(is_enough.sum())
    return SearchHeader(
        trials=trials,
        cells=len(whole),
        least_trades=least_trades,
        enough=count,
        profitable=float((whole["net"][is_enough] > 0.0).mean()) if count else math.nan,
        best=best,
        best_mean_r=math.nan if best is None else float(means[best]),
        median_mean_r=float(np.median(means[is_enough])) if count else math.nan,
        deflated_sharpe=math.nan if moments is None else deflated_sharpe(moments, trials),
        luck=math.nan if moments is None else luck(moments, trials),
        overfitting=_overfitting(table, is_enough),
        slump=_slump(table, by, least_trades),
    )


def _overfitting(table: CellTable, is_enough: NDArray[np.bool_]) -> float:
    """NaN for fewer than two cells, or fewer days than the method splits."""
    if is_enough.sum() < 2 or table.daily.shape[1] < 2 * BLOCKS:
        return math.nan
    value = np.ascontiguousarray(table.daily[is_enough].T)
    return overfitting(DailyTable(table.day, value)).probability


def _slump(table: CellTable, by: Choice, least_trades: int) -> Slump | None:
    past, future = table.figures[:, PAST], table.figures[:, FUTURE]
    share = past["trades"].sum() / max(int(table.figures[:, WHOLE]["trades"].sum()), 1)
    cell = ranking.chosen(past, by, max(1, round(least_trades * float(share))))
    if cell is None:
        return None
    one = slice(cell, cell + 1)
    return Slump(
        cell,
        int(past["trades"][cell]),
        float(ranking.mean_r(past[one])[0]),
        float(ranking.profit_factor(past[one])[0]),
        int(future["trades"][cell]),
        float(ranking.mean_r(future[one])[0]),
        float(ranking.profit_factor(future[one])[0]),
    )
