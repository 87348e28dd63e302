from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cointrader.domain.errors import ConfigError
from cointrader.domain.order import Side
from cointrader.signals.features import feature_names, feature_row, features, zscore
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import Signal
from cointrader.signals.score import ScoreRule
from cointrader.signals.zscores import zscores
from tests.unit.signals.frames import (
    closes_frame,
    columns_of,
    frame_of,
    random_frame,
    real_frame,
)

NAMES = feature_names(("BTCUSDT", "ETHUSDT"))


def z_by_hand(values, i, window, *, min_periods=20):
    """One z-score as the trading rules say it, one step after the other."""
    seen = [x for x in values[max(0, i - window + 1) : i + 1].tolist() if not math.isnan(x)]
    if math.isnan(values[i]) or len(seen) < min(min_periods, window):
        return math.nan
    mean = math.fsum(seen) / len(seen)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in seen) / len(seen))
    if deviation <= 1e-12 * max(1.0, abs(mean)):
        return 0.0
    return (values[i] - mean) / deviation


def table_of(frame, side=None, **options):
    indicators = Indicators(frame)
    signals = ScoreRule().evaluate(frame, indicators)
    side = signals.side if side is None else side
    return features(frame, indicators, side, signals.strength, **options)


def column(table, name):
    return table[:, NAMES.index(name)]


# --------------------------------------------------------------------------------- names


def test_the_26_features_in_their_order():
    assert NAMES == (
        "rsi", "macd_hist", "bb_pct", "ema_align", "stoch_k", "stoch_d", "atr_pct", "vol_ratio",
        "ret_1", "ret_3", "ret_5", "signal_strength", "side", "btc_ret_1", "btc_ret_3",
        "btc_ret_5", "eth_ret_1", "eth_ret_3", "eth_ret_5", "btc_rs", "eth_rs", "oi_change",
        "funding_rate", "oi_change_ma5", "oi_price_spread", "adx",
    )  # fmt: skip


def test_names_follow_the_correlation_symbols_and_the_rule_s_own_features():
    names = feature_names(("SOLUSDC",), ("range",))

    assert len(names) == 23
    assert names[13:17] == ("solusdc_ret_1", "solusdc_ret_3", "solusdc_ret_5", "solusdc_rs")
    assert names[-2:] == ("adx", "range")
    assert len(feature_names(())) == 18


def test_one_name_for_two_features_is_refused():
    with pytest.raises(ConfigError, match="one name"):
        feature_names(("BTCUSDT",), ("btc_rs",))


# ------------------------------------------------------------------------------- z-score


def test_zscore_by_hand():
    values = np.array([1.0, 3.0, 5.0])

    assert zscore(values, 3, min_periods=2)[1:].tolist() == [1.0, 2.0 / math.sqrt(8.0 / 3.0)]


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-4, -7e9])
def test_zscore_of_a_constant_is_0(constant):
    assert zscore(np.full(400, constant), 288)[19:].tolist() == [0.0] * 381


def test_zscore_of_movement_below_rounding_is_0():
    values = np.full(100, 1e-4)
    values[50:] += 1e-13

    assert not zscore(values, 96)[19:].any()


def test_zscore_of_fewer_than_20_values_is_missing():
    scores = zscore(np.arange(30.0), 288)

    assert np.isnan(scores[:19]).all()
    assert not np.isnan(scores[19:]).any()


def test_zscore_ignores_nan_but_counts_what_is_left():
    values = np.arange(60.0)
    values[::2] = math.nan

    scores = zscore(values, 40)

    assert np.isnan(scores[::2]).all()
    assert np.isnan(scores[:38]).all()
    assert scores[59] == pytest.approx(z_by_hand(values, 59, 40), abs=1e-12)


def test_zscore_of_a_window_shorter_than_20_needs_it_full():
    """18 bars of 4 hours are three days."""
    values = np.arange(40.0)
    values[30] = math.nan

    scores = zscore(values, 18)

    assert np.isnan(scores[:17]).all()
    assert not np.isnan(scores[17:30]).any()
    assert np.isnan(scores[30:]).all()


