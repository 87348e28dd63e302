"""Research in Python: the commands as functions, results as arrays and polars frames.

    from cointrader import research

    history = research.load("data", "XRPUSDT")
    run = research.backtest(history, atr_sl_mult=2.0)
    print(run.judge().verdict.summary)
    run.trades  # a polars frame

Nothing is read from the environment: settings are arguments, or a `Config` of yours. Every
configuration that is played is counted as a trial, as the commands count it.
"""

from cointrader.research.backtests import Backtest, backtest
from cointrader.research.history import History, load
from cointrader.research.journals import JournalFrames, load_journal
from cointrader.research.searches import Search, WalkForward, sweep, walkforward

__all__ = [
    "Backtest",
    "History",
    "JournalFrames",
    "Search",
    "WalkForward",
    "backtest",
    "load",
    "load_journal",
    "sweep",
    "walkforward",
]
