"""A period's report in words. The page says the same with pictures, `period_json` as values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from cointrader.app.period.expectation import Compared
from cointrader.app.period.models import PeriodModel
from cointrader.app.period.protection import DEADLINE_S, Protection
from cointrader.app.period.report import Line, PeriodReport
from cointrader.app.period.switches import SwitchDistance, needed_factor
from cointrader.app.words import REFUSALS, moment, money

UNKNOWN = "–"
_IN_A_CHAT = 10  # symbols


def report_lines(report: PeriodReport) -> Iterator[str]:
    """For a terminal."""
    facts = report.facts
    yield f"{title(report)}  {moment(facts.span.from_ms)} to {moment(facts.span.to_ms)} UTC"
    yield from (f"  {text}" for text in head_lines(report))
    yield ""
    yield report.sentence
    for each in report.compared:
        yield f"  {each.name:<24} {compared_text(each)}"
    yield ""
    for line in (report.total, *report.symbols):
        yield f"  {line.name:<12} {line_text(line)}"
    yield ""
    yield from (f"  {name:<16} {text}" for name, text in cost_rows(report))
    yield ""
    refused = ", ".join(f"{key} {count:,}" for key, count in facts.refusals.items())
    yield f"  refused          {refused or 'nothing'}"
    yield from (f"  kill switch      {switch_text(each)}" for each in report.switches)
    yield from (f"  model            {model_text(each)}" for each in report.models)
    yield f"  retrain          {'; '.join(report.retrain) or 'nothing speaks for it'}"
    yield f"  halts            {_events(report)}"
    yield f"  protection       {protection_text(facts.protection)}"
    yield f"  alerts           {alerts_text(report)}"


def chat_lines(report: PeriodReport) -> list[str]:
    """The few lines that a chat is told."""
    total, facts = report.total, report.facts
    lines = [
        f"{title(report)}: {line_text(total)}",
        report.sentence,
        *(f"{each.name}: {compared_text(each)}" for each in report.compared),
        _by_symbol(report.symbols),
        "; ".join(f"{name} {text}" for name, text in cost_rows(report)),
    ]
    tripped = [s.symbol for s in report.switches if s.is_fast_tripped or s.is_slow_tripped]
    if tripped:
        lines.append(f"kill switch tripped: {', '.join(tripped)}")
    if facts.halts:
        lines.append(f"halts: {_events(report)}")
    if report.retrain:
        lines.append(f"retrain: {'; '.join(report.retrain)}")
    lines.append(f"alerts: {alerts_text(report)}")
    return lines


def _by_symbol(lines: Sequence[Line]) -> str:
    """The symbols that moved the most money first."""
    traded = sorted((line for line in lines if line.trades), key=lambda line: -abs(line.net))
    told = [f"{line.name} {money(line.net)} in {line.trades:,}" for line in traded[:_IN_A_CHAT]]
    if len(traded) > _IN_A_CHAT:
        told.append(f"and {len(traded) - _IN_A_CHAT:,} more symbols")
    return ", ".join(told) or "no symbol traded"


def title(report: PeriodReport) -> str:
    """What the report is about."""
    facts = report.facts
    so_far = "" if facts.span.is_over(report.now_ms) else " so far"
    return f"{facts.span.kind} {facts.span.name}{so_far}, {facts.run.mode}"


def head_lines(report: PeriodReport) -> Iterator[str]:
    """What was traded, and how much of the period the journal knows."""
    facts = report.facts
    yield f"{facts.run.market}, {facts.run.interval} bars, profile {facts.run.profile}"
    if report.is_made_up:
        yield "made-up candles: they show how it works, not what it earns"
    days = facts.known_days
    if days < facts.span.days - 0.01:
        yield f"the journal knows {days:.1f} of these {facts.span.days} days"
    if not math.isnan(report.start_equity):
        moved = sum(float(each.detail) for each in facts.transfers)
        paid = f", {money(moved)} of it paid in or out" if moved else ""
        yield (
            f"equity {report.start_equity:,.2f} to {report.end_equity:,.2f}{paid}; at worst "
            f"{100 * report.max_drawdown_ratio:.2f} % below its highest value"
        )
    counts = f"{facts.decisions:,} decisions, {facts.signals:,} signals"
    yield f"{counts}, {report.total.trades:,} trades"


def compared_text(each: Compared) -> str:
    """What was seen, what was expected, and how likely that is."""
    return f"{figure(each.seen, each.unit)}, expected {expected_text(each)}: {each.text}"


def expected_text(each: Compared) -> str:
    """What was expected, with its interval."""
    value = figure(each.expected.value, each.unit)
    if math.isnan(each.expected.low):
        return value
    low, high = (figure(v, each.unit) for v in (each.expected.low, each.expected.high))
    return f"{value} ({low} to {high})"


def figure(value: float, unit: str) -> str:
    """A number with its unit; a dash where there is none."""
    if math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "infinite"
    match unit:
        case "R":
            return f"{value:+.3f} R"
        case "share":
            return f"{100 * value:.1f} %"
        case "count":
            return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
        case _:
            return f"{value:.2f}"


def line_text(line: Line) -> str:
    """Trades in a line."""
    if not line.trades:
        return "no trade"
    return (
        f"{line.trades:,} trade{'s' if line.trades > 1 else ''}, {line.wins:,} won, "
        f"{figure(line.mean_r, 'R')} each, profit factor {figure(line.profit_factor, 'times')}, "
        f"net {money(line.net)}"
    )


def cost_rows(report: PeriodReport) -> Iterator[tuple[str, str]]:
    """Where the money went, and what is not known of it."""
    costs = report.facts.costs
    yield "gross", money(costs.gross)
    yield "fees", money(-costs.fees)
    yield "funding", money(costs.funding)
    yield "net", money(costs.net)
    yield "slippage", slippage_text(report)


def slippage_text(report: PeriodReport) -> str:
    """What fills cost against the price decided on, as far as that price is known."""
    costs = report.facts.costs
    if not costs.fills:
        return "no fill"
    if costs.slippage is None:
        return "not known: the journal has no price that was decided on"
    within = f"{money(-costs.slippage)}, in gross already"
    if report.facts.run.mode == "paper":
        return f"{within}, as it was simulated"
    return (
        f"{within}; of {costs.slipped_fills:,} of {costs.fills:,} fills, against the trigger of "
        "their stop or target; of market orders the journal has no price decided on"
    )


def switch_text(each: SwitchDistance) -> str:
    """How far one symbol is from its kill switches."""
    return f"{each.symbol}: {fast_text(each)}; {slow_text(each)}"


def fast_text(each: SwitchDistance) -> str:
    """The switch on losses running."""
    if each.is_fast_tripped:
        return "fast TRIPPED"
    off = "" if each.is_fast_on else " (off)"
    losses = "loss" if each.losses_to_fast == 1 else "losses"
    return f"fast{off}: {each.losses_running} running, {each.losses_to_fast} more {losses} trip it"


def slow_text(each: SwitchDistance) -> str:
    """The switch on the profit factor of the last trades."""
    if each.is_slow_tripped:
        return "slow TRIPPED"
    factor = figure(each.profit_factor, "times")
    told = f"slow{'' if each.is_slow_on else ' (off)'}: profit factor {factor} in {each.trades}"
    if each.losses_to_slow is None:
        return f"{told}, below {needed_factor():g} trips it; no loss to tell how far that is"
    after = (
        f"{each.losses_to_slow} more losses of the usual size trip it"
        if each.losses_to_slow
        else f"below {needed_factor():g}: it would have tripped"
    )
    return f"{told}, {after}"


def model_text(each: PeriodModel) -> str:
    """One symbol's model: its age and how it did."""
    if not each.is_model:
        return f"{each.symbol}: {each.identity}"
    if each.age_days is None:
        why = "another one is in its folder now" if each.is_changed else "its folder has none now"
        known = f"age not known, {why}"
    else:
        known = f"learned from candles up to {each.age_days:,} days ago"
    signals = "" if each.signals_since is None else f", {each.signals_since:,} signals since"
    return f"{each.symbol}: {each.identity}, {known}{signals}; {auc_text(each)}"


