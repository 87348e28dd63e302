"""Small searches over made-up candles."""

from __future__ import annotations

from cointrader.app.config import Config
from cointrader.app.paper.market import SYNTHETIC_START_MS, synthetic_market
from cointrader.app.search.space import search_space, with_own_size
from cointrader.app.search.sweep import Where, sweep
from tests.markets import DAY_MS

AXES = ("atr_sl_mult=1,2", "atr_tp_mult=2,4", "signal_threshold=2,3", "vol_multiplier=1,2.5")


def a_config(**settings):
    given = {"symbols": ["XRPUSDT"], "correlation_symbols": []} | settings
    return with_own_size(Config(overrides=given, environ={}, folder="/nonexistent"))


def a_market(config, *, days=40, seed=1, edge_r=None):
    end_ms = SYNTHETIC_START_MS + days * DAY_MS
    return synthetic_market(config, seed, SYNTHETIC_START_MS, end_ms, edge_r)


def a_sweep(folder, axes=AXES, *, config=None, where=None, days=40, **how):
    config = config or a_config()
    where = where or Where(jobs=1, store=folder / "cells.db", ledger=folder / "trials.db")
    space = search_space(config, axes)
    return sweep(space, a_market(config, days=days), least_trades=20, where=where, **how)


def by_settings(result):
    """Each cell's figures and daily R as bytes, by its settings."""
    return {
        tuple(sorted(cell.items())): (figures.tobytes(), daily.tobytes())
        for cell, figures, daily in zip(
            result.space.cells, result.table.figures, result.table.daily, strict=True
        )
    }
