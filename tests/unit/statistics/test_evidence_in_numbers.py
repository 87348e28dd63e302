"""Measures of a handful of trades."""

import math

import numpy as np
import pytest

from cointrader.backtest.statistics.comparisons import buy_and_hold
from cointrader.backtest.statistics.evidence import Method, Played, measured
from tests.unit.statistics.making import DAY_MS, START_MS, equity_of, trades_of

METHOD = Method(draws=200, random_plays=4)


def played(r, **more):
    equity = equity_of([1_000.0 + 10.0 * sum(r[:day]) for day in range(len(r) + 1)])
    return Played(trades_of(r), equity, START_MS, START_MS + (len(r) + 1) * DAY_MS, **more)


def test_two_trades_detect_something_and_one_does_not():
    assert measured(played([1.0, 3.0]), 1, METHOD)["detectable_r"] > 0.0
    assert math.isnan(measured(played([1.0]), 1, METHOD)["detectable_r"])


def test_random_entries_and_holding_under_their_names():
    closes = np.array([10.0, 11.0, 12.0, 15.0])
    holding = buy_and_hold([(START_MS + DAY_MS * np.arange(4, dtype=np.int64), closes)])
    random = lambda _: trades_of([-0.5])  # noqa: E731

    found = measured(played([1.0, -2.0, 2.0], random=random, holding=holding), 1, METHOD)

    assert found["random_mean_r"] == -0.5
    assert found["random_p"] == pytest.approx(1 / 5)
    assert found["hold_ratio"] == pytest.approx(0.5)
    assert found["alpha_r_low"] <= found["alpha_r"]


def test_the_same_without_a_method_is_by_the_shipped_one():
    whole = played([1.0, -2.0, 2.0])

    assert measured(whole, 1) == measured(whole, 1, Method())
    assert Method() == Method(0.95, 10_000, 1, 200, 0.01, 0.80)
