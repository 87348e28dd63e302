"""What is compiled at its first call, called once before time matters."""

from __future__ import annotations

import numpy as np

from cointrader.domain.order import Side
from cointrader.market.frame import Columns, Frame
from cointrader.signals.features import feature_row
from cointrader.signals.indicators import Indicators, Periods
from cointrader.signals.newest import Ahead, NewestBar
from cointrader.signals.rules import WARM_UP_BARS, QuickRule, Signal, SignalRule, is_quick

_INTERVAL_MS = 60_000


def prepare(rule: SignalRule, periods: Periods) -> None:
    """Let a flat market be judged, so that the first real bar need not wait for a compiler.

    Seconds where nothing was ever compiled, tens of milliseconds where it was, nothing in a
    process that did it before. A rule of the user's own is left alone: only the built-in ones
    answer from `NewestBar`.
    """
    frame = _flat(max(periods.reach, WARM_UP_BARS) + 2)
    flat = Indicators(frame, periods)
    feature_row(frame, flat, Signal(side=Side.LONG, strength=0, reasons=()))
    ahead = Ahead.of(frame.candles, periods)
    if is_quick(rule):
        quick: QuickRule = rule  # type: ignore[assignment]
        quick.answer(NewestBar(frame.candles, periods))
        quick.answer(NewestBar.after(ahead, 1.0, 1.0, frame.candles))
        quick.holds(ahead, 1.0, 1.0)


def _flat(n_bars: int) -> Frame:
    ones, missing = np.ones(n_bars), np.full(n_bars, np.nan)
    ones.flags.writeable = False  # as the windows of a running bot are: compiled for these
    times = np.arange(n_bars, dtype=np.int64) * _INTERVAL_MS
    return Frame(
        "FLAT", _INTERVAL_MS, times, Columns(ones, ones, ones, ones, ones), {}, missing, missing
    )
