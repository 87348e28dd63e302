"""A made-up market: plausible candles without a network or a file, the same for the same seed.

BTC drives, ETH and the others follow it with noise of their own; volatility comes in clusters,
volume goes with movement. There is no edge in it by construction: whatever a strategy earns here
is luck. The same seed gives every symbol the same candles whatever else is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np

from cointrader.domain.clock import HOUR_MS
from cointrader.domain.ports import Settlement
from cointrader.market.frame import (
    Columns,
    Floats,
    Frame,
    Times,
    join_on_time,
    last_settled,
    missing,
    missing_columns,
)
from cointrader.market.source import DEFAULT_CORRELATION_SYMBOLS, SETTLEMENT_MS, CandleRows

_STEPS = 10  # price moves within a bar, from which high and low follow
_QUARTER_MS = HOUR_MS // 4  # the volatilities below are per 15 minutes
_BOUNCE = 0.12  # size of moves that the next one takes back: wicks
_JUMP_CHANCE = 0.004
_REVERSION = 2e-5  # of log price to its level per bar, so that years do not drift to zero


@dataclass(frozen=True, slots=True)
class _Nature:
    """What a symbol is like: its price level, its price grid, and how it moves."""

    price: float
    decimals: int
    volatility: float  # standard deviation of a 15-minute log return
    follows: float  # share of its movement that is the market's
    turnover: float  # quote currency per 15 minutes


_NATURES = {
    "BTCUSDT": _Nature(66_000.0, 1, 0.0024, 0.95, 60e6),
    "ETHUSDT": _Nature(2_400.0, 2, 0.0036, 0.82, 45e6),
    "SOLUSDT": _Nature(145.0, 2, 0.0045, 0.72, 15e6),
    "BNBUSDT": _Nature(600.0, 2, 0.0028, 0.65, 4e6),
    "XRPUSDT": _Nature(1.9, 4, 0.0044, 0.70, 8e6),
    "DOGEUSDT": _Nature(0.16, 5, 0.0048, 0.75, 7e6),
    "TRXUSDT": _Nature(0.28, 5, 0.0018, 0.45, 0.8e6),
    "ADAUSDT": _Nature(0.6, 4, 0.0046, 0.74, 3e6),
}


class SyntheticSource:
    """A made-up market as a `CandleSource`.

    Parameters
    ----------
    symbols : to be traded, in configured order; any name works
    seed : not negative; the same seed is the same market
    start_ms : open time of the first bar, a multiple of `interval_ms`
    bars : number of bars of every symbol
    correlation_symbols : context, in configured order
    """

    def __init__(
        self,
        symbols: Sequence[str],
        seed: int,
        start_ms: int,
        bars: int,
        interval_ms: int,
        correlation_symbols: Sequence[str] = DEFAULT_CORRELATION_SYMBOLS,
    ) -> None:
        if seed < 0 or bars < 1 or interval_ms < 1 or start_ms % interval_ms:
            raise ValueError(
                f"seed {seed} must not be negative, bars {bars} must be positive, and start_ms "
                f"{start_ms} a multiple of interval_ms {interval_ms}"
            )
        self._context = tuple(dict.fromkeys(symbol.upper() for symbol in correlation_symbols))
        self._names = tuple(dict.fromkeys([*map(str.upper, symbols), *self._context]))
        self._seed = seed
        self._interval_ms = interval_ms
        self._times: Times = start_ms + interval_ms * np.arange(bars, dtype=np.int64)
        self._made: dict[str, Columns] = {}

    @property
    def label(self) -> str:
        return f"synthetic market, seed {self._seed}"

    @property
    def interval_ms(self) -> int:
        return self._interval_ms

    def symbols(self) -> Sequence[str]:
        """The given symbols, then the correlation symbols that are not among them."""
        return self._names

    def candles(self, symbol: str) -> CandleRows:
        """All candles of `symbol`, ascending, without gaps; empty for an unknown symbol."""
        symbol = symbol.upper()
        if symbol not in self._names:
            return CandleRows(symbol, self._interval_ms, self._times[:0], missing_columns(0))
        return CandleRows(symbol, self._interval_ms, self._times, self._columns(symbol))

    def settlements(self, symbol: str) -> Sequence[Settlement]:
        """Funding at 00, 08 and 16 UTC: mostly 0.01 %, less after falling prices."""
        symbol = symbol.upper()
        if symbol not in self._names:
            return ()
        at = np.flatnonzero(self._times % SETTLEMENT_MS == 0)
        opens = self._columns(symbol).open
        day = max(1, 24 * HOUR_MS // self._interval_ms)
        trend = np.log(opens[at] / opens[np.maximum(at - day, 0)])
        noise = self._rng(symbol, "funding").normal(0.0, 3e-5, len(at))
        rates = np.clip(np.minimum(1e-4, 1e-4 + 2e-3 * trend + noise), -0.003, 0.003)
        hundred_millionths = np.rint(rates * 1e8).tolist()
        pairs = zip(self._times[at].tolist(), hundred_millionths, strict=True)
        return tuple(Settlement(at_ms, rate / 1e8) for at_ms, rate in pairs)

    def open_times(self, symbol: str) -> Sequence[int]:
        """Open times of all candles of `symbol` in ms, ascending."""
        times: list[int] = self.candles(symbol).open_time_ms.tolist()
        return times

    def open_interest(self, symbol: str) -> Sequence[tuple[int, float]]:
        """Always empty: this market records none."""
        del symbol
        return ()

    def frame(self, symbol: str) -> Frame:
        """All candles of `symbol` with the correlation symbols joined, for research."""
        own = self.candles(symbol)
        times = own.open_time_ms
        return Frame(
            symbol.upper(),
            self._interval_ms,
            times,
            own.columns,
            {name: join_on_time(times, self._times, self._columns(name)) for name in self._context},
            last_settled(times, self.settlements(symbol)),
            missing(len(own)),
        )

    @cached_property
    def _market(self) -> tuple[Floats, Floats]:
        """What all symbols share: log volatility, shape (bars,), and moves, (bars, steps)."""
        rng = self._rng("", "market")
        bars = len(self._times)
        volatility = _autoregressive(rng.normal(0.0, 0.13, bars), 0.975)
        return volatility, _moves(rng, bars)

    def _columns(self, symbol: str) -> Columns:
        if symbol not in self._made:
            self._made[symbol] = self._make(symbol)
        return self._made[symbol]

    def _make(self, symbol: str) -> Columns:
        nature = _NATURES.get(symbol) or _nature_of(symbol)
        rng = self._rng(symbol, "candles")
        bars = len(self._times)
        market_volatility, market_moves = self._market
        calm = _autoregressive(rng.normal(0.0, 0.12, bars), 0.96)
        own_share = math.sqrt(1.0 - nature.follows**2)
        size = nature.volatility * math.sqrt(self._interval_ms / _QUARTER_MS)
        log_size = 0.75 * market_volatility + 0.5 * calm
        moves = nature.follows * market_moves + own_share * _moves(rng, bars)
        moves *= (size * 0.8 * np.exp(log_size))[:, np.newaxis]
        path = _path(np.log(nature.price), moves)
        ticks = np.maximum(np.rint(np.exp(path) * 10.0**nature.decimals), 2.0)
        return _candles(ticks, nature, _volume(rng, ticks, log_size, size, nature))

    def _rng(self, symbol: str, purpose: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, crc32(f"{purpose} {symbol}".encode())])


def _nature_of(symbol: str) -> _Nature:
    """A nature for a symbol without one: always the same for the same name."""
    rng = np.random.default_rng(crc32(symbol.encode()))
    price = float(10.0 ** rng.uniform(-1.5, 2.0))
    decimals = max(0, 4 - math.floor(math.log10(price)))
    volatility = float(rng.uniform(0.0035, 0.0065))
    return _Nature(price, decimals, volatility, float(rng.uniform(0.5, 0.8)), 2e6)


def _autoregressive(shocks: Floats, keep: float) -> Floats:
    """x[t] = keep * x[t-1] + shock[t], begun in its long-run spread."""
    value = float(shocks[0]) / math.sqrt(1.0 - keep * keep)
    values = []
    for shock in shocks.tolist():
        value = keep * value + shock
        values.append(value)
    return np.array(values)


def _moves(rng: np.random.Generator, bars: int) -> Floats:
    """Moves within each bar, shape (bars, steps): a bar's sum has variance 1, and fat tails."""
    moves = rng.normal(0.0, 1.0 / math.sqrt(_STEPS), (bars, _STEPS))
    moves[:, 1:] += _BOUNCE * np.diff(rng.normal(0.0, 1.0, (bars, _STEPS)), axis=1)
    moves *= np.sqrt(4.0 / rng.chisquare(6.0, bars))[:, np.newaxis]
    jumps = np.flatnonzero(rng.random(bars) < _JUMP_CHANCE)
    moves[jumps, rng.integers(0, _STEPS, len(jumps))] += rng.normal(0.0, 4.0, len(jumps))
    return moves


