"""A backtest as values: its trades and equity as frames, and what they prove."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cointrader.app.backtest import Prepared, prepared, summary_of
from cointrader.app.summary import Summary
from cointrader.app.verdict.judge import Judgement, judge_own_trades
from cointrader.app.verdict.trial import CountedTrial, count_trial
from cointrader.backtest.criteria import load_criteria
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.run import run
from cointrader.research.frames import frame, sides, trade_frame
from cointrader.research.history import History, changed
from cointrader.signals.rules import SignalRule

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """One configuration played on one history.

    `result` has everything as plain arrays; the properties below make frames of it. Money is in
    quote currency, float64.
    """

    ready: Prepared
    trial: CountedTrial
    result: BacktestResult

    @property
    def summary(self) -> Summary:
        """The totals that `cointrader backtest` prints."""
        return summary_of(self.result, self.ready.config.slippage_bps / 10_000)

    @property
    def trades(self) -> pl.DataFrame:
        """Closed trades in the order in which they ended; ``r`` is net over what was risked."""
        result = self.result
        return trade_frame(result.trades, result.time_ms, result.symbols)

    @property
    def equity(self) -> pl.DataFrame:
        """The account at the open of each bar: wallet realised, equity marked."""
        result = self.result
        return frame({"time_ms": result.time_ms, "wallet": result.wallet, "equity": result.equity})

    @property
    def decisions(self) -> pl.DataFrame:
        """How each signal was answered; ``refusal`` is empty where nobody refused the entry."""
        told = self.result.decisions
        words = [told.words(place) for place in range(len(told))]
        return frame(
            {
                "symbol": [self.result.symbols[place] for place in told.symbol],
                "bar_ms": told.bar_ms,
                "side": sides(told.side),
                "action": [action for action, _ in words],
                "refusal": [refusal for _, refusal in words],
            }
        )

    def judge(self, criteria: Path | str | None = None) -> Judgement:
        """Judge the strategy's own trades: ``judgement.verdict.answer``, ``.measures``.

        By the shipped criteria, or by those of a file. Nothing is kept on disk.
        """
        found = load_criteria(None if criteria is None else Path(criteria))
        return judge_own_trades(self.ready, self.trial, found, account=self.result)


def backtest(
    history: History,
    *,
    balance: float = 1000.0,
    rule: SignalRule | Mapping[str, SignalRule] | None = None,
    ledger: Path | str | None = None,
    **settings: object,
) -> Backtest:
    """Play a history by the rules of live trading, and count that as a trial.

    Parameters
    ----------
    balance : first wallet, quote currency
    rule : a signal rule instead of the configured one, for all symbols or by symbol
    ledger : file in which trials are counted; this user's own by default
    settings : changes to the history's configuration, by name

    Raises `ConfigError`, `MissingCandles`, `DataError`, and `CointraderError` where the trial
    cannot be counted.
    """
    config = changed(history.config, settings)
    if rule is None or isinstance(rule, Mapping):
        rules = dict(rule or {})
    else:
        rules = dict.fromkeys(config.symbols, rule)
    ready = prepared(config, history.market, rules)
    now_ms = time.time_ns() // 1_000_000
    place = None if ledger is None else Path(ledger)
    trial = count_trial(ready, ledger=place, now_ms=now_ms, source="research")
    result = run(ready.candles, ready.signals, ready.settings(balance=balance))
    return Backtest(ready, trial, result)
