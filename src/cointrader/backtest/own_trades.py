"""A strategy's own trades: what the kernel played with a fixed size, as the statistics read it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import Floats, Longs
from cointrader.backtest.market import Market
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import SymbolSignals
from cointrader.backtest.statistics.columns import Equity, TradeColumns
from cointrader.backtest.statistics.comparisons import Holding, buy_and_hold
from cointrader.backtest.statistics.evidence import Played
from cointrader.domain.candle import LIQUIDATED
from cointrader.signals.indicators import DEFAULT_PERIODS, Indicators, Periods
from cointrader.signals.rules import WARM_UP_BARS


def played(
    market: Market,
    signals: Mapping[str, SymbolSignals],
    settings: BacktestSettings,
    *,
    periods: Mapping[str, Periods] | None = None,
) -> Played:
    """Play a strategy, and hand over what judging it takes: random entries and holding too.

    Parameters
    ----------
    settings : with a fixed size, so that no halt and no other symbol keeps a trade from being made
    periods : of each symbol's indicators; the default ones where left out. Random entries need the
        ATR of any bar
    """
    result = run(market, signals, settings)
    stretch = market.between(settings.start_ms, settings.end_ms)
    return Played(
        trades=trade_columns(result, settings.slippage),
        equity=marked_equity(result),
        start_ms=stretch.from_ms,
        end_ms=stretch.to_ms,
        random=RandomSignals(market, signals, settings, periods=periods),
        holding=_holding(market, settings),
    )


def trade_columns(result: BacktestResult, slippage: float) -> TradeColumns:
    """The trades of a backtest. `slippage` is the fraction that its fills were moved by."""
    return columns_of(result.trades, result.time_ms, slippage)


def columns_of(rows: NDArray[np.void], time_ms: Longs, slippage: float) -> TradeColumns:
    """Any rows of `columns.TRADE` on a timeline, for example those of single folds."""
    side = rows["side"].astype(np.int64)
    entered = rows["entry_price"] * slippage / (1.0 + side * slippage)
    left = rows["exit_price"] * slippage / (1.0 - side * slippage)
    left = np.where(rows["reason"] == LIQUIDATED, 0.0, left)  # its price is moved by nothing
    return TradeColumns(
        entry_ms=time_ms[rows["entry_bar"]],
        exit_ms=time_ms[rows["exit_bar"]],
        side=side,
        net=rows["net"].copy(),
        risk=rows["risk"].copy(),
        fees=rows["fee"].copy(),
        slippage=(entered + left) * rows["quantity"],
        funding=rows["funding"].copy(),
    )


def marked_equity(result: BacktestResult) -> Equity:
    """Equity at each bar's open, and the wallet once the last bar has closed all."""
    end_ms = int(result.time_ms[-1]) + result.interval_ms - 1
    return Equity(np.append(result.time_ms, end_ms), np.append(result.equity, result.final_wallet))


class RandomSignals:
    """`RandomEntries` on a market: each symbol's signals moved to bars of chance.

    As many of either side as the strategy had, those that a filter refused left out; between the
    first and the last bar on which it could have had one. Exits, size, costs and reversals are its
    own. Where a rule brings distances of its own, they are dealt out anew as fractions of the
    price.
    """

    def __init__(
        self,
        market: Market,
        signals: Mapping[str, SymbolSignals],
        settings: BacktestSettings,
        *,
        periods: Mapping[str, Periods] | None = None,
    ) -> None:
        self._market = market
        self._signals = signals
        self._settings = settings
        self._periods = periods or {}
        self._atrs: dict[str, Floats] = {}  # made when first asked for

    def __call__(self, rng: np.random.Generator, /) -> TradeColumns:
        moved = {symbol: self._moved(symbol, rng) for symbol in self._market.symbols}
        result = run(self._market, moved, self._settings, with_equity=False)
        return trade_columns(result, self._settings.slippage)

    def _moved(self, symbol: str, rng: np.random.Generator) -> SymbolSignals:
        own, bars = self._signals[symbol], self._bars(symbol)
        kept = np.flatnonzero(np.isin(own.rows, bars) & _is_free(own))
        kept = rng.permutation(kept)[: len(bars)]
        rows = np.sort(rng.choice(bars, len(kept), replace=False))
        close = self._market.frames[symbol].candles.close
        scale = close[rows] / close[own.rows[kept]]
        return SymbolSignals(
            rows=rows,
            side=own.side[kept],
            atr=self._atr(symbol)[rows],
            stop_distance=_dealt(own.stop_distance, kept, scale),
            target_distance=_dealt(own.target_distance, kept, scale),
        )

    def _atr(self, symbol: str) -> Floats:
        if symbol not in self._atrs:
            periods = self._periods.get(symbol, DEFAULT_PERIODS)
            self._atrs[symbol] = Indicators(self._market.frames[symbol], periods).atr
        return self._atrs[symbol]

    def _bars(self, symbol: str) -> Longs:
        """Rows of the frame on which a signal could be acted on."""
        times = self._market.frames[symbol].open_time_ms
        first, end = _span(times, self._settings)
        return np.arange(max(first, WARM_UP_BARS), end - 1, dtype=np.int64)


def _is_free(own: SymbolSignals) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(own), np.bool_) if own.refused is None else own.refused == 0


def _dealt(distance: Floats | None, kept: Longs, scale: Floats) -> Floats | None:
    return None if distance is None else distance[kept] * scale


def _holding(market: Market, settings: BacktestSettings) -> Holding:
    """Buy every symbol at its first close, and sell at the last one."""
    prices = []
    for frame in market.frames.values():
        first, end = _span(frame.open_time_ms, settings)
        if first < end:
            prices.append((frame.open_time_ms[first:end], frame.candles.close[first:end]))
    cost_ratio = 2.0 * (float(settings.limits.taker_fee) + settings.slippage)
    return buy_and_hold(prices, cost_ratio)


def _span(times: Longs, settings: BacktestSettings) -> tuple[int, int]:
    """First row played and the one after the last."""
    start = -(2**62) if settings.start_ms is None else settings.start_ms
    end = 2**62 if settings.end_ms is None else settings.end_ms
    first, stop = np.searchsorted(times, (start, end))
    return int(first), int(stop)
