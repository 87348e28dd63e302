"""The indicators of the newest bar alone, as plain floats.

What a running bot asks for at every close: the last row of `Indicators`, to the last bit, by the
same functions, without the arrays of one row that would cost more than the arithmetic.
"""

from __future__ import annotations

from cointrader.market.frame import Frame
from cointrader.signals.indicators import (
    Floats,
    Periods,
    adx,
    atr,
    crossed,
    last_stoch_rsi,
    lazy,
    mean_of,
    require_finite,
    rsi,
    talib_ema,
    talib_macd,
    window_bands,
)


class NewestBar:
    """Attributes are named as in `Indicators`.

    Needs a frame that is longer than every window. Raises `DataError` as `Indicators` does.
    """

    def __init__(self, frame: Frame, periods: Periods) -> None:
        p, close = periods, frame.candles.close
        volume = require_finite(frame.candles.volume[-p.volume :], "volume").tolist()
        self._periods = p
        self._candles = frame.candles
        rsi_values = rsi(close, p.rsi)  # which looks whether all of `close` is finite
        line, signal = talib_macd(close, p.macd_fast, p.macd_slow, p.macd_signal)[:2]
        recent = close[-p.band :].tolist()

        self.close: float = recent[-1]
        self.rsi = _last(rsi_values)
        self.macd_cross: int = crossed(
            line[-2].item() - signal[-2].item(), line[-1].item() - signal[-1].item()
        )
        self.band_upper: float
        self.band_lower: float
        self.band_upper, _, self.band_lower = window_bands(recent, p.band_width)
        self.ema_fast = _last(talib_ema(close, p.ema_fast))
        self.ema_mid = _last(talib_ema(close, p.ema_mid))
        self.ema_slow = _last(talib_ema(close, p.ema_slow))
        reach = p.stoch + p.stoch_k + p.stoch_d - 2
        self.stoch_k, self.stoch_d = last_stoch_rsi(rsi_values[-reach:], p.stoch, p.stoch_k)
        self.volume: float = volume[-1]
        self.volume_mean: float = mean_of(volume)

    @lazy
    def atr(self) -> float:
        c = self._candles
        return _last(atr(c.high, c.low, c.close, self._periods.atr))

    @lazy
    def adx(self) -> float:
        c = self._candles
        return _last(adx(c.high, c.low, c.close, self._periods.adx))


def _last(values: Floats) -> float:
    last: float = values[-1].item()
    return last
