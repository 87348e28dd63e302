"""What a bot can know of its next bar before it closes, and say of it as soon as it does.

Nothing here waits or is waited for. Whatever it was not prepared for is left to the ordinary way,
which comes to the same answers.
"""

from __future__ import annotations

import math
from typing import cast

from cointrader.domain.candle import Candle
from cointrader.market.window import CandleWindow
from cointrader.signals.indicators import Periods
from cointrader.signals.newest import Ahead, NewestBar
from cointrader.signals.rules import QuickRule, Signal, SignalRule, is_quick


class Foresight:
    """The newest bar's signal, by a rule that needs no more than its own symbol's candles.

    Parameters
    ----------
    warm_up_bars : needed before a bar that the rule may be asked about
    """

    def __init__(self, rule: SignalRule, periods: Periods, warm_up_bars: int) -> None:
        self.rule = cast(QuickRule, rule) if is_quick(rule) else None
        self._periods = periods
        self._warm_up_bars = warm_up_bars
        self._ahead: Ahead | None = None
        self._opens_ms: int | None = None  # the bar that was looked ahead to

    def look(self, window: CandleWindow) -> None:
        """Do what can be done for the bar after those in `window`."""
        before = window.before_next()
        if self.rule is not None and len(before) >= self._warm_up_bars:
            self._ahead, self._opens_ms = Ahead.of(before, self._periods), window.next_open_time_ms

    def surely_holds(self, candle: Candle) -> bool:
        """Whether a bar that is not in its window yet has no signal.

        False in doubt: of any other bar than the one that was looked ahead to, or of a rule that
        fails.
        """
        if self._ahead is None or self.rule is None or candle.open_time_ms != self._opens_ms:
            return False
        try:
            return self.rule.holds(self._ahead, candle.close, candle.volume)
        except Exception:  # it is asked again, where somebody answers for it
            return False

    def latest(self, rule: QuickRule, window: CandleWindow, candle: Candle) -> tuple[Signal, float]:
        """Signal and ATR of `candle`, the newest in `window`; see `signals.rules.latest`."""
        if self._ahead is not None and candle.open_time_ms == self._opens_ms:
            bar = NewestBar.after(self._ahead, candle.close, candle.volume, window)
        else:
            bar = NewestBar(window, self._periods)
        signal = rule.answer(bar)
        return signal, math.nan if signal.side is None else bar.atr
