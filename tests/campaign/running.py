"""Runs of the campaign, one after the other or over several processes, and what they add up to."""

from __future__ import annotations

import logging
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from cointrader.exchange.simulated.wire.faults import FAULTS
from tests.campaign.audit import Verdict, judged
from tests.campaign.product import Product
from tests.campaign.stage import Scenario, Trader, play

MakeTrader = Callable[[], Trader]


def run(scenario: Scenario, trader: Trader | None = None) -> Verdict:
    """Play a scenario, by the product unless told otherwise, and judge it."""
    with tempfile.TemporaryDirectory() as folder, _quiet():
        return judged(play(scenario, trader or Product(), Path(folder)))


def run_all(
    scenarios: Sequence[Scenario],
    processes: int,
    make: MakeTrader = Product,
    done: Callable[[Verdict], None] = lambda _verdict: None,
) -> list[Verdict]:
    """Every scenario, in the order given; `done` hears of each as it ends."""
    if processes == 1:
        return [_told(_played(scenario, make), done) for scenario in scenarios]
    with ProcessPoolExecutor(processes) as pool:
        running = {pool.submit(_played, each, make): i for i, each in enumerate(scenarios)}
        verdicts: dict[int, Verdict] = {}
        for future in as_completed(running):
            verdicts[running[future]] = _told(future.result(), done)
    return [verdicts[i] for i in range(len(scenarios))]


def _played(scenario: Scenario, make: MakeTrader) -> Verdict:
    return run(scenario, make())


def _told(verdict: Verdict, done: Callable[[Verdict], None]) -> Verdict:
    done(verdict)
    return verdict


@contextmanager
def _quiet() -> Iterator[None]:
    """What goes wrong is the point of it: nobody wants to read it."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        structlog.configure(**before)


def replay(verdict: Verdict) -> str:
    """How to see a run again."""
    return f"python -m tests.campaign --seed {verdict.seed} --faults '{verdict.faults}'"


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of many cases."""

    count: int
    p50: float
    p99: float
    most: float

    @staticmethod
    def of(times_ms: Sequence[int]) -> Times:
        ordered = sorted(times_ms)
        if not ordered:
            return Times(0, math.nan, math.nan, math.nan)

        def at(part: float) -> float:
            return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)] / 1000

        return Times(len(ordered), at(0.5), at(0.99), ordered[-1] / 1000)


@dataclass(frozen=True, slots=True)
class Campaign:
    """What all runs add up to."""

    verdicts: Sequence[Verdict]

    def count(self, kind: str) -> int:
        return sum(v.kind == kind for verdict in self.verdicts for v in verdict.violations)

    @property
    def failed(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.violations]

    @property
    def bites(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for verdict in self.verdicts:
            total.update(verdict.bites)
        return total

    @property
    def toothless(self) -> list[str]:
        """Faults that were named in a run and never injected in any."""
        named = {name for name in FAULTS for v in self.verdicts if _names(v.faults, name)}
        return sorted(named - {name for name, count in self.bites.items() if count})

    def times(self, name: str, *, is_apart: bool = False) -> Times:
        """Of one of a verdict's lists, over the runs that are listed apart or the others."""
        runs = (verdict for verdict in self.verdicts if verdict.is_apart is is_apart)
        return Times.of([each for verdict in runs for each in getattr(verdict, name)])


def _names(spec: str, name: str) -> bool:
    return any(part.strip().split("(")[0].split(":")[0].split("@")[0] == name
               for part in spec.split(","))  # fmt: skip
