"""Trend following: a close beyond the range of the 96 bars before, while there is a trend."""

import numpy as np

from cointrader.market.frame import Frame
from cointrader.signals.indicators import Indicators, signed
from cointrader.signals.rules import Signals


class Trend:
    name = "trend"
    warm_up = 300  # bars before the first answer: ADX needs them to settle

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        days = np.lib.stride_tricks.sliding_window_view
        high, low = np.full((2, len(indicators)), np.nan)
        high[96:] = days(indicators.high, 96).max(axis=1)[:-1]  # of the 96 bars before this one
        low[96:] = days(indicators.low, 96).min(axis=1)[:-1]
        trending = indicators.adx > 20.0
        up = (indicators.close > high) & trending
        side = signed(up, (indicators.close < low) & trending)
        return Signals(side=side, strength=np.abs(side), parts={"breakout": side})
