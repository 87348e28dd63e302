"""What a list of trades adds up to: in windows of time, and day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.bar import Row
from cointrader.backtest.columns import Floats, Longs
from cointrader.backtest.market import Stretch
from cointrader.domain.clock import DAY_MS
from cointrader.signals.compiled import compiled

Rows = NDArray[np.void]

FIGURES = np.dtype(
    [
        ("trades", np.int64),
        ("wins", np.int64),  # net > 0
        ("longs", np.int64),
        ("with_r", np.int64),  # trades that risked something
        ("net", np.float64),
        ("won", np.float64),  # sum of the nets above 0
        ("lost", np.float64),  # sum of those below 0, positive
        ("r", np.float64),
        ("r_squared", np.float64),
        ("long_r", np.float64),
        ("fee", np.float64),
        ("funding", np.float64),
    ],
    align=True,
)

FOREVER = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What some variants came to under one set of settings.

    Parameters
    ----------
    figures : rows of FIGURES of shape (variants, windows)
    daily : float64 of shape (variants, days): R of all trades by UTC day of the exit, from the
        first day played
    """

    figures: Rows
    daily: Floats


class Windows(NamedTuple):
    """Stretches of time that trades are counted in, as bars; they may overlap.

    A trade belongs to the windows of its signal: those from `first`, included, to `end`, excluded.
    Where it ends at `known` or later it is left out (purged): its result was not known by then.
    """

    first: Longs
    end: Longs
    known: Longs

    @staticmethod
    def whole() -> Windows:
        """One window that holds every trade."""
        return Windows.of([(0, FOREVER, FOREVER)])

    @staticmethod
    def of(rows: Sequence[tuple[int, int, int]]) -> Windows:
        """From rows of (first, end, known)."""
        return Windows(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))


def counted(trades: Rows, stretch: Stretch, windows: Windows | None = None) -> Played:
    """The figures of any list of trades, as those of one variant."""
    windows, day = windows or Windows.whole(), day_of(stretch)
    figures = np.zeros((1, len(windows.first)), FIGURES)
    daily = np.zeros((1, int(day[-1]) + 1))
    counting(trades, windows, day, figures[0], daily[0])
    return Played(figures, daily)


def day_of(stretch: Stretch) -> Longs:
    """Of each bar the number of its UTC day, counted from the first one played."""
    day = stretch.candles.time_ms // DAY_MS
    counted: Longs = day - day[0]
    return counted


def count_all(trades: Rows, windows: Windows, day: Longs, figure: Rows, by_day: Floats) -> None:
    """Count every trade."""
    for i in range(len(trades)):
        count_one(trades[i], windows, day, figure, by_day)


def count_one(trade: Row, windows: Windows, day: Longs, figure: Rows, by_day: Floats) -> None:
    """Count a trade in its windows, and its R on the day on which it ended."""
    bar, ended = trade["entry_bar"] - 1, trade["exit_bar"]
    for w in range(len(windows.first)):
        if windows.first[w] <= bar < windows.end[w] and ended < windows.known[w]:
            add_up(trade, figure[w])
    if trade["risk"] > 0.0:
        by_day[day[ended]] += trade["net"] / trade["risk"]


def add_up(trade: Row, figure: Row) -> None:
    """Count one trade."""
    net, risk = trade["net"], trade["risk"]
    figure["trades"] += 1
    figure["net"] += net
    figure["fee"] += trade["fee"]
    figure["funding"] += trade["funding"]
    if net > 0.0:
        figure["wins"] += 1
        figure["won"] += net
    elif net < 0.0:
        figure["lost"] -= net
    is_long = trade["side"] > 0
    if is_long:
        figure["longs"] += 1
    if risk > 0.0:
        r = net / risk
        figure["with_r"] += 1
        figure["r"] += r
        figure["r_squared"] += r * r
        if is_long:
            figure["long_r"] += r


counting = compiled(count_all)
