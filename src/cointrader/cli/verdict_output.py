"""A verdict for people: the answer first, then each criterion with its number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cointrader.app.verdict.kept import KeptVerdict
from cointrader.app.verdict.trial import CountedTrial
from cointrader.app.words import moment
from cointrader.backtest.verdict import Answer

_MEANS = {
    Answer.EDGE: "these trades are better than luck, by every criterion",
    Answer.NO_EDGE: "do not trade this with money: what it shows is luck, costs, or a loss",
    Answer.TOO_LITTLE_DATA: "nobody can tell yet, whatever the result looks like",
}


def verdict_lines(kept: KeptVerdict, trial: CountedTrial, sizing: str) -> Iterator[str]:
    """The verdict on the terminal. `sizing` is that of the own trades."""
    verdict, occasion = kept.verdict, kept.occasion
    yield ""
    yield f"{verdict.answer.upper()}: {verdict.summary.partition(': ')[2]}"
    yield f"  {_MEANS[verdict.answer]}"
    for finding in verdict.findings:
        yield f"  {finding.line}"
    if verdict.account is not None:
        yield f"  {verdict.account.line}"
    times = "first" if trial.count == 1 else f"one of {trial.count:,}"
    yield (
        f"  judged: the strategy's own trades, {sizing} each and no halts, "
        f"{moment(occasion.start_ms)} to {moment(occasion.end_ms)} UTC; "
        f"{times} configuration{'s' * (trial.count > 1)} tried on these candles"
    )
    yield f"  criteria: {verdict.criteria_source}, SHA-256 {verdict.criteria_hash[:16]}"
    if occasion.is_made_up:
        yield "  the market is made up: this says nothing about a real one"


def kept_line(path: Path | None) -> str:
    """Where the verdict went."""
    return "  the verdict is not kept" if path is None else f"  kept in {path}"
