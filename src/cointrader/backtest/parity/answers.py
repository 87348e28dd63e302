"""A rule asked again for every bar of a history, as a running bot asks it for the newest one."""

from __future__ import annotations

import numpy as np

from cointrader.market.frame import Frame
from cointrader.signals.indicators import Indicators, Periods
from cointrader.signals.rules import WARM_UP_BARS, Signal, SignalRule, evaluate, latest

WINDOW_BARS = 1_000  # of a running bot
_NOT_ASKED = Signal(side=None, strength=0)


class Answers:
    """What `rule` says of one symbol. Asked once, for all bars together."""

    def __init__(self, rule: SignalRule, frame: Frame, periods: Periods) -> None:
        indicators = Indicators(frame, periods)
        self.frame = frame
        self._rule, self._periods = rule, periods
        self._signals = evaluate(rule, frame, indicators)
        self._atr = indicators.atr
        self._rows = {int(at): row for row, at in enumerate(frame.open_time_ms)}

    def row(self, bar_open_ms: int) -> int | None:
        """The row of a bar; None where the history has none."""
        return self._rows.get(bar_open_ms)

    def at(self, row: int) -> Signal:
        """The answer for a row; nothing is asked while indicators warm up."""
        return _NOT_ASKED if row < WARM_UP_BARS else self._signals.at(row)

    def atr(self, row: int) -> float:
        """ATR of a row, in quote currency."""
        return float(self._atr[row])

    def as_a_bot_sees(self, row: int) -> Signal:
        """The answer from a running bot's window alone, which ends with this row."""
        if row < WARM_UP_BARS:
            return _NOT_ASKED
        window = self.frame.rows(max(0, row + 1 - WINDOW_BARS), row + 1)
        signal, _ = latest(self._rule, window, self._periods)
        return signal

    @property
    def open_times(self) -> list[int]:
        times: list[int] = self.frame.open_time_ms.astype(np.int64).tolist()
        return times
