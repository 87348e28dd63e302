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
    ema,
    last_stoch_rsi,
    lazy,
    macd,
    mean_of,
    require_finite,
    rsi,
    window_bands,
)


class NewestBar:
    """Attributes are named as in `Indicators`; each is computed when it is first asked for.

    Needs a frame that is longer than every window. Raises `DataError` as `Indicators` does.
    """

    def __init__(self, frame: Frame, periods: Periods) -> None:
        self.periods = periods
        self._candles = frame.candles
        self.close: float = frame.candles.close[-1].item()
        self.volume: float = frame.candles.volume[-1].item()

    @lazy
    def rsi(self) -> float:
        return _last(self._rsi)

    @lazy
    def macd_cross(self) -> int:
        p = self.periods
        line, signal = macd(self._candles.close, p.macd_fast, p.macd_slow, p.macd_signal)
        cross: int = crossed(
            line[-2].item() - signal[-2].item(), line[-1].item() - signal[-1].item()
        )
        return cross

    @lazy
    def band_upper(self) -> float:
        return self._bands[0]

    @lazy
    def band_lower(self) -> float:
        return self._bands[2]

    @lazy
    def ema_fast(self) -> float:
        return _last(ema(self._candles.close, self.periods.ema_fast))

    @lazy
    def ema_mid(self) -> float:
        return _last(ema(self._candles.close, self.periods.ema_mid))

    @lazy
    def ema_slow(self) -> float:
        return _last(ema(self._candles.close, self.periods.ema_slow))

    @lazy
    def stoch_k(self) -> float:
        return self._stoch[0]

    @lazy
    def stoch_d(self) -> float:
        return self._stoch[1]

    @lazy
    def volume_mean(self) -> float:
        window = require_finite(self._candles.volume[-self.periods.volume :], "volume")
        mean: float = mean_of(window.tolist())
        return mean

    @lazy
    def atr(self) -> float:
        c = self._candles
        return _last(atr(c.high, c.low, c.close, self.periods.atr))

    @lazy
    def adx(self) -> float:
        c = self._candles
        return _last(adx(c.high, c.low, c.close, self.periods.adx))

    @lazy
    def _rsi(self) -> Floats:
        """As many values as StochRSI looks at."""
        p = self.periods
        return rsi(self._candles.close, p.rsi)[2 - p.stoch - p.stoch_k - p.stoch_d :]

    @lazy
    def _stoch(self) -> tuple[float, float]:
        return last_stoch_rsi(self._rsi, self.periods.stoch, self.periods.stoch_k)

    @lazy
    def _bands(self) -> tuple[float, float, float]:
        window = require_finite(self._candles.close[-self.periods.band :], "close")
        bands: tuple[float, float, float] = window_bands(window.tolist(), self.periods.band_width)
        return bands


def _last(values: Floats) -> float:
    last: float = values[-1].item()
    return last
