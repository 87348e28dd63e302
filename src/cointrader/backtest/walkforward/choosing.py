"""What each fold chooses, what that came to, and all tests as one list of trades."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import TRADE, Longs
from cointrader.backtest.sweep import ranking
from cointrader.backtest.sweep.ranking import Choice
from cointrader.backtest.walkforward.folds import Fold

Rows = NDArray[np.void]


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """One fold that chose a cell.

    Parameters
    ----------
    cell : chosen on `train`; with a filter, before the filter
    train, test : figures of that cell, one row of `figures.FIGURES` each; purged, and whole
    trades : of the test, rows of `columns.TRADE`
    """

    fold: Fold
    cell: int
    train: Rows
    test: Rows
    trades: Rows


def choose(figures: Rows, by: Choice, least_trades: int) -> list[int | None]:
    """The cell that each fold chooses on its training.

    Parameters
    ----------
    figures : shape (cells, 2 * folds), training and test of each fold; tests are not looked at
    """
    return [
        ranking.chosen(figures[:, train], by, least_trades)
        for train in range(0, figures.shape[1], 2)
    ]


def test_trades(trades: Rows, fold: Fold, time_ms: Longs) -> Rows:
    """Those trades of a continuous run whose signal is in the test of a fold."""
    signalled = time_ms[trades["entry_bar"] - 1]
    kept: Rows = trades[(signalled >= fold.test_from_ms) & (signalled < fold.test_to_ms)]
    return kept


def tested(
    figures: Rows,
    folds: Sequence[Fold],
    choices: Sequence[int | None],
    time_ms: Longs,
    trades_of: Callable[[Fold, int], Rows],
    count: Callable[[Rows], Rows],
) -> list[Tested]:
    """The folds that have a choice, with the trades of their tests.

    Parameters
    ----------
    trades_of : all trades of a cell in one continuous run, so that its state is warm when the test
        begins
    count : adds trades up to one row of `figures.FIGURES`
    """
    found = []
    for number, (fold, cell) in enumerate(zip(folds, choices, strict=True)):
        if cell is not None:
            trades = test_trades(trades_of(fold, cell), fold, time_ms)
            train = figures[cell, 2 * number : 2 * number + 1]
            found.append(Tested(fold, cell, train, count(trades), trades))
    return found


def stitched(parts: Sequence[Rows]) -> Rows:
    """Trades of all tests in the order in which they ended.

    Where a test's last trade is still open when the next one begins, both are: the new settings
    do not wait for the old ones' position.
    """
    rows = np.concatenate([np.empty(0, TRADE), *parts])
    ordered: Rows = rows[np.lexsort((rows["entry_bar"], rows["exit_bar"]))]
    return ordered


def with_risk(trades: Rows) -> Rows:
    """Those that risked something: the others have no R, and the statistics take none of them."""
    kept: Rows = trades[trades["risk"] > 0.0]
    return kept
