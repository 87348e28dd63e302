"""`python -m tests.campaign --seed N --faults SPEC` shows one run; `--runs N` runs them all."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from tests.campaign.audit import Verdict
from tests.campaign.kept import Kept
from tests.campaign.plans import campaign
from tests.campaign.report import as_markdown
from tests.campaign.running import Campaign, replay, run, run_all
from tests.campaign.stage import DAY_BARS, Scenario

_AT_ONCE = 3  # on one processor: a run waits for the disk for more than half of its time


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="", help="a specification, see docs/faults.md")
    parser.add_argument("--bars", type=int, default=DAY_BARS, help="length of the day")
    parser.add_argument("--naive", action="store_true", help="the naive bot instead of the product")
    parser.add_argument("--runs", type=int, help="play so many runs: each fault alone, then pairs")
    parser.add_argument("--processes", type=int, default=_AT_ONCE * (os.cpu_count() or 1))
    told = "folder of the tables and of each run done: an interrupted campaign goes on there"
    parser.add_argument("--out", type=Path, default=Path("campaign"), help=told)
    asked = parser.parse_args()
    if asked.runs is None:
        return _one(Scenario(asked.seed, asked.faults, asked.bars), naive=asked.naive)
    return _many(asked.runs, asked.bars, asked.processes, asked.out)


def _one(scenario: Scenario, *, naive: bool) -> int:
    from tests.campaign.naive import Naive
    from tests.campaign.product import Product

    trader = Naive() if naive else Product()
    verdict = run(scenario, trader)
    shown = {name: value for name, value in asdict(verdict).items() if name != "violations"}
    print(json.dumps(shown, indent=2))
    for violation in verdict.violations:
        print(violation)
    return 1 if verdict.violations else 0


def _many(runs: int, bars: int, processes: int, out: Path) -> int:
    scenarios = campaign(runs, bars)
    kept = Kept(out / "runs.jsonl", bars)
    missing = [each for each in scenarios if each not in kept]
    if len(missing) < len(scenarios):
        print(f"{len(scenarios) - len(missing)} runs are in {kept.path}: not played again")
    done = len(scenarios) - len(missing)

    def tell(verdict: Verdict) -> None:
        nonlocal done
        done += 1
        kept.add(verdict)
        for violation in verdict.violations:
            print(f"{violation}\n  {replay(verdict)}", flush=True)
        if done % 25 == 0:
            print(f"{done} of {len(scenarios)} runs", file=sys.stderr, flush=True)

    run_all(missing, processes, done=tell)
    result = Campaign([kept[each] for each in scenarios])
    (out / "campaign.md").write_text(as_markdown(result))
    (out / "campaign.json").write_text(json.dumps([asdict(v) for v in result.verdicts], indent=1))
    print(as_markdown(result))
    return 1 if result.failed or result.toothless else 0


if __name__ == "__main__":
    sys.exit(main())
