from __future__ import annotations

import math

import numpy as np
import pytest
import talib

from cointrader.domain.errors import ConfigError, DataError
from cointrader.signals.indicators import (
    DEFAULT_PERIODS,
    Indicators,
    Periods,
    adx,
    atr,
    bollinger,
    crossings,
    ema,
    macd,
    rsi,
    stoch_rsi,
    stoch_rsi_raw,
    window_mean,
)
from tests.unit.signals.frames import closes_frame, random_frame, real_frame

NAMES = (
    *("rsi", "macd_line", "macd_signal", "macd_cross", "band_upper", "band_middle", "band_lower"),
    *("ema_fast", "ema_mid", "ema_slow", "ema_stack", "atr", "stoch_k", "stoch_d", "adx"),
    *("volume_mean", "close", "volume", "high", "low"),
)
WINDOWED = ("band_upper", "band_middle", "band_lower", "volume_mean")


@pytest.fixture(params=["random", "XRPUSDT"])
def frame(request):
    return random_frame(6000, seed=3) if request.param == "random" else real_frame(request.param)


# ------------------------------------------------------------------------------- RSI


def test_rsi_of_a_flat_price_is_50_where_talib_says_0():
    flat = np.full(60, 0.1)

    assert talib.RSI(flat, 14)[-1] == 0.0
    assert rsi(flat)[14:].tolist() == [50.0] * 46


def test_rsi_of_a_price_that_only_falls_is_0():
    assert rsi(np.arange(60.0, 0.0, -1.0))[-1] == 0.0


def test_rsi_that_falls_out_of_a_flat_stretch_leaves_50():
    close = np.array([10.0] * 30 + [9.0])

    values = rsi(close)

    assert values[29] == 50.0
    assert values[30] == 0.0


def test_rsi_is_talib_s_wherever_the_price_moves(frame):
    close = frame.candles.close

    np.testing.assert_array_equal(rsi(close), talib.RSI(close, 14))


# ------------------------------------------------------------------ bad and short input


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 50, 99])
def test_a_value_that_is_no_number_is_refused(bad, place):
    values = np.linspace(1.0, 2.0, 100)
    broken = values.copy()
    broken[place] = bad

    for call in (
        lambda: rsi(broken),
        lambda: macd(broken),
        lambda: ema(broken, 9),
        lambda: bollinger(broken),
        lambda: atr(values, values, broken),
        lambda: adx(values, broken, values),
    ):
        with pytest.raises(DataError, match="not a number") as refused:
            call()
        assert f"bar {place} of 100" in str(refused.value)


def test_volume_that_is_no_number_is_refused():
    frame = closes_frame(np.linspace(1.0, 2.0, 50), [math.nan] + [1.0] * 49)

    with pytest.raises(DataError, match="not a number"):
        _ = Indicators(frame).volume_mean


@pytest.mark.parametrize("n_bars", [0, 1, 2, 13, 14, 15, 19, 20, 33])
@pytest.mark.parametrize("last", [None, 1, 5])
def test_too_few_bars_give_nan_and_never_crash(n_bars, last):
    indicators = Indicators(closes_frame(np.arange(1.0, n_bars + 1)), last=last)

    for name in NAMES:
        assert len(getattr(indicators, name)) == len(indicators), name
    assert np.isnan(indicators.ema_slow).all()


def test_each_indicator_starts_at_its_bar():
    indicators = Indicators(random_frame(100))
    starts = {
        name: int(np.argmax(~np.isnan(getattr(indicators, name).astype(float)))) for name in NAMES
    }

    assert starts == {
        **dict.fromkeys(("close", "volume", "high", "low", "macd_cross", "ema_stack"), 0),
        **dict.fromkeys(WINDOWED, 19),
        "rsi": 14,
        "macd_line": 33,
        "macd_signal": 33,
        "atr": 14,
        "adx": 27,
        "ema_fast": 8,
        "ema_mid": 20,
        "ema_slow": 49,
        "stoch_k": 29,
        "stoch_d": 31,
    }


# -------------------------------------------------------------------- windowed indicators


def test_window_mean_does_not_depend_on_where_the_array_starts(frame):
    for period in (3, 5, 20):
        whole = window_mean(frame.candles.volume, period)
        for end in (1000, 1001, 2777, 6000):
            for length in (period, period + 1, 300, 1000):
                part = window_mean(frame.candles.volume[end - length : end], period)
                assert (
                    part[period - 1 :].tolist() == whole[end - length + period - 1 : end].tolist()
                )


