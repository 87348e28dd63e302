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
from typing import NamedTuple

import numpy as np

from cointrader.backtest.columns import Bytes, Floats, Longs
from cointrader.backtest.windows import fill_shares, window_sums
from cointrader.market.frame import Frame
from cointrader.signals.compiled import compiled
from cointrader.signals.indicators import Periods, crossed, mean_of, window_bands
from cointrader.signals.indicators import adx as adx_of
from cointrader.signals.recursion import (
    EMA_FAST,
    EMA_MID,
    EMA_SLOW,
    MACD_LINE,
    MACD_SIGNAL,
    RSI,
    fill_on,
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
_BLOCK = 1024  # bars done at once: what is known of them stays in the processor's cache
_REMEMBERED, _ROWS = 6, 12  # numbers kept of each bar: the first from one block to the next


class Lengths(NamedTuple):
    """`Periods` as compiled code reads them, but for those of ATR and ADX."""

    rsi: int
    macd_fast: int
    macd_slow: int
    macd_signal: int
    band: int
    band_width: float
    ema_fast: int
    ema_mid: int
    ema_slow: int
    stoch: int
    stoch_k: int
    stoch_d: int
    volume: int

    @staticmethod
    def of(p: Periods) -> Lengths:
        """Of these periods."""
        return Lengths(
            p.rsi, p.macd_fast, p.macd_slow, p.macd_signal, p.band, float(p.band_width),
            p.ema_fast, p.ema_mid, p.ema_slow, p.stoch, p.stoch_k, p.stoch_d, p.volume,
        )  # fmt: skip

    @property
    def reach(self) -> int:
        """Bars before one that its windows, and those that these are made of, look back to."""
        return max(self.stoch + self.stoch_k + self.stoch_d, self.band, self.volume)


def can_be_quick(rule: SignalRule, periods: Periods) -> bool:
    """Whether `score_sides_of` answers for `rule`."""
    return type(rule) is ScoreRule and periods.reach <= WARM_UP_BARS


def can_share(rules: Sequence[SignalRule], periods: Periods) -> bool:
    """Whether `score_sides_of` answers for all of `rules`."""
    return all(can_be_quick(rule, periods) for rule in rules)


def score_sides_of(
    rules: Sequence[ScoreRule], frame: Frame, periods: Periods
) -> tuple[Longs, Bytes] | None:
    """Rows of `frame` on which any of the rules has a side; and each rule's sides on them.

    The sides have shape (rules, rows); they are those of each rule's ``evaluate``, for periods
    whose windows end before bar 300, and 0 before it. None where a candle is not a number.
    """
    candles, n_bars = frame.candles, len(frame)
    asked = [rule.settings for rule in rules]
    lengths = Lengths.of(periods)
    width = lengths.reach + min(_BLOCK, max(n_bars - WARM_UP_BARS, 0))
    rows, means = np.empty(n_bars, np.int64), np.empty(n_bars)
    longs, shorts = np.empty(n_bars, np.int8), np.empty(n_bars, np.int8)
    count = _points(
        candles.close, candles.volume, lengths,
        min(each.signal_threshold for each in asked), min(each.vol_multiplier for each in asked),
        WARM_UP_BARS, lengths.reach,
        np.empty((_ROWS, width)), np.empty(periods.stoch_d), np.empty(width, np.int8),
        np.empty(width, np.int64),
        rows, longs, shorts, means,
    )  # fmt: skip
    if count < 0:
        return None
    rows, longs, shorts, means = rows[:count], longs[:count], shorts[:count], means[:count]
    strength = np.zeros(count)
    if any(each.adx_threshold > 0.0 for each in asked):
        strength = adx_of(candles.high, candles.low, candles.close, periods.adx)[rows]
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
    lengths: Lengths,
    lowest: int,
    least_multiplier: float,
    first: int,
    reach: int,
    room: Floats,
    k_values: Floats,
    fits: Bytes,
    places: Longs,
    found: Longs,
    longs: Bytes,
    shorts: Bytes,
    means: Floats,
) -> int:
    """Find the bars on which some side may qualify, from `first` on, which is above 0.

    `lowest` and `least_multiplier` are the easiest of the thresholds and volume gates asked for.
    How many there are; `found`, `longs`, `shorts` and `means` begin with these bars, their scores
    and volume means. -1 where a close or a volume is no number of a candle. `reach` is that of
    `lengths`, and not above `first`. `room`, of shape (_ROWS, reach + bars done at once), no more
    bars than from `first` on; `k_values` (stoch_d); `fits` and `places`, as long as a row of
    `room`: they are for what is between, and their content is of no use.
    """
    n_bars, width = len(close), room.shape[1]
    if not (all_usable(close) and all_usable(volume)):
        return -1
    if n_bars <= first:
        return 0
    start, end, n_found = first - reach, first - reach + width, 0
    known = fill_remembered(
        close[:end], lengths.rsi, lengths.ema_fast, lengths.ema_mid, lengths.ema_slow,
        lengths.macd_fast, lengths.macd_slow, lengths.macd_signal, room,
    )  # fmt: skip
    while True:
        n_new = points_in(
            close[start:end], volume[start:end], lengths, lowest, least_multiplier, reach,
            room, k_values, fits, places,
            found[n_found:], longs[n_found:], shorts[n_found:], means[n_found:],
        )  # fmt: skip
        for turn in range(n_found, n_found + n_new):
            found[turn] += start
        n_found += n_new
        if end == n_bars:
            return n_found
        keep_last(room, end - start - reach, reach)
        start, end = end - reach, min(end - reach + width, n_bars)
        known = fill_on(
            close[start + reach - 1 : end], known, lengths.rsi, lengths.ema_fast, lengths.ema_mid,
            lengths.ema_slow, lengths.macd_fast, lengths.macd_slow, lengths.macd_signal,
            room, reach,
        )  # fmt: skip


