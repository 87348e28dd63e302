"""What every page of the dashboard begins with: a run, its process, its risk state."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from cointrader.app.model_words import served_in_words
from cointrader.app.status import Writer, last_known_ms, phase_of, writer_of
from cointrader.app.verdict.told import verdict_line
from cointrader.dashboard import answers
from cointrader.dashboard.site import NoRun
from cointrader.domain.clock import interval_ms
from cointrader.domain.instrument import to_decimal
from cointrader.domain.records import RunStarted
from cointrader.journal.page_reader import PageReader
from cointrader.risk.standing import Standing
from cointrader.risk.state import restored

_NOT_LISTENING = "paper at full speed takes no commands: give it a --speed"
NOBODY = "no process trades with this journal now"


@dataclass(frozen=True, slots=True)
class RunNow:
    """The last run of a journal as of one moment."""

    run: RunStarted
    starts: int
    writer: Writer | None
    phase: str
    to_ms: int
    standing: Standing
    marked_ms: int | None  # when the risk state was written

    @property
    def bar_ms(self) -> int:
        return interval_ms(self.run.interval)

    @property
    def leverage(self) -> int | None:
        text = self.run.settings.get("LEVERAGE", "")
        return int(text) if text.isdigit() else None

    @property
    def slippage(self) -> Decimal | None:
        """By which fraction fills were moved; None where an exchange filled them."""
        if self.run.mode != "paper":
            return None
        try:
            return to_decimal(float(self.run.settings.get("SLIPPAGE_BPS", ""))) / 10_000
        except ValueError:
            return None


def read_run(reader: PageReader) -> RunNow:
    """How the last run stands. `NoRun` while nothing was started with this journal."""
    run = reader.last_run()
    if run is None:
        raise no_run(str(reader.path))
    writer = writer_of(reader.path)
    recorded = reader.risk_state()
    return RunNow(
        run=run,
        starts=sum(1 for _ in reader.runs()),
        writer=writer,
        phase=phase_of(reader, run, writer),
        to_ms=last_known_ms(reader, run),
        standing=Standing() if recorded is None else restored(recorded.state)[0],
        marked_ms=None if recorded is None else recorded.at_ms,
    )


def no_run(where: str) -> NoRun:
    """What is told while there is nothing to look at yet."""
    return NoRun(
        "this journal tells of no run yet", where=where, todo="look again once the bots have begun"
    )


def run_answer(now: RunNow) -> answers.Run:
    run = now.run
    assert now.phase in get_args(answers.Phase)
    return answers.Run(
        mode=run.mode,
        market=run.market,
        profile=run.profile,
        interval=run.interval,
        interval_ms=now.bar_ms,
        version=run.version,
        symbols=list(run.symbols),
        started_ms=run.at_ms,
        starts=now.starts,
        to_ms=now.to_ms,
        phase=now.phase,  # type: ignore[arg-type]
        writer=None
        if now.writer is None
        else answers.Writer(pid=now.writer.pid, since_ms=now.writer.since_ms),
        verdict=verdict_line(run.source, now.to_ms),
        models=served_in_words(run.source),
    )


def controls_answer(now: RunNow, *, is_listening: bool) -> answers.ControlsState:
    """Whether commands can be given: somebody must trade, and listen."""
    why_not = "" if is_listening else NOBODY if now.writer is None else _NOT_LISTENING
    return answers.ControlsState(are_possible=is_listening, why_not=why_not)
