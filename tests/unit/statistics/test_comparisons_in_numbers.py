"""Comparisons in numbers worked out by hand."""

import math

import numpy as np
import pytest

from cointrader.backtest.statistics.bootstrap import optimal_block_length, resampled
from cointrader.backtest.statistics.comparisons import (
    RANDOM_PLAYS,
    against_random,
    buy_and_hold,
    market_share,
)
from cointrader.backtest.statistics.daily import Daily
from cointrader.domain.errors import DataError
from tests.unit.statistics.making import DAY_MS, START_MS, chained, trades_of


def times(n):
    return START_MS + DAY_MS * np.arange(n, dtype=np.int64)


def daily(values, first=20_000):
    return Daily(first + np.arange(len(values)), np.asarray(values, np.float64))


@pytest.mark.parametrize(("own", "p_value"), [(1.0, 1.0), (1.5, 0.05), (0.5, 1.0)])
def test_chance_that_does_as_well_counts_against_the_strategy(own, p_value):
    found = against_random(trades_of([own] * 3), lambda _: trades_of([1.0] * 3), seed=1, plays=19)

    assert found.p_value == pytest.approx(p_value)
    assert found.random.tolist() == [1.0] * 19
    assert found.own == own


def test_a_play_without_a_trade_made_nothing():
    found = against_random(trades_of([-0.1]), lambda _: trades_of([]), seed=1, plays=4)

    assert found.random.tolist() == [0.0] * 4
    assert found.p_value == 1.0


def test_two_hundred_plays_unless_told_otherwise():
    found = against_random(trades_of([1.0]), lambda _: trades_of([0.0]), seed=1)

    assert len(found.random) == RANDOM_PLAYS == 200
    assert found.p_value == pytest.approx(1 / 201)


def test_nothing_of_a_strategy_without_trades_can_be_told():
    found = against_random(trades_of([]), lambda _: trades_of([1.0]), seed=1)

    assert math.isnan(found.own)
    assert len(found.random) == 0


def test_holding_pays_once_falls_and_is_told_by_the_year():
    """0.99 on the second day, 0.792 on the third, 1.188 on the last."""
    holding = buy_and_hold([(times(4), np.array([10.0, 10.0, 8.0, 12.0]))], cost_ratio=0.01)

    assert holding.total_ratio == pytest.approx(0.188)
    assert holding.drawdown_ratio == pytest.approx(1.0 - 0.792)
    assert holding.returns.value.tolist() == pytest.approx([0.0, -0.01, -0.2, 0.5])
    mean, deviation = 0.29 / 4, math.sqrt((0.0725**2 + 0.0825**2 + 0.2725**2 + 0.4275**2) / 3)
    assert holding.sharpe == pytest.approx(mean / deviation * math.sqrt(365))


def test_one_candle_may_be_held_and_none_may_not():
    assert buy_and_hold([(times(1), np.array([7.0]))]).total_ratio == 0.0
    with pytest.raises(DataError, match="nothing to hold"):
        buy_and_hold([(times(1), np.array([7.0])), (times(0), np.zeros(0))])


def test_a_symbol_keeps_its_last_price_after_its_last_candle():
    ended = (times(2), np.array([1.0, 3.0]))

    holding = buy_and_hold([(times(4), np.full(4, 7.0)), ended])

    assert holding.total_ratio == pytest.approx(1.0)
    assert holding.returns.value.tolist() == pytest.approx([0.0, 1.0, 0.0, 0.0])


def test_the_market_s_share_of_a_straight_line():
    """0.1 a day and twice the market: no draw can say otherwise."""
    market = [0.01, -0.01, 0.02, -0.03, 0.05, 0.0, -0.02, 0.04]
    strategy = [0.1 + 2.0 * value for value in market]

    share = market_share(daily(strategy), daily(market), seed=1, draws=300)

    assert share.beta == pytest.approx(2.0)
    assert share.correlation == pytest.approx(1.0)
    assert share.alpha.value == pytest.approx(36.5)
    assert share.alpha.low == pytest.approx(36.5)
    assert share.alpha.high == pytest.approx(36.5)
    assert share.alpha.error == pytest.approx(0.0, abs=1e-9)


