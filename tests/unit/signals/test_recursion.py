"""What remembers every bar before it, made in one go or in pieces."""

import numpy as np
import pytest

from cointrader.signals.recursion import fill_on, fill_remembered

DEFAULT = (14, 9, 21, 50, 12, 26, 9)
OTHER = (9, 3, 8, 30, 5, 13, 4)


def closes(n_bars, seed=1):
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, n_bars)))


@pytest.mark.parametrize("periods", [DEFAULT, OTHER])
@pytest.mark.parametrize("cuts", [(60,), (300, 301, 340), (100, 200, 399)])
def test_in_pieces_it_is_the_same_to_the_bit(periods, cuts):
    close, whole, pieces = closes(400), np.empty((6, 400)), np.empty((6, 400))
    known_in_one = fill_remembered(*(close, *periods, whole))

    first = np.empty((6, cuts[0]))
    known = fill_remembered(*(close[: cuts[0]], *periods, first))
    pieces[:, : cuts[0]] = first
    for begin, end in zip(cuts, (*cuts[1:], 400), strict=True):
        known = fill_on(*(close[begin - 1 : end], known, *periods, pieces, begin))

    assert np.array_equal(pieces, whole, equal_nan=True)
    assert known == known_in_one


@pytest.mark.parametrize("shown", [1, 10, 340, 351, 400])
def test_fewer_bars_shown_are_the_last_of_all(shown):
    close, whole, last = closes(400), np.empty((6, 400)), np.empty((6, shown))

    known = fill_remembered(close, *DEFAULT, last)

    assert known == fill_remembered(close, *DEFAULT, whole)
    assert np.array_equal(last, whole[:, 400 - shown :], equal_nan=True)
