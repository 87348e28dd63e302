"""Candles of a longer interval, made from shorter ones. Pure: columns in, columns out.

As the exchange would have made them: bars are aligned to UTC, only bars of which every shorter
candle is there come out, and a candle without a trade (volume 0, a filler) adds nothing to one
with trades: it would open where nothing was traded. A bar without any trade is a filler itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import DataError
from cointrader.market.doubts import SETTLEMENT_MS
from cointrader.market.frame import Columns, Floats, Frame, Times, missing
from cointrader.market.quality import interval_name


def bars_per_bar(from_ms: int, to_ms: int) -> int:
    """How many candles of `from_ms` one of `to_ms` takes; `DataError` where that is no number."""
    if to_ms >= from_ms and to_ms % from_ms == 0:
        return to_ms // from_ms
    is_finer = to_ms < from_ms
    raise DataError(
        "shorter candles cannot be made of longer ones"
        if is_finer
        else "candles of one interval do not fill one of the other",
        found=f"{interval_name(from_ms)} candles, {interval_name(to_ms)} asked for",
        allowed=f"an interval that is a multiple of {interval_name(from_ms)}",
        todo="store candles of a shorter interval, or choose a longer --interval",
    )


def whole_bars(open_time_ms: Times, from_ms: int, to_ms: int) -> NDArray[np.intp]:
    """Row of the first candle of every longer bar that is complete.

    Parameters
    ----------
    open_time_ms : int64 array of shape (n,), strictly ascending multiples of `from_ms`

    Returns
    -------
    Ascending row numbers, each the first of ``to_ms / from_ms`` rows without a gap.
    """
    count = bars_per_bar(from_ms, to_ms)
    starts = np.flatnonzero(open_time_ms % to_ms == 0)
    starts = starts[starts + count <= len(open_time_ms)]
    last = open_time_ms[starts + count - 1]
    whole: NDArray[np.intp] = starts[last - open_time_ms[starts] == to_ms - from_ms]
    return whole


def resample_columns(columns: Columns, starts: NDArray[np.intp], count: int) -> Columns:
    """The longer candles that begin at the rows `starts` and take `count` rows each.

    NaN where a candle of the bar is missing (NaN), as in the columns of a correlation symbol.
    Volume is the sum.
    """
    rows = starts[:, np.newaxis] + np.arange(count)
    opens, highs, lows, closes, volumes = (array[rows] for array in columns.arrays())
    traded = volumes > 0
    counted = traded | ~traded.any(axis=1, keepdims=True)  # none traded: all fillers count
    first = counted.argmax(axis=1)
    last = count - 1 - counted[:, ::-1].argmax(axis=1)
    bars = np.arange(len(starts))
    made = Columns(
        opens[bars, first],
        np.where(counted, highs, -np.inf).max(axis=1),
        np.where(counted, lows, np.inf).min(axis=1),
        closes[bars, last],
        volumes.sum(axis=1),
    )
    is_missing = np.isnan(closes).any(axis=1)
    for array in made.arrays():
        array[is_missing] = np.nan
    return made


def resample_frame(frame: Frame, to_ms: int) -> Frame:
    """`frame` in bars of `to_ms`; only bars of which all of its own candles are there.

    `oi_change` is that from bar close to bar close, NaN where a part of it is missing.
    `funding_rate` is the rate last settled at or before the bar's open, as in every frame; on a
    settlement it is read one short bar later, as settlements are (docs/candles.md).

    Raises
    ------
    DataError : `to_ms` is no multiple of the frame's interval
    """
    count = bars_per_bar(frame.interval_ms, to_ms)
    starts = whole_bars(frame.open_time_ms, frame.interval_ms, to_ms)
    changes = frame.oi_change[starts[:, np.newaxis] + np.arange(count)]
    return Frame(
        frame.symbol,
        to_ms,
        frame.open_time_ms[starts],
        resample_columns(frame.candles, starts, count),
        {
            name: resample_columns(columns, starts, count)
            for name, columns in frame.correlated.items()
        },
        _settled(frame, starts),
        np.prod(1.0 + changes, axis=1) - 1.0 if len(starts) else missing(0),
    )


def _settled(frame: Frame, starts: NDArray[np.intp]) -> Floats:
    """The last rate settled at or before each bar's open."""
    at_settlement = frame.open_time_ms[starts] % SETTLEMENT_MS == 0
    later = np.minimum(starts + at_settlement, len(frame) - 1)
    rates: Floats = frame.funding_rate[later]
    return rates
