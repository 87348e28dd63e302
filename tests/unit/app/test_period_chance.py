"""How likely a result is if the expectation is true, held against numbers counted by hand."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import pytest

from cointrader.app.period.chance import (
    BINOMIAL,
    BOOTSTRAP,
    ENOUGH,
    chance_of_count,
    chance_of_factor,
    chance_of_mean,
    chance_of_winners,
)
from cointrader.app.period.models import ENOUGH_OF_EACH, ranking

T = TypeVar("T")


def sure(found: T | None) -> T:
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("wins", "trades", "expected", "so_low", "so_high"),
    [
        (0, 3, 0.5, 1 / 8, 1.0),
        (1, 3, 0.5, 4 / 8, 7 / 8),
        (3, 3, 0.5, 1.0, 1 / 8),
        (0, 10, 0.4, 0.6**10, 1.0),
        (5, 5, 1.0, 1.0, 1.0),
        (4, 5, 1.0, 0.0, 1.0),
    ],
)
def test_so_few_winners_by_the_binomial_distribution(wins, trades, expected, so_low, so_high):
    found = sure(chance_of_winners(wins, trades, expected))

    assert found.method == BINOMIAL
    assert [found.so_low, found.so_high] == pytest.approx([so_low, so_high])


def test_a_thousand_trades_are_counted_too():
    found = sure(chance_of_winners(350, 1_000, 0.4))

    assert found.so_low == pytest.approx(0.000645499, rel=1e-5)  # in exact fractions
    assert (found.low, found.high) == (370, 430)
    assert not found.is_inside


@pytest.mark.parametrize("expected", [math.nan, -0.1, 1.1])
def test_what_is_no_probability_tells_nothing(expected):
    assert chance_of_winners(1, 2, expected) is None


@pytest.mark.parametrize(
    ("count", "expected", "so_low", "so_high"),
    [
        (0, 2.0, math.exp(-2), 1.0),
        (1, 2.0, 3 * math.exp(-2), 1 - math.exp(-2)),
        (3, 2.0, (1 + 2 + 2 + 8 / 6) * math.exp(-2), 1 - 5 * math.exp(-2)),
    ],
)
def test_so_few_trades_by_the_poisson_distribution(count, expected, so_low, so_high):
    found = sure(chance_of_count(count, expected))

    assert [found.so_low, found.so_high] == pytest.approx([so_low, so_high])


def test_no_trade_where_many_were_usual_is_outside():
    assert not sure(chance_of_count(0, 10.0)).is_inside
    assert sure(chance_of_count(6, 10.0)).is_inside
    assert chance_of_count(5, 0.0) is None


def a_series(trades, win_every=2, win=2.0, loss=-1.0):
    return np.array([win if i % win_every == 0 else loss for i in range(trades)])


def test_a_mean_like_the_expected_one_is_inside_and_half_as_likely_either_way():
    r = np.random.default_rng(5).normal(0.3, 1.0, 200)

    found = sure(chance_of_mean(r, float(r.mean())))

    assert found.method == BOOTSTRAP
    assert found.is_inside
    assert found.so_low == pytest.approx(0.5, abs=0.03)
    assert found.low < r.mean() < found.high


def test_a_mean_far_below_the_expected_one_is_outside():
    r = np.random.default_rng(5).normal(-0.2, 1.0, 200)

    found = sure(chance_of_mean(r, 0.3))

    assert not found.is_inside
    assert found.so_low < 0.001
    assert found.low > r.mean()


def test_a_mean_a_standard_error_below_is_as_likely_as_a_normal_one():
    r = np.random.default_rng(7).normal(0.0, 1.0, 400)

    found = sure(chance_of_mean(r, float(r.mean() + r.std() / 20)))  # 20 = sqrt(400)

    assert found.so_low == pytest.approx(0.1587, abs=0.02)


def test_a_profit_factor_is_held_against_one_that_winners_were_scaled_to():
    net = a_series(60)  # 2.0 exactly

    assert sure(chance_of_factor(net, 2.0)).is_inside
    assert sure(chance_of_factor(net, 6.0)).so_low < 0.01
    assert sure(chance_of_factor(net, 0.7)).so_high < 0.01


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        (a_series(ENOUGH - 1), 1.5),
        (np.ones(50), 1.5),
        (-np.ones(50), 1.5),
        (a_series(50), math.inf),
        (a_series(50), math.nan),
    ],
)
def test_too_little_to_tell_is_told_as_nothing(net, expected):
    assert chance_of_factor(net, expected) is None


# ------------------------------------------------------------------ the model's ranking


def test_an_auc_is_the_chance_that_a_winner_has_the_higher_probability():
    won = np.array([True] * 15 + [False] * 15)
    probability = np.array([0.6] * 10 + [0.5] * 5 + [0.5] * 5 + [0.4] * 10)

    found = sure(ranking(probability, won))

    assert found.auc == pytest.approx((15 * 15 - 0.5 * 25) / 225)  # 25 pairs are tied
    assert found.low < found.auc < found.high <= 1.0


def test_too_few_of_either_have_no_auc():
    won = np.array([True] * (ENOUGH_OF_EACH - 1) + [False] * 40)

    assert ranking(np.linspace(0, 1, len(won)), won) is None
