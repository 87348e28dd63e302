"""Which candles were played: the name under which trials on them are counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.fingerprint import hash_of_arrays
from cointrader.backtest.market import Market
from cointrader.backtest.trial_ledger import DataSet
from cointrader.market.frame import COLUMN_NAMES


def data_set_of(market: Market, start_ms: int | None = None, end_ms: int | None = None) -> DataSet:
    """The candles and settlements of a market's symbols up to the end of what is played.

    Those before its first bar count too, as indicators remember them; and those of correlation
    symbols, as rules see them.
    """
    stretch = market.between(start_ms, end_ms)
    arrays: list[tuple[str, NDArray[np.generic]]] = []
    for symbol, frame in market.frames.items():
        shown = frame.open_time_ms < stretch.to_ms
        for owner, columns in ((symbol, frame.candles), *frame.correlated.items()):
            arrays += [
                (f"{symbol}.{owner}.{name}", column[shown])
                for name, column in zip(COLUMN_NAMES, columns.arrays(), strict=True)
            ]
        arrays.append((f"{symbol}.time", frame.open_time_ms[shown]))
        settled = market.settlements[symbol]
        kept = settled.at_ms < stretch.to_ms
        arrays += [
            (f"{symbol}.settled.{name}", column[kept])
            for name, column in zip(settled._fields, settled, strict=True)
        ]
    return DataSet(hash_of_arrays(arrays), market.symbols, stretch.from_ms, stretch.to_ms)
