"""Columns as polars frames. Times are UTC, to the millisecond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import REASONS, Longs

if TYPE_CHECKING:
    import polars as pl

Column = NDArray[np.generic] | Sequence[str]
Rows = NDArray[np.void]

_MS = "_ms"


def frame(columns: Mapping[str, Column]) -> pl.DataFrame:
    """A frame of named columns: numbers as arrays, text as lists.

    A column called ``NAME_ms``, epoch ms, becomes the time ``NAME``.
    """
    import polars as pl

    made = []
    for name, column in columns.items():
        if not isinstance(column, np.ndarray):
            made.append(pl.Series(name, list(column), dtype=pl.String))
        elif name.endswith(_MS):
            times = pl.Series(name.removesuffix(_MS), column, dtype=pl.Int64)
            made.append(times.cast(pl.Datetime("ms", "UTC")))
        else:
            made.append(pl.Series(name, np.ascontiguousarray(column)))
    return pl.DataFrame(made)


def trade_frame(rows: Rows, time_ms: Longs, symbols: Sequence[str]) -> pl.DataFrame:
    """Trades of the kernel, rows of `columns.TRADE`; `time_ms` are the bars they name.

    ``r`` is the net result in units of what the trade risked, NaN where that is nothing. Times are
    the opens of the bars in which a trade began and ended.
    """
    r = np.full(len(rows), np.nan)
    np.divide(rows["net"], rows["risk"], out=r, where=rows["risk"] > 0.0)
    return frame(
        {
            "symbol": [symbols[place] for place in rows["symbol"]],
            "side": sides(rows["side"]),
            "entry_time_ms": time_ms[rows["entry_bar"]],
            "exit_time_ms": time_ms[rows["exit_bar"]],
            "reason": [REASONS[code] for code in rows["reason"]],
            **{name: rows[name] for name in ("entry_price", "exit_price", "quantity")},
            **{name: rows[name] for name in ("gross", "fee", "funding", "net")},
            "r": r,
        }
    )


def sides(signs: NDArray[np.generic]) -> list[str]:
    """LONG for what is above 0, SHORT for the rest."""
    return ["LONG" if sign > 0 else "SHORT" for sign in signs.tolist()]
