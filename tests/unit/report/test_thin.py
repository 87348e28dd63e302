"""Thinned curves keep what the eye looks for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cointrader.backtest.report.thin import MOST_POINTS, thinned


def test_a_short_curve_stays_whole():
    assert thinned(np.arange(10.0), 10).tolist() == list(range(10))


def test_a_long_curve_keeps_its_ends_and_its_extremes():
    value = np.sin(np.arange(100_000) / 700)
    value[31_337], value[77_777] = 9.0, -9.0

    rows = thinned(value)

    assert len(rows) <= MOST_POINTS
    assert rows[0] == 0
    assert rows[-1] == 99_999
    assert {31_337, 77_777} <= set(rows.tolist())


def test_rows_that_must_be_drawn_are():
    rows = thinned(np.zeros(50_000), 100, keep=[12_345])

    assert 12_345 in rows.tolist()


@given(st.integers(1, 3_000), st.integers(4, 200), st.integers(0, 2**32 - 1))
def test_the_range_of_a_curve_is_never_lost(n, most, seed):
    value = np.random.default_rng(seed).standard_normal(n).cumsum()

    rows = thinned(value, most)

    assert len(rows) <= max(n if n <= most else most, 1)
    assert (np.diff(rows) > 0).all()
    assert value[rows].max() == value.max()
    assert value[rows].min() == value.min()
    assert rows[0] == 0
    assert rows[-1] == n - 1


def test_every_stretch_keeps_its_own_range():
    value = np.random.default_rng(1).standard_normal(10_000)

    rows = thinned(value, 202)

    for start in range(0, 10_000, 100):
        inside = rows[(rows >= start) & (rows < start + 100)]
        assert value[inside].max() == pytest.approx(value[start : start + 100].max())
        assert value[inside].min() == pytest.approx(value[start : start + 100].min())
