"""The same figures by side, by month, and without the best of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.statistics.columns import TradeColumns, distinct
from cointrader.backtest.statistics.metrics import Totals, mean, totals

SIDES = {"LONG": 1, "SHORT": -1}
SMALLEST_SHARE = 0.25  # of the trades, for a side to be judged by itself


def by_side(trades: TradeColumns) -> dict[str, Totals]:
    """``LONG`` and ``SHORT``, also where there were none."""
    return {name: totals(trades.take(trades.side == sign)) for name, sign in SIDES.items()}


def weakest_side(trades: TradeColumns) -> float:
    """Mean R of the worse side, of those that have a quarter of the trades; NaN without trades.

    A rule whose profit comes from one side alone may only have gone with the market.
    """
    judged = (
        mean(trades.r[trades.side == sign])
        for sign in SIDES.values()
        if np.count_nonzero(trades.side == sign) >= max(1.0, SMALLEST_SHARE * len(trades))
    )
    return min(judged, default=math.nan)


def by_month(trades: TradeColumns) -> dict[str, Totals]:
    """By the month of the exit, UTC, as ``2025-03``, oldest first; months without trades are left
    out.
    """
    months = _months(trades)
    return {str(month): totals(trades.take(months == month)) for month in distinct(months).tolist()}


def without_best_month(trades: TradeColumns) -> float:
    """Mean R of all months but the one that earned most; NaN where there is no other."""
    of = _places(_months(trades))
    if len(trades) == 0 or of.max() < 1:
        return math.nan
    earned = np.bincount(of, weights=trades.r)
    return mean(trades.r[of != int(np.argmax(earned))])


def winning_months(trades: TradeColumns) -> float:
    """Share of the months with trades that earned something, in R; NaN without trades."""
    of = _places(_months(trades))
    return mean((np.bincount(of, weights=trades.r) > 0.0).astype(np.float64))


def _places(months: NDArray[np.str_]) -> NDArray[np.intp]:
    """Of each trade, the place of its month among all that have trades."""
    return np.searchsorted(distinct(months), months)


def _months(trades: TradeColumns) -> NDArray[np.str_]:
    """``2025-03`` for each trade."""
    stamps = trades.exit_ms.astype("datetime64[ms]").astype("datetime64[M]")
    return np.datetime_as_string(stamps)
