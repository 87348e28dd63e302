"""How often the shipped criteria find an edge that is there, and one that is not.

    python -m benchmarks.power [--seeds 100] [--searches 100] [--criteria FILE]

Made-up trades, see `cointrader.backtest.power.TradeLists`. A quarter of an hour, most of it for the
searches. Fewer draws and random plays than a verdict has: their noise is small beside that of the
worlds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cointrader.backtest.criteria import Criteria, load_criteria
from cointrader.backtest.power import TradeLists, answers
from cointrader.backtest.verdict import Answer

CELLS = 324
LISTS = ((500, (0.3, 0.2, 0.1, 0.0, -0.3)), (1_500, (0.2, 0.1)))  # trades, net R
SHARES = (0.0, 0.7)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each world."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="worlds per row")
    parser.add_argument("--searches", type=int, default=100, help="searches per row")
    parser.add_argument("--criteria", type=Path, help="own criteria in place of the shipped ones")
    parser.add_argument("--draws", type=int, default=2_000, help="resampled series per interval")
    parser.add_argument("--plays", type=int, default=40, help="plays with random entries")
    told = parser.parse_args(arguments)
    fixed = load_criteria(told.criteria)
    method = replace(fixed.method, draws=told.draws, random_plays=told.plays)
    criteria = replace(fixed, method=method)
    print(
        f"criteria {criteria.hash[:12]}, {criteria.source}; {told.draws} draws, {told.plays} plays"
    )
    print(f"{'net R':>6} {'trades':>7} {'cells':>6} {'shared':>7}", *(f"{a:>16}" for a in Answer))
    for count, edges in LISTS:
        for edge in edges:
            _row(TradeLists(trades=count), criteria, edge, told.seeds, 1)
    for shared in SHARES:
        for edge in (0.3, 0.0):
            _row(TradeLists(shared=shared), criteria, edge, told.searches, CELLS)


def _row(world: TradeLists, criteria: Criteria, edge: float, seeds: int, cells: int) -> None:
    began = time.perf_counter()
    said = answers(world, criteria, net_r=edge, seeds=range(seeds), cells=cells)
    took = time.perf_counter() - began
    counts = (f"{said[answer]:>16}" for answer in Answer)
    row = f"{edge:>6.1f} {world.trades:>7} {cells:>6} {world.shared:>7.1f}"
    print(row, *counts, f"{took:7.0f} s", flush=True)


if __name__ == "__main__":
    main()
