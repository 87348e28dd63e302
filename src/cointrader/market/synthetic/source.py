"""The synthetic market as a `CandleSource`.

BTC drives, ETH follows it and drives a little, the others follow both, each other, and noise of
their own. Volatility comes in clusters, by the hour and the weekday; volume, funding and open
interest go with it. There is no edge in it unless one is planted: whatever a strategy earns here
is luck. The same seed gives every symbol the same candles whatever else is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cointrader.domain.ports import Settlement
from cointrader.market.frame import (
    Columns,
    Floats,
    Frame,
    Times,
    join_on_time,
    last_settled,
    missing_columns,
)
from cointrader.market.source import DEFAULT_CORRELATION_SYMBOLS, CandleRows
from cointrader.market.synthetic.chance import Chance
from cointrader.market.synthetic.edge import PlantedEdge, plant
from cointrader.market.synthetic.flows import funding, open_interest, volume
from cointrader.market.synthetic.nature import nature_of
from cointrader.market.synthetic.path import DRAWS, Path, make_path
from cointrader.market.synthetic.volatility import market_volatility, own_volatility, rhythm
from cointrader.market.upsert import open_interest_change


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """One symbol: its path before any edge is planted, and what follows from it."""

    path: Path
    columns: Columns
    settlements: tuple[Settlement, ...]
    open_interest: Floats


class SyntheticSource:
    """A made-up market as a `CandleSource`.

    Parameters
    ----------
    symbols : to be traded, in configured order; any name works
    seed : not negative; the same seed is the same market
    start_ms : open time of the first bar, a multiple of `interval_ms`
    bars : number of bars of every symbol
    correlation_symbols : context, in configured order
    edge : what a rule shall earn on each of `symbols`; None for nothing
    """

    def __init__(
        self,
        symbols: Sequence[str],
        seed: int,
        start_ms: int,
        bars: int,
        interval_ms: int,
        correlation_symbols: Sequence[str] = DEFAULT_CORRELATION_SYMBOLS,
        edge: PlantedEdge | None = None,
    ) -> None:
        if seed < 0 or bars < 1 or interval_ms < 1 or start_ms % interval_ms:
            raise ValueError(
                f"seed {seed} must not be negative, bars {bars} must be positive, and start_ms "
                f"{start_ms} a multiple of interval_ms {interval_ms}"
            )
        self._context = tuple(dict.fromkeys(symbol.upper() for symbol in correlation_symbols))
        self._traded = tuple(dict.fromkeys(map(str.upper, symbols)))
        self._names = tuple(dict.fromkeys((*self._traded, *self._context)))
        self._seed = seed
        self._edge = edge
        self._chance = Chance(seed)
        self._interval_ms = interval_ms
        self._times: Times = start_ms + interval_ms * np.arange(bars, dtype=np.int64)
        self._drivers: dict[str, Floats] = {}
        self._made: dict[str, _Made] = {}
        self._planted: dict[str, Columns] = {}

    @property
    def label(self) -> str:
        label = f"synthetic market, seed {self._seed}"
        return label if self._edge is None else f"{label}, {self._edge.label}"

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
        """Funding at 00, 08 and 16 UTC; none for an unknown symbol."""
        symbol = symbol.upper()
        return self._bare(symbol).settlements if symbol in self._names else ()

    def open_times(self, symbol: str) -> Sequence[int]:
        """Open times of all candles of `symbol` in ms, ascending."""
        times: list[int] = self.candles(symbol).open_time_ms.tolist()
        return times

    def open_interest(self, symbol: str) -> Sequence[tuple[int, float]]:
        """(close time of a bar in ms, open contracts then), ascending; none if unknown."""
        symbol = symbol.upper()
        if symbol not in self._names:
            return ()
        closed: list[int] = (self._times + self._interval_ms).tolist()
        return tuple(zip(closed, self._bare(symbol).open_interest.tolist(), strict=True))

    def frame(self, symbol: str) -> Frame:
        """All candles of `symbol` with the correlation symbols joined, for research."""
        symbol = symbol.upper()
        rows = self.candles(symbol)
        context = {name: self._columns(name) for name in self._context}
        return self._framed(symbol, rows.open_time_ms, rows.columns, context)

    def _framed(
        self, symbol: str, times: Times, columns: Columns, context: dict[str, Columns]
    ) -> Frame:
        closed = self._times[: len(times)] + self._interval_ms
        amounts = self._bare(symbol).open_interest if len(times) else np.empty(0)
        return Frame(
            symbol,
            self._interval_ms,
            times,
            columns,
            {name: join_on_time(times, self._times, other) for name, other in context.items()},
            last_settled(times, self.settlements(symbol)),
            open_interest_change(times, self._interval_ms, closed, amounts),
        )

    def _columns(self, symbol: str) -> Columns:
        """The candles as they are: with the edge, where one is planted."""
        if self._edge is None or symbol not in self._traded:
            return self._bare(symbol).columns
        if symbol not in self._planted:
            self._planted[symbol] = plant(
                self._edge, self._bare(symbol).path, self._frame_to_plant_in(symbol)
            )
        return self._planted[symbol]

    def _frame_to_plant_in(self, symbol: str) -> Frame:
        """A frame without the symbol's own edge.

        A correlation symbol that is traded too sees the others without theirs, or each would wait
        for the other.
        """
        whole = symbol not in self._context
        context = {
            name: self._columns(name) if whole else self._bare(name).columns
            for name in self._context
        }
        return self._framed(symbol, self._times, self._bare(symbol).columns, context)

    def _bare(self, symbol: str) -> _Made:
        if symbol not in self._made:
            self._made[symbol] = self._make(symbol)
        return self._made[symbol]

    def _make(self, symbol: str) -> _Made:
        chance, interval_ms = self._chance, self._interval_ms
        path = self._path(symbol)
        _, prices = path.prices(0, len(path), float(path.opens[0]), np.zeros(len(path)))
        traded = volume(chance, symbol, path, self._rhythm, interval_ms)
        at_ms, rates = funding(chance, symbol, path, self._times, interval_ms)
        return _Made(
            path,
            Columns(*prices, traded),
            tuple(map(Settlement, at_ms.tolist(), rates.tolist())),
            open_interest(chance, symbol, path, traded, interval_ms),
        )

    def _path(self, symbol: str) -> Path:
        """What drives the market, mixed with what the symbol does alone."""
        nature = nature_of(symbol)
        market, log_market = self._market
        draws = nature.btc * self._driver("BTC")
        for load, driver in ((nature.eth, "ETH"), (nature.alts, "alts")):
            if load:
                draws += load * self._driver(driver)
        draws *= market[:, np.newaxis]
        variance = (1.0 - nature.own**2) * market**2
        if nature.own:
            own = nature.own * own_volatility(self._chance, symbol, log_market, self._interval_ms)
            draws += own[:, np.newaxis] * self._normals("own", symbol)
            variance += own**2
        return make_path(nature, draws, variance, self._interval_ms)

    @cached_property
    def _market(self) -> tuple[Floats, Floats]:
        return market_volatility(self._chance, self._times, self._interval_ms)

    @cached_property
    def _rhythm(self) -> Floats:
        return rhythm(self._times, self._interval_ms)

    def _driver(self, driver: str) -> Floats:
        if driver not in self._drivers:
            self._drivers[driver] = self._normals("driver", driver)
        return self._drivers[driver]

    def _normals(self, *purpose: str) -> Floats:
        return self._chance.stream(*purpose).standard_normal((len(self._times), DRAWS))
