"""The built-in rule on a year of real candles: it does not earn its costs, and the verdict says so.

Played by the reference engine, with a wallet that no limit touches: its trades have the entries
and exits of a fixed size, and results in R know no size.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cointrader.backtest.criteria import load_criteria
from cointrader.backtest.statistics.columns import Equity, TradeColumns
from cointrader.backtest.statistics.comparisons import against_random, buy_and_hold
from cointrader.backtest.statistics.evidence import Played, measured
from cointrader.backtest.verdict import Answer, Subject, judge

FOLDER = Path(__file__).parents[3].parent / "shared" / "data" / "combined"

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here"),
    pytest.mark.slow,
]

NOTIONAL = 1_000.0
NO_LIMITS: dict[str, Any] = {"max_daily_loss": 1e9, "balance": 1e12, "margin_decay_rate": 0.0}
FOUNDING = {"fee": 0.0004, "slippage_bps": 0.0}
DEFAULT = {"fee": 0.0005, "slippage_bps": 2.0}


class Year:
    """A symbol's year under the reference engine."""

    def __init__(self, symbol, **costs: Any):
        from tests import reference

        self.reference = reference
        self.settings = reference.Settings(**NO_LIMITS, **costs)
        path = FOLDER / symbol.lower() / "combined_15m.parquet"
        self.history = reference.load_combined(path)
        self.side, self.atr = reference.score_rule(self.history, self.settings)
        self.start_ms = int(self.history.open_time_ms[0])
        self.end_ms = int(self.history.open_time_ms[-1]) + 900_000

    def trades(self, side):
        """Each trade rescaled to the same notional."""
        symbol = self.history.symbol
        played = self.reference.run([self.history], self.settings, signals={symbol: side}).trades
        entry, exits, sides, net, fee, quantity, price, out = np.array(
            [
                (
                    t.entry_time_ms,
                    t.exit_time_ms,
                    1 if t.side == "long" else -1,
                    t.net,
                    t.fee,
                    t.quantity,
                    t.entry_price,
                    t.exit_price,
                )
                for t in played
            ]
        ).T
        scale = NOTIONAL / (quantity * price)
        bar = np.searchsorted(self.history.open_time_ms, entry) - 1
        moved = self.settings.slippage_bps / 10_000
        return TradeColumns(
            entry_ms=entry.astype(np.int64),
            exit_ms=exits.astype(np.int64),
            side=sides.astype(np.int64),
            net=net * scale,
            risk=self.settings.atr_sl_mult * self.atr[bar] * quantity * scale,
            fees=fee * scale,
            slippage=moved * (price + out) * quantity * scale,
            funding=np.zeros(len(net)),
        )

    def at_random(self, rng):
        """As many signals on either side, at bars of chance."""
        wanted = self.side[self.side != 0]
        bars = rng.choice(np.arange(300, len(self.side)), len(wanted), replace=False)
        side = np.zeros_like(self.side)
        side[bars] = wanted
        return self.trades(side)

    def played(self):
        trades = self.trades(self.side)
        times = np.concatenate(([self.start_ms], trades.exit_ms))
        value = np.concatenate(([0.0], np.cumsum(trades.net))) + NOTIONAL
        holding = buy_and_hold([(self.history.open_time_ms, self.history.close)])
        return Played(
            trades, Equity(times, value), self.start_ms, self.end_ms, self.at_random, holding
        )


def criteria_without_random_entries():
    shipped = load_criteria()
    kept = tuple(criterion for criterion in shipped.criteria if criterion.measure != "random_p")
    return replace(shipped, criteria=kept)


def test_the_trades_are_those_of_the_outside_reference():
    trades = Year("DOGEUSDT", **FOUNDING).played().trades

    assert len(trades) == 511
    assert trades.net.sum() == pytest.approx(-318.7877, abs=1e-3)


@pytest.mark.parametrize(
    ("symbol", "trades", "mean_r"),
    [("DOGEUSDT", 513, -0.161), ("TRXUSDT", 473, -0.371), ("XRPUSDT", 500, -0.261)],
)
def test_the_built_in_rule_has_no_edge(symbol, trades, mean_r):
    criteria = criteria_without_random_entries()

    year = replace(Year(symbol, **DEFAULT).played(), random=None)
    measures = measured(year, 1, criteria.method)
    verdict = judge(measures, criteria, Subject("default", symbol))

    assert verdict.answer is Answer.NO_EDGE
    assert measures["trades"] == trades
    assert measures["mean_r"] == pytest.approx(mean_r, abs=5e-4)
    assert measures["mean_r_high"] < 0.0
    assert measures["luck"] > 0.99
    assert measures["bearable_costs"] < 0.5


def test_the_built_in_rule_enters_no_better_than_chance_does():
    year = Year("DOGEUSDT", **DEFAULT)

    found = against_random(year.trades(year.side), year.at_random, seed=1, plays=19)

    # Chance pays the same costs, about 0.16 R, and the rule is among what chance makes.
    assert -0.35 < found.random.mean() < -0.05
    assert found.p_value > 0.05
