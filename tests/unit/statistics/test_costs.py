import math

import pytest

from cointrader.backtest.statistics.costs import CostScenario, at_costs, bearable_costs, by_costs
from tests.unit.statistics.making import trades_of


def test_cost_scenarios_move_the_result_by_the_costs_alone():
    # A risk of 10; fees of 2 and slippage of 1 took 0.3 R.
    results = by_costs(trades_of([0.5, -0.5], fees=2.0, slippage=1.0))

    assert results["none"].mean_r == pytest.approx(0.3)
    assert results["own"].mean_r == 0.0
    assert results["pessimistic"].mean_r == pytest.approx(-0.15)


def test_fees_and_slippage_have_multiples_of_their_own():
    trades = trades_of([0.5], fees=2.0, slippage=1.0)

    assert at_costs(trades, CostScenario("", 2.0, 1.0)).net.tolist() == [3.0]
    assert at_costs(trades, CostScenario("", 1.0, 2.0)).net.tolist() == [4.0]


def test_bearable_costs_are_the_multiple_that_leaves_nothing():
    trades = trades_of([0.5, -0.2], fees=2.0, slippage=1.0)
    multiple = bearable_costs(trades)

    assert multiple == pytest.approx(1.5)
    left = at_costs(trades, CostScenario("", multiple, multiple))
    assert left.r.mean() == pytest.approx(0.0)


def test_bearable_costs_below_1_were_not_earned():
    assert bearable_costs(trades_of([-0.2], fees=3.0)) == pytest.approx(1 / 3)


def test_trades_that_cost_nothing_bear_any_costs_if_they_earn():
    assert bearable_costs(trades_of([0.1])) == math.inf
    assert bearable_costs(trades_of([-0.1])) == 0.0
    assert bearable_costs(trades_of([0.0])) == 0.0
    assert math.isnan(bearable_costs(trades_of([])))
