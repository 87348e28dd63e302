"""The indicators of the newest bar alone, as plain floats.

What a running bot asks for at every close: the last row of `Indicators`, to the last bit, by the
same functions, compiled into one call: without the arrays that would cost more than the arithmetic.
"""

from __future__ import annotations

import math

import numpy as np

from cointrader.market.frame import Columns
from cointrader.signals.compiled import compiled
from cointrader.signals.indicators import (
    Floats,
    Periods,
    adx,
    atr,
    crossed,
    lazy,
    mean_of,
    require_finite,
    stoch_share,
    window_bands,
)
from cointrader.signals.recursion import (
    EMA_FAST,
    EMA_MID,
    EMA_SLOW,
    MACD_LINE,
    MACD_SIGNAL,
    RSI,
    fill_remembered,
)


class NewestBar:
    """Attributes are named as in `Indicators`.

    Needs more candles than every window has. Raises `DataError` as `Indicators` does.
    """

    __slots__ = (
        "__dict__",  # of what is asked for later
        "_candles",
        "_periods",
        "band_lower",
        "band_upper",
        "close",
        "ema_fast",
        "ema_mid",
        "ema_slow",
        "macd_cross",
        "rsi",
        "stoch_d",
        "stoch_k",
        "volume",
        "volume_mean",
    )

    def __init__(self, candles: Columns, periods: Periods) -> None:
        p = self._periods = periods
        self._candles = candles
        reach = p.stoch + p.stoch_k + p.stoch_d - 2  # at least 4: the cross looks at two bars
        self.close: float
        self.rsi: float
        self.macd_cross: int
        self.band_upper: float
        self.band_lower: float
        self.ema_fast: float
        self.ema_mid: float
        self.ema_slow: float
        self.stoch_k: float
        self.stoch_d: float
        self.volume: float
        self.volume_mean: float
        (
            self.close, self.rsi, self.macd_cross, self.band_upper, self.band_lower,
            self.ema_fast, self.ema_mid, self.ema_slow, self.stoch_k, self.stoch_d,
            self.volume, self.volume_mean,
        ) = _newest(
            candles.close, candles.volume, p.rsi, p.ema_fast, p.ema_mid, p.ema_slow,
            p.macd_fast, p.macd_slow, p.macd_signal, p.band, p.band_width,
            p.stoch, p.stoch_k, p.stoch_d, p.volume, np.empty((6, reach)), np.empty((2, reach)),
        )  # fmt: skip
        if not (math.isfinite(self.ema_slow) and math.isfinite(self.volume_mean)):
            require_finite(candles.close, "close")  # an EMA carries it to the end
            require_finite(candles.volume[-p.volume :], "volume")

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


def newest(
    close: Floats,
    volume: Floats,
    rsi_period: int,
    ema_fast: int,
    ema_mid: int,
    ema_slow: int,
    macd_fast: int,
    macd_slow: int,
    macd_signal: int,
    band: int,
    band_width: float,
    stoch: int,
    stoch_k: int,
    stoch_d: int,
    volume_period: int,
    rows: Floats,
    room: Floats,
) -> tuple[float, float, int, float, float, float, float, float, float, float, float, float]:
    """The attributes of `NewestBar`, from close to volume_mean, of arrays of shape (n_bars,).

    `rows` and `room`, of shapes (6, reach) and (2, reach) with a reach of stoch + stoch_k + stoch_d
    - 2 bars, are for what is between, and their content is of no use.
    """
    fill_remembered(
        close, rsi_period, ema_fast, ema_mid, ema_slow, macd_fast, macd_slow, macd_signal, rows
    )
    before = rows[MACD_LINE, -2] - rows[MACD_SIGNAL, -2]
    now = rows[MACD_LINE, -1] - rows[MACD_SIGNAL, -1]
    upper, _, lower = window_bands(close[-band:], band_width)
    k, d = newest_stoch(rows[RSI], stoch, stoch_k, room[0], room[1])
    return (
        close[-1],
        rows[RSI, -1],
        crossed(before, now),
        upper,
        lower,
        rows[EMA_FAST, -1],
        rows[EMA_MID, -1],
        rows[EMA_SLOW, -1],
        k,
        d,
        volume[-1],
        mean_of(volume[-volume_period:]),
    )


def newest_stoch(
    rsi: Floats, period: int, k_period: int, raw: Floats, k: Floats
) -> tuple[float, float]:
    """K and D of the last bar, from just the values of RSI that they need.

    `raw` and `k` are room for what is between.
    """
    n_raw = len(rsi) - period + 1
    n_k = n_raw - k_period + 1
    for i in range(n_raw):
        low = high = rsi[i]
        for place in range(i + 1, i + period):
            low, high = min(low, rsi[place]), max(high, rsi[place])
        raw[i] = stoch_share(rsi[i + period - 1], low, high)
    for i in range(n_k):
        k[i] = mean_of(raw[i : i + k_period])
    return k[n_k - 1], mean_of(k[:n_k])


_newest = compiled(newest)
