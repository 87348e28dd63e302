"""The campaign as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from tests.mutants.running import Outcome


def killed_ratio(outcomes: Sequence[Outcome]) -> float:
    """Share of the mutants that a test noticed, those left out that nobody could notice."""
    told = [outcome for outcome in outcomes if not outcome.equivalent]
    return sum(bool(outcome.killed_by) for outcome in told) / len(told) if told else 1.0


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """Totals by module, then each mutant with the test that killed it."""
    equivalent = sum(bool(outcome.equivalent) for outcome in outcomes)
    survivors = [outcome for outcome in outcomes if outcome.survived]
    lines = [
        f"{len(outcomes)} mutants, {equivalent} of them equivalent, {len(survivors)} survived: "
        f"{killed_ratio(outcomes):.1%} of the others killed.",
        "",
        "| module | mutants | killed | equivalent | survived |",
        "|---|---|---|---|---|",
        *(_module(file, outcomes) for file in dict.fromkeys(o.mutant.file for o in outcomes)),
        "",
        "| mutant | place | was | became | killed by |",
        "|---|---|---|---|---|",
        *map(_row, outcomes),
    ]
    return "\n".join(lines) + "\n"


def _module(file: str, outcomes: Sequence[Outcome]) -> str:
    own = [outcome for outcome in outcomes if outcome.mutant.file == file]
    killed = sum(bool(outcome.killed_by) for outcome in own)
    equivalent = sum(bool(outcome.equivalent) for outcome in own)
    survived = sum(outcome.survived for outcome in own)
    return f"| `{file}` | {len(own)} | {killed} | {equivalent} | {survived} |"


def _row(outcome: Outcome) -> str:
    mutant = outcome.mutant
    place = f"{mutant.file}:{mutant.line} {mutant.function}"
    end = outcome.killed_by or (
        f"equivalent: {outcome.equivalent}" if outcome.equivalent else "**survived**"
    )
    return f"| {mutant.key} | {place} | {_code(mutant.before)} | {_code(mutant.after)} | {end} |"


def _code(text: str) -> str:
    short = " ".join(text.split())
    short = short if len(short) <= 90 else f"{short[:87]}..."
    return f"`{short}`".replace("|", "\\|")
