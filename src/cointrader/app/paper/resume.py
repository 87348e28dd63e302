"""A paper run that was stopped, as its journal tells it: the plan to go on with."""

from __future__ import annotations

from pathlib import Path

from cointrader.app.config import Config
from cointrader.app.model_words import begun_with
from cointrader.app.paper.market import market_again
from cointrader.app.paper.run import WIRE, PaperPlan
from cointrader.domain.errors import UsageError
from cointrader.domain.records import ExchangeState, RunStarted
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun


def resumed_plan(journal_path: Path, *, speed: float | None) -> PaperPlan:
    """Everything as it was, from the last checkpoint on; only the pace may be another.

    A run that has reached its end is resumed by telling its result again.

    Raises `UsageError` when the journal tells of no paper run, and `DataError` when its candles
    have changed.
    """
    if journal_path.exists() and not has_begun(journal_path):
        run, left = None, None
    else:
        with JournalReader(journal_path) as reader:
            run, left = reader.last_run(), reader.exchange_state()
    if run is None or left is None or run.mode != "paper" or not run.source:
        raise UsageError(
            "this journal tells of no paper run that could go on",
            where="--resume",
            found=str(journal_path),
            todo="start a new run without --resume",
        )
    if WIRE in run.source:
        raise UsageError(
            "this run went over the wire, and the wire's order numbers ended with it",
            where="--resume",
            found=str(journal_path),
            todo="start a new run; one without --wire can be resumed",
        )
    return _plan(run, left, journal_path, speed)


def _plan(
    run: RunStarted, left: ExchangeState, journal_path: Path, speed: float | None
) -> PaperPlan:
    config = Config.from_shown(run.settings)
    market = market_again(config, run.source)
    return PaperPlan(
        config=config,
        source=market.source,
        journal_path=journal_path,
        balance=run.base_balance,
        start_ms=market.start_ms,
        end_ms=market.end_ms,
        speed=speed,
        origin=run.source,
        resumed=left.state,
        models=begun_with(run.source),
    )
