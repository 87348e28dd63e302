"""The same as `benchmarks.power` over whole markets: made from a seed, played by the kernel.

    python -m benchmarks.power_markets [--seeds 100] [--searches 20] [--kept FILE]

One symbol, 42,000 candles of 15 minutes (437 days), the built-in rule, default costs. An edge is
planted for the rule as `paper --planted-edge` does it. A search tries 324 settings of the rule on a
market that has no edge in it, without any costs: so every setting earns nothing in truth, and the
best of them is luck.

With `--kept` each answer is written to a file when it is known, and what is there is not asked
again: a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cointrader.app.backtest import configured_signals, market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.edge import planted_edge
from cointrader.app.paper.market import instruments_of
from cointrader.backtest.criteria import Criteria, load_criteria
from cointrader.backtest.market import Market
from cointrader.backtest.own_trades import played
from cointrader.backtest.power import START_MS, World, answers
from cointrader.backtest.statistics.evidence import Played
from cointrader.backtest.verdict import Answer
from cointrader.market.synthetic import SyntheticSource

SYMBOL = "XRPUSDT"
BARS = 42_000
BAR_MS = 900_000
GRID = {
    "signal_threshold": (2, 3, 4),
    "vol_multiplier": (1.0, 1.5, 2.5),
    "adx_threshold": (0.0, 20.0, 25.0),
    "atr_sl_mult": (1.0, 1.5, 2.0),
    "atr_tp_mult": (2.0, 3.0, 4.0, 5.0),
}
OF_THE_RULE = ("signal_threshold", "vol_multiplier", "adx_threshold")


@dataclass(frozen=True, slots=True)
class PlantedMarkets:
    """The built-in rule on a market in which it earns what it is told to."""

    def play(self, seed: int, net_r: float, cells: int) -> Iterable[Played]:
        """See `backtest.power.World`; one cell, the settings that the edge was planted for."""
        if cells != 1:
            raise ValueError("an edge is planted for one configuration")
        config = _config()
        source = _source(seed, planted_edge(config, net_r))
        market = market_of(config, source)
        yield _played(config, source, market)


@dataclass(frozen=True, slots=True)
class FairMarkets:
    """Many settings on a market without an edge and without costs: 0 R is the truth for all."""

    def play(self, seed: int, net_r: float, cells: int) -> Iterator[Played]:
        """See `backtest.power.World`; the first `cells` of the grid, `net_r` 0."""
        if net_r != 0.0:
            raise ValueError("a fair market earns 0 R")
        source = _source(seed, None)
        settings = [dict(zip(GRID, values, strict=True)) for values in _grid()][:cells]
        market = market_of(_config(), source)
        signals = {}
        for own in settings:
            config = _config(taker_fee=0.0, slippage_bps=0.0, **own)
            key = tuple(own[name] for name in OF_THE_RULE)
            if key not in signals:
                signals[key] = configured_signals(config, market)
            limits = settings_of(config, instruments_of(config, source, config.symbols))
            yield played(market, signals[key], limits)


def _grid() -> Iterator[tuple[float, ...]]:
    return itertools.product(*GRID.values())


def _config(**settings: object) -> Config:
    fixed = {"profile": "default", "symbols": [SYMBOL], "correlation_symbols": []}
    given = fixed | {"sizing": "fixed:1000"} | settings
    return Config(overrides=given, environ={}, folder="/nonexistent")


def _source(seed: int, edge: object) -> SyntheticSource:
    return SyntheticSource(
        [SYMBOL], seed=seed, start_ms=START_MS, bars=BARS, interval_ms=BAR_MS, edge=edge
    )


def _played(config: Config, source: SyntheticSource, market: Market) -> Played:
    settings = settings_of(config, instruments_of(config, source, config.symbols))
    return played(market, configured_signals(config, market), settings)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each kind of market."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="planted markets per row")
    parser.add_argument("--searches", type=int, default=20, help="searches through 324 settings")
    parser.add_argument("--edges", type=float, nargs="*", default=[0.3, 0.2, 0.1, 0.0, -0.3])
    parser.add_argument("--kept", type=Path, help="file of answers, made if missing")
    told = parser.parse_args(arguments)
    fixed = load_criteria()
    criteria = replace(fixed, method=replace(fixed.method, draws=2_000, random_plays=40))
    kept = Kept(told.kept, criteria.hash)
    print(f"{'net R':>6} {'cells':>6} {'markets':>8}", *(f"{answer:>16}" for answer in Answer))
    rows: list[tuple[World, float, int, int]] = [
        (PlantedMarkets(), edge, told.seeds, 1) for edge in told.edges
    ]
    for world, edge, seeds, cells in [*rows, (FairMarkets(), 0.0, told.searches, 324)]:
        began = time.perf_counter()
        said: Counter[str] = Counter()
        for seed in range(seeds):
            said[kept.answer(world, criteria, edge, seed, cells)] += 1
        took = time.perf_counter() - began
        counts = (f"{said[answer]:>16}" for answer in Answer)
        print(f"{edge:>6.1f} {cells:>6} {seeds:>8}", *counts, f"{took:7.0f} s", flush=True)


class Kept:
    """Answers in a file of lines: criteria, net R, cells, seed, answer."""

    def __init__(self, path: Path | None, criteria: str) -> None:
        self._path = path
        self._criteria = criteria[:16]
        self._known: dict[str, str] = {}
        if path is not None and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            self._known = dict(line.split("\t") for line in lines if line.count("\t") == 1)

    def answer(self, world: World, criteria: Criteria, edge: float, seed: int, cells: int) -> str:
        """What was answered before; else what is answered now."""
        name = f"{self._criteria} {edge:g} {cells} {seed}"
        if name not in self._known:
            found = answers(world, criteria, net_r=edge, seeds=[seed], cells=cells)
            (self._known[name],) = map(str, found)
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(f"{name}\t{self._known[name]}\n")
        return self._known[name]


if __name__ == "__main__":
    main()
