"""A rule of your own: the first close out of Bollinger bands that have been narrow for a day.

cointrader paper --signal examples/squeeze.py:Squeeze
cointrader data leak-check --signal examples/squeeze.py:Squeeze
"""

import numpy as np

from cointrader.market.frame import Frame
from cointrader.signals.indicators import Indicators, signed
from cointrader.signals.rules import Signals


class Squeeze:
    """Long above the upper band, short below the lower, when the bands were narrower than usual.

    Its stop is the middle of the bands, at least one ATR away; its target twice as far.
    """

    name = "squeeze"
    warm_up = 300  # bars before the first answer

    def __init__(self, quiet_bars: int = 96) -> None:
        self.quiet_bars = quiet_bars

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        close, middle = indicators.close, indicators.band_middle
        width = (indicators.band_upper - indicators.band_lower) / close
        # Of the bars before this one: what is compared with today must be known before it.
        usual = np.full(len(close), np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(width, self.quiet_bars)
        usual[self.quiet_bars :] = np.median(windows, axis=1)[:-1]
        was_narrow = np.zeros(len(close), bool)
        was_narrow[1:] = width[:-1] < usual[1:]
        side = signed(
            (close > indicators.band_upper) & was_narrow,
            (close < indicators.band_lower) & was_narrow,
        )
        distance = np.maximum(np.abs(close - middle), indicators.atr)
        return Signals(
            side=side,
            strength=np.abs(side),
            parts={"squeeze": side},
            stop_distance=distance,
            target_distance=2 * distance,
        )
