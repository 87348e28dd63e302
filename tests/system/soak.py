"""A long run against the wire: does anything grow, and is everything renewed that must be?

``python -m tests.system.soak --minutes 30`` plays thirty minutes of real time, sixty times as fast:
thirty hours of three symbols. Every ten seconds the bots' process notes its memory, tasks, threads,
files and sockets. The exchange cuts every connection after 24 of its hours.

What is asked at the end:

``growth``      the median of each number over the last quarter of the run against that over the
                second quarter (the first is warm-up: windows and caches fill). Medians let a
                moment's connection or a collection be. Memory may have grown by `MORE_MEMORY`,
                the others by `MORE_OF_OTHERS`.
``listen key``  kept alive at least every 30 minutes of the exchange's time, and never refused.
``cut``         every connection that lived long enough was cut by the exchange, and replaced.
``decisions``   one for every bar of every symbol between its first and its last.
``books``       every trade of the journal is a round trip on the exchange, to the cent, and the
                other way round; what is open is open on both sides.
``crash``       no bot crashed but for an exchange that did not answer: at this pace its ten seconds
                are a sixth of one, and a busy machine misses them now and then.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec

from cointrader.domain.clock import HOUR_MS, MINUTE_MS
from cointrader.journal.reader import JournalReader
from tests.system import soak_run
from tests.system.mortal_run_processes import Processes, processes
from tests.system.mortal_run_world import unlike_the_books
from tests.system.soak_run import BAR_MS, SYMBOLS, Sample, Served, SoakPlan

MORE_MEMORY = 8 << 20
MORE_OF_OTHERS = {"tasks": 6, "threads": 1, "files": 3, "sockets": 3}
_KEEP_ALIVE = ("PUT /fapi/v1/listenKey", "POST /fapi/v1/listenKey")
_LONGEST_KEEP_MS = HOUR_MS // 2
_CUT_SLACK_MS = MINUTE_MS
_START_S = 90.0
_STARTS = 5


@dataclass(slots=True)
class Soaked:
    """What a soak showed."""

    minutes: float
    exchange_hours: float = 0.0
    medians: dict[str, tuple[float, float]] = field(default_factory=dict)  # second quarter, last
    most: dict[str, int] = field(default_factory=dict)
    keep_alives: int = 0
    connections: int = 0
    cut_ages_h: list[float] = field(default_factory=list)  # of those that the exchange cut
    renewals: int = 0
    faults: int = 0
    decisions: int = 0
    trades: int = 0
    alerts: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def soak(minutes: float, folder: Path, plan: SoakPlan | None = None) -> Soaked:
    """Run for so long, then judge. `folder` is made, and holds all that was written."""
    plan = plan or SoakPlan()
    folder.mkdir(parents=True)
    result = Soaked(minutes)
    with processes(folder) as started:
        rest = _exchange(started, plan)
        bots = _bots(started, rest, plan)
        bots.join(minutes * 60)
        if not bots.is_alive():
            result.violations.append(f"the bots ended by themselves: exit code {bots.exitcode}")
        else:
            os.kill(bots.pid or 0, signal.SIGTERM)
            bots.join(30)
            if bots.exitcode != 0:
                result.violations.append(f"the bots did not end politely: {bots.exitcode}")
        served = _stopped(rest, folder)
    _judge(result, plan, _samples(folder), served, folder / "journal.db")
    return result


def _exchange(started: Processes, plan: SoakPlan) -> str:
    started.start(soak_run.serve, plan, console="exchange.log")
    at = started.folder / "exchange.at"
    _until(at.exists, "the exchange does not serve")
    return at.read_text()


def _bots(started: Processes, rest: str, plan: SoakPlan) -> BaseProcess:
    """Bots that are ready. At this pace a busy machine may miss the deadlines of a first try."""
    samples = started.folder / "samples.jsonl"
    for _ in range(_STARTS):
        bots = started.start(soak_run.trade, rest, plan, console="bots.log")
        _until(partial(_is_ready_or_dead, bots, samples), "the bots are not ready")
        if bots.is_alive():
            return bots
        time.sleep(1)
    raise TimeoutError("the bots do not start")


def _is_ready_or_dead(bots: BaseProcess, samples: Path) -> bool:
    return not bots.is_alive() or (samples.exists() and samples.stat().st_size > 0)


def _stopped(rest: str, folder: Path) -> Served:
    with urllib.request.urlopen(f"{rest}/control/stop", data=b"{}", timeout=10):
        pass
    seen = folder / "exchange.json"
    _until(lambda: seen.exists() and seen.read_bytes().endswith(b"}"), "the exchange does not end")
    return msgspec.json.decode(seen.read_bytes(), type=Served)


def _samples(folder: Path) -> list[Sample]:
    lines = (folder / "samples.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Sample) for line in lines]


def _until(is_so: Callable[[], bool], otherwise: str) -> None:
    end_s = time.monotonic() + _START_S
    while not is_so():
        if time.monotonic() > end_s:
            raise TimeoutError(otherwise)
        time.sleep(0.05)


# -- judged -------------------------------------------------------------------------------------


def _judge(
    result: Soaked, plan: SoakPlan, samples: Sequence[Sample], served: Served, journal: Path
) -> None:
    elapsed_ms = samples[-1].at_ms
    result.exchange_hours = round(elapsed_ms / HOUR_MS, 2)
    result.events, result.refusals = samples[-1].events, served.refusals
    named = {name: sum(n for e, n in result.events.items() if e.startswith(name)) for name in _SAID}
    result.renewals, result.faults = named["stream.renewed"], named["stream.broken"]
    result.keep_alives = sum(served.calls.get(name, 0) for name in _KEEP_ALIVE)
    result.connections = served.connections
    cut = [each for each in served.ended if each.age_ms >= plan.life_ms - _CUT_SLACK_MS]
    result.cut_ages_h = [round(each.age_ms / HOUR_MS, 2) for each in cut]
    result.violations += [*_growth(result, samples), *_lines(result, plan, served, elapsed_ms)]
    with JournalReader(journal) as reader:
        result.trades = sum(1 for _ in reader.trades())
        result.alerts = sum(1 for _ in reader.alerts())
        result.violations += [
            *_decisions(result, reader, elapsed_ms),
            *unlike_the_books(served.trips, served.positions, reader),
        ]
        result.violations += [alert.text for alert in reader.alerts() if _is_crash(alert.text)]


_SAID = ("stream.renewed", "stream.broken")


def _is_crash(text: str) -> bool:
    """Whether an alert tells of a crash that the exchange's silence does not explain."""
    return "crash" in text and "(Unreachable" not in text


