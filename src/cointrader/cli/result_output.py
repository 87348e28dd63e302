"""What a run came to, of whatever kind: for people on the terminal, for machines in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cointrader.app.config import Config
from cointrader.app.summary import Summary
from cointrader.app.words import moment


def memory_words(learned: Mapping[str, int]) -> str:
    """Why a result shows what models remember and not what they know; empty where it does not.

    `learned` are the symbols whose model has learned from these candles, and until when (ms).
    """
    if not learned:
        return ""
    told = ", ".join(f"{symbol} until {moment(at_ms)}" for symbol, at_ms in learned.items())
    return (
        "models have learned from these very candles and know how they went on "
        f"({told} UTC). What follows is no evidence. `--from` a later date plays what they had "
        "not seen; `cointrader promote` judges them by folds that they had not"
    )


@dataclass(frozen=True, slots=True)
class Course:
    """Of what, from when to when, and from which wallet to which. Money in quote currency."""

    market: str
    config: Config
    finished: bool
    from_ms: int
    to_ms: int
    start_wallet: float
    final_wallet: float
    halted_days: int
    elapsed_s: float


def result_as_plain(course: Course, summary: Summary) -> dict[str, object]:
    """The result as JSON values."""
    return {
        "finished": course.finished,
        "market": course.market,
        "profile": course.config.profile,
        "deviations": {name: value for name, (value, _) in course.config.deviations().items()},
        "from_ms": course.from_ms,
        "to_ms": course.to_ms,
        "bars": summary.bars,
        "start_wallet": course.start_wallet,
        "final_wallet": course.final_wallet,
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
        "halted_days": course.halted_days,
        "drawdown_halt_ms": summary.drawdown_halt_ms,
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
        "elapsed_s": round(course.elapsed_s, 3),
    }


def result_lines(course: Course, summary: Summary) -> list[str]:
    """The result for people."""
    start, final = course.start_wallet, course.final_wallet
    factor = "-" if summary.profit_factor is None else f"{summary.profit_factor:.2f}"
    lines = [
        "",
        f"{'Finished' if course.finished else 'Stopped'}: {course.market}, "
        f"{moment(course.from_ms)} to {moment(course.to_ms)} UTC, "
        f"{summary.bars:,} decisions in {course.elapsed_s:.1f} s",
        "",
        f"  wallet         {start:>12,.2f}  ->  {final:,.2f} ({(final - start) / start:+.1%})",
        f"  trades         {len(summary.trades):>12,}     profit factor {factor}, "
        f"drawdown {summary.max_drawdown_ratio:.1%}",
        f"  gross          {float(summary.gross):>12,.2f}     after slippage of "
        f"{float(summary.slippage):,.2f}",
        f"  fees           {0 - float(summary.fees):>12,.2f}",
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
        f"  halted days    {course.halted_days}",
    ]
    if summary.drawdown_halt_ms is not None:
        lines.append(
            f"  stopped        by the drawdown limit on {moment(summary.drawdown_halt_ms)}: "
            "no entries from then on"
        )
    return lines


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "nothing"
