"""This project's backtest beside other people's, the same work on one core.

    pip install -r benchmarks/peers/requirements.txt
    python -m benchmarks.peers [--seed 1] [--rounds 5]

An engine that is not installed is left out, and told so. Processor time after a first play that
compiles what an engine compiles, the best of some rounds that take turns. The engines do the same
work and do not know the same: only ours has one account, funding, leverage, halts and minimums,
here switched off. Trades and net result are told so that anybody sees how near they are.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.peers import on_backtesting, on_vectorbt, ours
from benchmarks.peers.work import STOP, TARGET, YEAR, Engine, NotInstalled, Work, cells

PEERS: tuple[Callable[[Work], Engine], ...] = (on_vectorbt.engine, on_backtesting.engine)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each engine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--seed", type=int, default=1, help="of the made-up year")
    parser.add_argument("--rounds", type=int, default=5)
    told = parser.parse_args(arguments)
    os.environ |= {"TQDM_DISABLE": "1", "NUMBA_NUM_THREADS": "1"}  # before any engine is imported
    work, own = ours.prepared(told.seed)
    engines = [own]
    for make in PEERS:
        try:
            engines.append(make(work))
        except NotInstalled as missing:
            print(
                f"{missing} is not installed, so it is left out: "
                "pip install -r benchmarks/peers/requirements.txt",
                file=sys.stderr,
            )
    print(f"{YEAR:,} candles, {int((work.side != 0).sum())} signals, Python {sys.version[:6]}")
    played = [(engine, engine.play(STOP, TARGET)) for engine in engines]
    once = _best(told.rounds, [lambda e=e: e.play(STOP, TARGET) for e in engines])  # type: ignore[misc]
    for engine in engines:
        engine.sweep(cells(2))  # compiles what a sweep compiles
    swept = _best(1, [lambda e=e: e.sweep(cells(e.sweeps_at_once)) for e in engines])  # type: ignore[misc]
    each = [total / e.sweeps_at_once for total, e in zip(swept, engines, strict=True)]
    print("| engine | trades | net | one run, ms | times ours | one of a sweep, ms | times ours |")
    print("|---|---|---|---|---|---|---|")
    for (engine, done), run_s, cell_s in zip(played, once, each, strict=True):
        print(
            f"| {engine.name} {engine.version} | {done.trades} | {done.net:.2f} "
            f"| {run_s * 1e3:.2f} | {run_s / once[0]:.1f} "
            f"| {cell_s * 1e3:.2f} | {cell_s / each[0]:.1f} |"
        )


def _best(rounds: int, functions: Sequence[Callable[[], object]]) -> list[float]:
    """Best processor seconds of each; they take turns, so that what disturbs one disturbs all."""
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for place, function in enumerate(functions):
            began = time.process_time()
            function()
            best[place] = min(best[place], time.process_time() - began)
    return best


if __name__ == "__main__":
    main()
