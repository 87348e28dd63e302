"""The price path of one symbol of the synthetic market: log moves per bar, and how far they swing.

Within a bar the price is a Brownian motion, in continuous time. Its highest and lowest point
are drawn exactly, given where it ends: after Rayleigh, a bridge of variance v that ends at c has
its maximum at (c + sqrt(c² + v·(a² + b²))) / 2 with a, b standard normal. So a level is always
passed, never jumped over, and the price is a martingale for whoever trades on it, at whatever
stop or target: there is no edge in it, not even in the wicks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cointrader.domain.clock import DAY_MS
from cointrader.market.frame import Floats
from cointrader.market.synthetic.chance import reverting
from cointrader.market.synthetic.nature import QUARTER_MS, Nature

DRAWS = 5  # standard normals per bar: its move, two for its high, two for its low
_REVERSION_DAYS = 360.0  # so slow that it cannot be traded, so fast that years do not drift off


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Log prices of one symbol: float64 arrays of shape (n_bars,)."""

    nature: Nature
    size: float  # standard deviation of a usual bar's move
    opens: Floats  # log price
    moves: Floats  # log return over the bar
    up: Floats  # how far beyond open and close the bar swings: a² + b² of the module's formula
    down: Floats

    def __len__(self) -> int:
        return len(self.moves)

    def prices(
        self, start: int, stop: int, first_open: float, nudges: Floats
    ) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats]]:
        """Bars `start` included to `stop` excluded, begun at another log price and nudged.

        Parameters
        ----------
        first_open : log price at which bar `start` opens
        nudges : added to the moves of these bars, shape (stop - start,)

        Returns
        -------
        log opens of these bars and of the next, shape (stop - start + 1,); and open, high, low,
        close on the price grid
        """
        moves = self.moves[start:stop] + nudges
        opens = first_open + np.concatenate(((0.0,), np.cumsum(moves)))
        high = opens[:-1] + 0.5 * (moves + np.sqrt(moves**2 + self.up[start:stop]))
        low = opens[:-1] + 0.5 * (moves - np.sqrt(moves**2 + self.down[start:stop]))
        ends = self._on_grid(opens)
        return opens, (ends[:-1], self._on_grid(high), self._on_grid(low), ends[1:])

    def swing(self) -> Floats:
        """Log of highest over lowest price of each bar, in usual bars' moves."""
        spans = np.sqrt(self.moves**2 + self.up) + np.sqrt(self.moves**2 + self.down)
        swing: Floats = 0.5 * spans / self.size
        return swing

    def _on_grid(self, log_prices: Floats) -> Floats:
        """Whole ticks over a power of ten: the decimals they look like."""
        grid = 10.0**self.nature.decimals
        prices: Floats = np.maximum(np.rint(np.exp(log_prices) * grid), 1.0) / grid
        return prices


def make_path(nature: Nature, draws: Floats, variance: Floats, interval_ms: int) -> Path:
    """A path from random numbers.

    Parameters
    ----------
    draws : shape (n_bars, DRAWS), normal, of the given variance
    variance : of each bar, in variances of a usual one; shape (n_bars,)
    """
    size = nature.volatility * math.sqrt(interval_ms / QUARTER_MS)
    moves = size * draws[:, 0] - 0.5 * size**2 * variance  # so that the price, not its log, is fair
    ends = math.log(nature.price) + _pulled_back(moves, interval_ms)
    a, b, c, d = ((size * draws[:, 1:]) ** 2).T
    return Path(nature, size, opens=ends[:-1], moves=np.diff(ends), up=a + b, down=c + d)


def _pulled_back(moves: Floats, interval_ms: int) -> Floats:
    """Log prices over their level at each open and the last close, with a very weak pull to it."""
    kept = 1.0 - interval_ms / (_REVERSION_DAYS * DAY_MS)
    return np.concatenate(((0.0,), reverting(moves, kept)))
