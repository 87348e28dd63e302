"""A period's report as JSON values. What cannot be told is null, and infinite is "inf"."""

from __future__ import annotations

from cointrader.app.period.expectation import Compared
from cointrader.app.period.models import PeriodModel
from cointrader.app.period.report import Line, PeriodReport
from cointrader.app.period.switches import SwitchDistance
from cointrader.backtest.verdict_file import json_number
from cointrader.domain.clock import DAY_MS


def document(report: PeriodReport) -> dict[str, object]:
    """Everything that the report knows."""
    facts, expectation = report.facts, report.expectation
    return {
        "period": {
            "kind": facts.span.kind,
            "name": facts.span.name,
            "from_ms": facts.span.from_ms,
            "to_ms": facts.span.to_ms,
            "is_over": facts.span.is_over(report.now_ms),
            "known_from_ms": facts.known_from_ms,
            "known_to_ms": facts.known_to_ms,
        },
        "journal": str(report.journal),
        "run": {
            "mode": facts.run.mode,
            "market": facts.run.market,
            "is_made_up": report.is_made_up,
            "profile": facts.run.profile,
            "symbols": list(facts.run.symbols),
            "interval": facts.run.interval,
        },
        "decisions": facts.decisions,
        "signals": facts.signals,
        "equity": {
            "start": json_number(report.start_equity),
            "end": json_number(report.end_equity),
            "max_drawdown_ratio": json_number(report.max_drawdown_ratio),
            "transfers": [{"at_ms": each.at_ms, "amount": each.detail} for each in facts.transfers],
        },
        "total": _plain_line(report.total),
        "symbols": [_plain_line(line) for line in report.symbols],
        "days": [
            {
                "day_ms": day.day * DAY_MS,
                "trades": day.trades,
                "net": json_number(day.net),
                "equity_change": json_number(day.change),
            }
            for day in report.days
        ],
        "expectation": None
        if expectation is None
        else {"source": expectation.source, "answer": expectation.answer},
        "sentence": report.sentence,
        "compared": [_plain_compared(each) for each in report.compared],
        "costs": {
            "gross": str(facts.costs.gross),
            "fees": str(facts.costs.fees),
            "funding": str(facts.costs.funding),
            "net": str(facts.costs.net),
            "slippage": None if facts.costs.slippage is None else str(facts.costs.slippage),
            "slipped_fills": facts.costs.slipped_fills,
            "fills": facts.costs.fills,
        },
        "refusals": dict(facts.refusals),
        "switches": [_plain_switch(each) for each in report.switches],
        "models": [_plain_model(each) for each in report.models],
        "verdict_age_days": report.verdict_age_days,
        "retrain": report.retrain,
        "halts": [
            {"at_ms": e.at_ms, "kind": e.kind, "symbol": e.symbol, "detail": e.detail}
            for e in facts.halts
        ],
        "alerts": [
            {"at_ms": a.at_ms, "level": a.level, "symbol": a.symbol, "text": a.text}
            for a in facts.alerts
        ],
        "protection": {
            "positions": facts.protection.positions,
            "known": facts.protection.known,
            "seconds": facts.protection.seconds,
            "longest_s": facts.protection.longest_s,
            "late": facts.protection.late,
            "lost": facts.protection.lost,
        },
    }


def _plain_line(line: Line) -> dict[str, object]:
    return {
        "name": line.name,
        "trades": line.trades,
        "wins": line.wins,
        "net": line.net,
        "mean_r": json_number(line.mean_r),
        "profit_factor": json_number(line.profit_factor),
        "fees": line.fees,
        "funding": line.funding,
    }


def _plain_compared(each: Compared) -> dict[str, object]:
    chance = each.chance
    return {
        "name": each.name,
        "unit": each.unit,
        "seen": json_number(each.seen),
        "expected": json_number(each.expected.value),
        "expected_low": json_number(each.expected.low),
        "expected_high": json_number(each.expected.high),
        "is_inside": None if chance is None else chance.is_inside,
        "chance_so_low": None if chance is None else chance.so_low,
        "chance_so_high": None if chance is None else chance.so_high,
        "method": None if chance is None else chance.method,
        "text": each.text,
    }


def _plain_switch(each: SwitchDistance) -> dict[str, object]:
    return {
        "symbol": each.symbol,
        "fast": {
            "is_on": each.is_fast_on,
            "is_tripped": each.is_fast_tripped,
            "losses_running": each.losses_running,
            "losses_to_trip": each.losses_to_fast,
        },
        "slow": {
            "is_on": each.is_slow_on,
            "is_tripped": each.is_slow_tripped,
            "trades": each.trades,
            "profit_factor": json_number(each.profit_factor),
            "losses_to_trip": each.losses_to_slow,
        },
    }


def _plain_model(each: PeriodModel) -> dict[str, object]:
    live = each.live
    return {
        "symbol": each.symbol,
        "identity": each.identity,
        "trained_to_ms": each.trained_to_ms,
        "age_days": each.age_days,
        "signals_since": each.signals_since,
        "trained_auc": None if each.trained_auc is None else json_number(each.trained_auc[0]),
        "live_auc": None if live is None else live.auc,
        "live_auc_low": None if live is None else live.low,
        "live_auc_high": None if live is None else live.high,
        "trades": each.trades,
        "reasons": list(each.reasons),
    }
