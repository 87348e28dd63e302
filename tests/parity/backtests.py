"""Plays the same plan on paper and as a backtest, and holds the two together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cointrader.app.backtest import backtest
from cointrader.app.config import Config
from cointrader.app.paper.market import PaperMarket
from cointrader.app.paper.run import PaperOutcome
from cointrader.app.summary import Summary
from cointrader.backtest.result import BacktestResult
from cointrader.domain.order import Side
from cointrader.journal.reader import JournalReader
from cointrader.signals.rules import SignalRule
from tests.parity.playing import play

MONEY = ("entry_price", "exit_price", "quantity", "gross", "fee", "funding", "net")


def backtested(
    config: Config,
    source,
    *,
    balance: float = 1000.0,
    rules: Mapping[str, SignalRule] | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> BacktestResult:
    market = PaperMarket(source, start_ms, end_ms, {})
    return backtest(config, market, balance=balance, rules=rules)


def compare(config: Config, source, *, balance: float = 1000.0, **plan) -> BacktestResult:
    """Both ways, every trade and every answer the same; the backtest's result."""
    with TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        outcome, summary = play(config, source, journal, balance=balance, **plan)
        with JournalReader(journal) as reader:
            decided = _decided(reader, config.symbols)
            equity = {e.at_ms: (float(e.wallet), float(e.equity)) for e in reader.equity()}
    result = backtested(config, source, balance=balance, **plan)
    assert_same(result, outcome, summary)
    assert _answers(result) == decided
    _assert_same_equity(result, equity)
    return result


def assert_same(result: BacktestResult, outcome: PaperOutcome, summary: Summary) -> None:
    """What, when and why exactly; prices and money to 1e-9 relative."""
    for ours, theirs in zip(result.trade_list(), summary.trades, strict=False):
        for name in ("symbol", "side", "entry_time_ms", "exit_time_ms", "reason", "trade_id"):
            assert getattr(ours, name) == getattr(theirs, name), (name, ours, theirs)
        through = abs(float(theirs.entry_price * theirs.quantity))
        for name in MONEY:
            value, wanted = float(getattr(ours, name)), float(getattr(theirs, name))
            # A profit that cancels to nearly nothing is as exact as the money it is left of.
            scale = through * 1e-3 if name in ("gross", "net", "funding") else 0.0
            assert math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9 * scale), (
                name,
                ours,
                theirs,
            )
    assert len(result.trades) == len(summary.trades)
    assert math.isclose(result.final_wallet, float(outcome.final_wallet), rel_tol=1e-9)
    assert result.refusals == summary.refusals
    assert result.reasons == summary.reasons
    assert result.halted_days == outcome.halted_days
    assert result.drawdown_halt_ms == summary.drawdown_halt_ms
    assert result.bars == summary.bars


def _decided(reader: JournalReader, symbols) -> list[tuple[str, int, str, str, str]]:
    return [
        (symbol, d.bar_open_ms, d.side.value, d.action, d.refusal)
        for symbol in symbols
        for d in reader.decisions(symbol)
        if d.side is not None
    ]


def _answers(result: BacktestResult) -> list[tuple[str, int, str, str, str]]:
    decisions = result.decisions
    sides = {1: Side.LONG.value, -1: Side.SHORT.value}
    return [
        (
            result.symbols[decisions.symbol[i]],
            int(decisions.bar_ms[i]),
            sides[int(decisions.side[i])],
            *decisions.words(i),
        )
        for i in range(len(decisions))
    ]


def _assert_same_equity(result: BacktestResult, told: Mapping[int, tuple[float, float]]) -> None:
    """Paper writes it down for every bar on which some bot acts."""
    places = {int(at): place for place, at in enumerate(result.time_ms)}
    for at_ms, (wallet, equity) in told.items():
        ours = result.wallet[places[at_ms]], result.equity[places[at_ms]]
        assert np.allclose(ours, (wallet, equity), rtol=1e-9, atol=1e-9 * result.start_wallet), (
            at_ms
        )
