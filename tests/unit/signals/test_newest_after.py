"""Looked ahead to, the newest bar is that of a run over the whole window, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.domain.errors import DataError
from cointrader.market.frame import Columns
from cointrader.signals.indicators import DEFAULT_PERIODS, Periods
from cointrader.signals.newest import Ahead, NewestBar, newest_after
from cointrader.signals.score import ScoreRule, ScoreSettings

OTHER_PERIODS = Periods(
    rsi=9, macd_fast=5, macd_slow=13, macd_signal=4, band=11, ema_fast=3, ema_mid=8, ema_slow=30,
    stoch=7, stoch_k=2, stoch_d=4, volume=2,
)  # fmt: skip


def a_market(seed: int, n_bars: int, *, flat_from: int | None = None) -> Columns:
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(size=n_bars) * 0.01)), 2)
    volume = np.round(rng.exponential(size=n_bars), 3)
    if flat_from is not None:
        close[flat_from:], volume[flat_from:] = close[flat_from], 0.0
    return Columns(close, close * 1.01, close * 0.99, close, volume)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    length=st.integers(DEFAULT_PERIODS.reach + 1, 400),
    periods=st.sampled_from((DEFAULT_PERIODS, OTHER_PERIODS)),
    is_flat=st.booleans(),
)
def test_every_bar_that_was_looked_ahead_to_is_the_same_to_the_bit(seed, length, periods, is_flat):
    market = a_market(seed, length + 40, flat_from=length - 10 if is_flat else None)
    for start in range(40):
        window = market.rows(start, start + length)
        ahead = Ahead.of(window.rows(0, length - 1), periods)
        close, volume = float(window.close[-1]), float(window.volume[-1])

        found = NewestBar.after(ahead, close, volume, window)

        full = NewestBar(window, periods)
        assert found == full
        assert (found.atr, found.adx) == (full.atr, full.adx)
        assert ScoreRule().answer(found) == ScoreRule().answer(full)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    threshold=st.integers(1, 6),
    vol_multiplier=st.sampled_from((0.0, 0.5, 1.5)),
    adx_threshold=st.sampled_from((0.0, 25.0)),
    periods=st.sampled_from((DEFAULT_PERIODS, OTHER_PERIODS)),
)
def test_a_bar_of_which_it_is_said_that_it_holds_has_no_signal(
    seed, threshold, vol_multiplier, adx_threshold, periods
):
    rule = ScoreRule(ScoreSettings(threshold, vol_multiplier, adx_threshold))
    market = a_market(seed, 440)
    for start in range(40):
        window = market.rows(start, start + 400)
        ahead = Ahead.of(window.rows(0, 399), periods)

        holds = rule.holds(ahead, float(window.close[-1]), float(window.volume[-1]))

        signal = rule.answer(NewestBar(window, periods))
        refused_by_adx = "adx" in signal.reasons  # which is not asked ahead
        assert holds == (signal.side is None and not refused_by_adx)


def test_a_bar_after_a_close_that_is_no_number_is_not_said_to_hold():
    market = a_market(6, 400)
    market.close[200] = np.nan
    ahead = Ahead.of(market.rows(0, 399), DEFAULT_PERIODS)

    assert not ScoreRule().holds(ahead, 100.0, 1.0)


def test_compiled_and_plain_the_step_is_the_same_to_the_bit():
    market = a_market(3, 400)
    before, close, volume = market.rows(0, 399), float(market.close[-1]), float(market.volume[-1])

    plain = newest_after(Ahead.of(before, DEFAULT_PERIODS).known, close, volume)

    assert plain == NewestBar.after(Ahead.of(before, DEFAULT_PERIODS), close, volume, market)


def test_one_look_ahead_answers_for_any_close_and_as_often_as_it_is_asked():
    market = a_market(4, 400)
    ahead = Ahead.of(market.rows(0, 399), DEFAULT_PERIODS)
    close, volume = float(market.close[-1]), float(market.volume[-1])
    first = NewestBar.after(ahead, close, volume, market)

    NewestBar.after(ahead, close * 1.5, volume * 9, market)

    assert NewestBar.after(ahead, close, volume, market) == first


def test_a_close_that_is_no_number_is_refused_as_in_a_run_over_the_window():
    market = a_market(6, 400)
    market.close[200] = np.nan
    ahead = Ahead.of(market.rows(0, 399), DEFAULT_PERIODS)

    with pytest.raises(DataError):
        NewestBar.after(ahead, 100.0, 1.0, market)
