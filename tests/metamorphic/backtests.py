"""Small random markets for tests that change one thing and know what must follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from tests.markets import BAR_MS, START_MS, TableSource, random_rows

BARS = 300


@dataclass
class Limits:
    """The founding limits, to be changed one at a time."""

    symbols: Sequence[str]
    sizing: str = "fixed:1000"
    taker_fee: float = 0.0
    leverage: float = 10.0
    max_positions: int = 3
    max_same_direction: int = 2
    max_daily_loss: float = 0.05
    margin_max_ratio: float = 0.5
    margin_min_ratio: float = 0.2
    margin_decay_rate: float = 0.0006
    daily_loss_basis: str = "realised"
    open_risk_bound: bool = False
    max_drawdown: float | None = None
    slots_by: str = "symbols"
    check_margin: bool = False
    liquidation_distance: bool = False
    kill_fast: bool = False
    kill_slow: bool = False


@dataclass
class Scene:
    """A market, what is signalled on it, and how it is played."""

    rows: dict[str, list]
    sides: dict[str, np.ndarray]  # per symbol one sign a bar
    funding: Mapping[str, Sequence[Settlement]]
    exits: ExitSettings

    @staticmethod
    def random(seed: int, symbols: int = 1, *, bars: int = BARS, chance: float = 0.2) -> Scene:
        rng = np.random.default_rng(seed)
        names = ["AAAUSDT", "BBBUSDT", "CCCUSDT"][:symbols]
        first = -(-START_MS // 28_800_000) * 28_800_000
        times = range(first, START_MS + bars * BAR_MS, 28_800_000)
        odds = [1 - chance, chance / 2, chance / 2]
        return Scene(
            {name: random_rows(rng, bars, move=0.01) for name in names},
            {name: rng.choice([0, 1, -1], bars, p=odds) for name in names},
            {name: [Settlement(at, float(rng.normal(0, 3e-4))) for at in times] for name in names},
            ExitSettings(mode="atr", atr_sl_mult=1.0, atr_tp_mult=1.5),
        )

    def play(
        self, *, slippage: float = 0.0, distance: float = 0.8, **limits: Any
    ) -> BacktestResult:
        symbols = list(self.rows)
        source = TableSource(self.rows, funding=self.funding)
        signals = {
            symbol: SymbolSignals(
                rows=np.flatnonzero(side).astype(np.int64),
                side=side[side != 0].astype(np.int8),
                atr=np.full(int((side != 0).sum()), distance),
            )
            for symbol, side in self.sides.items()
        }
        settings = BacktestSettings(
            limits=RiskLimits.of(Limits(symbols, **limits)),
            exits=dict.fromkeys(symbols, self.exits),
            instruments={symbol: Instrument(symbol) for symbol in symbols},
            slippage=slippage,
        )
        return run(Market.of(source, symbols), signals, settings)


def rows_of(result: BacktestResult, *names: str) -> list[tuple]:
    return [tuple(row[name].item() for name in names) for row in result.trades]
