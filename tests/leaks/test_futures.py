"""The changed futures themselves: plausible, different, and only after the bar."""

from __future__ import annotations

import numpy as np
import pytest

from cointrader.market.quality import possible
from cointrader.signals.indicators import DEFAULT_PERIODS
from cointrader.signals.leak_check import Effort, filled, prove, trial_frame
from cointrader.signals.leak_check.answers import RuleAnswers
from cointrader.signals.leak_check.inputs import (
    OPEN_INTEREST,
    Future,
    Input,
    arrays_of,
    with_arrays,
    with_future,
    with_holes,
)
from cointrader.signals.leak_check.moments import moments
from cointrader.signals.score import ScoreRule


@pytest.fixture(scope="module")
def frame():
    return trial_frame(bars=1_200)


def changed(frame, other, each):
    one, two = arrays_of(frame)[each], arrays_of(other)[each]
    return (one != two) & ~(np.isnan(one) & np.isnan(two))


@pytest.mark.parametrize("future", Future)
def test_only_later_bars_are_changed_and_the_caller_keeps_his_own(frame, future):
    before = {each: array.copy() for each, array in arrays_of(frame).items()}

    other = with_future(frame, 700, future, np.random.default_rng(1))

    for each in arrays_of(frame):
        assert not changed(frame, other, each)[:701].any(), each
        np.testing.assert_array_equal(arrays_of(frame)[each], before[each])


@pytest.mark.parametrize("future", [each for each in Future if each is not Future.ABSENT])
def test_every_input_is_changed_and_every_candle_remains_possible(frame, future):
    other = with_future(frame, 700, future, np.random.default_rng(2))

    for each in arrays_of(frame):
        assert changed(frame, other, each)[701:].mean() > 0.01, each
    for columns in (other.candles, *other.correlated.values()):
        assert possible(columns).all()


def test_without_context_the_own_candles_stay(frame):
    other = with_future(frame, 700, Future.ABSENT, np.random.default_rng(3))

    for each, array in arrays_of(other).items():
        assert np.isnan(array[701:]).all() == (each.symbol != "XRPUSDT"), each


def test_opposed_futures_go_the_other_way(frame):
    one, other = (
        with_future(frame, 700, future, np.random.default_rng(4))
        for future in (Future.PARTED, Future.OPPOSED)
    )

    for symbol in ("XRPUSDT", "BTCUSDT", "ETHUSDT"):
        close = arrays_of(frame)[Input(symbol, "close")][701:]
        moves = [(arrays_of(f)[Input(symbol, "close")][701:] / close).mean() for f in (one, other)]
        assert (moves[0] > 1) != (moves[1] > 1)


def test_holes_are_in_the_context_only_and_whole_candles_are_missing(frame):
    holed = with_holes(frame, np.random.default_rng(5))

    assert not np.isnan(holed.candles.close).any()
    for columns in holed.correlated.values():
        missing = np.isnan(np.column_stack(columns.arrays()))
        assert missing.any()
        assert (missing.all(axis=1) == missing.any(axis=1)).all()


def test_what_is_there_is_never_made_up(frame):
    bare = with_arrays(frame, {Input("", OPEN_INTEREST): np.full(len(frame), np.nan)})

    whole, made_up = filled(bare)

    assert made_up == (OPEN_INTEREST,)
    assert np.isfinite(whole.oi_change).all()
    assert whole.funding_rate is bare.funding_rate
    assert filled(frame)[1] == ()


def test_every_bar_comes_up_once_and_signals_before_a_settlement_early(frame):
    table = dict(RuleAnswers(ScoreRule(), DEFAULT_PERIODS)(frame))
    table["side"] = table["side"].copy()
    table["side"][:] = 0
    before_settlement = int(np.flatnonzero(frame.open_time_ms % 28_800_000 == 0)[15]) - 1
    table["side"][before_settlement] = 1

    rows = moments(frame, table, 300, np.random.default_rng(6))

    assert sorted(rows.tolist()) == list(range(300, len(frame) - 1))
    assert before_settlement in rows[:8]


def test_a_search_that_is_ended_early_says_so(frame):
    report = prove(ScoreRule(), frame, effort=Effort(moments_of_features=0), enough=lambda: True)

    assert report.moments == 0
    assert any("ended the search early" in note for note in report.notes)
