"""What holds for signals and features on any market."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from cointrader.market.frame import Columns
from cointrader.signals.features import features, zscore
from cointrader.signals.indicators import Indicators, window_mean
from cointrader.signals.rules import latest
from cointrader.signals.score import ScoreRule, ScoreSettings
from tests.unit.signals.frames import random_columns, random_frame

seeds = st.integers(0, 2**32 - 10_000)
steps = st.sampled_from([1e-4, 4e-3, 3e-2])
any_settings = st.builds(
    ScoreSettings,
    signal_threshold=st.integers(1, 5),
    vol_multiplier=st.sampled_from([0.0, 1.0, 1.5]),
    adx_threshold=st.sampled_from([0.0, 25.0]),
)
floats = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))
columns = numpy_st.arrays(np.float64, st.integers(1, 120), elements=floats)


def mirrored(own):
    """The same candles upside down: what rose, falls."""
    top = 2.0 * own.high.max()
    return Columns(top - own.open, top - own.low, top - own.high, top - own.close, own.volume)


def shaken(own, after, seed):
    """The same candles up to bar `after`, others from the next one on."""
    other = random_columns(len(own.close), seed)
    return Columns(
        *(
            np.concatenate([kept[: after + 1], changed[after + 1 :]])
            for kept, changed in zip(own.arrays(), other.arrays(), strict=True)
        )
    )


@settings(max_examples=25, deadline=None)
@given(seed=seeds, step=steps, chosen=any_settings, end=st.integers(1300, 1800))
def test_a_window_of_1000_bars_signals_as_the_full_history_does(seed, step, chosen, end):
    frame = random_frame(1800, seed, step=step)
    rule = ScoreRule(chosen)
    whole = rule.evaluate(frame, Indicators(frame))

    signal, _ = latest(rule, frame.rows(end - 1000, end))

    assert signal == whole.at(end - 1)


@settings(max_examples=10, deadline=None)
@given(seed=seeds, step=steps, end=st.integers(1300, 1800))
def test_a_window_of_1000_bars_has_the_features_of_the_full_history(seed, step, end):
    frame = random_frame(1800, seed, step=step)
    window = frame.rows(end - 1000, end)

    live = features(window, Indicators(window), 1, 3, rows=[-1])
    batch = features(frame, Indicators(frame), 1, 3, rows=[end - 1])

    np.testing.assert_allclose(live, batch, rtol=1e-9, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, chosen=any_settings, now=st.integers(300, 498))
def test_no_future_bar_changes_a_signal_or_a_feature(seed, chosen, now):
    frame = random_frame(500, seed)
    changed = replace(
        frame,
        candles=shaken(frame.candles, now, seed + 77),
        correlated={
            name: shaken(other, now, seed + 78) for name, other in frame.correlated.items()
        },
        funding_rate=np.where(np.arange(500) <= now, frame.funding_rate, 0.5),
        oi_change=np.where(np.arange(500) <= now, frame.oi_change, np.nan),
    )
    rule = ScoreRule(chosen)
    before, after = (rule.evaluate(x, Indicators(x)) for x in (frame, changed))
    rows = np.arange(now + 1)
    known, then = (features(x, Indicators(x), 1, 3, rows=rows) for x in (frame, changed))

    assert all(before.at(i) == after.at(i) for i in range(300, now + 1))
    assert np.array_equal(known, then, equal_nan=True)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, step=st.sampled_from([1e-4, 4e-3]), chosen=any_settings)
def test_mirrored_prices_mirror_the_sides(seed, step, chosen):
    frame = random_frame(800, seed, step=step)
    upside_down = replace(frame, candles=mirrored(frame.candles))
    rule = ScoreRule(replace(chosen, adx_threshold=0.0))

    signals, opposite = (rule.evaluate(x, Indicators(x)) for x in (frame, upside_down))

    np.testing.assert_array_equal(opposite.side, -signals.side)
    np.testing.assert_array_equal(opposite.strength[300:], signals.strength[300:])


@settings(max_examples=100, deadline=None)
@given(values=columns, window=st.integers(1, 60), min_periods=st.integers(1, 20))
def test_zscore_is_the_plain_definition(values, window, min_periods):
    scores = zscore(values, window, min_periods)

    for i, score in enumerate(scores):
        seen = values[max(0, i - window + 1) : i + 1]
        seen = seen[~np.isnan(seen)]
        if np.isnan(values[i]) or len(seen) < min(min_periods, window):
            assert np.isnan(score)
            continue
        if seen.min() == seen.max():
            assert score == 0.0
        elif seen.std() > 1e-3:  # below, the rounding of values around 1e6 is what one sees
            assert abs(score - (values[i] - seen.mean()) / seen.std()) < 1e-6


@settings(max_examples=100, deadline=None)
@given(values=columns, period=st.integers(2, 20), start=st.integers(0, 100))
def test_a_window_mean_depends_on_its_window_alone(values, period, start):
    whole, part = window_mean(values, period), window_mean(values[start:], period)

    assert np.array_equal(part[period - 1 :], whole[start:][period - 1 :], equal_nan=True)
