"""How a portfolio run grows with its bars and its symbols: ten years of fifty symbols, and less.

    python -m benchmarks.scale [--symbols 50] [--years 10] [--seed 1]

Made-up candles of 15 minutes, all symbols on one account: the default profile and its protections,
ten slots, no halt and no costs, so that it trades to the end of a market in which nothing can be
earned. Each size is a process of its own. Told are processor seconds of what follows once the
candles are in memory: the built-in rule's signals with their indicators, and the play of the
account, the best of three; the memory of the candles, what the run had at most beside them, and
the most that the process had, the making of the market included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence

from cointrader.app.backtest import configured_signals, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.market import instruments_of
from cointrader.backtest.market import Market, Settled
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.domain.instrument import Instrument
from cointrader.domain.ports import Settlement
from cointrader.market.frame import Frame
from cointrader.market.source import CandleRows
from cointrader.market.synthetic import SyntheticSource

START_MS = 1_420_070_400_000  # 2015-01-01T00:00Z
BAR_MS = 900_000
YEAR = 35_064  # bars: 365.25 days
ROUNDS = 3
PARTS = (0.1, 0.2, 0.5, 1.0)  # of the years, and of the symbols


class OneByOne:
    """The synthetic market, of which only the symbol asked for last is kept."""

    label = "synthetic market"
    interval_ms = BAR_MS

    def __init__(self, names: Sequence[str], bars: int, seed: int) -> None:
        self._names = names
        self._bars = bars
        self._seed = seed
        self._last: tuple[str, SyntheticSource] | None = None

    def symbols(self) -> Sequence[str]:
        return self._names

    def candles(self, symbol: str) -> CandleRows:
        return self._of(symbol).candles(symbol)

    def settlements(self, symbol: str) -> Sequence[Settlement]:
        return self._of(symbol).settlements(symbol)

    def open_times(self, symbol: str) -> Sequence[int]:
        return self._of(symbol).open_times(symbol)

    def open_interest(self, _symbol: str) -> Sequence[tuple[int, float]]:
        return ()

    def _of(self, symbol: str) -> SyntheticSource:
        if self._last is None or self._last[0] != symbol:
            made = SyntheticSource([symbol], self._seed, START_MS, self._bars, BAR_MS)
            self._last = symbol, made
        return self._last[1]


def config_of(names: Sequence[str]) -> Config:
    """The default profile, made to trade for as long as there are candles."""
    fixed = {
        "profile": "default",
        "symbols": list(names),
        "correlation_symbols": [],
        "max_positions": 10,
        "max_same_direction": 10,
        "max_daily_loss": 1.0,
        "max_drawdown": "off",
        "taker_fee": 0.0,
        "slippage_bps": 0.0,
        "margin_decay": "relative",
        "sizing": "risk",
        "risk_per_trade": 0.001,
    }
    return Config(overrides=fixed, environ={}, folder="/nonexistent")


def measured(symbols: int, years: float, seed: int) -> dict[str, float]:
    """One size in this process."""
    _play(*_made(1, 1_000, seed))  # compiles, or loads what was compiled
    config, settings, made = _made(symbols, round(years * YEAR), seed)
    rounds = [_play(config, settings, _fresh(made)) for _ in range(ROUNDS)]
    tracemalloc.start()
    _play(config, settings, _fresh(made))
    _, traced = tracemalloc.get_traced_memory()
    signals_s, play_s = (min(column) for column in list(zip(*rounds, strict=True))[:2])
    return {
        "symbols": symbols,
        "years": years,
        "candles": sum(len(frame) for frame in made.frames.values()),
        "trades": rounds[0][2],
        "signals_s": signals_s,
        "play_s": play_s,
        "candles_mb": _candles_mb(made),
        "run_mb": traced / 2**20,
        "process_mb": _process_mb(),
    }


def _made(symbols: int, bars: int, seed: int) -> tuple[Config, BacktestSettings, Market]:
    names = [f"S{number:02}USDT" for number in range(symbols)]
    source, config = OneByOne(names, bars, seed), config_of(names)
    frames: dict[str, Frame] = {}
    settled: dict[str, Settled] = {}
    instruments: dict[str, Instrument] = {}
    for name in names:
        part = Market.of(source, [name])
        frames |= part.frames
        settled |= part.settlements
        instruments |= instruments_of(config, source, [name])
    settings = settings_of(config, instruments, balance=100_000.0)
    return config, settings, Market(source.label, BAR_MS, frames, settled)


def _fresh(market: Market) -> Market:
    """The same candles, with nothing of what an earlier run left ready."""
    return Market(market.label, market.interval_ms, market.frames, market.settlements)


def _play(config: Config, settings: BacktestSettings, market: Market) -> tuple[float, float, int]:
    """Processor seconds of the signals and of the play, and the trades."""
    began = time.process_time()
    signals = configured_signals(config, market)
    signalled = time.process_time()
    result = run(market, signals, settings)
    played = time.process_time()
    return signalled - began, played - signalled, len(result.trades)


def _candles_mb(market: Market) -> float:
    frames = market.frames.values()
    columns = [
        column for frame in frames for column in (frame.open_time_ms, *frame.candles.arrays())
    ]
    return sum(each.nbytes for each in columns) / 2**20


def _process_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--years", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", action="store_true", help="this size only, as JSON")
    told = parser.parse_args(arguments)
    if told.one:
        print(json.dumps(measured(told.symbols, told.years, told.seed)))
        return
    columns = (
        "symbols | years | candles | trades | signals, s | play, s | µs a candle "
        "| candles, MB | run, MB | process, MB"
    )
    print(f"| {columns} |\n{'|---' * (columns.count('|') + 1)}|")
    sizes = [(told.symbols, part * told.years) for part in PARTS]
    sizes += [(max(1, round(part * told.symbols)), told.years) for part in PARTS[:-1]]
    for symbols, years in sizes:
        command = [sys.executable, "-m", "benchmarks.scale", "--one", "--seed", str(told.seed)]
        command += ["--symbols", str(symbols), "--years", str(years)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found = json.loads(done.stdout)
        total_s = found["signals_s"] + found["play_s"]
        print(
            f"| {symbols} | {years:g} | {found['candles']:,} | {found['trades']:,} "
            f"| {found['signals_s']:.2f} | {found['play_s']:.2f} "
            f"| {1e6 * total_s / found['candles']:.3f} "
            f"| {found['candles_mb']:,.0f} | {found['run_mb']:,.0f} | {found['process_mb']:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
