"""The inputs of a frame by name, and other futures for them.

A changed future stays plausible: prices move by at most a third, so that arithmetic over the whole
array (an FFT, a running sum) is disturbed by no more than its usual rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cointrader.market.frame import COLUMN_NAMES, Columns, Floats, Frame

FUNDING, OPEN_INTEREST = "the funding rate", "open interest"
_Rng = np.random.Generator
_UNEVEN = np.array([1.0, 1.004, 0.995, 1.008, 0.999, 0.993, 1.003])


class Future(StrEnum):
    """Ways to change what comes after a bar."""

    PARTED = "parted"  # every symbol and every kind of input goes a way of its own
    OPPOSED = "opposed"  # the same, each the other way
    NOISE = "noise"  # every value a little
    TURNED = "turned"  # prices mirrored at the last one, rates and changes with the other sign
    SHIFTED = "shifted"  # everything one bar earlier
    ABSENT = "absent"  # no correlation candle, no rate, no open interest any more


class Input(NamedTuple):
    """One column: `symbol` empty for funding and open interest, which are the own symbol's."""

    symbol: str
    column: str

    @property
    def name(self) -> str:
        return f"{self.column} of {self.symbol}" if self.symbol else self.column


Arrays = dict[Input, Floats]


def arrays_of(frame: Frame) -> Arrays:
    """Every input of `frame`; the arrays are the frame's own."""
    found: Arrays = {}
    for symbol, columns in ((frame.symbol, frame.candles), *_others(frame)):
        for name, array in zip(COLUMN_NAMES, columns.arrays(), strict=True):
            found[Input(symbol, name)] = array
    found[Input("", FUNDING)] = frame.funding_rate
    found[Input("", OPEN_INTEREST)] = frame.oi_change
    return found


def with_arrays(frame: Frame, arrays: Mapping[Input, Floats]) -> Frame:
    """`frame` with some of its inputs replaced."""
    return _framed(frame, {**arrays_of(frame), **arrays})


def _framed(frame: Frame, every: Mapping[Input, Floats]) -> Frame:
    def columns(symbol: str) -> Columns:
        return Columns(*(every[Input(symbol, name)] for name in COLUMN_NAMES))

    return Frame(
        frame.symbol,
        frame.interval_ms,
        frame.open_time_ms,
        columns(frame.symbol),
        {symbol: columns(symbol) for symbol in frame.correlated},
        every[Input("", FUNDING)],
        every[Input("", OPEN_INTEREST)],
    )


def copied(frame: Frame) -> Frame:
    """`frame` with arrays of its own, so that whoever writes to them harms nobody else."""
    made = with_arrays(frame, {name: array.copy() for name, array in arrays_of(frame).items()})
    return Frame(
        made.symbol, made.interval_ms, made.open_time_ms.copy(), made.candles, made.correlated,
        made.funding_rate, made.oi_change,
    )  # fmt: skip


def with_future(frame: Frame, after: int, future: Future, rng: _Rng) -> Frame:
    """`frame` with every input changed in the rows later than `after`, and there only."""
    arrays = {name: array.copy() for name, array in arrays_of(frame).items()}
    stop = len(frame)
    for symbol in dict.fromkeys((frame.symbol, *frame.correlated)):
        prices = [arrays[Input(symbol, name)] for name in COLUMN_NAMES[:4]]
        _change_prices(prices, arrays[Input(symbol, "volume")], after, future, rng)
    for name in (FUNDING, OPEN_INTEREST):
        _change_rate(arrays[Input("", name)], after, future, rng)
    if future is Future.SHIFTED:
        for array in arrays.values():
            array[after + 1 : stop - 1] = array[after + 2 : stop].copy()
    if future is Future.ABSENT:
        for each, array in arrays.items():
            if each.symbol != frame.symbol:
                array[after + 1 :] = np.nan
    return _framed(frame, arrays)


def with_one_changed(
    frame: Frame, names: Iterable[Input], rows: slice, *, factor: float, amount: float
) -> Frame:
    """`frame` with only some inputs changed, and only in `rows`: times about `factor`, rates plus
    about `amount`, whatever that makes of the candle. About: a return would not notice a factor."""
    changed: Arrays = {}
    known = arrays_of(frame)
    uneven = _UNEVEN[np.arange(len(frame))[rows] % len(_UNEVEN)]
    for name in names:
        array = known[name].copy()
        array[rows] = (
            array[rows] * factor * uneven if name.symbol else array[rows] + amount * uneven
        )
        changed[name] = array
    return with_arrays(frame, changed)


def with_holes(frame: Frame, rng: _Rng) -> Frame:
    """`frame` where now and then a correlation candle, a rate or a change of open interest is
    missing: what a rule must expect, and what shows whether it joins by position."""
    length = len(frame)
    arrays: Arrays = {}
    for symbol, _ in _others(frame):
        rows = rng.choice(length, max(1, length // 100), replace=False)
        for name in COLUMN_NAMES:
            array = arrays_of(frame)[Input(symbol, name)].copy()
            array[rows] = np.nan
            arrays[Input(symbol, name)] = array
    return with_arrays(frame, arrays)


def _others(frame: Frame) -> Iterable[tuple[str, Columns]]:
    # A correlation symbol may be the traded one: its candles are changed together with its own.
    return ((name, columns) for name, columns in frame.correlated.items() if name != frame.symbol)


def _change_prices(
    prices: list[Floats], volume: Floats, after: int, future: Future, rng: _Rng
) -> None:
    rows = slice(after + 1, None)
    count = len(volume) - after - 1
    if future in (Future.PARTED, Future.OPPOSED):
        away, louder = rng.uniform(0.003, 0.3), rng.uniform(0.5, 1.8)
        is_up, is_loud = rng.random(2) < 0.5
        if future is Future.OPPOSED:
            is_up, is_loud = not is_up, not is_loud
        factor = (1.0 + away if is_up else 1.0 / (1.0 + away)) * _jitter(count, 0.002, rng)
        for array in prices:
            array[rows] *= factor
        volume[rows] *= np.exp(louder if is_loud else -louder)
    elif future is Future.NOISE:
        factor = _jitter(count, 0.01, rng)
        for array in prices:
            array[rows] *= factor
        volume[rows] *= _jitter(count, 0.7, rng)
    elif future is Future.TURNED:
        opens, highs, lows, closes = prices
        about = float(closes[after])
        if np.isfinite(about):
            mirrored = [about * about / array[rows] for array in (opens, lows, highs, closes)]
            for array, values in zip(prices, mirrored, strict=True):
                array[rows] = np.clip(values, about / 3.0, about * 3.0)
        volume[rows] = volume[rows][::-1].copy()


def _change_rate(values: Floats, after: int, future: Future, rng: _Rng) -> None:
    rows = slice(after + 1, None)
    recent = values[max(0, after - 200) : after + 1]
    known = recent[np.isfinite(recent)]
    scale = (float(known.std()) if len(known) > 1 else 0.0) or 1e-3
    if future in (Future.PARTED, Future.OPPOSED):
        is_up = (rng.random() < 0.5) is (future is Future.PARTED)
        values[rows] += (1.0 if is_up else -1.0) * scale * rng.uniform(1.0, 8.0)
    elif future is Future.NOISE:
        count = len(values) - after - 1
        values[rows] += scale * rng.normal(0.0, 1.0, count)
    elif future is Future.TURNED:
        values[rows] = -values[rows]


def _jitter(count: int, size: float, rng: _Rng) -> NDArray[np.float64]:
    return np.exp(rng.normal(0.0, size, count))
