import math

import numpy as np
import pytest

from cointrader.backtest.statistics.comparisons import (
    against_random,
    buy_and_hold,
    market_share,
)
from cointrader.backtest.statistics.daily import Daily
from cointrader.domain.errors import DataError
from tests.unit.statistics.making import DAY_MS, START_MS, trades_of


def random_around(mean, count=50):
    """Plays of `count` trades with this mean R."""
    return lambda rng: trades_of(mean + rng.standard_normal(count))


def times(n):
    return START_MS + DAY_MS * np.arange(n, dtype=np.int64)


# ---------------------------------------------------------------------- random entries


def test_a_strategy_far_above_random_entries_has_the_smallest_p_value_there_is():
    found = against_random(trades_of([5.0] * 50), random_around(0.0), seed=1, plays=99)

    assert found.p_value == 0.01
    assert found.own == 5.0
    assert len(found.random) == 99


def test_a_strategy_that_is_random_itself_stands_anywhere_among_random_entries():
    p_values = [
        against_random(
            random_around(0.0)(np.random.default_rng((seed, 7))),
            random_around(0.0),
            seed=seed,
            plays=19,
        ).p_value
        for seed in range(120)
    ]

    assert 0.4 < np.mean(p_values) < 0.6
    assert 0.02 <= np.mean(np.array(p_values) <= 0.1) <= 0.18


def test_a_rule_that_only_went_with_the_market_is_not_better_than_random_entries():
    rising = random_around(0.4)  # every long entry earns in a market like this
    strategy = rising(np.random.default_rng(3))

    assert strategy.r.mean() > 0.1
    assert against_random(strategy, rising, seed=1, plays=99).p_value > 0.05


def test_plays_do_not_depend_on_how_many_follow():
    few = against_random(trades_of([0.0]), random_around(0.0), seed=4, plays=5)
    many = against_random(trades_of([0.0]), random_around(0.0), seed=4, plays=10)

    assert many.random[:5].tolist() == few.random.tolist()


def test_without_trades_there_is_nothing_to_compare():
    assert math.isnan(against_random(trades_of([]), random_around(0.0), seed=1).p_value)


# ---------------------------------------------------------------------- buy and hold


def test_holding_one_symbol_goes_with_its_price():
    holding = buy_and_hold([(times(4), np.array([10.0, 12.0, 9.0, 15.0]))])

    assert holding.total_ratio == pytest.approx(0.5)
    assert holding.drawdown_ratio == pytest.approx(0.25)
    assert holding.returns.value.tolist() == pytest.approx([0.0, 0.2, -0.25, 2 / 3])


def test_costs_of_holding_are_paid_once():
    holding = buy_and_hold([(times(3), np.array([10.0, 10.0, 10.0]))], cost_ratio=0.01)

    assert holding.total_ratio == pytest.approx(-0.01)


def test_holding_two_symbols_begins_with_equal_parts():
    doubled, halved = np.array([1.0, 2.0]), np.array([8.0, 4.0])

    holding = buy_and_hold([(times(2), doubled), (times(2), halved)])

    assert holding.total_ratio == pytest.approx((2.0 + 0.5) / 2 - 1)


def test_a_symbol_that_comes_later_waits_as_money():
    late = (times(3)[1:], np.array([5.0, 10.0]))

    holding = buy_and_hold([(times(3), np.array([1.0, 1.0, 1.0])), late])

    assert holding.returns.value.tolist() == pytest.approx([0.0, 0.0, 0.5])


def test_nothing_to_hold_is_refused():
    with pytest.raises(DataError, match="nothing to hold"):
        buy_and_hold([])


# ---------------------------------------------------------------------- the market's share


def series(values):
    return Daily(20_000 + np.arange(len(values)), np.asarray(values))


def test_a_strategy_that_is_the_market_times_two_has_no_alpha():
    market = np.random.default_rng(1).standard_normal(300) * 0.02

    share = market_share(series(2.0 * market), series(market), seed=1, draws=500)

    assert share.beta == pytest.approx(2.0)
    assert share.correlation == pytest.approx(1.0)
    assert share.alpha.value == pytest.approx(0.0, abs=1e-9)


def test_a_strategy_that_is_short_the_market_goes_against_it():
    market = np.random.default_rng(1).standard_normal(300) * 0.02

    share = market_share(series(-market), series(market), seed=1, draws=100)

    assert share.beta == pytest.approx(-1.0)
    assert share.correlation == pytest.approx(-1.0)


def test_alpha_is_what_is_left_without_the_market_and_its_interval_holds_it():
    rng = np.random.default_rng(4)
    market = 0.001 + rng.standard_normal(1_000) * 0.02
    strategy = 0.1 - 3.0 * market + rng.standard_normal(1_000)

    share = market_share(series(strategy), series(market), seed=1, draws=2_000)

    assert share.alpha.low < 36.5 < share.alpha.high  # 0.1 a day over 365 days
    assert share.alpha.low > 0.0
    assert share.alpha.error == pytest.approx(365 / math.sqrt(1_000), rel=0.1)


def test_a_market_that_stands_still_explains_nothing():
    share = market_share(series([1.0, 2.0, 3.0]), series([0.0, 0.0, 0.0]), seed=1)

    assert math.isnan(share.beta)
    assert math.isnan(share.alpha.value)