def test_bands_do_not_depend_on_where_the_array_starts(frame):
    close = frame.candles.close
    whole = bollinger(close)
    for end in (1000, 2777, 6000):
        for length in (20, 21, 1000):
            part = bollinger(close[end - length : end])
            for a, b in zip(part, whole, strict=True):
                assert a[19:].tolist() == b[end - length + 19 : end].tolist()


def test_window_mean_knows_nan_only_where_one_is_in_the_window():
    values = np.array([1.0, 2.0, math.nan, 4.0, 5.0, 6.0, 10.0])

    known = window_mean(values, 3)

    np.testing.assert_array_equal(known, [np.nan] * 5 + [5.0, 7.0])


@pytest.mark.parametrize("price", [0.1, 0.3, 1e-7, 123456.7])
def test_bands_of_a_constant_price_have_no_width_and_are_the_price(price):
    for n_bars in (20, 40):
        for band in bollinger(np.full(n_bars, price)):
            assert band[19:].tolist() == [price] * (n_bars - 19)


def test_bands_by_hand():
    upper, middle, lower = bollinger(np.array([1.0, 3.0, 1.0, 3.0]), period=4, width=2.0)

    assert (upper[-1], middle[-1], lower[-1]) == (4.0, 2.0, 0.0)


def test_bands_and_volume_mean_are_talib_s_but_for_its_running_sums(frame):
    close, volume = frame.candles.close, frame.candles.volume
    scale = close.max()
    for ours, theirs in zip(bollinger(close), talib.BBANDS(close, 20, 2.0, 2.0), strict=True):
        # A variance from running sums loses half its digits; the square root shows it.
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * scale)
    np.testing.assert_allclose(
        window_mean(volume, 20), talib.SMA(volume, 20), rtol=1e-9, atol=1e-9 * volume.max()
    )


# ------------------------------------------------------------------------------ StochRSI


def test_raw_stoch_rsi_is_exactly_0_or_100_at_new_extremes(frame):
    values = rsi(frame.candles.close)
    raw = stoch_rsi_raw(values)
    known = ~np.isnan(raw)
    lowest = known & (values == talib.MIN(values, 14))
    highest = known & (values == talib.MAX(values, 14)) & ~lowest

    assert set(raw[lowest].tolist()) == {0.0}
    assert set(raw[highest].tolist()) == {100.0}


def test_raw_stoch_rsi_is_0_where_rsi_stands_still():
    assert stoch_rsi_raw(np.full(20, 50.0))[-1] == 0.0


def test_k_and_d_are_equal_while_rsi_makes_new_extremes():
    rising = np.concatenate([np.linspace(30.0, 31.0, 14), 32.0 + np.arange(5.0)])

    k, d = stoch_rsi(rising)

    assert (k[-1], d[-1]) == (100.0, 100.0)


def test_last_k_and_d_are_the_same_floats_as_in_the_whole_array(frame):
    values = rsi(frame.candles.close[:2000])
    k, d = stoch_rsi(values)
    for end in range(200, 2000):
        last_k, last_d = stoch_rsi(values[end - 18 : end])
        assert (last_k[-1], last_d[-1]) == (k[end - 1], d[end - 1])


def test_k_is_talib_s_fastd_which_its_stochrsi_never_smooths_into_our_d(frame):
    """TA-Lib's `fastk` is our raw, its `fastd` our K with a running sum's residue of ±1e-14."""
    close = frame.candles.close
    fastk, fastd = talib.STOCHRSI(close, 14, 14, 3)
    values = rsi(close)
    k, d = stoch_rsi(values)

    np.testing.assert_allclose(stoch_rsi_raw(values)[60:], fastk[60:], rtol=0, atol=1e-9)
    np.testing.assert_allclose(k[60:], fastd[60:], rtol=0, atol=1e-9)
    np.testing.assert_allclose(d[70:], talib.SMA(fastd[60:], 3)[10:], rtol=0, atol=1e-9)


# ------------------------------------------------------------------------------- crosses


def test_a_line_crosses_when_it_leaves_its_signal_or_an_equality():
    line = np.array([0.0, 1.0, 2.0, 2.0, 1.0, 1.0, 3.0, math.nan, 3.0])
    signal = np.array([1.0, 0.5, 1.0, 2.0, 1.0, 2.0, 2.0, 2.0, 2.0])

    assert crossings(line, signal).tolist() == [0, 1, 0, 0, 0, -1, 1, 0, 0]


