"""The built-in rule over a whole history, for one threshold or for many.

It looks no further than it must: only sides are wanted, and most bars cannot have one. Means of
windows are first added up in whatever order is fast, which tells them but for their last digits,
and that is enough to leave out nearly all bars. Where a digit could matter, and for all that comes
out, numbers are made by the functions that `signals.indicators` and `signals.score` are made of:
the answers are theirs to the last bit. The points of a bar are the same whatever the thresholds, so
a search makes them once and judges them for each of its cells.

Loops that count from 0 over arrays cut to measure are several times as fast as others: numba then
knows that no index is negative, and LLVM does several bars at once.
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
    fill_remembered,
)
from cointrader.signals.rules import WARM_UP_BARS, SignalRule
from cointrader.signals.score import (
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
_NEARLY = 1e-6  # as a fraction: what is not clear by that much is looked at to the last digit
_HUGE = 1e300


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
    rows, means = np.empty(n_bars, np.int64), np.empty(n_bars)
    longs, shorts = np.empty(n_bars, np.int8), np.empty(n_bars, np.int8)
    count = _points(
        candles.close, candles.volume,
        p.rsi, p.ema_fast, p.ema_mid, p.ema_slow, p.macd_fast, p.macd_slow, p.macd_signal,
        p.band, float(p.band_width), p.stoch, p.stoch_k, p.stoch_d, p.volume,
        min(each.signal_threshold for each in asked), min(each.vol_multiplier for each in asked),
        WARM_UP_BARS,
        np.empty((12, n_bars)), np.empty(n_bars, np.int8), np.empty((3, max(p.stoch, p.stoch_d))),
        rows, longs, shorts, means,
    )  # fmt: skip
    if count < 0:
        return None
    rows, longs, shorts, means = rows[:count], longs[:count], shorts[:count], means[:count]
    strength = np.zeros(count)
    if any(each.adx_threshold > 0.0 for each in asked):
        strength = adx_of(candles.high, candles.low, candles.close, p.adx)[rows]
    sides = np.zeros((len(rules), count), np.int8)
    _judge_all(longs, shorts, candles.volume[rows], means, strength, *_columns(asked), sides)
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
    room: Floats,
    fits: Bytes,
    few: Floats,
    found: Longs,
    longs: Bytes,
    shorts: Bytes,
    means: Floats,
) -> int:
    """Find the bars on which some side may qualify, from `first` on, which is above 0.

    `lowest` and `least_multiplier` are the easiest of the thresholds and volume gates asked for.
    How many there are; `found`, `longs`, `shorts` and `means` begin with these bars, their scores
    and volume means. -1 where a close or a volume is no number of a candle. `room` (12, bars),
    `fits` (bars) and `few` (3, the longer of the StochRSI periods) are for what is between: their
    content is of no use.
    """
    n_bars = len(close)
    if not (all_usable(close) and all_usable(volume)):
        return -1
    if n_bars <= first:
        return 0
    fill_remembered(
        close, rsi_period, ema_fast, ema_mid, ema_slow, macd_fast, macd_slow, macd_signal, room[:6]
    )
    rsi, line, signal = room[RSI], room[MACD_LINE], room[MACD_SIGNAL]
    fast, mid, slow = room[EMA_FAST], room[EMA_MID], room[EMA_SLOW]
    raw, about_k, about_d, about_volume = room[6], room[7], room[8], room[9]
    k_values = few[2, :stoch_d]
    raw[: rsi_period + stoch] = math.nan
    fill_shares(rsi[rsi_period:], stoch, few[0], few[1], raw[rsi_period:])
    # K, D and the volume mean times their bars, but for their last bits: enough to see what cannot
    # be, and mostly what is.
    window_sums(raw, stoch_k, stoch_d / stoch_k, about_k, room[10], room[11])
    window_sums(about_k, stoch_d, 1.0 / stoch_d, about_d, room[10], room[11])
    window_sums(volume, volume_period, 1.0, about_volume, room[10], room[11])
    low_k, high_k, nan = STOCH_LOW * stoch_d, STOCH_HIGH * stoch_d, math.nan
    mark(
        close[first:], rsi[first:], line[first - 1 :], signal[first - 1 :],
        fast[first:], mid[first:], slow[first:], about_k[first:], about_d[first:],
        volume[first:], about_volume[first:], low_k + _NEARLY, high_k - _NEARLY,
        volume_period, least_multiplier * (1.0 - _NEARLY), lowest, fits[first:],
    )  # fmt: skip
    n_found = 0
    for turn in range(picked(fits, first, found)):
        i = found[turn]
        cross = crossed(line[i - 1] - signal[i - 1], line[i] - signal[i])
        about, lead = about_k[i], about_k[i] - about_d[i]
        k, d = about / stoch_d, about_d[i] / stoch_d
        volumes, closes = volume[i - volume_period + 1 : i + 1], close[i - band + 1 : i + 1]
        is_near = (abs(about - low_k) < _NEARLY) | (abs(about - high_k) < _NEARLY)
        is_outer = (about < low_k + _NEARLY) | (about > high_k - _NEARLY)
        if is_near | (is_outer & (abs(lead) < _NEARLY)):
            for back in range(stoch_d):
                at = i - stoch_d + 1 + back
                k_values[back] = mean_of(raw[at - stoch_k + 1 : at + 1])
            k, d = k_values[-1], mean_of(k_values)
        points = score_points(rsi[i], cross, close[i], nan, nan, fast[i], mid[i], slow[i], k, d)
        most_long, most_short = side_scores(points)
        gate, now = least_multiplier * about_volume[i], volume[i] * volume_period
        loud = now > gate
        if abs(now - gate) <= _NEARLY * gate:
            loud = is_loud(volume[i], mean_of(volumes), least_multiplier)
        needed = lowest + 1 - loud
        if max(most_long, most_short) + _OF_BANDS < needed:
            continue
        lower, upper = clear_bands(closes, band_width)
        if np.isnan(lower):
            upper, _, lower = window_bands(closes, band_width)
        points = score_points(rsi[i], cross, close[i], lower, upper, fast[i], mid[i], slow[i], k, d)
        long_score, short_score = side_scores(points)
        if max(long_score, short_score) >= needed:
            found[n_found], means[n_found] = i, mean_of(volumes)
            longs[n_found], shorts[n_found] = long_score, short_score
            n_found += 1
    return n_found


def mark(
    close: Floats,
    rsi: Floats,
    line: Floats,
    signal: Floats,
    fast: Floats,
    mid: Floats,
    slow: Floats,
    about_k: Floats,
    about_d: Floats,
    volume: Floats,
    about_volume: Floats,
    low_k: float,
    high_k: float,
    volume_period: int,
    calm: float,
    lowest: int,
    fits: Bytes,
) -> None:
    """Mark the bars on which a side may qualify, whatever the bands say.

    `line` and `signal` begin a bar earlier. Every bar is counted, and by its number from 0, so that
    several are done at once: that is faster than to look at few.
    """
    before_line, before_signal, nan = line[:-1], signal[:-1], math.nan
    line, signal = line[1:], signal[1:]
    for i in range(len(fits)):
        cross = crossed(before_line[i] - before_signal[i], line[i] - signal[i])
        points = score_points(rsi[i], cross, close[i], nan, nan, fast[i], mid[i], slow[i], nan, nan)
        most_long, most_short = side_scores(points)
        lead = about_k[i] - about_d[i]
        most_long += _OF_BANDS + ((about_k[i] < low_k) & (lead > -_NEARLY)) * _OF_STOCH
        most_short += _OF_BANDS + ((about_k[i] > high_k) & (lead < _NEARLY)) * _OF_STOCH
        is_quiet = volume[i] * volume_period < about_volume[i] * calm
        fits[i] = max(most_long, most_short) >= lowest + is_quiet


def picked(marks: Bytes, first: int, places: Longs) -> int:
    """How many marks there are from `first` on; `places` begins with where they are."""
    count = 0
    for i in range(first, len(marks)):
        places[count] = i  # stays where it is marked, without a branch
        count += marks[i]
    return count


def clear_bands(closes: Floats, width: float) -> tuple[float, float]:
    """Lower and upper band, infinite on the sides where the last close clearly is not outside.

    NaN where digits matter.
    """
    last, n = closes[-1], len(closes)
    half_way = n // 2
    one, other = closes[:half_way], closes[half_way:]
    total, squares = other[-1] - last, 0.0  # of an odd number one is left over: the last
    more, more_squares = 0.0, 0.0
    for place in range(half_way):
        early, late = one[place] - last, other[place] - last
        total, squares = total + early, squares + early * early
        more, more_squares = more + late, more_squares + late * late
    offset, square = (total + more) / n, (squares + more_squares) / n
    half = width * math.sqrt(max(square - offset * offset, 0.0))
    doubt = _NEARLY * ((1.0 + width) * math.sqrt(square) + _NEARLY * abs(last))
    gap = abs(offset) - half
    if abs(gap) <= doubt:
        return math.nan, math.nan
    if gap < 0.0:
        return -math.inf, math.inf
    return (math.inf, math.inf) if offset > 0.0 else (-math.inf, -math.inf)


def all_usable(values: Floats) -> bool:
    """Whether every value is a number that is not negative, and sums of them are numbers.

    No early end: so several are looked at at once.
    """
    found = True
    for i in range(len(values)):
        found &= (values[i] >= 0.0) & (values[i] < _HUGE)
    return found


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


def window_sums(
    values: Floats, period: int, factor: float, sums: Floats, power: Floats, spare: Floats
) -> None:
    """Sums of the last `period` values of each bar times `factor`, but for their last bits.

    By doubling: windows of 1, 2, 4 ... bars, whole arrays at a time. Nothing is taken away, so no
    digits are lost. Before there are `period` bars it is the sum of those there are.
    """
    sums[:] = 0.0
    for i in range(len(values)):
        power[i] = values[i] * factor
    width, covered = 1, 0
    while True:
        if period & width:
            later = sums[covered:]
            for i in range(len(later)):
                later[i] += power[i]
            covered += width
        if 2 * width > period:
            return
        for i in range(width):
            spare[i] = power[i]
        early, late, wider = power[:-width], power[width:], spare[width:]
        for i in range(len(early)):
            wider[i] = late[i] + early[i]
        power, spare, width = spare, power, 2 * width


def fill_shares(rsi: Floats, period: int, lowest: Floats, highest: Floats, raw: Floats) -> None:
    """Where RSI stands between its lowest and highest value of the last `period` bars.

    In blocks of `period` bars: the extremes of a window are those of the end of one block and of
    the beginning of the next (van Herk, 1992; Gil and Werman, 1993), whatever the period.
    `lowest` and `highest` have room for those from each bar to the end of its block.
    """
    n_bars = len(rsi)
    for block in range((n_bars + period - 1) // period):
        begin = block * period
        own, shares = rsi[begin : begin + period], raw[begin : begin + period]
        low, high = math.inf, -math.inf
        for place in range(len(own)):
            low, high = min(low, own[place]), max(high, own[place])
            if place + 1 == period:
                shares[place] = stoch_share(own[place], low, high)
            elif block > 0:
                shares[place] = stoch_share(
                    own[place], min(low, lowest[place + 1]), max(high, highest[place + 1])
                )
        if len(own) == period:
            low, high = math.inf, -math.inf
            for back in range(period):
                place = period - 1 - back
                low, high = min(low, own[place]), max(high, own[place])
                lowest[place], highest[place] = low, high
