"""Sums and shares of windows, beside plain ones of every window by itself."""

import numpy as np
import pytest

from cointrader.backtest.windows import fill_shares, window_sums
from cointrader.signals.indicators import stoch_rsi_raw

PERIODS = [2, 3, 4, 5, 7, 14, 20, 31, 32, 33]


def room(n_bars, count):
    return [np.full(n_bars, np.nan) for _ in range(count)]


@pytest.mark.parametrize("period", PERIODS)
def test_a_sum_is_that_of_the_last_bars(period):
    values = np.random.default_rng(period).integers(0, 1000, 100).astype(np.float64)
    sums, *spare = room(100, 3)

    window_sums(values, period, sums, *spare)

    plain = [values[end - period : end].sum() for end in range(period, 101)]
    assert sums[period - 1 :].tolist() == plain  # of whole numbers no digit is lost


def test_a_large_value_leaves_nothing_behind_in_later_sums():
    values = np.full(60, 0.1)
    values[5] = 1e15
    sums, *spare = room(60, 3)

    window_sums(values, 20, sums, *spare)

    assert sums[25:] == pytest.approx(2.0, rel=1e-14)


@pytest.mark.parametrize("period", PERIODS)
def test_a_share_is_the_indicators_own_to_the_bit(period):
    rng = np.random.default_rng(period)
    rsi = np.round(rng.uniform(0, 100, 120), 0)  # many are equal
    rsi[40:90] = 50.0
    shares, *spare = room(120, 5)

    fill_shares(rsi, period, shares, *spare)

    assert np.array_equal(shares[period - 1 :], stoch_rsi_raw(rsi, period)[period - 1 :])
