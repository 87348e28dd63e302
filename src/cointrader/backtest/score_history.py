"""The built-in rule over a whole history, in one pass that looks no further than it must.

Only sides are wanted here, and most bars cannot have one: windows are looked at where the points
that come cheaply leave a side within reach. Every number is made by the functions that
`signals.indicators` and `signals.score` are made of, so the answers are theirs to the last bit.
"""

from __future__ import annotations

import math

import numpy as np

from cointrader.backtest.columns import Bytes, Floats
from cointrader.market.frame import Frame
from cointrader.signals.compiled import compiled
from cointrader.signals.indicators import Periods, crossed, mean_of, stoch_share, window_bands
from cointrader.signals.indicators import adx as adx_of
from cointrader.signals.recursion import (
    EMA_FAST,
    EMA_MID,
    EMA_SLOW,
    MACD_LINE,
    MACD_SIGNAL,
    RSI,
    remembered,
)
from cointrader.signals.rules import WARM_UP_BARS, SignalRule
from cointrader.signals.score import (
    RSI_HIGH,
    RSI_LOW,
    STOCH_HIGH,
    STOCH_LOW,
    ScoreRule,
    is_loud,
    judged,
    score_points,
    side_scores,
)

_OF_BANDS = _OF_STOCH = 1  # the most that each of the windowed parts adds to a side's score
_QUIET = 2  # the most of a bar whose RSI is between its bounds, whose MACD does not cross and whose
# StochRSI does not turn: the EMAs' point and the bands'
_NEARLY = 1e-6


def can_be_quick(rule: SignalRule, periods: Periods) -> bool:
    """Whether `score_sides` answers for `rule`."""
    return type(rule) is ScoreRule and periods.reach <= WARM_UP_BARS


def score_sides(rule: ScoreRule, frame: Frame, periods: Periods) -> Bytes | None:
    """Side of every bar, 0 before bar 300; None where a candle is not a number.

    Equal to the `side` of ``rule.evaluate``, for periods whose windows end before bar 300.
    """
    p, given, candles = periods, rule.settings, frame.candles
    sides = np.zeros(len(frame), np.int8)
    strength = np.zeros(1)
    if given.adx_threshold > 0.0:
        strength = adx_of(candles.high, candles.low, candles.close, p.adx)
    is_sound = _signs(
        candles.close, candles.volume, strength,
        p.rsi, p.ema_fast, p.ema_mid, p.ema_slow, p.macd_fast, p.macd_slow, p.macd_signal,
        p.band, float(p.band_width), p.stoch, p.stoch_k, p.stoch_d, p.volume,
        int(given.signal_threshold), float(given.vol_multiplier), float(given.adx_threshold),
        WARM_UP_BARS, sides,
    )  # fmt: skip
    return sides if is_sound else None