def test_days_that_only_one_of_them_has():
    """The strategy's days count; a market that has none of them then stood still."""
    market = daily([0.5, 0.01, -0.01, 0.02], first=19_999)

    share = market_share(daily([0.02, -0.02, 0.04, 0.0]), market, seed=1, draws=50)

    assert share.beta == pytest.approx(2.0)
    assert share.alpha.value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("strategy", "market"),
    [([1.0, 2.0], [1.0, 2.0]), ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], [1.0] * 3)],
)
def test_too_few_days_or_none_that_moves_tell_nothing(strategy, market):
    share = market_share(daily(strategy), daily(market), seed=1)

    told = share.beta, share.correlation, share.alpha.value, share.alpha.low, share.alpha.error
    assert all(map(math.isnan, told))


def test_three_days_are_enough():
    share = market_share(daily([1.0, 2.0, 4.0]), daily([0.0, 1.0, 2.0]), seed=1, draws=200)

    assert share.beta == pytest.approx(1.5)
    assert share.alpha.value == pytest.approx(365 * (7 / 3 - 1.5))


def test_a_draw_in_which_the_market_stands_still_has_the_mean_as_its_alpha():
    """One day of three has a move; a draw without it has beta 0: its mean is 1, alpha 365."""
    share = market_share(daily([1.0, 1.0, 7.0]), daily([0.0, 0.0, 3.0]), seed=1, draws=2_000)

    assert share.alpha.low == pytest.approx(365.0)
    assert share.alpha.value == pytest.approx(365.0)
    assert share.alpha.high == pytest.approx(7 * 365.0)  # the moving day alone, three times


def test_days_that_differ_by_exactly_1_differ():
    share = market_share(daily([0.0, 1.0, 0.0]), daily([1.0, 0.0, 0.5]), seed=1, draws=50)

    assert share.beta == pytest.approx(-1.0)
    assert share.correlation == pytest.approx(-math.sqrt(0.75))


@pytest.mark.parametrize(("of_market", "of_strategy"), [(0.9, 0.0), (0.0, 0.9)])
def test_alpha_is_drawn_in_pairs_in_runs_as_long_as_the_longer_memory_asks_for(
    of_market, of_strategy
):
    """Each draw has a straight line of its own, by numpy."""
    x, y = chained(120, of_market, seed=2), chained(120, of_strategy, seed=3)
    block = max(optimal_block_length(x), optimal_block_length(y))
    pairs = resampled([x, y], block, 400, np.random.default_rng(5))
    lines = [
        np.polyfit(a, b, 1)[1] * 365
        for drawn_x, drawn_y in pairs
        for a, b in zip(drawn_x, drawn_y, strict=True)
    ]

    alpha = market_share(daily(y), daily(x), seed=5, confidence=0.9, draws=400).alpha

    assert alpha.value == pytest.approx(np.polyfit(x, y, 1)[1] * 365)
    assert (alpha.low, alpha.high) == pytest.approx(tuple(np.quantile(lines, [0.05, 0.95])))
    assert alpha.error == pytest.approx(np.std(lines, ddof=1))


def test_a_market_s_share_has_95_of_100_and_ten_thousand_draws_unless_told_otherwise():
    x, y = daily(chained(10, 0.0, seed=2)), daily(chained(10, 0.0, seed=3))

    told = market_share(x, y, seed=1, confidence=0.95, draws=10_000)
    assert market_share(x, y, seed=1) == told


def test_the_interval_leaves_the_same_share_out_on_either_side():
    rng = np.random.default_rng(8)
    market, noise = rng.standard_normal(400), rng.standard_normal(400)

    narrow = market_share(daily(noise), daily(market), seed=1, confidence=0.5, draws=4_000).alpha
    wide = market_share(daily(noise), daily(market), seed=1, confidence=0.95, draws=4_000).alpha

    # Of a normal distribution: 0.674 and 1.96 errors on either side.
    assert (narrow.high - narrow.low) / wide.error == pytest.approx(2 * 0.674, rel=0.05)
    assert (wide.high - wide.low) / wide.error == pytest.approx(2 * 1.96, rel=0.05)
    assert narrow.low - wide.low == pytest.approx(wide.high - narrow.high, rel=0.15)
