"""Columns made of what was told, and laid over what was stored; and stretches of time."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cointrader.domain.ports import Settlement
from cointrader.market.frame import Columns
from cointrader.market.spans import filled, united, within, without
from cointrader.market.upsert import funding_column, open_interest_change, upsert
from tests.unit.market.made import BAR_MS, a_frame, some_columns

HOUR_MS, FIVE_MS = 3_600_000, 300_000
EIGHT = 1_741_248_000_000  # 2025-03-06 08:00 UTC


def times(*bars: int) -> np.ndarray:
    return EIGHT + BAR_MS * np.array(bars, dtype=np.int64)


def test_a_rate_is_known_from_the_bar_on_that_opens_at_its_settlement():
    settled = [Settlement(EIGHT - 8 * HOUR_MS + 3, 0.0001), Settlement(EIGHT + 6, 0.0)]

    column = funding_column(times(-1, 0, 1, 31), settled)

    assert column.tolist() == [0.0001, 0.0, 0.0, 0.0]


def test_where_a_settlement_is_missing_the_rate_before_it_does_not_stand():
    column = funding_column(times(-33, -1, 0, 31, 32), [Settlement(EIGHT - 8 * HOUR_MS, 0.0001)])

    assert np.isnan(column).tolist() == [True, False, True, True, True]
    assert np.isnan(funding_column(times(0, 1), [])).all()


def test_a_change_is_from_one_close_to_the_next():
    told = np.array([EIGHT, EIGHT + BAR_MS, EIGHT + 2 * BAR_MS])

    told -= FIVE_MS

    change = open_interest_change(times(-1, 0, 1), BAR_MS, told, np.array([100.0, 110.0, 99.0]))

    assert math.isnan(change[0])
    assert change[1:].tolist() == [pytest.approx(0.1), pytest.approx(-0.1)]


def test_an_amount_of_the_last_five_minutes_is_not_known_at_the_close():
    told = EIGHT + BAR_MS * np.array([0, 1, 2]) - FIVE_MS
    amounts = np.array([100.0, 110.0, 99.0])

    in_time = open_interest_change(times(0, 1), BAR_MS, told, amounts)
    too_late = open_interest_change(times(0, 1), BAR_MS, told + 1, amounts)

    assert in_time.tolist() == [pytest.approx(0.1), pytest.approx(-0.1)]
    assert math.isnan(too_late[0])
    assert too_late[1] == pytest.approx(0.1)  # what the bar before would have needed


def test_an_amount_that_is_older_than_a_bar_is_of_another_one():
    told = np.array([EIGHT - FIVE_MS, EIGHT + BAR_MS - FIVE_MS, EIGHT + 2 * BAR_MS - FIVE_MS + 1])

    change = open_interest_change(times(0, 1, 2), BAR_MS, told, np.array([100.0, 110.0, 121.0]))

    assert change[0] == pytest.approx(0.1)
    assert np.isnan(change[1:]).all()  # the second bar had no amount of its own


def test_a_failed_count_of_zero_is_missing():
    told = np.array([EIGHT, EIGHT + BAR_MS, EIGHT + 2 * BAR_MS]) - FIVE_MS

    change = open_interest_change(times(0, 1), BAR_MS, told, np.array([100.0, 0.0, 50.0]))

    assert np.isnan(change).all()


def test_what_is_fetched_counts_and_what_is_not_known_replaces_nothing():
    old = a_frame(4, BTCUSDT=some_columns(4))
    old = replace(old, funding_rate=np.array([0.1, 0.1, np.nan, 0.1]))
    new = a_frame(5, ETHUSDT=some_columns(5))
    values = [column[2:].copy() for column in new.candles.arrays()]
    values[4][0] += 1.0
    new = replace(new.rows(2, 5), candles=Columns(*values))
    new = replace(new, funding_rate=np.array([0.2, np.nan, 0.3]))

    done = upsert(old, new)

    assert (done.added, done.changed) == (1, 2)
    assert done.frame.funding_rate.tolist() == [0.1, 0.1, 0.2, 0.1, 0.3]
    assert done.frame.candles.volume.tolist() == [10.0, 11.0, 13.0, 13.0, 14.0]
    assert done.frame.correlated["BTCUSDT"].close[:4].tolist() == [101.0, 102.0, 103.0, 104.0]
    assert np.isnan(done.frame.correlated["BTCUSDT"].close[4])
    assert np.isnan(done.frame.correlated["ETHUSDT"].close[:2]).all()


def test_the_same_again_changes_nothing():
    frame = a_frame(6, BTCUSDT=some_columns(6))

    done = upsert(frame, frame.rows(3, 6))

    assert (done.added, done.changed) == (0, 0)
    assert np.array_equal(done.frame.candles.close, frame.candles.close)


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


def moments(some):
    return {at for start, end in some for at in range(start, end)}


@given(spans, spans)
def test_spans_are_sets_of_moments(one, other):
    assert moments(united(one)) == moments(one)
    assert moments(without(one, other)) == moments(one) - moments(other)
    assert moments(within(one, (5, 20))) == moments(one) & set(range(5, 20))
    for found in (united(one), without(one, other)):
        assert all(a[1] < b[0] for a, b in pairwise(found))
        assert all(start < end for start, end in found)


def test_candles_fill_the_time_until_they_close():
    assert filled(np.array([0, 5, 10, 20, 30]), 5) == ((0, 15), (20, 25), (30, 35))
    assert filled(np.array([], dtype=np.int64), 5) == ()
