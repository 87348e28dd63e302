"""What the same trades would have come to at other costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cointrader.backtest.statistics.columns import TradeColumns
from cointrader.backtest.statistics.metrics import Totals, totals


@dataclass(frozen=True, slots=True)
class CostScenario:
    """Multiples of the costs that were paid."""

    name: str
    fees: float
    slippage: float


SCENARIOS = (
    CostScenario("none", 0.0, 0.0),
    CostScenario("own", 1.0, 1.0),
    CostScenario("pessimistic", 1.5, 1.5),
)


def at_costs(trades: TradeColumns, scenario: CostScenario) -> TradeColumns:
    """The same trades at other costs; funding stays.

    Entries, exits and their moments stay as they were played. Where costs move a fill, and with
    it a stop, a replay may differ by a trade or two.
    """
    saved = (1.0 - scenario.fees) * trades.fees + (1.0 - scenario.slippage) * trades.slippage
    return trades.with_net(trades.net + saved)


def by_costs(trades: TradeColumns) -> dict[str, Totals]:
    """Totals for no costs, those that were paid, and half as much again."""
    return {scenario.name: totals(at_costs(trades, scenario)) for scenario in SCENARIOS}


def bearable_costs(trades: TradeColumns) -> float:
    """The multiple of the costs at which the mean R is 0.

    Below 1: they were not earned. Infinite for trades that cost nothing and earn something; NaN
    without trades.
    """
    if len(trades) == 0:
        return math.nan
    paid = float((trades.costs / trades.risk).mean())
    earned = float(trades.r.mean()) + paid
    if paid > 0.0:
        return earned / paid
    return math.inf if earned > 0.0 else 0.0
