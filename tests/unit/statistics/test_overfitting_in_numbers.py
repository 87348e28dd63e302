"""Two blocks and a few configurations: every split worked out by hand."""

import math

import numpy as np
import pytest

from cointrader.backtest.statistics.overfitting import BLOCKS, DailyTable, overfitting

ROOT = math.sqrt(2.0)


def split(*columns, blocks=2):
    value = np.array(columns, np.float64).T
    return overfitting(DailyTable(np.arange(len(value)), value), blocks=blocks)


def test_two_configurations_that_take_turns():
    """Sharpe ratios of the halves: 2 / √2 and −2 / √2; 0.5 / √0.5 and 1.5 / √0.5.

    The first is the best of the first half and the worse one of the second, and the other way
    round: the winner's rank is 1 of 2 both times.
    """
    found = split([1.0, 3.0, -1.0, -3.0], [0.0, 1.0, 1.0, 2.0])

    assert found.past == pytest.approx([ROOT, 1.5 * ROOT])
    assert found.future == pytest.approx([-ROOT, 0.5 * ROOT])
    assert found.logits == pytest.approx([math.log(0.5)] * 2)
    assert found.probability == 1.0
    assert found.loss_ratio == 0.5


def test_the_exact_middle_is_not_the_better_half():
    """Second of three in the future: 2 / 4, log odds 0."""
    found = split([1.0, 3.0, 1.0, 2.0], [0.0, 1.0, -1.0, -2.0], [0.0, 1.0, 5.0, 6.0])

    assert found.logits[0] == 0.0
    assert found.logits[1] == pytest.approx(math.log((1.5 / 4) / (2.5 / 4)))  # a tie at the end
    assert found.probability == 1.0


def test_the_best_of_both_halves_is_at_the_top():
    found = split([1.0, 3.0, 1.0, 3.0], [0.0, 1.0, 0.0, -1.0], [-1.0, 0.0, -1.0, 0.0])

    assert found.logits == pytest.approx([math.log(3.0)] * 2)
    assert found.probability == found.loss_ratio == 0.0


def test_one_that_never_moves_has_a_ratio_of_0():
    """So it beats losers, although it earned each day."""
    found = split([5.0, 5.0, 5.0, 5.0], [-1.0, -2.0, -1.0, -2.0])

    assert found.past.tolist() == found.future.tolist() == [0.0, 0.0]
    assert found.loss_ratio == 0.0


def test_what_moves_by_a_trillionth_of_its_largest_day_has_not_moved():
    """As rounding leaves it; a thousand times as much is a move."""
    other = [0.0, 1.0, 0.0, -1.0]

    assert split([1.0, 3.0, 1e-13, 3e-13], other).future[0] == 0.0
    assert split([1.0, 3.0, 1e-10, 3e-10], other).future[0] == pytest.approx(ROOT, rel=1e-3)


@pytest.mark.parametrize("size", [1e-14, 1e-3, 1e14])
def test_the_size_of_the_money_does_not_matter(size):
    columns = [1.0, 3.0, -1.0, -3.0], [0.0, 1.0, 1.0, 2.0]

    found = split(*(np.array(column) * size for column in columns))

    assert found.past == pytest.approx([ROOT, 1.5 * ROOT])
    assert found.future == pytest.approx([-ROOT, 0.5 * ROOT])


def test_blocks_of_different_lengths_count_by_their_days():
    """Five days in two blocks: three and two."""
    found = split([1.0, 2.0, 3.0, 0.0, 4.0], [-1.0, -2.0, -3.0, 0.0, -4.0])

    assert found.past == pytest.approx([2.0, 2.0 / math.sqrt(8.0)])
    assert found.future == pytest.approx([2.0 / math.sqrt(8.0), 2.0])


def test_two_days_to_a_block_and_two_configurations_are_enough():
    assert len(split([1.0, 2.0] * 4, [2.0, 1.0] * 4, blocks=4).logits) == 6
    with pytest.raises(ValueError, match="at least 2"):
        split([1.0, 2.0] * 4, blocks=4)


def test_sixteen_blocks_unless_told_otherwise():
    assert BLOCKS == 16
