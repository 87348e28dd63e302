"""Heat maps of a search: every pair of its settings, what the others do taken in the middle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from cointrader.backtest.columns import Floats, Longs
from cointrader.backtest.report.inputs import HeatMap

MOST_MAPS = 10
_MOST_VALUES = 24  # of a setting that was drawn, not gridded: more cells could not be read


def heat_maps(
    cells: Sequence[Mapping[str, str]],
    value: Floats,
    trades: Longs,
    *,
    measure: str,
    chosen: Mapping[str, str] | None = None,
) -> tuple[HeatMap, ...]:
    """One map for each pair of settings, in the order of the settings; `MOST_MAPS` at the most.

    Parameters
    ----------
    cells : what each configuration sets, name to value as text
    value, trades : of each cell, shape (cells,); cells that are NaN are
        left out of the medians
    chosen : the cell to be marked
    """
    names = list(dict.fromkeys(name for cell in cells for name in cell))
    axes = {name: _values([cell[name] for cell in cells if name in cell]) for name in names}
    told = [name for name, values in axes.items() if 2 <= len(values) <= _MOST_VALUES]
    pairs = list(combinations(told, 2))[:MOST_MAPS]
    return tuple(_map(cells, value, trades, pair, axes, measure, chosen) for pair in pairs)


def _map(
    cells: Sequence[Mapping[str, str]],
    value: Floats,
    trades: Longs,
    pair: tuple[str, str],
    axes: Mapping[str, tuple[str, ...]],
    measure: str,
    chosen: Mapping[str, str] | None,
) -> HeatMap:
    row, column = pair
    rows, columns = axes[row], axes[column]
    middle = np.full((len(rows), len(columns)), np.nan)
    counts = np.zeros(middle.shape, np.int64)
    for i, j in np.ndindex(middle.shape):
        here = np.array(
            [cell.get(row) == rows[i] and cell.get(column) == columns[j] for cell in cells]
        )
        known = here & ~np.isnan(value)
        if known.any():
            middle[i, j] = np.median(value[known])
            counts[i, j] = round(float(np.median(trades[known])))
    has_others = len(cells) > len(rows) * len(columns)
    return HeatMap(
        row_name=row,
        rows=rows,
        column_name=column,
        columns=columns,
        value=middle,
        trades=counts,
        measure=measure,
        others="median over the other settings" if has_others else "",
        chosen=None if chosen is None else (rows.index(chosen[row]), columns.index(chosen[column])),
    )


def _values(told: list[str]) -> tuple[str, ...]:
    """Different values: numbers by size, other words in the order in which they came."""
    different = dict.fromkeys(told)
    try:
        return tuple(sorted(different, key=float))
    except ValueError:
        return tuple(different)
