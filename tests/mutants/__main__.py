"""Put small mistakes into the backtester, one at a time, and see whether a test notices each."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.mutants.report import as_markdown, killed_ratio
from tests.mutants.running import ROOT, Outcome, a_copy, found_in, run, seeded
from tests.mutants.targets import TARGETS

WANTED = 0.95


def main() -> int:
    """0 when enough were noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how many, over all modules")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--only", default="", help="modules whose path holds this")
    parser.add_argument("--key", nargs="*", default=[], help="these mutants and no other")
    parser.add_argument("--near", action="store_true", help="only the quickest tests of each")
    parser.add_argument("--out", type=Path, default=Path("build/mutants"), help="for the tables")
    asked = parser.parse_args()

    def text_of(file: str) -> str:
        return (ROOT / "src" / "cointrader" / file).read_text()

    if asked.key:
        every = [(t, m) for t in TARGETS for m in found_in(t, text_of(t.file))]
        plan = [(target, mutant) for target, mutant in every if mutant.key in asked.key]
    else:
        plan = [
            pair for pair in seeded(asked.count, asked.seed, text_of) if asked.only in pair[0].file
        ]
    done = 0

    def tell(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        mutant, end = outcome.mutant, outcome.killed_by or outcome.equivalent or "SURVIVED"
        print(
            f"{done} of {len(plan)}  {mutant.key} {mutant.file}:{mutant.line}  "
            f"{mutant.before} -> {mutant.after}  {end}  {outcome.seconds:.0f} s",
            flush=True,
        )

    with a_copy() as copy:
        outcomes = run(plan, copy, tell, near_only=asked.near)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "mutants.md").write_text(as_markdown(outcomes))
    (asked.out / "mutants.json").write_text(json.dumps([asdict(o) for o in outcomes], indent=1))
    print(as_markdown(outcomes))
    return 0 if killed_ratio(outcomes) >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
