"""The verdict on a backtest: its own trades judged beside the account run, each trial counted.

ready = prepared(config, market)
trial = count_trial(ready, ledger=None, now_ms=now_ms)  # before any result is looked at
judgement = judge_own_trades(ready, trial, load_criteria(), account=result)
keep_verdict(judgement.kept, path)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cointrader.app.backtest import Prepared
from cointrader.app.summary import max_drawdown
from cointrader.app.verdict.kept import KeptVerdict, Occasion
from cointrader.app.verdict.subject import model_of
from cointrader.app.verdict.trial import CountedTrial, own_trades_config
from cointrader.backtest.criteria import Criteria
from cointrader.backtest.own_trades import played
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.run import run
from cointrader.backtest.statistics.evidence import measured
from cointrader.backtest.verdict import AccountRun, Subject, Verdict, judge


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A verdict with what it rests on: the own trades, as a report shows them."""

    kept: KeptVerdict
    own: BacktestResult

    @property
    def verdict(self) -> Verdict:
        return self.kept.verdict


def judge_own_trades(
    ready: Prepared,
    trial: CountedTrial,
    criteria: Criteria,
    *,
    account: BacktestResult | None = None,
    on_progress: Callable[[str], None] = lambda _text: None,
) -> Judgement:
    """Play the strategy's own trades, of a fixed size and without halts, and judge them.

    Parameters
    ----------
    trial : this configuration, counted before anything was played
    criteria : fixed before anything was played
    account : the account run, told beside the verdict

    Raises what `backtest.run.run` raises.
    """
    config, candles, signals = ready.config, ready.candles, ready.signals
    settings = ready.settings(own_trades_config(config))
    periods = {symbol: config.for_symbol(symbol).periods for symbol in candles.symbols}
    on_progress("judging the strategy's own trades")
    evidence = played(candles, signals, settings, periods=periods)
    verdict = judge(
        measured(evidence, trial.count, criteria.method),
        criteria,
        Subject(trial.identity.hash, trial.data.hash, model_of(config.symbols, ready.rules)),
        None if account is None else account_run(account),
    )
    occasion = Occasion(
        made_ms=trial.at_ms,
        market=trial.market,
        is_made_up=trial.is_made_up,
        symbols=candles.symbols,
        start_ms=trial.data.start_ms,
        end_ms=trial.data.end_ms,
        settings=trial.identity.settings,
    )
    return Judgement(KeptVerdict(verdict, occasion), run(candles, signals, settings))


def account_run(result: BacktestResult) -> AccountRun:
    """How an account fared, as it is told beside a verdict."""
    return AccountRun(
        start_wallet=result.start_wallet,
        final_wallet=result.final_wallet,
        trades=len(result.trades),
        max_drawdown_ratio=max_drawdown(result.equity),
        halted_ms=result.drawdown_halt_ms,
        halt_reason="" if result.drawdown_halt_ms is None else "drawdown limit",
    )
