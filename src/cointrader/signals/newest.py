"""The indicators of the newest bar alone, as plain floats.

What a running bot asks for at every close: the last row of `Indicators`, to the last bit, by the
same functions, compiled into one call: without the arrays that would cost more than the arithmetic.

Most of that arithmetic can be done before the bar closes. `Ahead` is what the bars before it come
to; with it one step is left, which a bot and everybody who waits for it do not notice.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

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
    remembered_next,
    strength,
    weight,
)


class Candles(Protocol):
    """Columns of candles, or a window that shows them; of this bar for as long as it is asked."""

    @property
    def high(self) -> Floats: ...

    @property
    def low(self) -> Floats: ...

    @property
    def close(self) -> Floats: ...

    @property
    def volume(self) -> Floats: ...


class _Row(NamedTuple):
    """In the order in which `score.judged` takes them."""

    rsi: float
    macd_cross: int
    close: float
    band_lower: float
    band_upper: float
    ema_fast: float
    ema_mid: float
    ema_slow: float
    stoch_k: float
    stoch_d: float
    volume: float
    volume_mean: float


class NewestBar(_Row):
    """Attributes are named as in `Indicators`.

    Needs more candles than every window has. Raises `DataError` as `Indicators` does.
    """

    _candles: Candles
    _periods: Periods

    def __new__(cls, candles: Candles, periods: Periods) -> Self:
        p, reach = periods, _reach(periods)
        row = _newest(
            candles.close, candles.volume, p.rsi, p.ema_fast, p.ema_mid, p.ema_slow,
            p.macd_fast, p.macd_slow, p.macd_signal, p.band, p.band_width,
            p.stoch, p.stoch_k, p.stoch_d, p.volume, np.empty((6, reach)), np.empty((2, reach)),
        )  # fmt: skip
        return cls._of(row, candles, periods)

    @classmethod
    def after(cls, ahead: Ahead, close: float, volume: float, candles: Candles) -> Self:
        """The same of `candles`, the last of which, with this close and volume, follows `ahead`."""
        return cls._of(_newest_after(ahead.known, close, volume), candles, ahead.periods)

    @classmethod
    def _of(cls, row: tuple[Any, ...], candles: Candles, periods: Periods) -> Self:
        self = tuple.__new__(cls, row)
        self._candles, self._periods = candles, periods
        if not (math.isfinite(self.ema_slow) and math.isfinite(self.volume_mean)):
            require_finite(self._candles.close, "close")  # an EMA carries it to the end
            require_finite(self._candles.volume[-periods.volume :], "volume")
        return self

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


class Ahead(NamedTuple):
    """What the newest bar's indicators will come to, but for its own close and volume."""

    periods: Periods
    known: tuple[Any, ...]  # see `newest_after`

    @classmethod
    def of(cls, candles: Candles, periods: Periods) -> Ahead:
        """Of the candles before the newest; as many as `NewestBar` needs, less one."""
        p, reach = periods, _reach(periods)
        rows = np.empty((6, reach - 1))
        remembered = _remembered(
            candles.close, p.rsi, p.ema_fast, p.ema_mid, p.ema_slow,
            p.macd_fast, p.macd_slow, p.macd_signal, rows,
        )  # fmt: skip
        return cls(
            periods,
            (
                np.array(remembered), _with_room(rows[RSI]),
                _with_room(candles.close[1 - p.band :]), _with_room(candles.volume[1 - p.volume :]),
                np.empty((2, reach)), p.rsi, p.ema_fast, p.ema_mid, p.ema_slow,
                p.macd_fast, p.macd_slow, p.macd_signal, p.band_width, p.stoch, p.stoch_k,
            ),
        )  # fmt: skip


def _with_room(values: Floats) -> Floats:
    """`values`, and a place behind them for the newest."""
    return np.append(values, np.nan)


def _reach(p: Periods) -> int:
    """Bars whose RSI decides K and D of the newest; at least 4: the cross looks at two bars."""
    return p.stoch + p.stoch_k + p.stoch_d - 2


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
) -> tuple[float, int, float, float, float, float, float, float, float, float, float, float]:
    """The attributes of `NewestBar`, from rsi to volume_mean, of arrays of shape (n_bars,).

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
        rows[RSI, -1],
        crossed(before, now),
        close[-1],
        lower,
        upper,
        rows[EMA_FAST, -1],
        rows[EMA_MID, -1],
        rows[EMA_SLOW, -1],
        k,
        d,
        volume[-1],
        mean_of(volume[-volume_period:]),
    )


def newest_after(
    known: tuple[Any, ...], close: float, volume: float
) -> tuple[float, int, float, float, float, float, float, float, float, float, float, float]:
    """`newest`, of all that was `known` before this close and volume.

    `known` are: what `fill_remembered` returned; RSIs, closes and volumes of the bars before, each
    with a last place for this bar's; `room` and numbers as for `newest`.
    """
    (
        remembered, rsi, closes, volumes, room,
        rsi_period, ema_fast, ema_mid, ema_slow, macd_fast, macd_slow, macd_signal,
        band_width, stoch, stoch_k,
    ) = known  # fmt: skip
    gain, loss, fast, mid, slow, line_fast, line_slow, signal = remembered_next(
        close, closes[-2], remembered[0], remembered[1], remembered[2], remembered[3],
        remembered[4], remembered[5], remembered[6], remembered[7], rsi_period,
        weight(ema_fast), weight(ema_mid), weight(ema_slow),
        weight(macd_fast), weight(macd_slow), weight(macd_signal),
    )  # fmt: skip
    rsi[-1], closes[-1], volumes[-1] = strength(gain, loss), close, volume
    before = remembered[5] - remembered[6] - remembered[7]
    now = line_fast - line_slow - signal
    upper, _, lower = window_bands(closes, band_width)
    k, d = newest_stoch(rsi, stoch, stoch_k, room[0], room[1])
    return (
        rsi[-1],
        crossed(before, now),
        close,
        lower,
        upper,
        fast,
        mid,
        slow,
        k,
        d,
        volume,
        mean_of(volumes),
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
_newest_after = compiled(newest_after)
_remembered = compiled(fill_remembered)
