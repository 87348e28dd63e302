"""Folds know nothing of what they are tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cointrader.domain.errors import ConfigError
from cointrader.training.population import TooFewRows
from cointrader.training.splits import expanding, purged

HOUR_MS = 3_600_000


@dataclass
class Rows:
    open_ms: np.ndarray
    label_end_ms: np.ndarray


@st.composite
def some_rows(draw, most=300):
    """Signals at times of their own, several at once as of pooled symbols, of any durations."""
    count = draw(st.integers(12, most))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    spread = draw(st.sampled_from([1, 4, 40]))
    open_ms = np.sort(rng.integers(0, count * spread, count)) * HOUR_MS
    return Rows(open_ms, open_ms + rng.integers(1, 60, count) * HOUR_MS)


def split(rows, folds, embargo_hours):
    try:
        return expanding(rows, folds, embargo_hours * HOUR_MS)
    except TooFewRows:
        assume(False)


@settings(deadline=None)
@given(some_rows(), st.integers(1, 6), st.integers(0, 30))
def test_no_label_of_a_training_reaches_its_embargo(rows, folds, embargo_hours):
    for train, test in split(rows, folds, embargo_hours):
        begins_ms = rows.open_ms[test].min() - embargo_hours * HOUR_MS
        assert rows.label_end_ms[train].max() <= begins_ms
        assert rows.open_ms[train].max() < rows.open_ms[test].min()


@settings(deadline=None)
@given(
    some_rows(), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.5, 0.9]), st.integers(1, 6),
    st.integers(0, 30),
)  # fmt: skip
def test_what_is_only_learned_from_changes_no_test(rows, seed, share, folds, embargo_hours):
    is_own = np.random.default_rng(seed).random(len(rows.open_ms)) < share
    alone = split(Rows(rows.open_ms[is_own], rows.label_end_ms[is_own]), folds, embargo_hours)
    own = np.flatnonzero(is_own)

    found = expanding(rows, folds, embargo_hours * HOUR_MS, is_own)

    for whole, few in zip(found, alone, strict=True):
        assert whole.test.tolist() == own[few.test].tolist()
        assert whole.train[is_own[whole.train]].tolist() == own[few.train].tolist()
        begins_ms = rows.open_ms[whole.test].min() - embargo_hours * HOUR_MS
        may = (rows.label_end_ms <= begins_ms) & (rows.open_ms < rows.open_ms[whole.test].min())
        assert whole.train.tolist() == np.flatnonzero(may).tolist()


def test_a_training_that_knows_no_row_of_those_that_are_tested_is_too_small():
    hours = np.arange(40) * HOUR_MS
    with pytest.raises(TooFewRows, match="0 to train on"):
        expanding(Rows(hours, hours + HOUR_MS), 2, 0, np.arange(40) >= 38)


@settings(deadline=None)
@given(some_rows(), st.integers(1, 6), st.integers(0, 30))
def test_no_row_is_tested_twice_and_none_after_the_first_part_is_left_out(
    rows, folds, embargo_hours
):
    found = split(rows, folds, embargo_hours)
    tested = np.concatenate([test for _, test in found])

    assert len(found) == folds
    assert tested.tolist() == list(range(tested[0], len(rows.open_ms)))


@settings(deadline=None)
@given(some_rows(), st.integers(1, 6), st.integers(0, 30))
def test_rows_of_one_time_are_tested_together(rows, folds, embargo_hours):
    for _, test in split(rows, folds, embargo_hours):
        others = np.delete(rows.open_ms, test)
        assert not np.isin(rows.open_ms[test], others).any()


@settings(deadline=None)
@given(some_rows(), st.integers(1, 6), st.integers(0, 30))
def test_a_training_keeps_every_row_that_it_may(rows, folds, embargo_hours):
    for fold in split(rows, folds, embargo_hours):
        first = fold.test[0]
        begins_ms = rows.open_ms[first] - embargo_hours * HOUR_MS
        may = np.flatnonzero(rows.label_end_ms[:first] <= begins_ms)
        assert fold.train.tolist() == may.tolist()
        assert purged(fold) == first - len(may)


@settings(deadline=None, max_examples=40)
@given(some_rows(most=120), st.integers(1, 5), st.integers(0, 30))
def test_trainings_are_those_of_another_library(rows, folds, embargo_hours):
    purgedcv = pytest.importorskip("purgedcv", reason="purgedcv, of oracle-stats, is not installed")
    import pandas as pd

    opened, known = (
        pd.Series(pd.to_datetime(x, unit="ms")) for x in (rows.open_ms, rows.label_end_ms)
    )
    for train, test in split(rows, folds, embargo_hours):
        earlier = np.arange(test[0])
        theirs = purgedcv.purge(earlier, test, opened, known, pd.Timedelta(hours=embargo_hours))
        assert train.tolist() == theirs.tolist()


def test_parts_are_of_equal_size_and_trainings_grow():
    times = np.arange(60) * HOUR_MS

    found = expanding(Rows(times, times + HOUR_MS), 5, 0)

    assert [len(test) for _, test in found] == [10] * 5
    assert [len(train) for train, _ in found] == [10, 20, 30, 40, 50]


def test_an_embargo_is_counted_in_time_and_not_in_rows():
    times = np.array([0, 1, 2, 3, 4, 5, 100, 101, 102, 103, 104, 105]) * HOUR_MS

    (fold,) = expanding(Rows(times, times + HOUR_MS), 1, 24 * HOUR_MS)

    assert (len(fold.train), len(fold.test)) == (6, 6)


def test_too_few_rows_for_so_many_folds_are_told_with_their_numbers():
    times = np.arange(4) * HOUR_MS

    with pytest.raises(TooFewRows) as told:
        expanding(Rows(times, times + HOUR_MS), 9, 0)

    assert "4 rows" in str(told.value)
    with pytest.raises(TooFewRows):
        expanding(Rows(times[:0], times[:0]), 1, 0)


def test_labels_that_take_too_long_leave_no_training():
    times = np.arange(10) * HOUR_MS

    with pytest.raises(TooFewRows, match="too few"):
        expanding(Rows(times, times + 100 * HOUR_MS), 2, 0)


@pytest.mark.parametrize(("folds", "embargo_ms"), [(0, 0), (-1, 0), (3, -1)])
def test_impossible_splits_are_refused(folds, embargo_ms):
    times = np.arange(10) * HOUR_MS

    with pytest.raises(ConfigError, match="impossible split"):
        expanding(Rows(times, times), folds, embargo_ms)


def test_rows_out_of_time_order_are_refused():
    times = np.array([3, 1, 2]) * HOUR_MS

    with pytest.raises(ValueError, match="time order"):
        expanding(Rows(times, times), 1, 0)
