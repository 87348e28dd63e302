"""At which bars the future is cut off: where a leak would show, the likeliest first."""

from __future__ import annotations

from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.clock import DAY_MS, HOUR_MS
from cointrader.market.frame import Frame
from cointrader.signals.leak_check.answers import SIDE, Table

Rows = NDArray[np.intp]
_SETTLEMENT_MS = 8 * HOUR_MS
_EXTREME = 0.02  # share of the bars with the largest range, move or volume


def moments(frame: Frame, table: Table, first: int, rng: np.random.Generator) -> Rows:
    """Every row from `first` to the last but one, the most telling ones first.

    Signals and changes of what is answered, bars before and at a settlement, a new day or hour
    (first those that are signals as well), bars unlike the others, and any bar, take turns.
    """
    last = len(frame) - 1
    every = np.arange(first, last)
    side = table[SIDE]
    settled, hours = (_begins(frame, period) for period in (_SETTLEMENT_MS, HOUR_MS))
    groups = [
        np.flatnonzero(side != 0),
        _where(side != 0, settled - 1),
        _around(np.flatnonzero(_changes(table))),
        _around(settled),
        _around(_begins(frame, DAY_MS)),
        np.flatnonzero(side != 0),
        _where(side != 0, hours - 1),
        _around(hours),
        _unusual(frame),
        every,
    ]
    shuffled = [rng.permutation(np.unique(g[(g >= first) & (g < last)])) for g in groups]
    turns = chain.from_iterable(zip_longest(*(rows.tolist() for rows in shuffled)))
    return np.array(list(dict.fromkeys(row for row in turns if row is not None)), np.intp)


def _changes(table: Table) -> NDArray[np.bool_]:
    """Bars that are answered otherwise than the bar before, in whole numbers or words."""
    found = np.zeros(len(table[SIDE]), np.bool_)
    for column in table.values():
        if column.dtype.kind != "f":
            found[1:] |= column[1:] != column[:-1]
    return found


def _around(rows: Rows) -> Rows:
    """The rows, and the row before each: the next bar is what it must not know."""
    return np.concatenate((rows - 1, rows))


def _where(chosen: NDArray[np.bool_], rows: Rows) -> Rows:
    rows = rows[rows >= 0]
    return rows[chosen[rows]]


def _begins(frame: Frame, period_ms: int) -> Rows:
    return np.flatnonzero(frame.open_time_ms % max(period_ms, frame.interval_ms) == 0)


def _unusual(frame: Frame) -> Rows:
    candles = frame.candles
    count = max(1, int(len(frame) * _EXTREME))
    moved = np.abs(np.diff(candles.close, prepend=candles.close[:1])) / candles.close
    measures = ((candles.high - candles.low) / candles.close, moved, candles.volume)
    return np.concatenate([np.argsort(measure)[-count:] for measure in measures])
