"""What `cointrader paper` tells: people on the terminal, machines in JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import click

from cointrader.app.config.idle import idle
from cointrader.app.model_state import state_lines
from cointrader.app.narrate import Narrator
from cointrader.app.paper.run import PaperOutcome, PaperPlan, Progress
from cointrader.app.summary import Summary
from cointrader.app.words import moment
from cointrader.cli.result_output import Course, result_as_plain, result_lines
from cointrader.domain.records import Alert, PositionOpened, Record
from cointrader.journal.reader import JournalReader

_REDRAW_S = 0.2
_PLAIN_LINE_S = 10.0  # where nobody watches a terminal
_CLEAR = "\r\x1b[K"


class Screen:
    """What people see while it runs, on stderr: one line for each event, and how far it is.

    On a terminal the last line is redrawn; elsewhere it is written now and then. `notes` are what
    else there is to say at the beginning.
    """

    def __init__(self, plan: PaperPlan, notes: Sequence[str], *, quiet: bool) -> None:
        self._plan = plan
        self._notes = notes
        self._quiet = quiet
        self._narrator = Narrator(_held_before(plan))
        self._is_announced = False
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._every_s = _REDRAW_S if self._is_terminal else _PLAIN_LINE_S
        self._last_s = time.monotonic()

    def hear(self, record: Record) -> None:
        """One record was written down; a critical alert is told whoever wants quiet."""
        if self._quiet and not _is_critical(record):
            return
        line = self._narrator.line(record)
        if line is not None:
            _tell(f"{_CLEAR}{line}" if self._is_terminal else line)

    def show(self, progress: Progress) -> None:
        """So far it is."""
        if self._quiet:
            return
        if not self._is_announced:
            self._is_announced = True
            _announce(self._plan, self._notes)
        now_s = time.monotonic()
        if now_s - self._last_s < self._every_s or not progress.done_bars:
            return
        self._last_s = now_s
        left_s = (
            progress.elapsed_s / progress.done_bars * (progress.total_bars - progress.done_bars)
        )
        text = (
            f"{progress.done_bars / progress.total_bars:4.0%}  {moment(progress.now_ms)}  "
            f"{progress.done_bars:,} of {progress.total_bars:,} bars, {_span(left_s)} left"
        )
        _tell(f"{_CLEAR}{text}" if self._is_terminal else text, ends=not self._is_terminal)

    def clear(self) -> None:
        """The result follows."""
        if self._is_terminal and not self._quiet:
            _tell(_CLEAR, ends=False)


def _is_critical(record: Record) -> bool:
    return isinstance(record, Alert) and record.level == "critical"


def _held_before(plan: PaperPlan) -> list[PositionOpened]:
    """What was written of the positions that a resumed run has open: that is known already."""
    if plan.resumed is None:
        return []
    with JournalReader(plan.journal_path) as reader:
        held = filter(None, map(reader.open_position, plan.config.symbols))
        return [told for each in held for told in reader.positions(trade_id=each.trade_id)]


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _announce(plan: PaperPlan, notes: Sequence[str]) -> None:
    config = plan.config
    begins = "paper trading" if plan.resumed is None else "going on with paper trading"
    lines = [
        f"{begins} {', '.join(config.symbols)} on {plan.source.label}, "
        f"profile {config.profile}, balance {plan.balance}"
    ]
    lines += notes
    for name, (value, usual) in config.deviations().items():
        lines.append(f"  {name} = {value} (the profile has {usual or 'none'})")
    if plan.resumed is None:
        lines += [f"  {text}" for text in idle(config)]
    lines += state_lines(plan.filters().states())
    _tell("\n".join(lines))


def _tell(text: str, *, ends: bool = True) -> None:
    """A word on stderr; that nobody can hear it is no reason to stop trading."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True, nl=ends)


def as_plain(plan: PaperPlan, outcome: PaperOutcome, summary: Summary) -> dict[str, object]:
    """The result as JSON values; money in quote currency."""
    return {
        **result_as_plain(_course(plan, outcome), summary),
        "quarantined": list(outcome.quarantined),
        "open_positions": [
            {
                "symbol": position.symbol,
                "side": position.side.lower(),
                "quantity": float(position.quantity),
                "entry_price": float(position.entry_price),
                "entry_fee": float(position.entry_fee),
            }
            for position in summary.open_positions
        ],
        "journal": str(plan.journal_path),
    }


def print_summary(plan: PaperPlan, outcome: PaperOutcome, summary: Summary) -> None:
    """The result for people, on stdout."""
    for line in _lines(plan, outcome, summary):
        click.echo(line)


def _course(plan: PaperPlan, outcome: PaperOutcome) -> Course:
    return Course(
        market=plan.source.label,
        config=plan.config,
        finished=outcome.finished,
        from_ms=outcome.from_ms,
        to_ms=outcome.to_ms,
        start_wallet=float(plan.balance),
        final_wallet=float(outcome.final_wallet),
        halted_days=outcome.halted_days,
        elapsed_s=outcome.elapsed_s,
    )


def _lines(plan: PaperPlan, outcome: PaperOutcome, summary: Summary) -> list[str]:
    lines = result_lines(_course(plan, outcome), summary)
    lines += [
        f"  still open     {p.symbol} {p.side.lower()} {p.quantity:f} at {p.entry_price:f}; "
        f"its entry fee of {float(p.entry_fee):,.2f} is in the wallet, not in net"
        for p in summary.open_positions
    ]
    if outcome.quarantined:
        lines.append(
            f"  quarantined    {', '.join(outcome.quarantined)}: the bot kept crashing, "
            "see the alerts in the journal"
        )
    lines.append(f"  journal        {plan.journal_path}")
    if not outcome.finished:
        lines.append(f"  go on with     cointrader paper --resume {plan.journal_path}")
    return lines
