"""The bootstrap in numbers written down: those of `arch` 8, and what follows by counting."""

import math

import numpy as np
import pytest

from cointrader.backtest.statistics.bootstrap import (
    interval,
    mean_of,
    optimal_block_length,
    profit_factor_of,
    stationary_rows,
)
from tests.unit.statistics.making import chained


@pytest.mark.parametrize(
    ("n", "memory", "seed", "length"),
    [
        (8, 0.5, 1, 3.0),  # the longest there may be: ceil(8 / 3)
        (9, 0.8, 3, 1.1012132432617534),
        (9, 0.9, 65, 1.2050137380047072),  # correlations hardly significant, or hardly not
        (9, -0.3, 10, 1.0729046376061677),
        (9, -0.3, 8, 1.569227874560159),
        (12, 0.9, 2, 1.4264637336530037),
        (30, 0.9, 5, 4.531428241411552),
        (60, -0.3, 60, 2.8716852066034657),
        (60, 0.3, 60, 2.088756861847834),
        (100, 0.97, 4, 11.500640137876498),
        (200, 0.0, 200, 2.80189326837519),
        (511, 0.3, 511, 1.9781089609819724),
        (511, 0.9, 511, 29.561187726595264),
        (2_000, 0.6, 2_000, 18.164678187213475),
    ],
)
def test_block_lengths_that_arch_finds(n, memory, seed, length):
    assert optimal_block_length(chained(n, memory, seed)) == pytest.approx(length, rel=1e-9)


@pytest.mark.parametrize(
    ("values", "length"),
    [
        ([-2.2, -1.1, 0.8, 0.9, -0.8, -0.4, 0.2, -0.1, 0.9], 2.0295669371765053),
        ([-4.0, 2.5, -1.7, 0.1, -0.8, 0.1, 0.7, 0.8, 1.9], 1.714048485984814),
    ],
)
def test_a_run_of_insignificant_lags_ends_before_the_last_lag(values, length):
    """Of seven lags a run of five begins at the first or the second: here at neither.

    `arch` has an eighth lag, of one value by nothing, and so tries the third one too.
    """
    assert optimal_block_length(np.array(values)) == pytest.approx(length, rel=1e-9)


def test_blocks_are_no_longer_than_three_roots_or_a_third_of_the_series():
    assert optimal_block_length(np.tile([1.0, -1.0], 51)[:101]) == 31.0  # 30.1, or 33.7
    assert optimal_block_length(np.tile([1.0, 2.0, -1.0, -2.0], 7)[:27]) == 9.0  # 15.6, or 9


def test_seven_values_tell_nothing_about_their_order_and_eight_do():
    assert optimal_block_length(chained(7, 0.5)) == 1.0
    assert optimal_block_length(chained(8, 0.5)) == 3.0


def test_a_block_length_does_not_depend_on_the_size_of_the_values():
    values = chained(200, 0.6)
    length = optimal_block_length(values)

    assert length > 2.0
    for size in (2.0**-40, 2.0**40, 1.0 / np.ptp(values)):
        assert optimal_block_length(values * size) == pytest.approx(length, rel=1e-9)


def test_a_series_that_moves_no_more_after_its_start_has_no_memory_beyond_it():
    """From lag 2 on only zeros are left on one side: nothing to divide by is no correlation.

    So lag 1 alone counts, with -1 of 14: slope -2 / 80, variance of the mean 12 / 80.
    """
    values = np.array([2.0, 1.0, -3.0] + [0.0] * 77)

    assert optimal_block_length(values) == pytest.approx(math.cbrt((2 / 12) ** 2 * 80))


def test_equal_values_have_no_order_whatever_rounding_makes_of_their_mean():
    values = np.full(50, 0.1)

    assert (values - values.mean()).any()
    assert optimal_block_length(values) == 1.0


def test_where_correlations_cancel_all_variance_single_rows_are_drawn():
    """Variance of the mean by these lags: exactly 0, by which nothing can be divided."""
    assert optimal_block_length(np.array([2.0, -2.0, 2.0, -2.0, 2.0, 0.0, 0.0, -2.0])) == 1.0


def counted(drawn):
    """A figure that numbers the series drawn at once: 0, 1, 2..."""
    return np.arange(len(drawn), dtype=np.float64)


@pytest.mark.parametrize(
    ("confidence", "low", "high"), [(0.95, 25.0, 974.0), (0.9, 49.0, 949.0), (0.5, 249.0, 749.0)]
)
def test_the_ends_of_an_interval_leave_the_same_share_out_on_either_side(confidence, low, high):
    # (1 - 0.95) / 2 is a hair more than 0.025 in floats: one more is left out below.
    found = interval(
        counted, np.arange(10.0), seed=1, confidence=confidence, draws=1_000, block=2.0
    )

    assert (found.value, found.low, found.high) == (0.0, low, high)
    assert found.error == pytest.approx(math.sqrt(1_000 * 1_001 / 12))


def test_an_interval_has_95_of_100_and_ten_thousand_draws_unless_it_is_told_otherwise():
    found = interval(counted, np.arange(10.0), seed=1, block=2.0)

    assert (found.low, found.high) == (250.0, 9_749.0)


def test_where_a_drawn_figure_is_infinite_so_is_the_error():
    def figure(drawn):
        return np.where(np.arange(len(drawn)) == 7, math.inf, 1.0)

    found = interval(figure, np.arange(5.0), seed=1, draws=100, block=1.0)

    assert (found.low, found.high, found.error) == (1.0, 1.0, math.inf)


def test_nothing_has_no_value_no_ends_and_no_error():
    found = interval(mean_of, np.zeros(0), seed=1)

    assert all(map(math.isnan, (found.value, found.low, found.high, found.error)))


def test_profit_factors_row_by_row():
    drawn = np.array([[1.0, -2.0, 0.0], [3.0, -1.0, 1.0], [1.0, 1.0, 0.0], [0.0] * 3, [-1.0, 0, 0]])

    assert profit_factor_of(drawn).tolist() == [0.5, 4.0, math.inf, 1.0, 0.0]
    assert profit_factor_of(drawn / 1_000.0).tolist() == [0.5, 4.0, math.inf, 1.0, 0.0]


def test_each_series_begins_with_a_run_of_its_own():
    """Runs without an end: every series is one, and they begin anywhere."""
    rows = np.concatenate(list(stationary_rows(7, 1e12, 3_000, np.random.default_rng(1))))

    assert ((rows[:, 1:] - rows[:, :-1]) % 7 == 1).all()
    counts = np.bincount(rows[:, 0], minlength=7)
    assert counts.min() > 350
    assert counts.max() < 510


@pytest.mark.parametrize("block", [1.0, 0.25, -3.0])
def test_no_block_is_shorter_than_one_row(block):
    one, other = (
        np.concatenate(list(stationary_rows(30, b, 40, np.random.default_rng(1))))
        for b in (1.0, block)
    )

    assert (one == other).all()


@pytest.mark.parametrize(
    ("n", "draws", "shapes"),
    [
        (30_000, 10, [(6, 30_000), (4, 30_000)]),
        (300_000, 3, [(1, 300_000)] * 3),  # more than fit at once: one by one
        (2, 5, [(5, 2)]),
    ],
)
def test_long_series_are_drawn_a_few_at_a_time(n, draws, shapes):
    parts = list(stationary_rows(n, 5.0, draws, np.random.default_rng(1)))

    assert [part.shape for part in parts] == shapes
    assert all(part.min() >= 0 and part.max() < n for part in parts)
