"""A year of candles through the backtest, beside one plain pass of the same rules: `limit.py`.

Every figure is a ratio within one run, of the best of many rounds that take turns.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.limit import one_pass
from cointrader.app.backtest import market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.market import instruments_of
from cointrader.backtest.market import Market
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import signals_of
from cointrader.market.source import FolderSource
from cointrader.signals.score import ScoreRule

FOLDER = Path(__file__).parents[1].parent / "shared" / "data" / "combined"
SYMBOLS = ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
ROUNDS = 60

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here")


def prepared(symbols: list[str], **settings: object) -> tuple[Market, BacktestSettings]:
    """Candles in memory, and the founding profile."""
    given = {"profile": "founding", "symbols": symbols, "correlation_symbols": [], **settings}
    config = Config(overrides=given, environ={}, folder="/nonexistent")
    source = FolderSource(FOLDER, symbols)
    instruments = instruments_of(config, source, symbols)
    return market_of(config, source), settings_of(config, instruments)


def backtest(market: Market, settings: BacktestSettings) -> BacktestResult:
    """From candles in memory to trades: indicators, signals, one account."""
    fresh = Market(market.label, market.interval_ms, market.frames, market.settlements)
    signals = {symbol: signals_of(ScoreRule(), fresh.frames[symbol]) for symbol in fresh.symbols}
    return run(fresh, signals, settings)


def limit_of(market: Market, symbol: str) -> Callable[[], tuple[int, float]]:
    frame, settled = market.frames[symbol], market.settlements[symbol]
    rate = np.full(len(frame), np.nan)
    rate[np.searchsorted(frame.open_time_ms, settled.at_ms)] = settled.rate
    trades, columns = np.empty((len(frame) // 10, 4)), frame.candles.arrays()
    return lambda: one_pass(*columns, rate, trades, 1.5, 3.0)


def best_ms(*functions: Callable[[], object]) -> Sequence[float]:
    """Best processor time of each; they take turns, so that what disturbs one disturbs all."""
    best = [float("inf")] * len(functions)
    for _ in range(ROUNDS):
        for place, function in enumerate(functions):
            started = time.thread_time_ns()
            function()
            best[place] = min(best[place], (time.thread_time_ns() - started) / 1e6)
    return best


def test_one_symbol_year(benchmark: Any) -> None:
    market, settings = prepared(["DOGEUSDT"], sizing="fixed:1000")
    limit = limit_of(market, "DOGEUSDT")
    trades, net = limit()
    result = benchmark.pedantic(backtest, args=(market, settings), rounds=1)
    assert len(result.trades) == trades == 511
    assert result.trades["net"].sum() == pytest.approx(net)
    signals = {"DOGEUSDT": signals_of(ScoreRule(), market.frames["DOGEUSDT"])}

    least, whole, again = best_ms(
        limit, lambda: backtest(market, settings), lambda: run(market, signals, settings)
    )

    print(
        f"\n{platform.machine()}, one symbol-year: limit {least:.2f} ms; backtest {whole:.2f} ms, "
        f"{whole / least:.2f} times; with its signals at hand {again:.2f} ms"
    )
    benchmark.extra_info.update(limit_ms=least, backtest_ms=whole, run_ms=again)


def test_three_symbols_on_one_account(benchmark: Any) -> None:
    market, settings = prepared(SYMBOLS)
    limits = [limit_of(market, symbol) for symbol in SYMBOLS]
    result = benchmark.pedantic(backtest, args=(market, settings), rounds=1)
    assert len(result.trades) == 1398

    least, whole = best_ms(
        lambda: [limit() for limit in limits], lambda: backtest(market, settings)
    )

    print(
        f"\n{platform.machine()}, three symbols on one account: limits {least:.2f} ms; "
        f"backtest {whole:.2f} ms, {whole / least:.2f} times"
    )
    benchmark.extra_info.update(limit_ms=least, backtest_ms=whole)


# A process counts the peak of the one that began it as its own: so a small one begins it.
LAUNCHER = """
import os, sys, time
started = time.perf_counter()
out = os.open(os.devnull, os.O_WRONLY)
child = os.posix_spawn(
    sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)]
)
_, status, usage = os.wait4(child, 0)
wall_s = time.perf_counter() - started
print(os.waitstatus_to_exitcode(status), wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


def cpu_and_peak(*command: str) -> tuple[float, float]:
    """Processor seconds and peak MB of a process."""
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCHER, sys.executable, *command],
        check=True, capture_output=True, text=True, env=env,
    )  # fmt: skip
    status, _, cpu_s, peak = map(float, done.stdout.split())
    assert status == 0, done.stderr
    return cpu_s, peak / 1024 / (1024 if sys.platform == "darwin" else 1)


@pytest.mark.parametrize("judged", [True, False], ids=["with its verdict", "without"])
def test_the_whole_process(benchmark: Any, tmp_path: Path, judged: bool) -> None:
    asked = ["-m", "cointrader", "backtest", "--data", str(FOLDER), "--symbol", "DOGEUSDT"]
    asked += ["--json", "--quiet", "--ledger", str(tmp_path / "trials.db")]
    asked += ["--verdict", str(tmp_path / "v.json")] if judged else ["--no-verdict"]
    # Leaves its machine code behind, and the numbers of the candles.
    benchmark.pedantic(cpu_and_peak, args=asked, rounds=1)
    runs, numpy_runs = [], []
    for _ in range(5):
        runs.append(cpu_and_peak(*asked))
        numpy_runs.append(cpu_and_peak("-c", "import numpy"))
    (cpu_s, peak_mb), (numpy_s, _) = min(runs), min(numpy_runs)
    print(
        f"\n{platform.machine()}, cointrader backtest, one symbol-year, warm, "
        f"{'judged' if judged else 'not judged'}: {cpu_s:.2f} s CPU, {peak_mb:.0f} MB; "
        f"python -c 'import numpy' {numpy_s:.2f} s CPU; the least of 5"
    )
    benchmark.extra_info.update(cpu_s=cpu_s, numpy_s=numpy_s, peak_mb=peak_mb)
