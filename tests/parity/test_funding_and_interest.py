"""A rule that reads funding and open interest decides on paper as in a backtest."""

from __future__ import annotations

import numpy as np

from cointrader.app.config import Config
from cointrader.market.synthetic import SyntheticSource
from cointrader.signals.rules import WARM_UP_BARS, Signals
from tests.markets import BAR_MS, START_MS
from tests.parity.backtests import compare

SYMBOLS = ["XRPUSDT", "TRXUSDT"]


class Crowd:
    """Against whoever pays: short where longs pay and interest grows, long the other way round."""

    name = "crowd"
    warm_up = WARM_UP_BARS

    def evaluate(self, frame, indicators):
        shown = slice(len(frame) - len(indicators), None)
        rate, change = frame.funding_rate[shown], frame.oi_change[shown]
        side = np.where((change > 0.002) & (rate > 0), -1, 0)
        side = np.where((change < -0.002) & (rate < 0.0003), 1, side).astype(np.int8)
        return Signals(side=side, strength=np.abs(side), parts={"crowd": side})


def test_paper_knows_the_funding_and_open_interest_that_a_backtest_knows():
    source = SyntheticSource(
        SYMBOLS, seed=5, start_ms=START_MS, bars=700, interval_ms=BAR_MS, correlation_symbols=[]
    )
    config = Config(
        overrides={"symbols": SYMBOLS, "correlation_symbols": []}, environ={}, folder="/nonexistent"
    )

    result = compare(config, source, rules=dict.fromkeys(SYMBOLS, Crowd()))

    assert {"LONG", "SHORT"} == {trade.side.value for trade in result.trade_list()}
    assert len(result.trades) >= 10
