"""Trades counted and grouped for the report's tables; every number is the result's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import Bytes, Floats, Longs
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.statistics.bootstrap import interval, mean_of
from cointrader.backtest.statistics.evidence import Method
from cointrader.backtest.statistics.metrics import profit_factor

Marks = NDArray[np.bool_]

GROUP_DRAWS = 2_000  # resampled series for a group's interval, at the most
BIN_R = 0.25  # width of a histogram's bar, unless there would be too many
_MOST_BINS = 48
_FARTHEST_R = 12.0  # a trade beyond is counted in the outermost bar


@dataclass(frozen=True, slots=True, eq=False)
class TradeTable:
    """Closed trades as columns, in the order in which they ended."""

    symbol: Longs
    side: Bytes
    entry_ms: Longs
    exit_ms: Longs
    net: Floats
    r: Floats  # NaN where a trade risked nothing

    @classmethod
    def of(cls, result: BacktestResult) -> TradeTable:
        rows = result.trades
        return cls(
            rows["symbol"].astype(np.int64),
            rows["side"].copy(),
            result.entry_ms,
            result.exit_ms,
            rows["net"].copy(),
            result.r_multiples,
        )

    def __len__(self) -> int:
        return len(self.net)


@dataclass(frozen=True, slots=True)
class Group:
    """Trades that have something in common. `low` and `high` are the interval of `mean_r`."""

    name: str
    trades: int
    wins: int
    net: float
    mean_r: float
    profit_factor: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, UTC, by the bar in which trades ended; months without a trade too."""

    name: str  # such as 2025-03
    own_trades: int
    own_r: float
    account_trades: int
    account_net: float
    account_ratio: float  # what marked equity came to over the month; NaN without equity


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often trades came to how many R: `counts[i]` from `edges[i]`, included, to the next.

    What is below the first edge or above the last is counted in the outermost bars.
    `without_r` trades risked nothing and are in none.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float
    median: float
    without_r: int


@dataclass(frozen=True, slots=True)
class Count:
    """How often something was the reason."""

    key: str
    words: str
    count: int


def grouped(trades: TradeTable, names: Mapping[str, Marks], method: Method | None) -> list[Group]:
    """Each group's figures; with a method also the interval of its mean R."""
    return [_group(name, trades, marks, method) for name, marks in names.items()]


def by_side(trades: TradeTable, method: Method | None) -> list[Group]:
    """Long and short, also where there were none."""
    return grouped(trades, {"long": trades.side > 0, "short": trades.side < 0}, method)


def by_symbol(trades: TradeTable, symbols: tuple[str, ...], method: Method | None) -> list[Group]:
    """Every symbol of the run in its order."""
    places = {symbol: trades.symbol == place for place, symbol in enumerate(symbols)}
    return grouped(trades, places, method)


def everything(trades: TradeTable, measures: Mapping[str, float] | None = None) -> Group:
    """All trades as one group; the interval is the one that was measured."""
    found = _group("all", trades, np.ones(len(trades), np.bool_), None)
    if measures is None:
        return found
    low, high = (measures.get(f"mean_r_{end}", math.nan) for end in ("low", "high"))
    return replace(found, low=low, high=high)


def by_month(own: TradeTable | None, account: TradeTable, equity: Equities) -> list[Month]:
    """Every calendar month of the time that was played, oldest first."""
    names = months_between(int(equity.time_ms[0]), int(equity.time_ms[-1]))
    account_of = _months_of(account.exit_ms)
    own_of = _months_of(own.exit_ms) if own is not None else account_of[:0]
    found = []
    for name in names:
        mine, its = own_of == name, account_of == name
        found.append(
            Month(
                name,
                int(mine.sum()),
                float(np.nansum(own.r[mine])) if own is not None else 0.0,
                int(its.sum()),
                float(account.net[its].sum()),
                equity.ratio_of(name),
            )
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Equities:
    """Marked equity at each bar's open and at the very end; `value` is empty where not kept."""

    time_ms: Longs
    value: Floats

    def ratio_of(self, month: str) -> float:
        """What it came to from a month's first mark to the next month's, as a fraction."""
        if len(self.value) == 0:
            return math.nan
        begin = np.datetime64(month, "M")
        first, last = np.searchsorted(
            self.time_ms, [_ms_of(begin), _ms_of(begin + np.timedelta64(1, "M"))]
        )
        start = self.value[min(int(first), len(self.value) - 1)]
        end = self.value[min(int(last), len(self.value) - 1)]
        return float(end / start - 1.0) if start > 0.0 else math.nan


def months_between(from_ms: int, to_ms: int) -> list[str]:
    """Calendar months, UTC, from the one of `from_ms` to the one of `to_ms`, both included."""
    ends = np.array([from_ms, to_ms], "datetime64[ms]").astype("datetime64[M]")
    every = np.arange(ends[0], ends[1] + np.timedelta64(1, "M"))
    return [str(month) for month in np.datetime_as_string(every)]


def histogram(r: Floats) -> Histogram:
    """Results in R, in bars of a quarter, or of a half or more where they spread far.

    A bar begins at 0, so that no bar has winners and losers in it.
    """
    known = r[~np.isnan(r)]
    if len(known) == 0:
        return Histogram((), (), math.nan, math.nan, len(r))
    low = max(-_FARTHEST_R, float(known.min()))
    high = min(_FARTHEST_R, float(known.max()))
    width = BIN_R
    while (high - low) / width > _MOST_BINS:
        width *= 2.0
    first, last = math.floor(low / width), max(math.floor(high / width), math.floor(low / width))
    place = np.clip(np.floor(known / width), first, last).astype(np.int64) - first
    counts = np.bincount(place, minlength=last - first + 1)
    return Histogram(
        tuple(width * step for step in range(first, last + 2)),
        tuple(int(count) for count in counts),
        float(known.mean()),
        float(np.median(known)),
        len(r) - len(known),
    )


def counted(counts: Mapping[str, int], words: Mapping[str, str]) -> list[Count]:
    """Reasons with their meaning, in the order they are given."""
    return [Count(key, words.get(key, ""), count) for key, count in counts.items()]


def _group(name: str, trades: TradeTable, marks: Marks, method: Method | None) -> Group:
    net, r = trades.net[marks], trades.r[marks]
    r = r[~np.isnan(r)]
    low = high = math.nan
    if method is not None and len(r) > 1:
        draws = min(method.draws, GROUP_DRAWS)
        found = interval(mean_of, r, seed=method.seed, confidence=method.confidence, draws=draws)
        low, high = found.low, found.high
    return Group(
        name,
        len(net),
        int((net > 0.0).sum()),
        float(net.sum()),
        float(r.mean()) if len(r) else math.nan,
        profit_factor(net),
        low,
        high,
    )


def _months_of(at_ms: Longs) -> NDArray[np.str_]:
    return np.datetime_as_string(at_ms.astype("datetime64[ms]").astype("datetime64[M]"))


def _ms_of(month: np.datetime64) -> int:
    return int(month.astype("datetime64[ms]").astype(np.int64))
