"""The built-in rule in one pass answers as the rule itself does, bar by bar."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.backtest.score_history import _BLOCK, COMPILED, can_be_quick, score_sides_of
from cointrader.market.frame import Columns, Frame, missing
from cointrader.market.source import FolderSource
from cointrader.signals.indicators import DEFAULT_PERIODS, Indicators, Periods
from cointrader.signals.rules import WARM_UP_BARS, evaluate
from cointrader.signals.score import ScoreRule, ScoreSettings
from tests.parity.playing import SHARED


def a_frame(rng, n_bars, *, tick=0.0, flat=0.0):
    """A random walk; with a tick many values are equal, with `flat` some bars do not move."""
    moves = rng.normal(0, 0.01, n_bars) * (rng.random(n_bars) >= flat)
    close = 100 * np.exp(np.cumsum(moves))
    close = np.round(close / tick) * tick if tick else close
    wide = close * (1 + np.abs(rng.normal(0, 0.004, n_bars)))
    volume = rng.lognormal(3, 1, n_bars) * (rng.random(n_bars) >= flat)
    columns = Columns(close, wide, 2 * close - wide, close, volume)
    times = np.arange(n_bars, dtype=np.int64) * 900_000
    nothing = missing(n_bars)
    return Frame("AAAUSDT", 900_000, times, columns, {}, nothing, nothing)


def score_sides(rule, frame, periods):
    """Side of every bar; None where it does not answer."""
    found = score_sides_of([rule], frame, periods)
    if found is None:
        return None
    rows, sides = found
    every = np.zeros(len(frame), np.int8)
    every[rows] = sides[0]
    return every


def assert_same(rule, frame, periods):
    expected = evaluate(rule, frame, Indicators(frame, periods)).side

    assert can_be_quick(rule, periods)
    sides = score_sides(rule, frame, periods)
    assert sides is not None
    assert np.array_equal(sides, expected)
    return expected


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.5, 1.5]),
    st.sampled_from([0.0, 20.0]),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from([0.0, 0.3, 0.95]),
)
def test_every_side_is_the_rules_own(seed, threshold, multiplier, adx, tick, flat):
    rng = np.random.default_rng(seed)
    frame = a_frame(rng, int(rng.integers(250, 900)), tick=tick, flat=flat)
    rule = ScoreRule(ScoreSettings(threshold, multiplier, adx))

    assert_same(rule, frame, DEFAULT_PERIODS)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_other_periods_give_the_rules_own_sides_too(seed):
    rng = np.random.default_rng(seed)
    fast, mid, slow = np.sort(rng.choice(np.arange(2, 60), 3, replace=False)).tolist()
    periods = Periods(
        rsi=int(rng.integers(2, 30)), macd_fast=fast, macd_slow=mid, macd_signal=slow,
        band=int(rng.integers(2, 40)), ema_fast=fast, ema_mid=mid, ema_slow=slow,
        stoch=int(rng.integers(2, 30)), stoch_k=int(rng.integers(2, 6)),
        stoch_d=int(rng.integers(2, 6)), volume=int(rng.integers(2, 40)),
    )  # fmt: skip

    assert_same(ScoreRule(ScoreSettings(2, 1.0)), a_frame(rng, 700), periods)


def test_volumes_of_very_different_sizes_and_ties_at_the_gate_are_judged_to_the_last_digit():
    rng = np.random.default_rng(3)
    frame = a_frame(rng, 3000)
    volume = frame.candles.volume
    volume[:] = rng.choice([0.0, 1e-9, 1.0, 1.5, 2.0, 1e12], len(volume))
    volume[1000:2000] = 7.0  # its own mean: loud at no multiplier from 1 on

    for multiplier in (0.0, 0.5, 1.0, 1.5):
        assert_same(ScoreRule(ScoreSettings(2, multiplier)), frame, DEFAULT_PERIODS)


@pytest.mark.parametrize("blocks", [0, 1, 2])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_where_one_block_of_bars_ends_and_the_next_begins_nothing_changes(blocks, more):
    length = WARM_UP_BARS + blocks * _BLOCK + more
    frame = a_frame(np.random.default_rng(5), length)

    assert_same(ScoreRule(ScoreSettings(1, 0.0)), frame, DEFAULT_PERIODS)


@pytest.mark.parametrize("width", [0.001, 2.0, 1e6])
def test_closes_at_their_bands_are_judged_to_the_last_digit(width):
    rng = np.random.default_rng(4)
    frame = a_frame(rng, 3000, tick=0.25, flat=0.9)

    assert_same(ScoreRule(ScoreSettings(1, 0.0)), frame, Periods(band=5, band_width=width))


def test_all_of_it_runs_without_numba():
    score_sides(ScoreRule(), a_frame(np.random.default_rng(2), 600), DEFAULT_PERIODS)

    assert all(each.is_native for each in COMPILED)


@pytest.mark.parametrize("column", ["close", "volume"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_where_a_candle_holds_no_usable_number_it_does_not_answer(column, value):
    frame = a_frame(np.random.default_rng(1), 400)
    getattr(frame.candles, column)[350] = value

    assert score_sides(ScoreRule(), frame, DEFAULT_PERIODS) is None


def test_periods_that_reach_beyond_the_warm_up_are_left_to_the_rule():
    assert not can_be_quick(ScoreRule(), Periods(ema_slow=200, adx=180))


@pytest.mark.skipif(not (SHARED / "combined").is_dir(), reason="the shared candles are not here")
@pytest.mark.parametrize("symbol", ["XRPUSDT", "TRXUSDT", "DOGEUSDT"])
def test_a_real_year_has_the_rules_own_sides(symbol):
    frame = FolderSource(SHARED / "combined", [symbol]).frame(symbol)

    sides = assert_same(ScoreRule(), frame, DEFAULT_PERIODS)

    assert np.count_nonzero(sides) > 450
