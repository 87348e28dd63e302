"""Marked equity of any list of trades, stitched together or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import Floats
from cointrader.backtest.market import Stretch
from cointrader.backtest.statistics.columns import Equity
from cointrader.domain.position import funding_payment


def marked_equity(trades: NDArray[np.void], stretch: Stretch, start: float) -> Equity:
    """Equity at the open of each bar, before its closes and entries, and once the last bar closed.

    As a backtest tells it, to the last digits.

    Parameters
    ----------
    trades : rows of `columns.TRADE` played on `stretch`; they may overlap
    start : what it begins with, in quote currency
    """
    opens, payments = stretch.candles.open, stretch.payments
    n_bars = len(stretch.candles.time_ms)
    change = np.zeros(n_bars + 2)  # of what is closed, by the bar at whose open it is seen first
    floating = np.zeros(n_bars + 1)  # of what is open
    for trade in trades:
        s, sign = int(trade["symbol"]), int(trade["side"])
        entered, left = int(trade["entry_bar"]), int(trade["exit_bar"])
        price, quantity = float(trade["entry_price"]), float(trade["quantity"])
        change[left + 1] += trade["net"]
        entry_fee = trade["fee"] * price / (price + trade["exit_price"])
        held = slice(entered + 1, left + 1)
        gross: Floats = (opens[s, held] - price) * quantity * sign  # `gross_pnl` of many bars
        floating[held] += gross - entry_fee
        begin, end = payments.start[s], payments.start[s + 1]
        bars = payments.bar[begin:end]
        for place in begin + np.flatnonzero((bars > entered) & (bars < left)):
            bar = int(payments.bar[place])
            mark = float(payments.mark[place])
            mark = float(opens[s, bar]) if np.isnan(mark) else mark
            paid = funding_payment(sign, quantity, mark, float(payments.rate[place]))
            floating[bar + 1 : left + 1] += paid
    value = start + np.cumsum(change)[: n_bars + 1] + floating
    end_ms = stretch.to_ms - 1
    return Equity(np.append(stretch.candles.time_ms, end_ms), value)
