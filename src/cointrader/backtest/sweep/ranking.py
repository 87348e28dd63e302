"""Figures of many cells as columns, and which cell is chosen by them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import Floats

Rows = NDArray[np.void]
Choice = Literal["t", "mean-r", "net", "profit-factor"]
CHOICES: tuple[Choice, ...] = ("t", "mean-r", "net", "profit-factor")


def mean_r(figures: Rows) -> Floats:
    """Mean R of a trade; NaN without one."""
    return _ratio(figures["r"], figures["with_r"])


def deviation_r(figures: Rows) -> Floats:
    """Sample deviation of R; NaN for fewer than two trades."""
    count = figures["with_r"].astype(np.float64)
    squares = figures["r_squared"] - _ratio(figures["r"] ** 2, count)
    return np.sqrt(np.maximum(_ratio(squares, count - 1.0), 0.0))


def t_value(figures: Rows) -> Floats:
    """Mean R over its standard error, as if trades were independent; NaN where it has none."""
    error = deviation_r(figures) / np.sqrt(np.maximum(figures["with_r"], 1))
    return _ratio(mean_r(figures), error)


def profit_factor(figures: Rows) -> Floats:
    """Winnings over losses in money: infinite without a loss, NaN where nothing moved."""
    won, lost = figures["won"], figures["lost"]
    found = _ratio(won, lost)
    found[(lost == 0.0) & (won > 0.0)] = np.inf
    return found


def win_ratio(figures: Rows) -> Floats:
    """Share of trades with a net above 0; NaN without a trade."""
    return _ratio(figures["wins"], figures["trades"])


def daily_sharpe(daily: Floats) -> Floats:
    """Sharpe ratio per day of rows of daily results; NaN without a deviation."""
    spread = daily.std(axis=1, ddof=1) if daily.shape[1] > 1 else np.zeros(len(daily))
    return _ratio(daily.mean(axis=1), spread)


def values_of(figures: Rows, by: Choice) -> Floats:
    """What cells are compared by."""
    match by:
        case "t":
            return t_value(figures)
        case "mean-r":
            return mean_r(figures)
        case "net":
            net: Floats = figures["net"].astype(np.float64)
            return net
        case "profit-factor":
            return profit_factor(figures)


def chosen(figures: Rows, by: Choice, least_trades: int) -> int | None:
    """The best cell of those with enough trades, the first one of equals; None: none has enough."""
    values = values_of(figures, by)
    values[(figures["trades"] < least_trades) | np.isnan(values)] = -np.inf
    if not len(values):
        return None
    best = int(values.argmax())
    return None if values[best] == -np.inf else best


def _ratio(above: NDArray[np.generic], below: NDArray[np.generic]) -> Floats:
    over = np.asarray(above, np.float64)
    under = np.asarray(below, np.float64)
    found: Floats = np.full(over.shape, np.nan)
    np.divide(over, under, out=found, where=under > 0.0)
    return found
