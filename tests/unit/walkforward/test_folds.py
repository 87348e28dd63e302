"""Windows of a walk-forward: no bar twice, none left out, nothing chosen on what is tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.backtest.walkforward.folds import (
    Fold,
    coverage,
    folds_of,
    require_coverage,
    windows_of,
)
from cointrader.domain.errors import InvariantBroken, MissingCandles, UsageError
from tests.markets import BAR_MS, DAY_MS, START_MS

LENGTHS = {"train_ms": 60 * DAY_MS, "test_ms": 20 * DAY_MS, "embargo_ms": DAY_MS}


def times(days):
    return np.arange(START_MS, START_MS + round(days * DAY_MS), BAR_MS, dtype=np.int64)


def test_rolling_folds_follow_each_other():
    folds = folds_of(0, 141 * DAY_MS, anchored=False, **LENGTHS)

    day = [tuple(ms // DAY_MS for ms in (f.train_from_ms, f.train_to_ms, f.test_from_ms,
                                         f.test_to_ms)) for f in folds]  # fmt: skip
    assert day == [(0, 60, 61, 81), (20, 80, 81, 101), (40, 100, 101, 121), (60, 120, 121, 141)]


def test_anchored_folds_begin_where_the_candles_do():
    folds = folds_of(0, 141 * DAY_MS, anchored=True, **LENGTHS)

    assert [fold.train_from_ms for fold in folds] == [0, 0, 0, 0]
    assert [fold.train_to_ms // DAY_MS for fold in folds] == [60, 80, 100, 120]


@pytest.mark.parametrize(("end", "last"), [(145, (121, 145)), (155, (141, 155)), (131, (121, 131))])
def test_a_short_rest_is_part_of_the_last_test(end, last):
    fold = folds_of(0, end * DAY_MS, anchored=False, **LENGTHS)[-1]

    assert (fold.test_from_ms // DAY_MS, fold.test_to_ms // DAY_MS) == last


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 200), st.integers(1, 90), st.integers(0, 10), st.integers(1, 700), st.booleans()
)
def test_every_bar_after_the_first_training_is_tested_once(train, test, embargo, days, anchored):
    clock = times(days)
    end_ms = int(clock[-1]) + BAR_MS
    lengths = {
        "train_ms": train * DAY_MS, "test_ms": test * DAY_MS, "embargo_ms": embargo * DAY_MS,
    }  # fmt: skip
    try:
        folds = folds_of(START_MS, end_ms, anchored=anchored, **lengths)
    except MissingCandles:
        assert (days - train - embargo) < test / 2
        return

    assert coverage(folds, clock, folds[0].test_from_ms) == 1.0
    assert folds[0].test_from_ms == START_MS + (train + embargo) * DAY_MS
    for fold in folds:
        assert fold.test_from_ms - fold.train_to_ms == embargo * DAY_MS
        assert START_MS <= fold.train_from_ms < fold.train_to_ms
    windows = windows_of(folds, clock)
    seen = np.concatenate(
        [np.arange(first, end) for first, end in zip(windows.first[1::2], windows.end[1::2],
                                                     strict=True)]
    )  # fmt: skip
    assert len(seen) == len(set(seen.tolist()))
    assert (windows.known[::2] == windows.end[::2]).all()
    assert (windows.end[::2] <= windows.first[1::2]).all()


def test_a_bar_that_is_tested_twice_is_found():
    folds = folds_of(START_MS, START_MS + 141 * DAY_MS, anchored=False, **LENGTHS)
    doubled = replace(folds[1], test_from_ms=folds[1].test_from_ms - BAR_MS)

    with pytest.raises(InvariantBroken, match="two tests"):
        coverage((folds[0], doubled), times(141), folds[0].test_from_ms)


def test_a_choice_that_has_seen_its_test_is_found():
    fold = Fold(START_MS, START_MS + 10 * DAY_MS, START_MS + 9 * DAY_MS, START_MS + 20 * DAY_MS)

    with pytest.raises(InvariantBroken, match="tested on"):
        coverage((fold,), times(20), fold.test_from_ms)


def test_what_was_not_tested_is_missed():
    folds = folds_of(START_MS, START_MS + 141 * DAY_MS, anchored=False, **LENGTHS)
    share = coverage((folds[0], *folds[2:]), times(141), folds[0].test_from_ms)

    assert share == pytest.approx(0.75)
    with pytest.raises(MissingCandles, match="too little"):
        require_coverage(share)
    require_coverage(0.95)


def test_too_little_time_is_told():
    with pytest.raises(MissingCandles, match="too few candles"):
        folds_of(0, 70 * DAY_MS, anchored=False, **LENGTHS)
    assert len(folds_of(0, 71 * DAY_MS, anchored=False, **LENGTHS)) == 1


@pytest.mark.parametrize("name", ["train_ms", "test_ms", "embargo_ms"])
def test_a_length_that_is_none_is_told(name):
    with pytest.raises(UsageError):
        folds_of(0, 100 * DAY_MS, anchored=False, **(LENGTHS | {name: -1}))
