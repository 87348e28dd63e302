"""What `cointrader paper` tells: people on the terminal, machines in JSON."""

from __future__ import annotations

import sys
import time

import click

from cointrader.app.paper import PaperOutcome, PaperPlan, Progress
from cointrader.app.summary import Summary
from cointrader.cli.times import utc_text

_REDRAW_S = 0.2
_PLAIN_LINE_S = 10.0  # where nobody watches a terminal


class ProgressLine:
    """How far a run is, on stderr: redrawn on a terminal, now and then a line elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._every_s = _REDRAW_S if self._is_terminal else _PLAIN_LINE_S
        self._last_s = time.monotonic()

    def show(self, progress: Progress) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s < self._every_s or not progress.done_bars:
            return
        self._last_s = now_s
        left_s = (
            progress.elapsed_s / progress.done_bars * (progress.total_bars - progress.done_bars)
        )
        text = (
            f"{progress.done_bars / progress.total_bars:4.0%}  {utc_text(progress.now_ms)}  "
            f"{progress.done_bars:,} of {progress.total_bars:,} bars, {left_s:.0f} s left"
        )
        line = f"\r{text}   " if self._is_terminal else text
        click.echo(line, err=True, nl=not self._is_terminal)

    def clear(self) -> None:
        if self._is_terminal:
            click.echo("\r" + " " * 78 + "\r", err=True, nl=False)


def announce(plan: PaperPlan) -> None:
    """Say on stderr what is about to run."""
    config = plan.config
    click.echo(
        f"paper trading {', '.join(config.symbols)} on {plan.source.label}, "
        f"profile {config.profile}, balance {plan.balance}",
        err=True,
    )
    for name, (value, usual) in config.deviations().items():
        click.echo(f"  {name} = {value} (the profile has {usual or 'none'})", err=True)
    click.echo("no model is loaded: every signal trades unfiltered", err=True)


def as_plain(plan: PaperPlan, outcome: PaperOutcome, summary: Summary) -> dict[str, object]:
    """The result as JSON values; money in quote currency."""
    return {
        "finished": outcome.finished,
        "market": plan.source.label,
        "profile": plan.config.profile,
        "deviations": {name: value for name, (value, _) in plan.config.deviations().items()},
        "from_ms": outcome.from_ms,
        "to_ms": outcome.to_ms,
        "bars": summary.bars,
        "start_wallet": float(plan.balance),
        "final_wallet": float(outcome.final_wallet),
        "trades": len(summary.trades),
        "net": float(summary.net),
        "gross": float(summary.gross),
        "fees": float(summary.fees),
        "funding": float(summary.funding),
        "slippage": float(summary.slippage),
        "profit_factor": summary.profit_factor,
        "max_drawdown": summary.max_drawdown_ratio,
        "reasons": summary.reasons,
        "refusals": summary.refusals,
        "halted_days": outcome.halted_days,
        "symbols": {
            line.symbol: {
                "long_signals": line.long_signals,
                "short_signals": line.short_signals,
                "trades": line.trades,
                "wins": line.wins,
                "net": float(line.net),
            }
            for line in summary.symbols
        },
        "elapsed_s": round(outcome.elapsed_s, 3),
        "journal": str(plan.journal_path),
    }


def print_summary(plan: PaperPlan, outcome: PaperOutcome, summary: Summary) -> None:
    """The result for people, on stdout."""
    for line in _lines(plan, outcome, summary):
        click.echo(line)


def _lines(plan: PaperPlan, outcome: PaperOutcome, summary: Summary) -> list[str]:
    start = float(plan.balance)
    change = (float(outcome.final_wallet) - start) / start
    factor = "-" if summary.profit_factor is None else f"{summary.profit_factor:.2f}"
    lines = [
        "",
        f"{'Finished' if outcome.finished else 'Stopped'}: {plan.source.label}, "
        f"{utc_text(outcome.from_ms)} to {utc_text(outcome.to_ms)} UTC, "
        f"{summary.bars:,} decisions in {outcome.elapsed_s:.1f} s",
        "",
        f"  wallet         {start:>12,.2f}  ->  {float(outcome.final_wallet):,.2f} ({change:+.1%})",
        f"  trades         {len(summary.trades):>12,}     profit factor {factor}, "
        f"drawdown {summary.max_drawdown_ratio:.1%}",
        f"  gross          {float(summary.gross):>12,.2f}     after slippage of "
        f"{float(summary.slippage):,.2f}",
        f"  fees           {-float(summary.fees):>12,.2f}",
        f"  funding        {float(summary.funding):>12,.2f}",
        f"  net            {float(summary.net):>12,.2f}",
        "",
        f"  {'symbol':<14} {'signals long/short':>20} {'trades':>8} {'won':>7} {'net':>12}",
    ]
    for symbol in summary.symbols:
        won = f"{symbol.wins / symbol.trades:.0%}" if symbol.trades else "-"
        signals = f"{symbol.long_signals}/{symbol.short_signals}"
        lines.append(
            f"  {symbol.symbol:<14} {signals:>20} {symbol.trades:>8,} {won:>7} "
            f"{float(symbol.net):>12,.2f}"
        )
    lines += [
        "",
        f"  ended by       {_counts(summary.reasons)}",
        f"  refused        {_counts(summary.refusals)}",
        f"  halted days    {outcome.halted_days}",
        f"  journal        {plan.journal_path}",
    ]
    if not outcome.finished:
        lines.append("  open positions stay open and protected, as the journal says")
    return lines


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "nothing"
