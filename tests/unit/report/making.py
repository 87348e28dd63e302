"""A small backtest on a synthetic market, with everything that a report tells of it."""

from __future__ import annotations

from functools import cache

import numpy as np

from cointrader.app.backtest import backtest, configured_signals, market_of, settings_of
from cointrader.app.backtest_report import report_inputs
from cointrader.app.config import Config
from cointrader.app.paper.market import PaperMarket, instruments_of, synthetic_market
from cointrader.backtest.criteria import load_criteria
from cointrader.backtest.own_trades import played
from cointrader.backtest.report.inputs import (
    Fold,
    HeatMap,
    Judged,
    ReportInputs,
    Side,
    Sweep,
    SweepFigure,
    WalkForward,
)
from cointrader.backtest.run import run
from cointrader.backtest.statistics.columns import Equity
from cointrader.backtest.statistics.evidence import Method, measured
from cointrader.backtest.verdict import Subject, judge

DAY_MS = 86_400_000
START_MS = 1_737_763_200_000  # 2025-01-25T00:00Z
DAYS = 40  # over a February, into March
MADE_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
SYMBOLS = ["XRPUSDT", "DOGEUSDT"]


@cache
def played_inputs(is_judged: bool = True) -> ReportInputs:
    """Two symbols, forty days. The same object every time: nobody may change it."""
    given = {"profile": "default", "symbols": SYMBOLS, "correlation_symbols": []}
    config = Config(overrides=given, environ={}, folder="/nonexistent")
    market = synthetic_market(config, 3, START_MS, START_MS + DAYS * DAY_MS)
    result = backtest(config, market)
    judged = None
    if is_judged:
        judged = _judged(config, market)
    return report_inputs(config, market, result, judged=judged, made_ms=MADE_MS)


def _judged(config: Config, market: PaperMarket) -> Judged:
    """The own trades, of a fixed size, after seven trials; measured with little effort."""
    own = config.replace(sizing="fixed:1000")
    candles = market_of(own, market.source)
    settings = settings_of(
        own,
        instruments_of(own, market.source, own.symbols),
        start_ms=market.start_ms,
        end_ms=market.end_ms,
    )
    play = candles, configured_signals(own, candles), settings
    criteria, method = load_criteria(), Method(draws=200, random_plays=5)
    verdict = judge(measured(played(*play), 7, method), criteria, Subject("c0f1", "da7a"))
    return Judged(run(*play), verdict, method)


def a_sweep() -> Sweep:
    """Two settings of three values each, one cell never played."""
    value = np.array([[-0.2, 0.1, 0.3], [0.0, 0.2, -0.1], [np.nan, 0.4, 0.05]])
    heat = HeatMap(
        row_name="atr_sl_mult",
        rows=("1", "1.5", "2"),
        column_name="atr_tp_mult",
        columns=("2", "3", "4"),
        value=value,
        trades=np.arange(9).reshape(3, 3) * 10,
        measure="mean R a trade",
        others="median over the other settings",
        chosen=(2, 1),
    )
    return Sweep((SweepFigure("configurations tried", 324, "count"),), (heat,), "SL 2, TP 3")


def a_walk_forward() -> WalkForward:
    """Two folds and their stitched equity."""
    days = START_MS + DAY_MS * np.arange(DAYS)
    train = Side(START_MS, START_MS + 10 * DAY_MS, 40, 0.31, 1.4)
    test = Side(START_MS + 10 * DAY_MS, START_MS + 20 * DAY_MS, 38, -0.12, 0.85)
    folds = (Fold(train, test, "SL 1.5"), Fold(train, test, "SL 2"))
    return WalkForward("rolling", folds, 0.96, Equity(days, 1_000.0 + np.arange(float(DAYS))))
