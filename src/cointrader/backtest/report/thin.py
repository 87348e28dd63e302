"""Fewer points of a long curve that look the same: highs and lows are never lost."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import Floats

MOST_POINTS = 4_000

Rows = NDArray[np.intp]


def thinned(value: Floats, most: int = MOST_POINTS, keep: Iterable[int] = ()) -> Rows:
    """Rows to draw of a curve: the lowest and the highest of each of many equal stretches.

    Parameters
    ----------
    value : float64 of shape (n,)
    most : how many rows at the most, `keep` not counted; at least 4
    keep : rows that are drawn in any case

    Returns
    -------
    Rising rows; the first and the last are among them. All of them where there are few enough.
    """
    n = len(value)
    if n <= most:
        return np.arange(n)
    edges = np.linspace(0, n, (most - 2) // 2 + 1).astype(np.intp)
    stretch = np.searchsorted(edges, np.arange(n), side="right") - 1
    order = np.lexsort((value, stretch))  # each stretch from its lowest to its highest
    lowest, highest = order[edges[:-1]], order[edges[1:] - 1]
    return np.unique(np.concatenate(([0, n - 1], lowest, highest, np.array(list(keep), np.intp))))
