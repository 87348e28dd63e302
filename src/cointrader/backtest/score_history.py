"""The built-in rule over a whole history, for one threshold or for many.

It looks no further than it must: only sides are wanted, most bars cannot have one, and windows are
looked at where the points that come cheaply leave a side within reach. The points of a bar are the
same whatever the thresholds, so a search makes them once and judges them for each of its cells.
Every number is made by the functions that `signals.indicators` and `signals.score` are made of, so
the answers are theirs to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cointrader.backtest.columns import Bytes, Floats, Longs
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
    ScoreSettings,
    is_loud,
    judge,
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


def can_share(rules: Sequence[SignalRule], periods: Periods) -> bool:
    """Whether `score_sides_of` answers for all of `rules`."""
    return all(can_be_quick(rule, periods) for rule in rules)


def score_sides(rule: ScoreRule, frame: Frame, periods: Periods) -> Bytes | None:
    """Side of every bar, 0 before bar 300; None where a candle is not a number.

    Equal to the `side` of ``rule.evaluate``, for periods whose windows end before bar 300.
    """
    found = score_sides_of([rule], frame, periods)
    if found is None:
        return None
    rows, sides = found
    every = np.zeros(len(frame), np.int8)
    every[rows] = sides[0]
    return every


def score_sides_of(
    rules: Sequence[ScoreRule], frame: Frame, periods: Periods
) -> tuple[Longs, Bytes] | None:
    """Rows of `frame` on which any of the rules has a side; and each rule's sides on them.

    The sides have shape (rules, rows); they are those of each rule's ``evaluate``. None where a
    candle is not a number.
    """
    p, candles = periods, frame.candles
    n_bars, asked = len(frame), [rule.settings for rule in rules]
    longs, shorts = np.zeros(n_bars, np.int8), np.zeros(n_bars, np.int8)
    means = np.empty(n_bars)
    is_sound = _points(
        candles.close, candles.volume,
        p.rsi, p.ema_fast, p.ema_mid, p.ema_slow, p.macd_fast, p.macd_slow, p.macd_signal,
        p.band, float(p.band_width), p.stoch, p.stoch_k, p.stoch_d, p.volume,
        min(each.signal_threshold for each in asked), min(each.vol_multiplier for each in asked),
        WARM_UP_BARS, longs, shorts, means,
    )  # fmt: skip
    if not is_sound:
        return None
    rows = np.flatnonzero(longs | shorts)
    strength = np.zeros(len(rows))
    if any(each.adx_threshold > 0.0 for each in asked):
        strength = adx_of(candles.high, candles.low, candles.close, p.adx)[rows]
    sides = np.zeros((len(rules), len(rows)), np.int8)
    _judge_all(
        longs[rows], shorts[rows], candles.volume[rows], means[rows], strength,
        *_columns(asked), sides,
    )  # fmt: skip
    used = np.flatnonzero(sides.any(axis=0))
    return rows[used], np.ascontiguousarray(sides[:, used])


def _columns(asked: Sequence[ScoreSettings]) -> tuple[Longs, Floats, Floats]:
    return (
        np.array([each.signal_threshold for each in asked], np.int64),
        np.array([each.vol_multiplier for each in asked], np.float64),
        np.array([each.adx_threshold for each in asked], np.float64),
    )


def points_of(
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
    lowest: int,
    least_multiplier: float,
    first: int,
    longs: Bytes,
    shorts: Bytes,
    means: Floats,
) -> bool:
    """Fill both scores and the volume mean of bars on which some side may qualify, from `first` on.

    `lowest` and `least_multiplier` are the easiest of the thresholds and volume gates asked for.
    Scores are 0 and the mean is unset elsewhere. False where a close or a volume is not finite.
    """
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
    has_few = lowest <= _QUIET
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
        most_long, most_short = side_scores(points)
        most_long += _OF_BANDS + is_turning_up * _OF_STOCH
        most_short += _OF_BANDS + is_turning_down * _OF_STOCH
        if max(most_long, most_short) < lowest:
            continue
        for back in range(stoch_d):
            at = i - stoch_d + 1 + back
            k_values[back] = mean_of(raw[at - stoch_k + 1 : at + 1])
        k, d = k_values[-1], mean_of(k_values)
        points = score_points(rsi[i], cross, close[i], nan, nan, fast[i], mid[i], slow[i], k, d)
        most_long, most_short = side_scores(points)
        mean_volume = mean_of(volume[i - volume_period + 1 : i + 1])
        needed = lowest if is_loud(volume[i], mean_volume, least_multiplier) else lowest + 1
        if max(most_long, most_short) + _OF_BANDS < needed:
            continue
        upper, _, lower = window_bands(close[i - band + 1 : i + 1], band_width)
        points = score_points(rsi[i], cross, close[i], lower, upper, fast[i], mid[i], slow[i], k, d)
        long_score, short_score = side_scores(points)
        if max(long_score, short_score) >= needed:
            longs[i], shorts[i], means[i] = long_score, short_score, mean_volume
    return math.isfinite(total) and (n_bars == 0 or math.isfinite(slow[-1]))


def judge_all(
    longs: Bytes,
    shorts: Bytes,
    volume: Floats,
    means: Floats,
    adx: Floats,
    thresholds: Longs,
    multipliers: Floats,
    adx_thresholds: Floats,
    sides: Bytes,
) -> None:
    """Fill the sides, shape (rules, bars), all 0 before, from the scores of each bar."""
    for rule in range(len(thresholds)):
        threshold, multiplier = thresholds[rule], multipliers[rule]
        needs_adx, calm = adx_thresholds[rule] > 0.0, adx_thresholds[rule]
        for i in range(len(longs)):
            if max(longs[i], shorts[i]) < threshold:
                continue
            loud = is_loud(volume[i], means[i], multiplier)
            is_calm = needs_adx and adx[i] < calm
            sides[rule, i] = judge(int(longs[i]), int(shorts[i]), loud, threshold, is_calm)[0]


COMPILED = _points, _judge_all = compiled(points_of), compiled(judge_all)


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
