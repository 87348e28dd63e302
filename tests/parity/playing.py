"""Plays paper runs for parity tests, and compares their trades with the reference engine's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

from cointrader.app.config import Config
from cointrader.app.paper.run import PaperOutcome, PaperPlan, run_paper
from cointrader.app.summary import Summary, summarise
from cointrader.domain.ports import Settlement
from cointrader.journal.reader import JournalReader
from tests import reference
from tests.markets import BAR_MS, TableSource

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
SETTLEMENT_MS = 8 * 3_600_000


def founding(symbols: Sequence[str], **settings) -> Config:
    """The founding profile and nothing of the machine's environment."""
    given = {"profile": "founding", "symbols": list(symbols), "correlation_symbols": []}
    return Config(overrides=given | settings, environ={}, folder="/nonexistent")


def play(
    config: Config, source, journal: Path, *, balance=1000.0, **plan
) -> tuple[PaperOutcome, Summary]:
    """Run it to the end and add the journal up."""
    outcome = run_paper(
        PaperPlan(config, source, journal, Decimal(repr(balance)), **plan), lambda progress: None
    )
    return outcome, summary_of(journal, config.symbols)


def summary_of(journal: Path, symbols: Sequence[str]) -> Summary:
    with JournalReader(journal) as reader:
        return summarise(reader, symbols, Decimal(0))


def as_history(source: TableSource, symbol: str) -> reference.History:
    """The same candles for the reference: funding as an imported file has it, one bar late."""
    candles = source.candles(symbol)
    rates = {s.at_ms: s.rate for s in source.settlements(symbol)}
    times = np.array([c.open_time_ms for c in candles], np.int64)
    carried, last = [], math.nan
    for time in times:
        carried.append(last)
        last = rates.get(int(time), last)
    if len(times):  # of the last stored bar the rate stands on the bar itself
        carried[-1] = rates.get(int(times[-1]), carried[-1])

    def column(name: str) -> np.ndarray:
        return np.array([getattr(c, name) for c in candles], float)

    return reference.History(
        symbol,
        times,
        column("open"),
        column("high"),
        column("low"),
        column("close"),
        column("volume"),
        np.array(carried, float),
    )


def settlements(rng: np.random.Generator, start_ms: int, bars: int) -> list[Settlement]:
    """A rate, now and then 0, at each 00, 08 and 16 UTC; never 0 first."""
    first = -(-start_ms // SETTLEMENT_MS) * SETTLEMENT_MS
    times = range(first, start_ms + bars * BAR_MS, SETTLEMENT_MS)
    return [
        Settlement(at, 0.0 if i and rng.random() < 0.2 else float(rng.normal(1e-4, 3e-4)) or 1e-4)
        for i, at in enumerate(times)
    ]


def assert_same_trades(summary: Summary, expected: reference.Result) -> None:
    """Every trade equal: what and when exactly, prices and money to 1e-9 relative."""
    for trade, other in zip(summary.trades, expected.trades, strict=False):
        found = (trade.symbol, trade.side.lower(), trade.entry_time_ms, trade.exit_time_ms)
        assert (*found, trade.reason.value) == (
            other.symbol,
            other.side,
            other.entry_time_ms,
            other.exit_time_ms,
            other.reason,
        )
        for name in ("entry_price", "exit_price", "quantity", "gross", "fee", "funding", "net"):
            value, wanted = float(getattr(trade, name)), getattr(other, name)
            # A net that cancels to nearly nothing is as exact as the money that went through it.
            scale = abs(other.gross) + other.fee if name in ("gross", "net") else 0.0
            assert math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9 * scale + 1e-15), name
    assert len(summary.trades) == len(expected.trades)


def assert_same_run(outcome: PaperOutcome, summary: Summary, expected: reference.Result) -> None:
    """Trades, wallet, refusals and halted days."""
    assert_same_trades(summary, expected)
    assert math.isclose(float(outcome.final_wallet), expected.final_wallet, rel_tol=1e-9)
    assert summary.refusals == dict(expected.refusals)
    assert outcome.halted_days == expected.halted_days