# ------------------------------------------------------------------------- the lazy bundle


def test_the_last_bars_are_the_same_floats_as_in_the_whole_array(frame):
    window = frame.rows(1500, 2500)
    whole = Indicators(window)
    for last in (1, 2, 7, 999, 1000, 5000):
        tail = Indicators(window, last=last)
        assert tail.first == max(0, 1000 - last)
        for name in NAMES:
            expected = getattr(whole, name)[tail.first :]
            assert np.array_equal(getattr(tail, name), expected, equal_nan=True), (last, name)


def test_a_thousand_bars_are_enough_history(frame):
    whole = Indicators(frame)
    for end in (1000, 3333, 6000):
        window = Indicators(frame.rows(end - 1000, end), last=1)
        for name in NAMES:
            ours, theirs = getattr(window, name)[-1], getattr(whole, name)[end - 1]
            tolerance = 0.0 if name in WINDOWED else 1e-9 * max(1.0, abs(float(theirs)))
            assert abs(float(ours) - float(theirs)) <= tolerance, (end, name)


def test_nothing_is_computed_before_it_is_asked_for():
    frame = closes_frame([1.0, math.nan])

    indicators = Indicators(frame)

    with pytest.raises(DataError):
        _ = indicators.rsi
    assert indicators.volume_mean is indicators.volume_mean


# ---------------------------------------------------------------- an independent opinion


def test_indicators_agree_with_pandas_ta_classic_after_300_bars(frame):
    """It seeds MACD's fast EMA at bar 11, TA-Lib at bar 25: 10 % apart at first, equal later.

    The rest is seeded alike. Flat prices, where it says NaN for RSI, are in another test.
    """
    reason = "the oracle dependency group is not installed"
    oracle = pytest.importorskip("pandas_ta_classic", reason=reason)
    pandas = pytest.importorskip("pandas", reason=reason)
    n = 5000
    candles = frame.rows(0, n).candles
    high, low, close = (pandas.Series(x) for x in (candles.high, candles.low, candles.close))
    ours = Indicators(frame.rows(0, n))
    own = {"talib": False}
    lines = oracle.macd(close, 12, 26, 9, **own)
    bands = oracle.bbands(close, length=20, std=2.0, ddof=0, **own)
    stoch = oracle.stochrsi(close, length=14, rsi_length=14, k=3, d=3, **own)
    theirs = {
        "rsi": oracle.rsi(close, 14, **own),
        "macd_line": lines.iloc[:, 0],
        "macd_signal": lines.iloc[:, 2],
        "band_lower": bands.iloc[:, 0],
        "band_middle": bands.iloc[:, 1],
        "band_upper": bands.iloc[:, 2],
        "ema_fast": oracle.ema(close, 9, **own),
        "ema_mid": oracle.ema(close, 21, **own),
        "ema_slow": oracle.ema(close, 50, **own),
        "atr": oracle.atr(high, low, close, 14, **own),
        "adx": oracle.adx(high, low, close, 14, **own).iloc[:, 0],
        "stoch_k": stoch.iloc[:, 0],
        "stoch_d": stoch.iloc[:, 1],
    }
    for name, series in theirs.items():
        np.testing.assert_allclose(
            getattr(ours, name)[360:], series.to_numpy()[360:], rtol=1e-7, atol=1e-7, err_msg=name
        )


# -------------------------------------------------------------------------------- periods


@pytest.mark.parametrize(
    "wrong",
    [
        {"rsi": 1},
        {"adx": 0},
        {"volume": 5000},
        {"band_width": 0.0},
        {"band_width": math.nan},
        {"macd_fast": 26},
        {"ema_mid": 9},
    ],
)
def test_impossible_periods_are_refused(wrong):
    with pytest.raises(ConfigError, match="impossible indicator period"):
        Periods(**wrong)


def test_periods_default_to_the_trading_rules():
    assert Periods(
        rsi=14, macd_fast=12, macd_slow=26, macd_signal=9, band=20, band_width=2.0, ema_fast=9,
        ema_mid=21, ema_slow=50, atr=14, stoch=14, stoch_k=3, stoch_d=3, adx=14, volume=20,
    ) == DEFAULT_PERIODS  # fmt: skip
