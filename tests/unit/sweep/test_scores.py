"""Sides under many thresholds at once are those of each rule by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.backtest.signals import signals_of
from cointrader.backtest.sweep.shared import share
from cointrader.domain.errors import DataError
from cointrader.signals.indicators import DEFAULT_PERIODS, Periods
from cointrader.signals.score import ScoreRule, ScoreSettings
from tests.unit.backtest.test_score_history import a_frame


def rules(*thresholds):
    return [
        ScoreRule(ScoreSettings(threshold, multiplier, adx))
        for threshold in thresholds
        for multiplier in (0.0, 1.5, 2.5)
        for adx in (0.0, 20.0, 40.0)
    ]


def assert_same(asked, frame, periods):
    shared = share(asked, frame, periods)
    for variant, rule in enumerate(asked):
        mine, alone = shared.of(variant), signals_of(rule, frame, periods)
        assert np.array_equal(mine.rows, alone.rows)
        assert np.array_equal(mine.side, alone.side)
        assert mine.atr.tobytes() == alone.atr.tobytes()
    return shared


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(1, 2, 3), (2, 6), (3, 4, 5)]),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from([0.0, 0.3, 0.95]),
)
def test_each_rule_has_the_signals_it_has_alone(seed, thresholds, tick, flat):
    rng = np.random.default_rng(seed)
    frame = a_frame(rng, int(rng.integers(250, 900)), tick=tick, flat=flat)

    assert_same(rules(*thresholds), frame, DEFAULT_PERIODS)


def test_other_periods_too():
    frame = a_frame(np.random.default_rng(5), 1500)

    shared = assert_same(rules(2, 3), frame, Periods(rsi=7, band=30, stoch=5, adx=10, volume=9))

    assert len(shared.all) > 50


def test_a_candle_that_is_no_number_is_refused():
    frame = a_frame(np.random.default_rng(5), 400)
    frame.candles.close[350] = np.nan

    with pytest.raises(DataError):
        share(rules(3, 4), frame, DEFAULT_PERIODS)


def test_nothing_signalled_is_an_answer():
    frame = a_frame(np.random.default_rng(5), 320)

    shared = share([ScoreRule(ScoreSettings(6, 90.0, 100.0))], frame, DEFAULT_PERIODS)

    assert len(shared.all) == 0
    assert shared.variants == 1