def auc_text(each: PeriodModel) -> str:
    """How well it ranks live trades, beside its training."""
    then = "" if each.trained_auc is None else f", {each.trained_auc[0]:.2f} in training"
    if each.live is None:
        return f"live AUC not told yet: {each.trades:,} trades with a probability{then}"
    live = each.live
    return (
        f"live AUC {live.auc:.2f} ({live.low:.2f} to {live.high:.2f}) in {live.trades:,} trades "
        f"that it let pass{then}"
    )


def protection_text(found: Protection) -> str:
    """How long positions stood without a stop."""
    if not found.positions:
        return "no position was opened"
    if not found.known:
        return f"of {found.positions:,} positions no time without a stop is known"
    lost = f"; {found.lost:,} closed because no stop was confirmed" if found.lost else ""
    return (
        f"{found.seconds:.1f} s without a stop in all, {found.longest_s:.1f} s at the longest, "
        f"{found.late:,} past {DEADLINE_S:g} s; known of {found.known:,} of {found.positions:,} "
        f"positions{lost}"
    )


def alerts_text(report: PeriodReport) -> str:
    """How many alerts of each level."""
    counts: dict[str, int] = {}
    for alert in report.facts.alerts:
        counts[alert.level] = counts.get(alert.level, 0) + 1
    told = [
        f"{counts[level]:,} {level}" for level in ("critical", "warning", "info") if level in counts
    ]
    return ", ".join(told) or "none"


def _events(report: PeriodReport) -> str:
    told = [
        f"{event.kind}{f' {event.symbol}' if event.symbol else ''} {moment(event.at_ms)}"
        for event in report.facts.halts
    ]
    return ", ".join(told) or "none"


def refusal_words(key: str) -> str:
    """What a refusal means."""
    return REFUSALS.get(key, "")