def _path(level: float, moves: Floats) -> Floats:
    """Log prices within each bar, shape (bars, steps + 1); each bar opens where one closed."""
    inside = np.cumsum(moves, axis=1)
    price = level
    opens = []
    for change in inside[:, -1].tolist():
        opens.append(price)
        price += change - _REVERSION * (price - level)
    closes = np.array([*opens[1:], price])
    start = np.array(opens)
    path = np.column_stack((start, start[:, np.newaxis] + inside))
    path[:, -1] = closes
    return path


def _volume(
    rng: np.random.Generator, ticks: Floats, log_size: Floats, size: float, nature: _Nature
) -> Floats:
    """Volume in units: more when prices move, with a spike now and then."""
    span = np.log(ticks.max(axis=1) / ticks.min(axis=1)) / size
    activity = 0.8 * np.log(0.3 + span) + 0.4 * log_size + rng.normal(0.0, 0.35, len(ticks))
    activity += np.where(rng.random(len(ticks)) < 0.03, rng.uniform(0.5, 1.6, len(ticks)), 0.0)
    thousandths: Floats = np.rint(nature.turnover / nature.price * np.exp(activity) * 1_000)
    return thousandths / 1_000


def _candles(ticks: Floats, nature: _Nature, volume: Floats) -> Columns:
    """Candles from whole ticks; a whole number over a power of ten is the decimal it looks like."""
    grid = 10.0**nature.decimals
    return Columns(
        ticks[:, 0] / grid,
        ticks.max(axis=1) / grid,
        ticks.min(axis=1) / grid,
        ticks[:, -1] / grid,
        volume,
    )