def points_in(
    close: Floats,
    volume: Floats,
    lengths: Lengths,
    lowest: int,
    least_multiplier: float,
    first: int,
    room: Floats,
    k_values: Floats,
    fits: Bytes,
    places: Longs,
    found: Longs,
    longs: Bytes,
    shorts: Bytes,
    means: Floats,
) -> int:
    """`points_of` for the bars from `first` on, the remembered indicators of which are known.

    They are in the first rows of `room`, for all bars.
    """
    n, band, stoch_d = len(close), lengths.band, lengths.stoch_d
    stoch_k, volume_period = lengths.stoch_k, lengths.volume
    rsi, line, signal = room[RSI, :n], room[MACD_LINE, :n], room[MACD_SIGNAL, :n]
    fast, mid, slow = room[EMA_FAST, :n], room[EMA_MID, :n], room[EMA_SLOW, :n]
    raw, about_k, about_d, about_volume = room[6, :n], room[7, :n], room[8, :n], room[9, :n]
    one, other = room[10, :n], room[11, :n]
    fill_shares(rsi, lengths.stoch, raw, about_k, about_d, one, other)
    # K, D and the volume mean times their bars, but for their last bits: enough to see what cannot
    # be, and mostly what is.
    window_sums(raw, stoch_k, about_k, one, other)
    window_sums(about_k, stoch_d, about_d, one, other)
    window_sums(volume, volume_period, about_volume, one, other)
    low_k, high_k, nan = STOCH_LOW * stoch_k, STOCH_HIGH * stoch_k, math.nan
    mark(
        close[first:], rsi[first:], line[first - 1 :], signal[first - 1 :],
        fast[first:], mid[first:], slow[first:], about_k[first:], about_d[first:],
        stoch_d, volume[first:], about_volume[first:], low_k + _NEARLY, high_k - _NEARLY,
        volume_period, least_multiplier * (1.0 - _NEARLY), lowest, fits[first:n],
    )  # fmt: skip
    n_found = 0
    for turn in range(picked(fits[:n], first, places)):
        i = places[turn]
        cross = crossed(line[i - 1] - signal[i - 1], line[i] - signal[i])
        about, lead = about_k[i], about_k[i] * stoch_d - about_d[i]
        k, d = about / stoch_k, about_d[i] / (stoch_k * stoch_d)
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
        lower, upper = clear_bands(closes, lengths.band_width)
        if np.isnan(lower):
            upper, _, lower = window_bands(closes, lengths.band_width)
        points = score_points(rsi[i], cross, close[i], lower, upper, fast[i], mid[i], slow[i], k, d)
        long_score, short_score = side_scores(points)
        if max(long_score, short_score) >= needed:
            found[n_found], means[n_found] = i, mean_of(volumes)
            longs[n_found], shorts[n_found] = long_score, short_score
            n_found += 1
    return n_found


def keep_last(rows: Floats, begin: int, count: int) -> None:
    """Move `count` columns of what is remembered, from `begin` on, to the front."""
    for row in range(_REMEMBERED):
        for i in range(count):
            rows[row, i] = rows[row, begin + i]


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
    stoch_d: int,
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
        lead = about_k[i] * stoch_d - about_d[i]
        most_long += _OF_BANDS + ((about_k[i] < low_k) & (lead > -_NEARLY)) * _OF_STOCH
        most_short += _OF_BANDS + ((about_k[i] > high_k) & (lead < _NEARLY)) * _OF_STOCH
        is_quiet = volume[i] * volume_period < about_volume[i] * calm
        fits[i] = max(most_long, most_short) >= lowest + is_quiet


def picked(marks: Bytes, first: int, places: Longs) -> int:
    """How many marks there are from `first` on; `places` begins with where they are."""
    count = 0
    for i in range(first, len(marks)):
        if marks[i]:
            places[count] = i
            count += 1
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
