"""Mean reversion: buy what fell too far below its band, sell what rose too far above it."""

import numpy as np

from cointrader.market.frame import Frame
from cointrader.signals.indicators import Indicators, signed
from cointrader.signals.rules import Signals


class MeanReversion:
    name = "mean-reversion"
    warm_up = 300  # bars before the first answer: RSI and ATR need them to settle
    look_back = 0  # an answer reads the indicators of its own bar alone

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        close, atr = indicators.close, indicators.atr
        cheap = (close < indicators.band_lower) & (indicators.rsi < 30.0)
        side = signed(cheap, (close > indicators.band_upper) & (indicators.rsi > 70.0))
        away = np.abs(close - indicators.band_middle)  # back to the middle is the target
        distance = np.maximum(away, atr)
        extra = {"atrs_away": away / atr}
        return Signals(side, np.abs(side), {"band": side}, stop_distance=atr * 2.0,
                       target_distance=distance, extra=extra)  # fmt: skip