def test_zscore_rows_are_the_same_floats_whatever_else_is_asked():
    values = random_frame(4000).candles.close
    whole = zscore(values, 288)

    for i in range(0, 4000, 37):
        one = zscore(values, 288, rows=[i])
        assert one[0] == whole[i] or (math.isnan(one[0]) and i < 19)
        if i >= 1000:
            assert zscore(values[i - 999 : i + 1], 288, rows=[999])[0] == whole[i]


def test_zscore_equals_a_plain_loop():
    values = random_frame(700).candles.close
    values[100:130] = math.nan

    expected = [z_by_hand(values, i, 288) for i in range(700)]

    np.testing.assert_allclose(zscore(values, 288), expected, rtol=0, atol=1e-10)


def test_zscore_of_a_funding_rate_that_hardly_moves_is_finite():
    """Running variances fail here: 547 of 36,589 bars of real data were not finite."""
    rate = real_frame("XRPUSDT").funding_rate

    assert np.isfinite(zscore(rate, 96)[19:]).all()


@pytest.mark.parametrize("window", [1, 2, 3, 5, 6, 18, 23, 24, 72, 96, 100, 255, 256, 288, 864])
def test_zscore_of_any_window_equals_two_plain_passes(window):
    """Windows are brought together from powers of two: every number of bars is another case."""
    values = random_frame(1300, seed=21).candles.volume
    values[400:410] = math.nan

    scores = zscore(values, window)

    rows = [*range(0, 900, 13), *range(1020, 1300, 7)]
    expected = [z_by_hand(values, i, window) for i in rows]
    np.testing.assert_allclose(scores[rows], expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("n_bars", [1, 17, 287, 288, 289, 1311, 1312, 2335, 2336, 2337])
def test_zscore_is_the_same_floats_in_a_history_of_any_length(n_bars):
    values = random_frame(2400, seed=22).candles.volume
    values[[5, 700, 1023, 1024, 1600]] = math.nan

    whole, part = zscore(values, 288), zscore(values[:n_bars], 288)

    assert np.array_equal(part, whole[:n_bars], equal_nan=True)
    alone = zscore(values, 288, rows=[n_bars - 1])
    assert np.array_equal(alone, whole[[n_bars - 1]], equal_nan=True)


def test_a_value_that_is_huge_spoils_no_window_without_it():
    """A running sum never forgets it."""
    values = random_frame(900, seed=23).candles.volume
    spoiled = values.copy()
    spoiled[300] = 1e30

    assert np.array_equal(zscore(spoiled, 288)[588:], zscore(values, 288)[588:])


def test_zscores_of_columns_of_their_own_windows_and_of_columns_left_as_they_are():
    volume, close = random_frame(600, seed=24).candles.volume, random_frame(600).candles.close
    told = ((288, 0, 96), (20, 0, 20))

    for rows in (None, np.arange(600), np.array([599, 3, 40])):
        found = zscores(np.array([volume, close, close]), *told, rows)
        wanted = slice(None) if rows is None else rows
        assert np.array_equal(found[0], zscore(volume, 288)[wanted], equal_nan=True)
        assert found[1].tolist() == close[wanted].tolist()
        assert np.array_equal(found[2], zscore(close, 96)[wanted], equal_nan=True)


def test_zscore_leaves_its_values_as_they_are():
    values = random_frame(400).candles.close
    before = values.copy()

    zscore(values, 288)

    assert np.array_equal(values, before)


# ------------------------------------------------------------------------------ features


def test_each_feature_as_the_rules_say():
    frame = random_frame(900, seed=11)
    indicators = Indicators(frame)
    table = table_of(frame)
    i = 899
    close = frame.candles.close
    btc, eth = (other.close for other in frame.correlated.values())
    oi, rate = frame.oi_change, frame.funding_rate
    atr_pct = indicators.atr / close
    ratio = frame.candles.volume / indicators.volume_mean
    ma5 = np.array([math.nan] * 4 + [oi[k - 4 : k + 1].mean() for k in range(4, 900)])

    def ret(prices, bars):
        return np.array([math.nan] * bars + (prices[bars:] / prices[:-bars] - 1.0).tolist())

    def z(values, window=288):
        return z_by_hand(values, i, window)

    width = indicators.band_upper[i] - indicators.band_lower[i]
    expected = {
        "rsi": indicators.rsi[i],
        "macd_hist": (indicators.macd_line[i] - indicators.macd_signal[i]) / close[i],
        "bb_pct": (close[i] - indicators.band_lower[i]) / width,
        "ema_align": indicators.ema_stack[i],
        "stoch_k": indicators.stoch_k[i],
        "stoch_d": indicators.stoch_d[i],
        "atr_pct": z(atr_pct),
        "vol_ratio": z(ratio),
        **{f"ret_{bars}": z(ret(close, bars)) for bars in (1, 3, 5)},
        **{f"btc_ret_{bars}": z(ret(btc, bars)) for bars in (1, 3, 5)},
        **{f"eth_ret_{bars}": z(ret(eth, bars)) for bars in (1, 3, 5)},
        "btc_rs": z(ret(close, 1) - ret(btc, 1)),
        "eth_rs": z(ret(close, 1) - ret(eth, 1)),
        "oi_change": z(oi, 96),
        "funding_rate": z(rate, 96),
        "oi_change_ma5": z(ma5, 96),
        "oi_price_spread": z(oi, 96) - z(ret(close, 1)),
        "adx": z(indicators.adx),
    }
    for name, value in expected.items():
        assert column(table, name)[i] == pytest.approx(value, rel=1e-9, abs=1e-9), name


def test_side_and_strength_are_the_signal_s_and_missing_without_one():
    frame = random_frame(30)
    side, strength = np.zeros(30, np.int8), np.full(30, 2)
    side[28], side[29], strength[28], strength[29] = 1, -1, 3, 4

    table = features(frame, Indicators(frame), side, strength)

    assert column(table, "side")[28:].tolist() == [1.0, 0.0]
    assert column(table, "signal_strength")[28:].tolist() == [3.0, 4.0]
    assert np.isnan(column(table, "side")[:28]).all()
    assert np.isnan(column(table, "signal_strength")[:28]).all()


def test_windows_are_days_whatever_the_interval():
    hourly = replace(random_frame(400, seed=2), interval_ms=3_600_000)
    table = table_of(hourly)

    adx = Indicators(hourly).adx
    assert column(table, "adx")[-1] == pytest.approx(z_by_hand(adx, 399, 72), abs=1e-9)
    rate = hourly.funding_rate
    assert column(table, "funding_rate")[-1] == pytest.approx(z_by_hand(rate, 399, 24), abs=1e-9)


def test_missing_context_is_nan_and_own_columns_are_not():
    frame = random_frame(400)
    hole = {name: replace(other) for name, other in frame.correlated.items()}
    for array in hole["BTCUSDT"].arrays():
        array[398] = math.nan
    oi = frame.oi_change.copy()
    oi[397] = math.nan
    table = table_of(replace(frame, correlated=hole, oi_change=oi), np.ones(400))

    nan = {name for name in NAMES if math.isnan(column(table, name)[399])}

    assert nan == {"btc_ret_1", "btc_rs", "oi_change_ma5"}


def test_context_that_is_never_known_is_nan_throughout():
    frame = replace(
        random_frame(400), oi_change=np.full(400, math.nan), funding_rate=np.full(400, math.nan)
    )
    table = table_of(frame, np.ones(400))

    for name in ("oi_change", "funding_rate", "oi_change_ma5", "oi_price_spread"):
        assert np.isnan(column(table, name)).all()


def test_a_market_that_stands_still_has_features_of_no_movement():
    still = columns_of(np.full(400, 0.1), np.zeros(400))
    frame = frame_of(still, correlated={"BTCUSDT": still, "ETHUSDT": still})
    row = dict(zip(NAMES, table_of(frame)[-1].tolist(), strict=True))

    assert (row["rsi"], row["bb_pct"], row["stoch_k"], row["ret_1"]) == (50.0, 0.5, 0.0, 0.0)
    assert math.isnan(row["vol_ratio"])  # nothing was traded: there is no ratio


def test_chosen_rows_are_the_same_floats_as_in_the_whole_table():
    frame = random_frame(1500, seed=12)
    indicators = Indicators(frame)
    signals = ScoreRule().evaluate(frame, indicators)
    whole = features(frame, indicators, signals.side, signals.strength)
    rows = np.flatnonzero(signals.side)

    chosen = features(frame, indicators, signals.side[rows], signals.strength[rows], rows=rows)

    assert len(rows) > 5
    assert np.array_equal(chosen, whole[rows], equal_nan=True)
    for row in (*rows.tolist(), -1):
        one = feature_row(frame, indicators, signals.at(row), row=row)
        assert np.array_equal(one, whole[row], equal_nan=True)


@pytest.mark.parametrize("bars", [40, 299, 301, 302, 400, 1000])
@pytest.mark.parametrize("others", [0, 1, 2, 3])
def test_the_newest_row_is_the_same_floats_made_alone(bars, others):
    frame = random_frame(bars, seed=31)
    columns = list(frame.correlated.values()) * 2
    names = ("BTCUSDT", "ETHUSDT", "SOLUSDT")[:others]
    frame = replace(frame, correlated=dict(zip(names, columns, strict=False)))
    indicators = Indicators(frame)
    signal = Signal(Side.SHORT, 4, extra={"range": 7.0})

    whole = features(
        frame, indicators, np.full(bars, -1), np.full(bars, 4), extra={"range": np.full(bars, 7.0)}
    )

    assert np.array_equal(feature_row(frame, indicators, signal), whole[-1], equal_nan=True)
    assert np.array_equal(
        feature_row(frame, indicators, signal, row=bars - 1), whole[-1], equal_nan=True
    )


def test_the_columns_of_a_window_that_nobody_may_write_to():
    """A running bot's windows are such."""
    frame = random_frame(400)
    arrays = [*frame.candles.arrays(), frame.oi_change, frame.funding_rate]
    expected = feature_row(frame, Indicators(frame), Signal(Side.LONG, 3))
    for array in arrays + [a for other in frame.correlated.values() for a in other.arrays()]:
        array.flags.writeable = False

    found = feature_row(frame, Indicators(frame), Signal(Side.LONG, 3))

    assert np.array_equal(found, expected)
    assert found.flags.writeable


@pytest.mark.parametrize("market", ["random", "XRPUSDT"])
def test_a_live_row_equals_its_training_row(market):
    frame = random_frame(6000, seed=13) if market == "random" else real_frame(market)
    indicators = Indicators(frame)
    signals = ScoreRule().evaluate(frame, indicators)
    rows = np.array([i for i in np.flatnonzero(signals.side) if i >= 999][:60])
    training = features(frame, indicators, signals.side[rows], signals.strength[rows], rows=rows)

    for i, expected in zip(rows, training, strict=True):
        window = frame.rows(i - 999, i + 1)
        live = feature_row(window, Indicators(window), signals.at(i))
        np.testing.assert_allclose(live, expected, rtol=1e-9, atol=1e-9)


def test_a_rule_s_own_features_come_last():
    frame = closes_frame(np.linspace(1.0, 2.0, 30))
    signal = Signal(Side.LONG, 3, extra={"range": 7.0})

    assert feature_row(frame, Indicators(frame), signal)[-1] == 7.0


def test_features_need_the_whole_frame():
    frame = random_frame(30)

    with pytest.raises(ValueError, match="whole frame"):
        features(frame, Indicators(frame, last=1), 1, 3, rows=[-1])


def test_a_row_outside_the_frame_is_refused():
    frame = random_frame(30)

    with pytest.raises(IndexError):
        features(frame, Indicators(frame), 1, 3, rows=[30])


def test_nothing_is_known_at_the_first_bar_but_the_signal():
    row = dict(zip(NAMES, table_of(random_frame(30), np.ones(30))[0].tolist(), strict=True))

    assert {name for name, value in row.items() if not math.isnan(value)} == {
        "signal_strength",
        "side",
    }


def test_no_rows_asked_for_is_an_empty_table():
    frame = random_frame(30)

    assert features(frame, Indicators(frame), [], [], rows=[]).shape == (0, 26)
