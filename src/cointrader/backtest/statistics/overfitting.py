"""How likely choosing the best of many configurations chose noise.

The days are cut into blocks. For every way to call half of the blocks past and the others future,
the configuration that was best in the past is looked up in the future: if choosing means anything,
it is among the better half there.

References: Bailey, Borwein, López de Prado & Zhu (2017), The Probability of Backtest Overfitting,
Journal of Computational Finance 20(4): combinatorially symmetric cross-validation (CSCV).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cointrader.backtest.statistics.columns import Floats, Integers
from cointrader.domain.errors import MissingCandles

BLOCKS = 16
_SPLITS_AT_ONCE = 512


@dataclass(frozen=True, slots=True, eq=False)
class DailyTable:
    """Daily results of many configurations over the same days.

    Parameters
    ----------
    day : int64 of shape (n_days,), days since 1970-01-01
    value : float64 of shape (n_days, n_configurations). A table that lies on its side would
        give an answer too, and a wrong one: hence the days beside it
    """

    day: Integers
    value: Floats

    def __post_init__(self) -> None:
        if self.value.ndim != 2 or len(self.day) != len(self.value):
            raise ValueError(
                f"a table of shape {self.value.shape} beside {len(self.day)} days: a row is a day"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Overfitting:
    """What became of the best of the past.

    Parameters
    ----------
    probability : PBO, the share of splits in which it was not in the better half of the future
    loss_ratio : the share of splits in which it lost money in the future
    logits : float64 of shape (n_splits,); log odds of its rank there, above 0 in the better half
    past, future : float64 of shape (n_splits,); its daily Sharpe ratio in either
    """

    probability: float
    loss_ratio: float
    logits: Floats
    past: Floats
    future: Floats


def overfitting(table: DailyTable, blocks: int = BLOCKS) -> Overfitting:
    """Split, choose, look up; by daily Sharpe ratio, 0 for a configuration that never moves.

    Ties share their rank, and the exact middle counts as not better: a search among
    configurations that are all the same has found nothing.

    Raises
    ------
    ValueError : an odd number of blocks, or fewer than 2 configurations
    MissingCandles : fewer than 2 days to a block
    """
    days, configurations = table.value.shape
    if blocks < 2 or blocks % 2 or configurations < 2:
        raise ValueError(f"{blocks} blocks and {configurations} configurations: even, at least 2")
    if days < 2 * blocks:
        raise MissingCandles(
            "too few days to tell overfitting",
            found=f"{days} days",
            allowed=f"at least {2 * blocks}: two for each of {blocks} blocks",
        )
    sums = _BlockSums.of(table.value, blocks)
    halves = np.array(
        [_marks(chosen, blocks) for chosen in combinations(range(blocks), blocks // 2)]
    )
    parts = [
        _best_of_the_past(sums, halves[at : at + _SPLITS_AT_ONCE])
        for at in range(0, len(halves), _SPLITS_AT_ONCE)
    ]
    rank, past, future = (np.concatenate(column) for column in zip(*parts, strict=True))
    share = rank / (configurations + 1)
    logits = np.log(share / (1.0 - share))
    return Overfitting(
        probability=float((logits <= 0.0).mean()),
        loss_ratio=float((future < 0.0).mean()),
        logits=logits,
        past=past,
        future=future,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _BlockSums:
    """Enough of each block to tell the Sharpe ratio of any set of them."""

    days: Floats  # (blocks,)
    first: Floats  # (blocks, configurations): sum of the values
    second: Floats  # the same: sum of their squares

    @classmethod
    def of(cls, value: Floats, blocks: int) -> _BlockSums:
        # In units of each column's size, so that squares of tiny values lose nothing.
        scale = np.abs(value).max(axis=0)
        scaled = np.divide(value, scale, out=np.zeros_like(value), where=scale > 0.0)
        parts = np.array_split(scaled, blocks)
        return cls(
            np.array([float(len(part)) for part in parts]),
            np.array([part.sum(axis=0) for part in parts]),
            np.array([(part**2).sum(axis=0) for part in parts]),
        )

    def sharpe(self, marks: Floats) -> Floats:
        """Of each set of blocks (rows of 0 and 1) and configuration, per day."""
        n = (marks @ self.days)[:, None]
        mean = marks @ self.first / n
        square = np.maximum(marks @ self.second - n * mean**2, 0.0) / (n - 1.0)
        return mean / np.sqrt(np.where(square > 1e-24, square, np.inf))  # 0 for what never moves


def _marks(chosen: tuple[int, ...], blocks: int) -> Floats:
    marks = np.zeros(blocks)
    marks[list(chosen)] = 1.0
    return marks


def _best_of_the_past(sums: _BlockSums, halves: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each split: the winner's rank in the future (1 worst), its past and its future."""
    past, future = sums.sharpe(halves), sums.sharpe(1.0 - halves)
    rows = np.arange(len(halves))
    best = past.argmax(axis=1)
    own = future[rows, best][:, None]
    below, same = (future < own).sum(axis=1), (future == own).sum(axis=1)
    return below + (same + 1.0) / 2.0, past[rows, best], own[:, 0]
