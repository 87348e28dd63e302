"""A strategy's own trades: what the kernel played with a fixed size, as the statistics read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

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
from cointrader.backtest.sweep.cells import Sheet
from cointrader.backtest.sweep.shared import SharedSignals, drawn_together
from cointrader.domain.candle import LIQUIDATED
from cointrader.signals.indicators import DEFAULT_PERIODS, Indicators, Periods
from cointrader.signals.rules import WARM_UP_BARS

_SIGNALS_AT_ONCE = 100_000  # bounds the memory, whatever is drawn
_MARKS_AT_ONCE = 25_000_000  # likewise


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
    price. `at_once` plays are made together; by default as many as fit into some memory.
    """

    def __init__(
        self,
        market: Market,
        signals: Mapping[str, SymbolSignals],
        settings: BacktestSettings,
        *,
        periods: Mapping[str, Periods] | None = None,
        at_once: int | None = None,
    ) -> None:
        self._market = market
        self._signals = signals
        self._settings = settings
        self._periods = periods or {}
        self._atrs: dict[str, Floats] = {}  # made when first asked for
        self._places = {symbol: self._chances(symbol) for symbol in market.symbols}
        moved = sum(len(kept) for _, kept in self._places.values())
        self._at_once = at_once or plays_that_fit(moved)

    def __call__(self, rng: np.random.Generator, /) -> TradeColumns:
        moved = {symbol: self._moved(symbol, rng) for symbol in self._market.symbols}
        result = run(self._market, moved, self._settings, with_equity=False)
        return trade_columns(result, self._settings.slippage)

    def r_of_each(self, rngs: Sequence[np.random.Generator], /) -> list[Floats]:
        """R of the trades of one play for each of `rngs`: those of as many calls, to the last bit.

        How a trade ends that begins on a given bar is played once, whoever draws that bar.
        """
        own = self._signals.values()
        brings_its_own = any(
            o.stop_distance is not None or o.target_distance is not None for o in own
        )
        if brings_its_own or not self._settings.limits.is_unlimited:
            return [self(each).r for each in rngs]
        found: list[Floats] = []
        for begin in range(0, len(rngs), self._at_once):
            found += self._r_together(rngs[begin : begin + self._at_once])
        return found

    def _r_together(self, rngs: Sequence[np.random.Generator]) -> list[Floats]:
        symbols, settings = self._market.symbols, self._settings
        drawn = [[self._drawn(symbol, rng) for symbol in symbols] for rng in rngs]
        shared: dict[str, SharedSignals] = {}
        for symbol, own in zip(symbols, zip(*drawn, strict=True), strict=True):
            side = self._signals[symbol].side
            plays = [(rows, side[kept]) for rows, kept in own]
            shared[symbol] = drawn_together(plays, self._atr(symbol))
        sheet = Sheet(self._market, shared, settings.start_ms, settings.end_ms)
        trades, counts = sheet.trades_of_each(settings, np.arange(len(rngs)))
        if not (trades["risk"] > 0.0).all():  # which the columns refuse, and say so
            columns_of(trades, sheet.stretch.candles.time_ms, settings.slippage)
        r = trades["net"] / trades["risk"]
        return np.split(r, np.cumsum(counts)[:-1])

    def _moved(self, symbol: str, rng: np.random.Generator) -> SymbolSignals:
        own = self._signals[symbol]
        rows, kept = self._drawn(symbol, rng)
        close = self._market.frames[symbol].candles.close
        scale = close[rows] / close[own.rows[kept]]
        return SymbolSignals(
            rows=rows,
            side=own.side[kept],
            atr=self._atr(symbol)[rows],
            stop_distance=_dealt(own.stop_distance, kept, scale),
            target_distance=_dealt(own.target_distance, kept, scale),
        )

    def _drawn(self, symbol: str, rng: np.random.Generator) -> tuple[Longs, Longs]:
        """Rows of chance, ascending; and for each the place of the signal that is moved there."""
        bars, kept = self._places[symbol]
        kept = rng.permutation(kept)[: len(bars)]
        return np.sort(rng.choice(bars, len(kept), replace=False)), kept

    def _atr(self, symbol: str) -> Floats:
        if symbol not in self._atrs:
            periods = self._periods.get(symbol, DEFAULT_PERIODS)
            self._atrs[symbol] = Indicators(self._market.frames[symbol], periods).atr
        return self._atrs[symbol]

    def _chances(self, symbol: str) -> tuple[Longs, Longs]:
        """Rows of the frame on which a signal could be acted on, and places of the own ones."""
        own, times = self._signals[symbol], self._market.frames[symbol].open_time_ms
        first, end = _span(times, self._settings)
        first = max(first, WARM_UP_BARS)
        bars = np.arange(first, end - 1, dtype=np.int64)
        is_among_them = (own.rows >= first) & (own.rows < end - 1)
        return bars, np.flatnonzero(is_among_them & _is_free(own))


def plays_that_fit(signals: int) -> int:
    """Plays of so many signals that fit into some memory, beside marks of which play has which."""
    each = max(1, signals)
    return max(1, min(_SIGNALS_AT_ONCE // each, math.isqrt(_MARKS_AT_ONCE // each)))


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