def _growth(result: Soaked, samples: Sequence[Sample]) -> Iterator[str]:
    quarter = len(samples) // 4
    before, after = samples[quarter : 2 * quarter], samples[-quarter:]
    for name, more in {"rss_bytes": MORE_MEMORY, **MORE_OF_OTHERS}.items():
        result.most[name] = max(getattr(sample, name) for sample in samples)
        if not quarter:
            yield "too few samples"
            return
        medians = [
            statistics.median(getattr(sample, name) for sample in part) for part in (before, after)
        ]
        result.medians[name] = (medians[0], medians[1])
        if medians[1] - medians[0] > more:
            yield f"{name} grew from {medians[0]:,.0f} to {medians[1]:,.0f}"


def _lines(result: Soaked, plan: SoakPlan, served: Served, elapsed_ms: int) -> Iterator[str]:
    if result.keep_alives < elapsed_ms // _LONGEST_KEEP_MS:
        yield f"the listen key was kept alive {result.keep_alives} times only"
    refused = sum(served.refusals.get(name, 0) for name in _KEEP_ALIVE)
    if refused:
        yield f"the listen key was refused {refused} times"
    if elapsed_ms > plan.life_ms + _CUT_SLACK_MS and not result.cut_ages_h:
        yield "no connection was cut by the exchange"
    too_old = [e.age_ms for e in served.ended if e.age_ms > plan.life_ms + 2 * _CUT_SLACK_MS]
    if too_old:
        yield f"connections lived for {too_old} ms"


def _decisions(result: Soaked, reader: JournalReader, elapsed_ms: int) -> Iterator[str]:
    for symbol in SYMBOLS:
        bars = [decision.bar_open_ms for decision in reader.decisions(symbol)]
        result.decisions += len(bars)
        if bars != list(range(bars[0], bars[0] + len(bars) * BAR_MS, BAR_MS) if bars else []):
            yield f"{symbol}: the decisions have a gap, or one twice"
        if len(bars) < elapsed_ms // BAR_MS - 1:
            yield f"{symbol}: {len(bars)} decisions in {elapsed_ms / HOUR_MS:.1f} h"


def as_markdown(result: Soaked) -> str:
    """The numbers as a table."""
    rows = [
        ("Real time", f"{result.minutes:g} min"),
        ("Exchange time", f"{result.exchange_hours:g} h"),
        *(
            (f"{name}, second quarter, last quarter, most", _of(name, [*medians, most]))
            for name, medians, most in (
                (name, medians, result.most[name]) for name, medians in result.medians.items()
            )
        ),
        ("Listen key kept alive", result.keep_alives),
        ("Connections opened", result.connections),
        ("Cut by the exchange at the age of, h", ", ".join(map(str, result.cut_ages_h)) or "–"),
        ("Connections renewed in time, broken", f"{result.renewals}, {result.faults}"),
        ("Decisions, trades, alerts", f"{result.decisions}, {result.trades}, {result.alerts}"),
        ("Violations", "; ".join(result.violations) or "none"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {found} |" for what, found in rows)])


def _of(name: str, numbers: Sequence[float]) -> str:
    if name == "rss_bytes":
        return ", ".join(f"{number / (1 << 20):.1f} MiB" for number in numbers)
    return ", ".join(f"{number:g}" for number in numbers)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--pace", type=float, default=60)
    parser.add_argument("--out", type=Path, default=Path("build/soak"), help="a new folder")
    asked = parser.parse_args()
    if asked.out.exists():
        parser.error(f"{asked.out} is there already: move it away, or name another with --out")
    result = soak(asked.minutes, asked.out, SoakPlan(pace=asked.pace))
    table = as_markdown(result)
    (asked.out / "soak.json").write_bytes(msgspec.json.encode(result))
    (asked.out / "soak.md").write_text(table + "\n")
    print(table)
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
