"""Costs in numbers that differ from each other and from 1."""

import pytest

from cointrader.backtest.statistics.costs import CostScenario, at_costs, bearable_costs, by_costs
from tests.unit.statistics.making import trades_of


@pytest.mark.parametrize(
    ("fees", "slippage", "net"),
    [(1.0, 1.0, 5.0), (0.0, 1.0, 8.0), (1.0, 0.0, 5.5), (2.0, 1.0, 2.0), (1.0, 3.0, 4.0)],
)
def test_each_cost_by_its_own_multiple(fees, slippage, net):
    """Net 5, of which fees took 3 and slippage a half."""
    trades = trades_of([0.5], fees=3.0, slippage=0.5)

    assert at_costs(trades, CostScenario("", fees, slippage)).net.tolist() == [net]


def test_the_three_scenarios():
    results = by_costs(trades_of([0.5], fees=3.0, slippage=0.5))

    assert {name: total.net for name, total in results.items()} == {
        "none": 8.5, "own": 5.0, "pessimistic": 3.25,
    }  # fmt: skip


def test_costs_are_weighed_by_the_risk_of_their_trade():
    """3.5 of 10 and 3.5 of 35: 0.35 and 0.1; 0.5 and 0.2 are left."""
    trades = trades_of([0.5, 0.2], risk=[10.0, 35.0], fees=3.0, slippage=0.5)

    assert bearable_costs(trades) == pytest.approx((0.35 + 0.225) / 0.225)
