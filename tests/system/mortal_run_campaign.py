"""Every step of the scenario once, and a table of what came of it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.system.mortal_run import PHASES, Fatal, Moment
from tests.system.mortal_run_world import Outcome, Run, play

DOWN_MS = 60_000  # between death and restart, where it is not at once
_STAGGER_S = 2.0  # so that not all of them do the same at the same time


def every_step(whole: Outcome, pace: float) -> list[Run]:
    """A run for every record and every order that an unharmed run came to.

    A record: dead before it is on disk and back at once; dead when it is on disk and back after a
    while. An order: dead before the answer, both ways. Where a position is open and its stop is not
    told yet, also with a guard.
    """
    runs: list[Run] = []
    is_bare = False
    for phase, step in whole.steps:
        is_bare = (is_bare or step.startswith("intent entry")) and not step.startswith("new stop")
        if phase in PHASES:
            runs.append(Run(Fatal(step, Moment.HEARD), 0, pace=pace))
            runs.append(Run(Fatal(step, Moment.WRITTEN), DOWN_MS, pace=pace))
            if is_bare:
                runs.append(Run(Fatal(step, Moment.WRITTEN), DOWN_MS, is_guarded=True, pace=pace))
    for request in whole.requests:
        fatal = Fatal(request, Moment.EXECUTED)
        runs.append(Run(fatal, 0, pace=pace))
        runs.append(Run(fatal, DOWN_MS, pace=pace))
        if request.startswith("send entry"):
            runs.append(Run(fatal, DOWN_MS, is_guarded=True, pace=pace))
    return runs


def play_all(
    runs: Sequence[Run], folder: Path, at_once: int, tell: Callable[[Outcome], None]
) -> list[Outcome]:
    """Play them, so many at the same time; in the order of `runs`."""

    def one(number: int) -> Outcome:
        if number < at_once:
            time.sleep(number * _STAGGER_S)
        try:
            outcome = play(runs[number], folder / f"{number:03}")
        except Exception as error:  # one that could not be played is no reason to drop the others
            outcome = Outcome(runs[number], violations=[f"not played: {error!r}"])
        tell(outcome)
        return outcome

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, range(len(runs))))


# -- told ---------------------------------------------------------------------------------------


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """Two tables: what must never happen, and how long positions were without a stop."""
    return "\n".join(
        [
            "| Killed during | Runs | Positions opened per decided bar | Violations |",
            "|---|---|---|---|",
            *_violation_rows(outcomes),
            "",
            "| Restarted | Died without a stop | Seconds without one: p50, most "
            "| Of these since the restarted bot was ready: p50, most |",
            "|---|---|---|---|",
            *_naked_rows(outcomes),
        ]
    )


_PROTECTION = ("stop", "target", "PositionOpened")  # in the names of an entry's later steps


def _stage(outcome: Outcome) -> str:
    """What was going on: a phase, its protection apart from the first entry."""
    step = "" if outcome.run.fatal is None else outcome.run.fatal.step
    is_protection = outcome.phase == "entry" and any(word in step for word in _PROTECTION)
    return "protection" if is_protection else outcome.phase


def _violation_rows(outcomes: Sequence[Outcome]) -> Iterator[str]:
    killed = [outcome for outcome in outcomes if outcome.was_killed]
    for stage in ("entry", "protection", *PHASES[1:]):
        here = [outcome for outcome in killed if _stage(outcome) == stage]
        bad = sum(bool(outcome.violations) for outcome in here)
        opened = [outcome.most_per_bar for outcome in here]
        shown = f"{min(opened)} to {max(opened)}" if opened else "–"
        yield f"| {stage} | {len(here)} | {shown} | {bad} |"
    rest = [outcome for outcome in outcomes if not outcome.was_killed]
    bad = sum(bool(outcome.violations) for outcome in rest)
    yield f"| its step did not come | {len(rest)} | – | {bad} |"


def _naked_rows(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for words, down_ms, is_guarded in (
        ("at once", 0, False),
        (f"after {DOWN_MS / 1000:g} s", DOWN_MS, False),
        (f"after {DOWN_MS / 1000:g} s, with a guard beside", DOWN_MS, True),
    ):
        bare = [
            outcome
            for outcome in outcomes
            if outcome.unprotected_ms is not None
            and (outcome.run.down_ms, outcome.run.is_guarded) == (down_ms, is_guarded)
        ]
        naked = _times([outcome.unprotected_ms or 0 for outcome in bare])
        mended = _times([outcome.mended_ms or 0 for outcome in bare])
        yield f"| {words} | {len(bare)} | {naked} | {mended} |"


def _times(times_ms: Sequence[int]) -> str:
    """Median and maximum in seconds."""
    if not times_ms:
        return "–"
    return f"{statistics.median(times_ms) / 1000:.1f}, {max(times_ms) / 1000:.1f}"
