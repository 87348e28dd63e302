"""How often the gate lets a model through that knows something, and one that knows nothing.

    python -m benchmarks.gate_power [--seeds 100] [--symbols 100] [--only planted|noise|weekly]
                                    [--into FILE]

Made-up rows, see `cointrader.training.gate_power`: real folds, fits, sessions and criteria. A model
with a planted edge takes 115 fits, a hundred of them on shuffled labels (`--no-controls` leaves
these and their criteria out); a year of weekly trainings takes 260, of a smaller model.

With `--into` each model's answer is a line in a file as soon as it is known. The same command goes
on after an interruption, and more seeds are added to those that are there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cointrader.training.boosting import Boosting, BoostingSettings
from cointrader.training.gate_criteria import GateCriteria, load_gate_criteria
from cointrader.training.gate_power import EDGE_OF_070, Trial, World, come, come_weekly, drawn

PLANTED = (World(edge=EDGE_OF_070), World(edge=EDGE_OF_070, mean_r=-0.15))
NOISE = (World(), World(mean_r=-0.15), World(mean_r=0.15))
WEEKLY = World(rows=600 + 51 * 15)
SMALL = Boosting(BoostingSettings(num_boost_round=40, learning_rate=0.1))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each world."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="models per row")
    parser.add_argument("--symbols", type=int, default=100, help="symbols trained every week")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--draws", type=int, default=2_000, help="resampled series per bound")
    parser.add_argument("--only", choices=("planted", "noise", "weekly"))
    parser.add_argument("--no-controls", action="store_true", help="without shuffled labels")
    parser.add_argument("--into", type=Path, metavar="FILE", help="keep each answer, go on")
    told = parser.parse_args(arguments)
    fixed = load_gate_criteria()
    kept = [
        each
        for each in fixed.criteria
        if not (told.no_controls and each.measure.startswith("controls"))
    ]
    method = replace(fixed.method, draws=told.draws)
    criteria = replace(fixed, criteria=tuple(kept), method=method)
    print(
        f"criteria {criteria.hash[:12]}, {len(kept)} of {len(fixed.criteria)}; {told.draws} draws",
        flush=True,
    )
    answers = Answers(told.into, f"{criteria.hash[:12]} {len(kept)} {told.draws}")
    seeds = range(told.first, told.first + told.seeds)
    if told.only in (None, "planted"):
        for world in PLANTED:
            _row("planted", world, seeds, partial(_once, world, criteria), answers)
    if told.only in (None, "noise"):
        for world in NOISE:
            _row("noise", world, seeds, partial(_once, world, criteria), answers)
    if told.only in (None, "weekly"):
        symbols = range(told.first, told.first + told.symbols)
        _row("weekly", WEEKLY, symbols, partial(_year, criteria), answers)


class Answers:
    """What models failed at, by world and seed; on disk where there is a file.

    `judged_by` names the criteria: answers by others do not count.
    """

    def __init__(self, path: Path | None, judged_by: str) -> None:
        self._path, self._judged_by = path, judged_by
        self._known: dict[tuple[str, str, int], str] = {}
        for line in path.read_text().splitlines() if path is not None and path.exists() else ():
            try:
                kind, world, seed, failed, told_by = json.loads(line)
            except ValueError:
                continue  # what a kill left of a line
            if told_by == judged_by:
                self._known[kind, world, seed] = failed

    def of(self, kind: str, world: World, seed: int, play: Callable[[int], Trial]) -> str:
        """The criterion that a model failed at, "" for none."""
        key = kind, str(world), seed
        if key not in self._known:
            self._known[key] = play(seed).failed
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(f"\n{json.dumps([*key, self._known[key], self._judged_by])}")
        return self._known[key]


def _once(world: World, criteria: GateCriteria, seed: int) -> Trial:
    return come(drawn(world, seed), criteria, seed, folds=world.folds)


def _year(criteria: GateCriteria, seed: int) -> Trial:
    return come_weekly(WEEKLY, criteria, seed, backend=SMALL).trials[-1]


def _row(
    kind: str,
    world: World,
    seeds: Iterable[int],
    play: Callable[[int], Trial],
    answers: Answers,
) -> None:
    began = time.perf_counter()
    failed = Counter(answers.of(kind, world, seed, play) for seed in seeds)
    passed, count = failed.pop("", 0), failed.total()
    reasons = ", ".join(f"{name} {times}" for name, times in failed.most_common())
    print(
        f"{kind:8} edge {world.edge:.3f}, {world.mean_r:+.2f} R: "
        f"{passed} of {passed + count} let through; failed at {reasons or 'nothing'}; "
        f"{time.perf_counter() - began:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
