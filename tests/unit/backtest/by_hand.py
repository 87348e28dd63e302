"""A few bars written down, played by the kernel's own functions as they stand in the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np

from cointrader.backtest.market import Market
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import SymbolSignals
from cointrader.domain.instrument import Instrument
from cointrader.domain.ports import Settlement
from cointrader.risk.limits import RiskLimits
from cointrader.strategy.plan import ExitSettings
from tests.markets import BAR_MS, START_MS, Row, TableSource
from tests.metamorphic.backtests import Limits

ACCOUNT: dict[str, Any] = {"sizing": "account", "margin_decay_rate": 0.0, "max_daily_loss": 1.0}
MONEY = ("gross", "fee", "funding", "net", "risk")


def flat(price: float, bars: int = 1) -> list[Row]:
    """Candles that do not move."""
    return [(price,) * 4] * bars


def play(
    rows: Mapping[str, Sequence[Row]],
    signals: Mapping[str, Mapping[int, int]],
    *,
    stop: float = 2.0,
    target: float = 4.0,
    trail: float = 0.0,
    slippage: float = 0.0,
    balance: float = 1000.0,
    first: Mapping[str, int] | None = None,
    funding: Mapping[str, Sequence[tuple]] | None = None,
    refused: Mapping[str, Mapping[int, int]] | None = None,
    probability: Mapping[str, Mapping[int, float]] | None = None,
    instrument: Mapping[str, Any] | None = None,
    start_ms: int = START_MS,
    bars: int | None = None,
    with_equity: bool = True,
    **limits: Any,
) -> BacktestResult:
    """Bars are counted from 0; a signal of bar i is +1 or -1 and filled at the open of bar i + 1.

    `first` is the bar on which a symbol's own candles begin; its signals are counted from there.
    `funding` has (bar, rate) or (bar, rate, mark price). The first `bars` are played; None: all.
    """
    symbols = list(rows)
    source = TableSource(
        rows,
        {s: start_ms + (first or {}).get(s, 0) * BAR_MS for s in symbols},
        {
            s: [Settlement(start_ms + bar * BAR_MS, *rest) for bar, *rest in told]
            for s, told in (funding or {}).items()
        },
    )
    given = SimpleNamespace(**{**asdict(Limits(symbols)), **limits})
    settings = BacktestSettings(
        limits=RiskLimits.of(given),
        exits=dict.fromkeys(symbols, ExitSettings(trailing_stop_pct=trail)),
        instruments={s: Instrument(s, **(instrument or {})) for s in symbols},
        balance=balance,
        slippage=slippage,
        end_ms=None if bars is None else start_ms + bars * BAR_MS,
    )
    told = {
        s: _signals(
            signals.get(s, {}), stop, target, (refused or {}).get(s), (probability or {}).get(s)
        )
        for s in symbols
    }
    market = Market.of(source, symbols)
    return run(market, told, settings, with_equity=with_equity, compiled=False)


def _signals(
    sides: Mapping[int, int],
    stop: float,
    target: float,
    refused: Mapping[int, int] | None,
    probability: Mapping[int, float] | None,
) -> SymbolSignals:
    bars = sorted(sides)
    return SymbolSignals(
        rows=np.array(bars, np.int64),
        side=np.array([sides[bar] for bar in bars], np.int8),
        atr=np.full(len(bars), np.nan),
        stop_distance=np.full(len(bars), stop),
        target_distance=np.full(len(bars), target),
        refused=np.array([(refused or {}).get(bar, 0) for bar in bars], np.int8),
        probability=np.array([(probability or {}).get(bar, np.nan) for bar in bars]),
    )


def exits(result: BacktestResult) -> list[tuple]:
    """Of each trade: symbol, side, bar and price of its entry, bar and price of its exit, why."""
    names = ("entry_bar", "entry_price", "exit_bar", "exit_price")
    listed = []
    for row, trade in zip(result.trades, result.trade_list(), strict=True):
        numbers = [round(row[name].item(), 9) for name in names]
        listed.append((trade.symbol, trade.side.sign, *numbers, trade.reason.value))
    return listed


def money(result: BacktestResult) -> list[tuple]:
    """Of each trade: gross, fee, funding, net and risk."""
    return [tuple(round(row[name].item(), 9) for name in MONEY) for row in result.trades]


def answers(result: BacktestResult) -> list[tuple[str, int, str, str]]:
    """Of each signal: symbol, the bar on which it would be filled, action and refusal."""
    told = result.decisions
    return [
        (
            result.symbols[told.symbol[i]],
            int((told.bar_ms[i] - result.time_ms[0]) // BAR_MS) + 1,
            *told.words(i),
        )
        for i in range(len(told))
    ]
