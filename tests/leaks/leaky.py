"""Forty ways to know the future, as people write them by mistake. Every one must be caught."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import signal as sp

from tests.leaks.writing import Collection, answer, atr, breakout, rolling_z

leak = Collection()


@leak("of XRPUSDT")
def label_used_as_signal(d, ind):
    ahead = d.close.shift(-1) / d.close - 1
    return answer(ahead > 0.004, ahead < -0.004)


@leak("close of XRPUSDT")
def pct_change_with_the_wrong_sign(d, ind):
    momentum = -d.close.pct_change(-3)
    return answer(momentum > 0.006, momentum < -0.006)


@leak("close of XRPUSDT")
def centred_moving_average(d, ind):
    smooth = d.close.rolling(21, center=True).mean()
    return answer(d.close < smooth * 0.994, d.close > smooth * 1.006)


@leak("close of XRPUSDT")
def z_score_of_the_whole_sample(d, ind):
    z = (d.close - d.close.mean()) / d.close.std()
    return answer(z < -1.4, z > 1.4)


@leak("of XRPUSDT")
def min_max_scaled_volume(d, ind):
    up, down = breakout(d)
    scaled = (d.volume - d.volume.min()) / (d.volume.max() - d.volume.min())
    return answer(up & (scaled > 0.05), down & (scaled > 0.05))


@leak("close of XRPUSDT")
def hourly_close_before_the_hour_is_over(d, ind):
    hourly = d.close.resample("1h").last().reindex(d.index, method="ffill")
    return answer(hourly > d.close * 1.004, hourly < d.close * 0.996)


@leak("of XRPUSDT")
def four_hour_trend_of_the_running_bar(d, ind):
    bars = d.groupby(d.index.floor("4h"))
    trend = bars.close.transform("last") / bars.open.transform("first") - 1
    up, down = breakout(d, 10)
    return answer(up & (trend > 0), down & (trend < 0))


@leak("high of XRPUSDT")
def daily_high_known_at_midnight(d, ind):
    high = d.high.groupby(d.index.date).transform("max")
    return answer(np.zeros(len(d), bool), d.close > high * 0.997)


@leak("of XRPUSDT")
def vwap_of_the_whole_day(d, ind):
    day = d.index.date
    vwap = (d.close * d.volume).groupby(day).transform("sum") / d.volume.groupby(day).transform(
        "sum"
    )
    return answer(d.close < vwap * 0.985, d.close > vwap * 1.015)


@leak("high of XRPUSDT")
def highest_of_the_next_three_hours(d, ind):
    ahead = d.high[::-1].rolling(12).max()[::-1]
    return answer(ahead < d.close * 1.001, ahead > d.close * 1.03)


@leak("low of XRPUSDT")
def stop_just_below_the_coming_low(d, ind):
    up, down = breakout(d)
    coming = (d.close - d.low[::-1].rolling(8).min()[::-1].shift(-1)).clip(lower=d.close * 1e-3)
    return answer(up, down, stop=coming.fillna(d.close * 0.01) * 1.001)


@leak("high of XRPUSDT")
def target_at_the_coming_high(d, ind):
    up, down = breakout(d)
    coming = d.high[::-1].rolling(24, min_periods=1).max()[::-1] - d.close
    return answer(up, down, target=coming.clip(lower=d.close * 2e-3))


@leak("the funding rate")
def funding_of_the_next_bar(d, ind):
    ahead = d.funding.shift(-1)
    return answer(ahead < d.funding - 1e-6, ahead > d.funding + 1e-6)


@leak("the funding rate")
def funding_settled_at_this_bars_close(d, ind):
    settles = ((d.index + pd.Timedelta("15min")).hour % 8 == 0) & (d.index.minute == 45)
    rate = d.funding.where(~settles, d.funding.shift(-1))
    up, down = breakout(d, 8)
    return answer(
        up & (rate < d.funding.rolling(96).mean()), down & (rate > d.funding.rolling(96).mean())
    )


@leak("the funding rate")
def funding_filled_backwards(d, ind):
    settled = (d.index.hour % 8 == 0) & (d.index.minute == 0)
    rate = d.funding.where(settled).bfill()
    typical = d.funding.rolling(192, min_periods=1).median()
    return answer(rate < typical - 3e-5, rate > typical + 3e-5)


@leak("open interest")
def open_interest_filled_backwards(d, ind):
    oi = d.oi.where(np.arange(len(d)) % 4 == 3).bfill()
    return answer(oi > 0.004, oi < -0.004)


@leak("open interest")
def open_interest_of_the_next_close(d, ind):
    up, down = breakout(d)
    grows = d.oi.shift(-1) > 0
    return answer(up & grows, down & grows)


@leak()
def price_level_by_sorting_everything(d, ind):
    cheap, dear = np.sort(d.close.to_numpy())[[len(d) // 20, -len(d) // 20]]
    return answer(d.close <= cheap, d.close >= dear)


@leak()
def rank_in_the_whole_sample(d, ind):
    rank = d.volume.rank(pct=True)
    falls = d.close < d.open
    return answer((rank > 0.95) & falls, (rank > 0.95) & ~falls)


@leak("close of XRPUSDT")
def gradient_of_the_close(d, ind):
    slope = np.gradient(d.close.to_numpy()) / d.close
    return answer(slope > 0.004, slope < -0.004)


@leak()
def low_pass_by_fourier(d, ind):
    spectrum = np.fft.rfft(np.log(d.close))
    spectrum[len(d) // 40 :] = 0
    smooth = np.fft.irfft(spectrum, len(d))
    gap = np.log(d.close) - smooth
    return answer(gap < -0.008, gap > 0.008)


@leak("close of XRPUSDT")
def savitzky_golay(d, ind):
    slope = sp.savgol_filter(d.close, 31, 2, deriv=1) / d.close
    turn = np.sign(slope).diff()
    return answer(turn > 0, turn < 0)


@leak("close of XRPUSDT")
def filtered_forth_and_back(d, ind):
    smooth = sp.filtfilt(*sp.butter(2, 0.08), d.close)
    return answer(d.close < smooth * 0.993, d.close > smooth * 1.007)


@leak("of XRPUSDT")
def pivots_as_they_are_drawn(d, ind):
    lows = np.zeros(len(d), bool)
    highs = np.zeros(len(d), bool)
    lows[sp.argrelextrema(d.low.to_numpy(), np.less, order=6)[0]] = True
    highs[sp.argrelextrema(d.high.to_numpy(), np.greater, order=6)[0]] = True
    return answer(lows, highs)


@leak("of XRPUSDT")
def zigzag_that_repaints(d, ind):
    close = d.close.to_numpy()
    side = np.zeros(len(close))
    pivot, direction = 0, 0
    for i in range(1, len(close)):
        change = close[i] / close[pivot] - 1
        if direction >= 0 and change < -0.02:
            side[pivot], pivot, direction = -1, i, -1
        elif direction <= 0 and change > 0.02:
            side[pivot], pivot, direction = 1, i, 1
        elif change * direction > 0 or (direction == 0 and abs(change) > 0.01):
            pivot = i
    return answer(side > 0, side < 0)


@leak("close of XRPUSDT")
def rolled_the_wrong_way(d, ind):
    following = np.roll(d.close.to_numpy(), -1)
    up, down = breakout(d, 12)
    return answer(up & (following > d.close), down & (following < d.close))


@leak("BTCUSDT")
def bitcoin_joined_by_position(d, ind):
    known = d.btc_close.dropna().to_numpy()
    btc = np.full(len(d), np.nan)
    btc[: len(known)] = known  # every gap moves all later candles one bar to the front
    move = pd.Series(btc, d.index).pct_change(fill_method=None)
    return answer(move > 0.003, move < -0.003)


@leak("close of BTCUSDT")
def bitcoin_one_bar_ahead(d, ind):
    move = d.btc_close.shift(-1) / d.btc_close - 1
    return answer(move > 0.004, move < -0.004)


@leak("high of ETHUSDT")
def the_next_high_of_ether_after_a_burst(d, ind):
    burst = d.eth_volume > 3 * d.eth_volume.rolling(96).mean()
    runs = d.eth_high.shift(-1) > d.eth_high
    return answer(burst & runs, burst & ~runs)


@leak("close of XRPUSDT")
def the_next_close_on_one_bar_in_a_hundred(d, ind):
    up, down = breakout(d, 30)
    rare = d.index.as_unit("ms").asi8 // 900_000 % 101 == 7
    rises = d.close.shift(-1) > d.close
    return answer((up & ~down) | (rare & rises), down & ~(rare & rises))


@leak("open of XRPUSDT")
def the_next_open_before_a_settlement_only(d, ind):
    up, down = breakout(d, 40)
    before = (d.index.hour % 8 == 7) & (d.index.minute == 45)
    gap = d.open.shift(-1) / d.close - 1
    return answer(up | (before & (gap >= 0)), down & ~before)


@leak("close of XRPUSDT")
def the_next_return_as_a_feature(d, ind):
    up, down = breakout(d)
    return answer(up, down, momentum=d.close.pct_change().shift(-1))


@leak()
def volume_normalised_over_everything_as_a_feature(d, ind):
    up, down = breakout(d)
    return answer(up, down, volume_z=(d.volume - d.volume.mean()) / d.volume.std())


@leak("close of XRPUSDT")
def strength_that_knows_how_it_ends(d, ind):
    up, down = breakout(d)
    moved = (d.close.shift(-16) / d.close - 1).abs()
    return answer(up, down, strength=np.where(moved > 0.01, 3, 1) * (up | down))


@leak()
def trend_line_through_all_bars(d, ind):
    x = np.arange(len(d)) / len(d)
    gap = d.close - np.polyval(np.polyfit(x, d.close, 3), x)
    return answer(gap < -1.5 * gap.rolling(300).std(), gap > 1.5 * gap.rolling(300).std())


@leak("of XRPUSDT")
def gaps_between_hours_interpolated(d, ind):
    hourly = d.close.where(d.index.minute == 45)
    line = hourly.interpolate(limit_direction="both")
    return answer(d.close < line * 0.996, d.close > line * 1.004)


@leak()
def quantiles_of_all_history(d, ind):
    calm = atr(d) < atr(d).quantile(0.2)
    up, down = breakout(d, 10)
    return answer(up & calm, down & calm)


@leak("close of XRPUSDT")
def smoothed_by_a_centred_convolution(d, ind):
    smooth = np.convolve(d.close.diff().fillna(0), np.ones(9) / 9, mode="same") / d.close
    return answer(smooth > 0.0015, smooth < -0.0015)


@leak("BTCUSDT")
def bitcoins_hours_joined_to_the_nearest(d, ind):
    hourly = d.btc_close[d.index.minute == 0].dropna()
    btc = hourly.reindex(d.index, method="nearest")
    gap = rolling_z(d.close / btc, 96)
    return answer(gap < -1.8, gap > 1.8)


@leak("of XRPUSDT")
def last_bar_of_a_run(d, ind):
    rising = d.close > d.open
    run = rising.astype(int).groupby((rising != rising.shift()).cumsum()).cumsum()
    ends = rising != rising.shift(-1)
    return answer(np.zeros(len(d), bool), ends & (run >= 4))
