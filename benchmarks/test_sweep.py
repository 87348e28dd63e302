"""324 cells over a year of candles, beside a plain loop of the same rules: `limit_sweep.py`.

Every figure is a ratio within one run, of the best of many rounds that take turns. Statistics are
no part of either.
"""

from __future__ import annotations

import platform
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.limit_sweep import sweep as limit_sweep
from benchmarks.test_backtest import FOLDER, best_ms, limit_of, prepared
from cointrader.backtest.market import Market
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.sweep.cells import Sheet
from cointrader.backtest.sweep.figures import Played
from cointrader.backtest.sweep.shared import share
from cointrader.signals.indicators import DEFAULT_PERIODS
from cointrader.signals.score import ScoreRule, ScoreSettings
from cointrader.strategy.plan import ExitSettings

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here")

ENTRIES = [(t, v, a) for t in (3, 4, 5) for a in (0.0, 20.0, 25.0, 30.0) for v in (1.5, 2.0, 2.5)]
EXITS = [(stop, target) for stop in (1.0, 1.5, 2.0) for target in (2.0, 3.0, 4.0)]


def sweep(market: Market, settings: BacktestSettings) -> list[Played]:
    """From candles in memory to the figures of 324 cells: indicators, signals, trades."""
    fresh = Market(market.label, market.interval_ms, market.frames, market.settlements)
    rules = [ScoreRule(ScoreSettings(*entry)) for entry in ENTRIES]
    shared = {
        symbol: share(rules, frame, DEFAULT_PERIODS) for symbol, frame in fresh.frames.items()
    }
    sheet, everyone = Sheet(fresh, shared), np.arange(len(rules))
    return [
        sheet.play(
            replace(
                settings,
                exits=dict.fromkeys(
                    fresh.symbols, ExitSettings(atr_sl_mult=stop, atr_tp_mult=target)
                ),
            ),
            everyone,
        )
        for stop, target in EXITS
    ]


def test_324_cells_of_one_symbol_year(benchmark):
    market, settings = prepared(["DOGEUSDT"], sizing="fixed:1000")
    frame, settled = market.frames["DOGEUSDT"], market.settlements["DOGEUSDT"]
    rate = np.full(len(frame), np.nan)
    rate[np.searchsorted(frame.open_time_ms, settled.at_ms)] = settled.rate
    entries, exits = np.array(ENTRIES, np.float64), np.array(EXITS)
    counts = np.zeros((len(ENTRIES), len(EXITS)), np.int64)
    nets, columns = np.zeros(counts.shape), frame.candles.arrays()

    def limit():
        limit_sweep(*columns, rate, entries, exits, counts, nets)

    limit()
    played = benchmark.pedantic(sweep, args=(market, settings), rounds=1)
    figures = np.stack([each.figures[:, 0] for each in played], axis=1)
    assert (figures["trades"] == counts).all()
    assert figures["net"] == pytest.approx(nets)

    one, least, whole = best_ms(
        limit_of(market, "DOGEUSDT"), limit, lambda: sweep(market, settings)
    )
    tracemalloc.start()
    sweep(market, settings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    print(
        f"\n{platform.machine()}, 324 cells of one symbol-year, {counts.sum():,} trades: limit "
        f"{least:.2f} ms, {least / one:.2f} times one plain pass; sweep {whole:.2f} ms, "
        f"{whole / least:.2f} times its limit; {peak / 2**20:.1f} MB of arrays on top"
    )
    benchmark.extra_info.update(limit_ms=least, sweep_ms=whole, peak_mb=peak / 2**20)