def signs(
    close: Floats,
    volume: Floats,
    adx: Floats,
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
    threshold: int,
    vol_multiplier: float,
    adx_threshold: float,
    first: int,
    sides: Bytes,
) -> bool:
    """Fill `sides` from bar `first` on; False where a close or a volume is not finite."""
    n_bars = len(close)
    rows = remembered(
        close, n_bars, rsi_period, ema_fast, ema_mid, ema_slow, macd_fast, macd_slow, macd_signal
    )
    rsi, line, signal = rows[RSI], rows[MACD_LINE], rows[MACD_SIGNAL]
    fast, mid, slow = rows[EMA_FAST], rows[EMA_MID], rows[EMA_SLOW]
    raw, k_values = np.empty(n_bars), np.empty(stoch_d)
    raw[: rsi_period + stoch] = math.nan
    fill_shares(rsi, rsi_period, stoch, raw)
    nan, total = math.nan, 0.0
    for i in range(n_bars):
        total += volume[i]
    # K and D but for their last bits, and times the bars of D: enough to see what cannot be.
    about_k, about_d = np.zeros(n_bars), np.zeros(n_bars)
    spread(raw, about_k, stoch_k, stoch_d / stoch_k)
    spread(about_k, about_d, stoch_d, 1.0 / stoch_d)
    low_k, high_k = (STOCH_LOW + _NEARLY) * stoch_d, (STOCH_HIGH - _NEARLY) * stoch_d
    has_few = threshold <= _QUIET
    for i in range(first, n_bars):
        lead = about_k[i] - about_d[i]
        is_turning_up = (about_k[i] < low_k) & (lead > -_NEARLY)
        is_turning_down = (about_k[i] > high_k) & (lead < _NEARLY)
        ahead, before = line[i] - signal[i], line[i - 1] - signal[i - 1]
        may_cross = ahead * before <= 0.0
        is_stretched = (rsi[i] < RSI_LOW) | (rsi[i] > RSI_HIGH)
        if not (may_cross | is_stretched | is_turning_up | is_turning_down | has_few):
            continue  # without a branch for each: which way they go is no use to guess
        cross = crossed(before, ahead)
        points = score_points(rsi[i], cross, close[i], nan, nan, fast[i], mid[i], slow[i], nan, nan)
        longs, shorts = side_scores(points)
        longs += _OF_BANDS + is_turning_up * _OF_STOCH
        shorts += _OF_BANDS + is_turning_down * _OF_STOCH
        if max(longs, shorts) < threshold:
            continue
        for back in range(stoch_d):
            at = i - stoch_d + 1 + back
            k_values[back] = mean_of(raw[at - stoch_k + 1 : at + 1])
        k, d = k_values[-1], mean_of(k_values)
        points = score_points(rsi[i], cross, close[i], nan, nan, fast[i], mid[i], slow[i], k, d)
        longs, shorts = side_scores(points)
        mean_volume = mean_of(volume[i - volume_period + 1 : i + 1])
        needed = threshold if is_loud(volume[i], mean_volume, vol_multiplier) else threshold + 1
        if max(longs, shorts) + _OF_BANDS < needed:
            continue
        upper, _, lower = window_bands(close[i - band + 1 : i + 1], band_width)
        sides[i] = judged(
            rsi[i],
            cross,
            close[i],
            lower,
            upper,
            fast[i],
            mid[i],
            slow[i],
            k,
            d,
            volume[i],
            mean_volume,
            adx[i] if adx_threshold > 0.0 else 0.0,
            threshold,
            vol_multiplier,
            adx_threshold,
        )[0]
    return math.isfinite(total) and (n_bars == 0 or math.isfinite(slow[-1]))


_signs = compiled(signs)


def spread(values: Floats, sums: Floats, period: int, factor: float) -> None:
    """Add up the last `period` values of each bar, times `factor`; whole arrays at a time."""
    for back in range(period):
        for i in range(back, len(values)):
            sums[i] += values[i - back] * factor


def fill_shares(rsi: Floats, first: int, period: int, raw: Floats) -> None:
    """Where RSI stands between its lowest and highest value of the last `period` bars.

    In blocks of `period` bars: the extremes of a window are those of the end of one block and of
    the beginning of the next (van Herk, 1992; Gil and Werman, 1993), whatever the period.
    """
    n_bars = len(rsi)
    lowest, highest = np.empty(period), np.empty(period)  # from each bar to the end of its block
    for begin in range(first, n_bars, period):
        end = min(begin + period, n_bars)
        low, high = math.inf, -math.inf
        for i in range(begin, end):
            low, high = min(low, rsi[i]), max(high, rsi[i])
            place = i - begin + 1
            if place == period:
                raw[i] = stoch_share(rsi[i], low, high)
            elif begin > first:
                raw[i] = stoch_share(rsi[i], min(low, lowest[place]), max(high, highest[place]))
        if end - begin == period:
            low, high = math.inf, -math.inf
            for place in range(period - 1, -1, -1):
                low, high = min(low, rsi[begin + place]), max(high, rsi[begin + place])
                lowest[place], highest[place] = low, high
