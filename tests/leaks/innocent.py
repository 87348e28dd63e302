"""Forty rules that know nothing of the future, though some look it. None may be accused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import talib
from numpy.lib.stride_tricks import sliding_window_view
from scipy import signal as sp

from tests.leaks.writing import Collection, answer, atr, breakout, rolling_z

clean = Collection()


def crossed(line, other):
    above = line > other
    return above & ~above.shift(1, fill_value=False), ~above & above.shift(1, fill_value=False)


@clean()
def ema_cross(d, ind):
    return answer(*crossed(d.close.ewm(span=9).mean(), d.close.ewm(span=21).mean()))


@clean()
def very_long_ema(d, ind):
    slow = d.close.ewm(span=800, adjust=False).mean()
    return answer(d.close < slow * 0.985, d.close > slow * 1.015, gap=d.close / slow)


@clean()
def rsi_reversion(d, ind):
    return answer(ind.rsi < 28, ind.rsi > 72)


@clean()
def bands_with_exits_of_its_own(d, ind):
    up, down = ind.close < ind.band_lower, ind.close > ind.band_upper
    return answer(up, down, stop=ind.atr * 2, target=ind.atr * 3)


@clean()
def donchian_breakout(d, ind):
    return answer(*breakout(d, 48))


@clean(warm_up=400)
def z_score_of_three_days(d, ind):
    z = rolling_z(d.close, 288)
    return answer(z < -2, z > 2)


@clean()
def expanding_quantile(d, ind):
    low, high = d.close.expanding(50).quantile(0.05), d.close.expanding(50).quantile(0.95)
    return answer(d.close < low, d.close > high)


@clean()
def expanding_mean_and_deviation(d, ind):
    z = (d.volume - d.volume.expanding(20).mean()) / d.volume.expanding(20).std()
    falls = d.close < d.open
    return answer((z > 2) & falls, (z > 2) & ~falls, volume_z=z)


@clean()
def kalman_filter(d, ind):
    close = d.close.to_numpy()
    state, doubt = close[0], 1.0
    level = np.empty(len(close))
    for i, price in enumerate(close):
        doubt += 1e-5 * price**2
        gain = doubt / (doubt + 1e-3 * price**2)
        state += gain * (price - state)
        doubt *= 1 - gain
        level[i] = state
    return answer(close < level * 0.99, close > level * 1.01)


@clean()
def hysteresis_in_a_loop(d, ind):
    is_in, side = 0, np.zeros(len(d))
    for i, (rsi, wide) in enumerate(zip(ind.rsi, ind.adx > 18, strict=True)):
        if is_in == 0 and rsi < 33 and wide:
            is_in = side[i] = 1
        elif is_in == 1 and rsi > 60:
            is_in, side[i] = 0, -1
    return answer(side > 0, side < 0)


@clean()
def range_of_the_day_before(d, ind):
    day = d.index.floor("D")
    highs = d.high.groupby(day).max().shift(1).reindex(day).to_numpy()
    lows = d.low.groupby(day).min().shift(1).reindex(day).to_numpy()
    return answer(d.close > highs, d.close < lows)


@clean()
def hours_that_are_over(d, ind):
    hourly = d.close.resample("1h", label="right").last()
    over = hourly.reindex(d.index + pd.Timedelta("15min"), method="ffill").to_numpy()
    # The hour that ends with this bar is over; one that is still running has no row yet.
    running = hourly.index[-1] > d.index[-1] + pd.Timedelta("15min")
    assert not running or len(over) == len(d)
    return answer(d.close > over * 1.003, d.close < over * 0.997)


@clean()
def four_hour_trend_of_bars_that_are_over(d, ind):
    four = d.close.resample("4h").last()
    trend = np.sign(four.ewm(span=6).mean().diff()).shift(1)
    known = trend.reindex(d.index.floor("4h")).to_numpy()
    up, down = breakout(d, 12)
    return answer(up & (known > 0), down & (known < 0))


@clean()
def only_in_the_american_session(d, ind):
    up, down = breakout(d, 16)
    open_now = (d.index.hour >= 13) & (d.index.hour < 21)
    return answer(up & open_now, down & open_now)


@clean()
def mondays_are_for_buying(d, ind):
    monday = (d.index.day_of_week == 0) & (d.index.hour == 9) & (d.index.minute == 0)
    return answer(monday, (d.index.day_of_week == 4) & (d.index.hour == 20) & (d.index.minute == 0))


@clean()
def crowded_funding(d, ind):
    return answer(d.funding < -1e-4, d.funding > 2e-4)


@clean()
def funding_that_changed(d, ind):
    change = d.funding.ffill().diff()
    return answer(change < -2e-5, change > 2e-5)


@clean()
def open_interest_surge(d, ind):
    surge = d.oi > 2 * d.oi.rolling(96, min_periods=20).std()
    return answer(surge & (d.close > d.open), surge & (d.close < d.open))


@clean()
def bitcoin_leads_by_a_bar(d, ind):
    lead = d.btc_close.pct_change(fill_method=None).shift(1)
    return answer(lead > 0.004, lead < -0.004)


@clean()
def stronger_than_bitcoin(d, ind):
    gap = d.close.pct_change(4) - d.btc_close.pct_change(4, fill_method=None)
    return answer(gap > 0.01, gap < -0.01, gap=gap)


@clean()
def ratio_of_ether_and_bitcoin(d, ind):
    z = rolling_z((d.eth_close / d.btc_close).ffill(), 96)
    return answer(z > 2, z < -2)


@clean()
def context_filled_forwards(d, ind):
    btc = d.btc_close.ffill()
    return answer(*crossed(btc.ewm(span=12).mean(), btc.ewm(span=48).mean()))


@clean()
def correlation_with_bitcoin(d, ind):
    together = d.close.pct_change().rolling(96).corr(d.btc_close.ffill().pct_change())
    up, down = breakout(d, 16)
    return answer(up & (together < 0.5), down & (together < 0.5), together=together)


@clean()
def rank_among_the_last_hundred(d, ind):
    rank = d.close.rolling(100).rank(pct=True)
    return answer(rank <= 0.02, rank >= 0.98)


@clean()
def savitzky_golay_at_its_last_point(d, ind):
    weights = sp.savgol_coeffs(21, 2, deriv=1, pos=20, use="conv")
    slope = sp.lfilter(weights, 1.0, d.close) / d.close
    slope[:21] = 0
    return answer(slope > 0.003, slope < -0.003)


@clean()
def butterworth_forth_only(d, ind):
    taps = sp.butter(2, 0.05, output="sos")
    smooth, _ = sp.sosfilt(taps, d.close, zi=sp.sosfilt_zi(taps) * d.close.iloc[0])
    return answer(d.close < smooth * 0.99, d.close > smooth * 1.01)


@clean()
def slope_of_the_bars_before(d, ind):
    slope = np.diff(d.close, 2, prepend=[d.close.iloc[0]] * 2) / d.close
    return answer(slope > 0.008, slope < -0.008)


@clean()
def pivots_once_they_are_confirmed(d, ind):
    low = d.low.rolling(13, center=True).min().shift(6)
    high = d.high.rolling(13, center=True).max().shift(6)
    return answer(d.low.shift(6) == low, d.high.shift(6) == high)


@clean()
def zigzag_told_when_it_turns(d, ind):
    close = d.close.to_numpy()
    side = np.zeros(len(close))
    extreme, direction = close[0], 1
    for i, price in enumerate(close):
        if direction > 0:
            extreme = max(extreme, price)
            if price < extreme * 0.98:
                direction, extreme, side[i] = -1, price, -1
        else:
            extreme = min(extreme, price)
            if price > extreme * 1.02:
                direction, extreme, side[i] = 1, price, 1
    return answer(side > 0, side < 0)


@clean()
def supertrend(d, ind):
    width = 3 * atr(d, 10).to_numpy()
    middle, close = ((d.high + d.low) / 2).to_numpy(), d.close.to_numpy()
    upper, lower = middle + width, middle - width
    trend = np.ones(len(d), int)
    for i in range(1, len(d)):
        if close[i - 1] <= upper[i - 1]:
            upper[i] = min(upper[i], upper[i - 1])
        if close[i - 1] >= lower[i - 1]:
            lower[i] = max(lower[i], lower[i - 1])
        trend[i] = 1 if close[i] > upper[i - 1] else -1 if close[i] < lower[i - 1] else trend[i - 1]
    turn = np.diff(trend, prepend=trend[0])
    return answer(turn > 0, turn < 0, stop=np.maximum(np.abs(close - lower), close * 0.002))


@clean()
def parabolic_sar(d, ind):
    sar = pd.Series(talib.SAR(ind.high, ind.low), d.index)
    return answer(*crossed(d.close, sar))


@clean()
def vwap_since_midnight(d, ind):
    day = d.index.date
    vwap = (d.close * d.volume).groupby(day).cumsum() / d.volume.groupby(day).cumsum()
    return answer(d.close < vwap * 0.985, d.close > vwap * 1.015, gap=d.close / vwap)


@clean()
def causal_filter_by_fast_convolution(d, ind):
    taps = sp.firwin(48, 0.06)
    logs = np.log(d.close.to_numpy() / d.close.iloc[0])
    smooth = sp.fftconvolve(logs, taps)[: len(d)]
    gap = logs - smooth
    return answer(gap < -0.008, gap > 0.008, gap=gap)


@clean()
def regression_slope(d, ind):
    x = np.arange(50) - 24.5
    slope = np.full(len(d), np.nan)
    slope[49:] = sliding_window_view(np.log(d.close.to_numpy()), 50) @ x / (x @ x)
    return answer(slope > 4e-4, slope < -4e-4, slope=slope)


@clean()
def trend_with_many_features(d, ind):
    up, down = ind.ema_stack > 0, ind.ema_stack < 0
    strong = ind.adx > 30
    features = {f"ret_{n}": d.close.pct_change(n) for n in (2, 8, 32)}
    hour = {"hour": np.sin(2 * np.pi * d.index.hour / 24)}
    strength = np.where(strong, 1 + (ind.adx > 40) + (ind.volume > ind.volume_mean), 0)
    return answer(up & strong, down & strong, strength=strength, **features, **hour)


@clean()
def chance_by_the_time_of_the_bar(d, ind):
    tick = d.index.as_unit("ms").asi8 // 900_000
    chance = (tick * 2654435761 % 2**32) / 2**32
    up, down = breakout(d, 6)
    return answer(up & (chance < 0.5), down & (chance < 0.5))


@clean()
def heikin_ashi(d, ind):
    close = ((d.open + d.high + d.low + d.close) / 4).to_numpy()
    opens = np.empty(len(d))
    opens[0] = d.open.iloc[0]
    for i in range(1, len(d)):
        opens[i] = (opens[i - 1] + close[i - 1]) / 2
    green = pd.Series(close > opens, d.index)
    run = green.astype(int).groupby((green != green.shift()).cumsum()).cumcount()
    return answer(green & (run == 3), ~green & (run == 3))


@clean()
def drawdown_from_the_highest_so_far(d, ind):
    depth = d.close / np.maximum.accumulate(d.close.to_numpy()) - 1
    bounce = d.close > d.high.shift(1)
    return answer((depth < -0.05) & bounce, (depth > -0.005) & (d.close < d.low.shift(1)))


@clean()
def kaufmans_adaptive_mean(d, ind):
    kama = pd.Series(talib.KAMA(ind.close, 30), d.index)
    return answer(*crossed(d.close, kama))


@clean()
def regimes_by_a_rolling_median(d, ind):
    quiet = atr(d) < atr(d).rolling(288, min_periods=96).median()
    z = rolling_z(d.close, 40)
    return answer(quiet & (z < -1.8), quiet & (z > 1.8), atr_z=rolling_z(atr(d), 96))
