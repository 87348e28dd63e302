"""A week or a month of trading, held against what was expected of it: all numbers of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from cointrader import __version__
from cointrader.app.period.expectation import (
    Compared,
    Expectation,
    compared,
    expectation_of,
    verdict_sentence,
)
from cointrader.app.period.facts import PeriodFacts, PeriodTrade, period_trades, read_period
from cointrader.app.period.models import PeriodModel, period_models
from cointrader.app.period.span import Span
from cointrader.app.period.switches import SwitchDistance, switch_distances
from cointrader.app.period.verdict import has_model, verdict_of
from cointrader.app.verdict.kept import VERDICTS
from cointrader.app.verdict.live import MOST_DAYS
from cointrader.backtest.statistics.columns import Floats
from cointrader.backtest.statistics.metrics import profit_factor
from cointrader.domain.clock import DAY_MS, utc_day
from cointrader.journal.reader import JournalReader
from cointrader.risk.standing import Standing
from cointrader.risk.state import restored

MADE_UP = "synthetic"


@dataclass(frozen=True, slots=True)
class Line:
    """Trades of one symbol, or all. Means of no trade are NaN."""

    name: str
    trades: int
    wins: int
    net: float
    mean_r: float
    profit_factor: float
    fees: float
    funding: float


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What a UTC day added: `net` of the trades that ended on it, `change` of marked equity.

    Deposits and withdrawals are no part of `change`, which is NaN where equity was not marked.
    """

    day: int  # since 1970-01-01
    trades: int
    net: float
    change: float


@dataclass(frozen=True, slots=True, eq=False)
class PeriodReport:
    """All numbers of a report. `expectation` is None where there is none, and `why_none` says why.

    `switches` and `models` are as of the journal's end, everything else of the period.
    """

    facts: PeriodFacts
    journal: Path
    now_ms: int
    version: str
    total: Line
    symbols: Sequence[Line]
    r: Floats
    days: Sequence[Day]
    start_equity: float
    end_equity: float
    max_drawdown_ratio: float
    expectation: Expectation | None
    why_none: str
    compared: Sequence[Compared]
    switches: Sequence[SwitchDistance]
    models: Sequence[PeriodModel]
    verdict_age_days: int | None

    @property
    def is_made_up(self) -> bool:
        """Whether no market made the candles."""
        return self.facts.run.market.startswith(MADE_UP)

    @property
    def sentence(self) -> str:
        """How it compares with what was expected."""
        return self.why_none if self.expectation is None else verdict_sentence(self.compared)

    @property
    def retrain(self) -> list[str]:
        """What speaks for training and judging anew; empty where nothing does."""
        found = [f"{each.symbol}: {why}" for each in self.models for why in each.reasons]
        age = self.verdict_age_days
        if age is not None and age >= MOST_DAYS:
            found.append(f"the verdict is of candles that ended {age} days ago: judge again")
        return found


def period_report(
    reader: JournalReader,
    span: Span,
    *,
    now_ms: int,
    verdict: Path | None = None,
    verdicts: Path = VERDICTS,
) -> PeriodReport:
    """Read and compare.

    Parameters
    ----------
    now_ms : when the report is made
    verdict : the file that tells what to expect; by default that of the run's configuration in
        `verdicts`

    Raises `JournalError` where the journal tells of no run, `DataError` for a verdict that was
    named and cannot be read.
    """
    facts = read_period(reader, span)
    found = verdict_of(facts.run, verdict, verdicts)
    kept = found.kept
    expectation = None if kept is None else expectation_of(kept, found.differences)
    recorded = reader.risk_state()
    standing = Standing() if recorded is None else restored(recorded.state)[0]
    at_ms = min(now_ms, span.to_ms)
    value = equity_without_transfers(facts)
    return PeriodReport(
        facts=facts,
        journal=reader.path,
        now_ms=now_ms,
        version=__version__,
        total=_line("all", facts.trades),
        symbols=[
            _line(symbol, [t for t in facts.trades if t.trade.symbol == symbol])
            for symbol in facts.run.symbols
        ],
        r=np.array([t.r for t in facts.trades if t.r is not None], np.float64),
        days=_days(facts, value),
        start_equity=float(value[0]) if len(value) else math.nan,
        end_equity=float(facts.marks[-1].equity) if facts.marks else math.nan,
        max_drawdown_ratio=_drawdown(value),
        expectation=expectation,
        why_none=found.why_none,
        compared=[] if expectation is None else compared(facts, expectation),
        switches=switch_distances(facts.run, standing),
        models=_models(reader, facts, at_ms),
        verdict_age_days=None if kept is None else (at_ms - kept.occasion.end_ms) // DAY_MS,
    )


def equity_without_transfers(facts: PeriodFacts) -> Floats:
    """Marked equity as it would be, had nothing been paid in or out since the first mark."""
    moved = [(each.at_ms, Decimal(each.detail)) for each in facts.transfers]
    return np.array(
        [
            float(mark.equity - sum((a for at, a in moved if at <= mark.at_ms), Decimal(0)))
            for mark in facts.marks
        ],
        np.float64,
    )


def _line(name: str, trades: Sequence[PeriodTrade]) -> Line:
    net = np.array([float(t.trade.net) for t in trades], np.float64)
    r = [t.r for t in trades if t.r is not None]
    return Line(
        name=name,
        trades=len(trades),
        wins=int((net > 0.0).sum()),
        net=float(net.sum()),
        mean_r=sum(r) / len(r) if r else math.nan,
        profit_factor=profit_factor(net),
        fees=float(sum(t.trade.fee for t in trades)),
        funding=float(sum(t.trade.funding for t in trades)),
    )


def _days(facts: PeriodFacts, value: Floats) -> list[Day]:
    """Every UTC day of the period that the journal covers."""
    if facts.known_to_ms <= facts.known_from_ms:
        return []
    last: dict[int, float] = {}
    for mark, equity in zip(facts.marks, value, strict=True):
        last[utc_day(mark.at_ms)] = float(equity)
    days = range(utc_day(facts.known_from_ms), utc_day(facts.known_to_ms - 1) + 1)
    before = float(value[0]) if len(value) else math.nan
    found = []
    for day in days:
        own = [t.trade for t in facts.trades if utc_day(t.trade.exit_time_ms) == day]
        after = last.get(day, math.nan)
        net = float(sum((t.net for t in own), Decimal(0)))
        found.append(Day(day, len(own), net, after - before))
        before = after if not math.isnan(after) else before
    return found


def _drawdown(value: Floats) -> float:
    if len(value) == 0:
        return math.nan
    high = np.maximum.accumulate(value)
    return float(np.max(np.where(high > 0.0, 1.0 - value / np.where(high > 0.0, high, 1.0), 0.0)))


def _models(reader: JournalReader, facts: PeriodFacts, at_ms: int) -> list[PeriodModel]:
    run = facts.run

    def signals(symbol: str, from_ms: int) -> int:
        return sum(reader.count_sides(symbol, from_ms=from_ms, to_ms=facts.span.to_ms).values())

    trades = period_trades(reader, run) if has_model(run) else []
    return period_models(run.source, run.symbols, trades, signals, now_ms=at_ms)
