"""This project's backtest, with as little switched on as the others have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import cointrader
from benchmarks.peers.work import (
    FEE,
    NOTIONAL,
    STOP,
    SYMBOL,
    TARGET,
    Done,
    Engine,
    Work,
    candles_of,
    source_of,
)
from cointrader.app.backtest import configured_signals, market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.market import instruments_of
from cointrader.backtest.market import Market, Settled
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import SymbolSignals


def prepared(seed: int) -> tuple[Work, Engine]:
    """The work, with the signals of the built-in rule, and our way of doing it."""
    config = Config(
        overrides={
            "profile": "founding",
            "symbols": [SYMBOL],
            "correlation_symbols": [],
            "sizing": f"fixed:{NOTIONAL:g}",
            "taker_fee": FEE,
            "exit_mode": "pct",
            "stop_loss_pct": STOP,
            "take_profit_pct": TARGET,
        },
        environ={},
        folder="/nonexistent",
    )
    source = source_of(seed)
    market = market_of(config, source)
    unfunded = Market(market.label, market.interval_ms, market.frames, {SYMBOL: Settled.of(())})
    signals = configured_signals(config, unfunded)
    settings = settings_of(config, instruments_of(config, source, config.symbols))
    rows = candles_of(source)
    side = np.zeros(len(rows.open_time_ms), np.int8)
    side[signals[SYMBOL].rows] = signals[SYMBOL].side
    return Work(rows.open_time_ms, rows.columns, side), _engine(unfunded, signals, settings)


def _engine(
    market: Market, signals: dict[str, SymbolSignals], settings: BacktestSettings
) -> Engine:
    exits = settings.exits[SYMBOL]

    def at(stop: float, target: float) -> BacktestSettings:
        own = replace(exits, stop_loss_pct=stop, take_profit_pct=target)
        return replace(settings, exits={SYMBOL: own})

    def play(stop: float, target: float) -> Done:
        return _done(run(market, signals, at(stop, target)))

    def sweep(cells: list[tuple[float, float]]) -> list[Done]:
        return [_done(run(market, signals, at(*cell), with_equity=False)) for cell in cells]

    return Engine("cointrader", cointrader.__version__, play, sweep)


def _done(result: BacktestResult) -> Done:
    return Done(len(result.trades), float(result.trades["net"].sum()))
