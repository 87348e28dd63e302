"""What a bot sees of a closed bar: signal and ATR, and the features when somebody asks for them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cointrader.bot.foresight import Foresight
from cointrader.bot.stream import BarStream
from cointrader.domain.candle import Candle
from cointrader.domain.ports import Clock, Journal
from cointrader.domain.records import Alert
from cointrader.signals.checked import RULE_FAILED, RuleFailed
from cointrader.signals.features import feature_row
from cointrader.signals.indicators import Indicators, Periods
from cointrader.signals.rules import WARM_UP_BARS, Signal, SignalRule, latest
from cointrader.strategy.decide import MarketView

_NO_SIGNAL = Signal(side=None, strength=0, reasons=())


class Views:
    """Looks at the bars of one stream with one rule; a bar is looked at once."""

    def __init__(
        self,
        symbol: str,
        stream: BarStream,
        rule: SignalRule,
        periods: Periods,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._symbol = symbol
        self._stream = stream
        self._rule = rule
        self._periods = periods
        self._journal = journal
        self._clock = clock
        self._warm_up_bars = max(WARM_UP_BARS, rule.warm_up, periods.reach)
        self._foresight = Foresight(rule, periods, self._warm_up_bars)
        self._seen: MarketView | None = None  # of the bar that was looked at last
        self._told_failure = ""

    @property
    def needs_own_candles_alone(self) -> bool:
        """Whether the rule looks at nothing but its own symbol's candles."""
        return self._foresight.rule is not None

    def of(self, candle: Candle) -> MarketView:
        """The view of `candle`, the newest of the stream."""
        if self._seen is None or self._seen.open_time_ms != candle.open_time_ms:
            self._seen = self._looked(candle)
        return self._seen

    def look_ahead(self) -> None:
        """Do what can be done for the next bar before it closes."""
        self._foresight.look(self._stream.own)

    def surely_holds(self, candle: Candle) -> bool:
        """Whether a candle that is not in the stream yet has no signal; False in doubt."""
        return self._foresight.surely_holds(candle)

    def atr(self) -> float | None:
        """Of the last closed bar; None while there are too few bars to know it."""
        if self._stream.bars_stored <= WARM_UP_BARS:
            return None
        return float(Indicators(self._stream.frame(alone=True), self._periods, last=1).atr[-1])

    def _looked(self, candle: Candle) -> MarketView:
        bars_before = self._stream.bars_stored - 1
        signal, atr = _NO_SIGNAL, math.nan
        quick = self._foresight.rule
        if quick is not None and bars_before >= self._warm_up_bars:
            signal, atr = self._foresight.latest(quick, self._stream.own, candle)
        elif bars_before >= WARM_UP_BARS:
            frame = self._stream.frame(alone=quick is not None)
            try:
                signal, atr = latest(self._rule, frame, self._periods)
            except RuleFailed as failed:
                signal = self._without_answer(failed)
        return MarketView(
            self._symbol,
            candle.open_time_ms,
            candle.close_time_ms,
            bars_before,
            signal,
            atr,
            lambda: self._features(signal),
        )

    def _features(self, signal: Signal) -> NDArray[np.float64]:
        frame = self._stream.frame()
        return feature_row(frame, Indicators(frame, self._periods), signal)

    def _without_answer(self, failed: RuleFailed) -> Signal:
        """No entry on a bar that the rule cannot answer; what is held is managed all the same.

        A person is told once, until the rule fails in another way.
        """
        if failed.what != self._told_failure:
            self._told_failure = failed.what
            words = f"{failed}\nno entries of {self._symbol} on such bars; exits go on"
            self._journal.note(Alert(self._clock.now_ms(), "critical", self._symbol, words))
        return Signal(side=None, strength=0, reasons=(RULE_FAILED,))
