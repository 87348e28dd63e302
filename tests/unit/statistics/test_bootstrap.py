import math

import numpy as np
import pytest

from cointrader.backtest.statistics.bootstrap import (
    between,
    in_runs,
    interval,
    mean_of,
    optimal_block_length,
    profit_factor_of,
    quantiles,
    resampled,
    stationary_rows,
)
from tests.unit.statistics.making import chained

HEAVY = "arch is a heavy check of the statistics, in no lock: pip install 'arch>=8'"


def drawn_rows(n, block, draws, seed=1):
    return np.concatenate(list(stationary_rows(n, block, draws, np.random.default_rng(seed))))


def test_rows_come_in_runs_of_the_asked_mean_length_that_wrap_around():
    rows = drawn_rows(50, block=5.0, draws=4_000)
    follows = (rows[:, 1:] - rows[:, :-1]) % 50 == 1

    assert rows.shape == (4_000, 50)
    assert set(np.unique(rows)) == set(range(50))
    # A run goes on with probability 1 - 1/5; a new one begins at the next row by chance in 50.
    assert follows.mean() == pytest.approx(0.8 + 0.2 / 50, abs=0.005)


def as_defined(n, block, draws, rng, at_once=200_000):
    """The same rows, made of the same numbers, place by place."""
    series = max(1, at_once // n)
    for done in range(0, draws, series):
        count = min(series, draws - done)
        begins = rng.random(count * n) < 1.0 / block
        begins[::n] = True
        first = iter(rng.integers(0, n, int(begins.sum())).tolist())
        rows = np.empty(count * n, np.int64)
        for place, is_first in enumerate(begins.tolist()):
            rows[place] = next(first) if is_first else (rows[place - 1] + 1) % n
        yield rows.reshape(count, n)


@pytest.mark.parametrize("block", [1.0, 1.1, 2.5, 40.0])
@pytest.mark.parametrize(("n", "draws"), [(1, 5), (2, 7), (7, 300), (513, 3), (66_667, 4)])
def test_rows_and_values_are_those_of_the_definition_and_leave_the_same_numbers_behind(
    n, draws, block
):
    values = np.random.default_rng(3).standard_normal(n)
    expected_rng, rows_rng, values_rng = (np.random.default_rng(1) for _ in range(3))
    for each in (expected_rng, rows_rng, values_rng):
        each.integers(0, 9, 1, dtype=np.int32)  # leaves half a number over

    expected = np.concatenate(list(as_defined(n, block, draws, expected_rng)))
    rows = np.concatenate(list(stationary_rows(n, block, draws, rows_rng)))
    drawn = [one.copy() for one, _ in resampled([values, values[::-1]], block, draws, values_rng)]

    assert (rows == expected).all()
    assert np.concatenate(drawn).tobytes() == values[expected].tobytes()
    assert rows_rng.random() == values_rng.random() == expected_rng.random()


def test_a_source_of_numbers_that_cannot_skip_any_draws_the_same_rows():
    block_of_1 = list(stationary_rows(50, 1.0, 20, np.random.Generator(np.random.SFC64(1))))
    by_hand = list(as_defined(50, 1.0, 20, np.random.Generator(np.random.SFC64(1))))

    assert (np.concatenate(block_of_1) == np.concatenate(by_hand)).all()


def test_runs_go_around_and_begin_where_they_are_told():
    out = np.empty(6)
    begins = np.array([True, False, False, True, True, False])

    in_runs(np.array([10.0, 11.0, 12.0] * 2), begins, np.array([1, 0, 2]), out)

    assert out.tolist() == [11.0, 12.0, 10.0, 10.0, 12.0, 10.0]


@pytest.mark.parametrize("n", [1, 2, 39, 40, 41, 1_000])
@pytest.mark.parametrize("share", [0.0, 0.025, 0.3, 0.5, 0.975, 1.0])
def test_quantiles_are_numpy_s_inverse_of_the_distribution(n, share):
    values = np.random.default_rng(n).standard_normal(n)

    (found,) = quantiles(values, [share])

    assert found == np.quantile(values, share, method="inverted_cdf")


@pytest.mark.parametrize("n", [1, 2, 39, 40, 41, 1_000])
@pytest.mark.parametrize("share", [0.0, 0.025, 0.3, 0.5, 0.975, 1.0])
def test_what_lies_between_two_drawn_figures_is_as_numpy_has_it(n, share):
    values = np.random.default_rng(n).standard_normal(n)

    assert between(values, share) == np.quantile(values, share)


def test_every_row_is_drawn_equally_often():
    counts = np.bincount(drawn_rows(20, block=4.0, draws=20_000).ravel(), minlength=20)

    assert counts.min() > 0.97 * 20_000
    assert counts.max() < 1.03 * 20_000


def test_blocks_of_1_draw_row_by_row():
    rows = drawn_rows(100, block=1.0, draws=2_000)

    assert ((rows[:, 1:] - rows[:, :-1]) % 100 == 1).mean() == pytest.approx(0.01, abs=0.002)


def test_the_same_seed_draws_the_same_rows():
    few = drawn_rows(7, block=2.0, draws=10)

    assert few.shape == (10, 7)
    assert (few == drawn_rows(7, block=2.0, draws=10)).all()


def test_the_error_of_the_mean_of_independent_values_is_the_textbook_one():
    values = np.random.default_rng(3).standard_normal(400)

    found = interval(mean_of, values, seed=1, block=1.0)

    assert found.value == values.mean()
    assert found.error == pytest.approx(values.std() / 20.0, rel=0.03)
    assert found.low == pytest.approx(found.value - 1.96 * found.error, abs=0.005)
    assert found.high == pytest.approx(found.value + 1.96 * found.error, abs=0.005)


def test_values_that_follow_each_other_leave_the_mean_less_certain():
    values = chained(2_000, correlation=0.6)

    by_rows = interval(mean_of, values, seed=1, block=1.0, draws=2_000)
    in_runs = interval(mean_of, values, seed=1, draws=2_000)

    # In truth the error is sqrt((1 + 0.6) / (1 - 0.6)) = 2 times that of independent values.
    assert 1.6 < in_runs.error / by_rows.error < 2.2


def test_the_same_seed_gives_the_same_interval_and_another_nearly_so():
    values = chained(300, correlation=0.2)
    first, second, other = (interval(mean_of, values, seed=seed) for seed in (1, 1, 2))

    assert first == second
    assert other != first
    assert other.low == pytest.approx(first.low, abs=0.15 * first.error)


def test_an_interval_holds_the_truth_as_often_as_it_says():
    held = 0
    for seed in range(200):
        values = np.random.default_rng(seed).choice([-1.2, 1.8], 200, p=[0.6, 0.4])  # mean 0
        found = interval(mean_of, values, seed=seed, draws=400)
        held += found.low <= 0.0 <= found.high

    assert 182 <= held <= 199  # of 190 expected


def test_a_profit_factor_without_losses_in_some_draws_has_an_infinite_end():
    values = np.array([1.0] * 9 + [-1.0])

    found = interval(profit_factor_of, values, seed=1, draws=1_000, block=1.0)

    assert found.value == 9.0
    assert found.high == math.inf
    assert math.isfinite(found.low)


def test_an_interval_of_nothing_cannot_be_told():
    found = interval(mean_of, np.zeros(0), seed=1)

    assert math.isnan(found.value)
    assert math.isnan(found.low)


def test_independent_values_are_drawn_one_by_one_or_nearly_so():
    assert optimal_block_length(np.random.default_rng(4).standard_normal(500)) < 4.0


def test_the_longer_the_memory_the_longer_the_blocks():
    lengths = [optimal_block_length(chained(2_000, memory)) for memory in (0.0, 0.4, 0.8)]

    assert lengths == sorted(lengths)
    assert lengths[2] > 10.0


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 50])
def test_values_that_tell_nothing_about_their_order_have_blocks_of_1(values):
    assert optimal_block_length(np.array(values)) == 1.0


@pytest.mark.parametrize("n", [60, 511, 2_000])
@pytest.mark.parametrize("memory", [-0.3, 0.0, 0.3, 0.9])
def test_block_lengths_are_those_of_arch(n, memory):
    arch = pytest.importorskip("arch.bootstrap", reason=HEAVY)
    values = chained(n, memory, seed=n)

    theirs = float(arch.optimal_block_length(values)["stationary"].iloc[0])

    assert optimal_block_length(values) == pytest.approx(max(1.0, theirs), rel=1e-9)


@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_intervals_are_those_of_arch(memory):
    arch = pytest.importorskip("arch.bootstrap", reason=HEAVY)
    values = chained(500, memory, seed=7)
    block = 8.0

    ours = interval(mean_of, values, seed=1, block=block)
    theirs = arch.StationaryBootstrap(block, values, seed=np.random.default_rng(2))
    low, high = theirs.conf_int(np.mean, reps=10_000, method="percentile").ravel()
    error = math.sqrt(float(np.squeeze(theirs.cov(np.mean, reps=10_000))))

    assert ours.low == pytest.approx(low, abs=0.15 * error)
    assert ours.high == pytest.approx(high, abs=0.15 * error)
    assert ours.error == pytest.approx(error, rel=0.05)
