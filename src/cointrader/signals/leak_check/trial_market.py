"""Candles to try a rule on: made up, or stored ones with what they lack made up."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np

from cointrader.domain.clock import interval_ms
from cointrader.market.frame import Frame
from cointrader.market.source import DEFAULT_CORRELATION_SYMBOLS
from cointrader.market.synthetic import SyntheticSource
from cointrader.signals.leak_check.inputs import (
    FUNDING,
    OPEN_INTEREST,
    Input,
    arrays_of,
    with_arrays,
)

TRIAL_BARS = 4_000
_START_MS = 1_767_225_600_000  # 2026-01-01


def trial_frame(
    symbol: str = "XRPUSDT",
    *,
    interval: str = "15m",
    bars: int = TRIAL_BARS,
    seed: int = 1,
    correlation_symbols: tuple[str, ...] = DEFAULT_CORRELATION_SYMBOLS,
) -> Frame:
    """A made-up market in which every input is there: to prove a rule on, and to test it with."""
    bar_ms = interval_ms(interval)
    source = SyntheticSource(
        [symbol], seed, _START_MS // bar_ms * bar_ms, bars, bar_ms, correlation_symbols
    )
    return source.frame(symbol)


def filled(frame: Frame, *, seed: int = 1) -> tuple[Frame, tuple[str, ...]]:
    """`frame` with made-up values for inputs of which it has none; and their names.

    An input that is missing altogether would hide whoever reads it too early.
    """
    rng = np.random.default_rng(seed)
    length = len(frame)
    made = {}
    for each, array in arrays_of(frame).items():
        if length and np.isnan(array).all():
            made[each] = _made_up(each, frame, rng)
    return with_arrays(frame, made), tuple(dict.fromkeys(each.symbol or each.name for each in made))


def _made_up(each: Input, frame: Frame, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    if each.column == FUNDING:
        settled = np.cumsum(frame.open_time_ms % (8 * 3_600_000) == 0)
        rates: np.ndarray[Any, Any] = rng.normal(1e-4, 2e-4, int(settled[-1]) + 1)[settled]
        return rates
    if each.column == OPEN_INTEREST:
        return rng.normal(0.0, 0.01, len(frame))
    # The own candles on another scale, with a life of their own, and possible as they are.
    steps = np.random.default_rng(crc32(each.symbol.encode())).normal(0.0, 3e-3, len(frame))
    own: np.ndarray[Any, Any] = arrays_of(frame)[Input(frame.symbol, each.column)]
    return own if each.column == "volume" else own * 30.0 * np.exp(np.cumsum(steps))
