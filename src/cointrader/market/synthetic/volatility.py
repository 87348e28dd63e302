"""How much the synthetic market moves, never where to: hours and weekdays, clusters, jumps.

A jump is a bar of many times the usual variance, not a hole in the path: prices pass through
every level on their way, so that a stop or a target is filled where it stands.
"""

from __future__ import annotations

import numpy as np

from cointrader.domain.clock import DAY_MS, HOUR_MS
from cointrader.market.frame import Floats, Times
from cointrader.market.synthetic.chance import Chance, Wave
from cointrader.market.synthetic.nature import QUARTER_MS

# Relative size of moves by hour UTC, and by weekday from Monday: the US session and weekends.
_HOURS = (
    1.11, 1.06, 0.96, 0.85, 0.82, 0.79, 0.82, 0.83, 0.86, 0.85, 0.76, 0.81,
    0.92, 1.17, 1.49, 1.44, 1.27, 1.23, 1.08, 1.02, 1.05, 1.00, 0.98, 0.86,
)  # fmt: skip
_WEEKDAYS = (1.17, 1.09, 1.06, 1.05, 1.12, 0.70, 0.83)
_MEAN_SQUARE = float(np.mean(np.square(_HOURS)) * np.mean(np.square(_WEEKDAYS)))
_MONDAY_MS = 4 * DAY_MS  # 1970-01-05

_MARKET_WAVES = (Wave(0.5, 0.47), Wave(4.0, 0.32), Wave(30.0, 0.22), Wave(600.0, 0.30))
_OWN_WAVES = (Wave(0.5, 0.52), Wave(4.0, 0.36), Wave(30.0, 0.24), Wave(300.0, 0.24))
_OWN_SHARE_OF_MARKET = 0.5  # how much of the market's clusters a symbol's own moves go along with
_JUMPS_PER_DAY = 0.04
_JUMP_SIZE = 7.0  # standard deviations of a usual bar


def market_volatility(
    chance: Chance, open_time_ms: Times, interval_ms: int
) -> tuple[Floats, Floats]:
    """Size of what drives the market in each bar; and the log of its slow part, without jumps.

    Returns
    -------
    float64 arrays of shape (n_bars,): the first has a mean square of about 1
    """
    slow = chance.waves(_MARKET_WAVES, len(open_time_ms), interval_ms, "volatility")
    slow -= _variance(_MARKET_WAVES)
    slow += rhythm(open_time_ms, interval_ms)
    return _with_jumps(np.exp(slow), chance, interval_ms, "jumps"), slow


def own_volatility(chance: Chance, symbol: str, market: Floats, interval_ms: int) -> Floats:
    """Size of what a symbol does alone in each bar, of a mean square of about 1.

    Parameters
    ----------
    market : the second answer of `market_volatility`
    """
    slow = chance.waves(_OWN_WAVES, len(market), interval_ms, "volatility", symbol)
    share = _OWN_SHARE_OF_MARKET
    slow += share * market + share * (1.0 - share) * _variance(_MARKET_WAVES)
    slow -= _variance(_OWN_WAVES)
    return _with_jumps(np.exp(slow), chance, interval_ms, "jumps", symbol)


def rhythm(open_time_ms: Times, interval_ms: int) -> Floats:
    """Log size of moves usual for the hour and the weekday; its exp has a mean square of 1."""
    parts = -(-interval_ms // HOUR_MS)  # of a long bar, one per hour
    passed = open_time_ms[:, np.newaxis] + HOUR_MS * np.arange(parts)
    hours = np.array(_HOURS)[passed // HOUR_MS % 24]
    days = np.array(_WEEKDAYS)[(passed - _MONDAY_MS) // DAY_MS % 7]
    squared: Floats = np.mean((hours * days) ** 2, axis=1) / _MEAN_SQUARE
    return 0.5 * np.log(squared)


def _variance(waves: tuple[Wave, ...]) -> float:
    """exp of a wave less its variance has a mean square of 1."""
    return sum(wave.spread**2 for wave in waves)


def _with_jumps(size: Floats, chance: Chance, interval_ms: int, *purpose: str) -> Floats:
    stream = chance.stream(*purpose)
    probability = 1.0 - np.exp(-_JUMPS_PER_DAY * interval_ms / DAY_MS)
    jumps = stream.random(len(size)) < probability
    relative = _JUMP_SIZE * np.sqrt(QUARTER_MS / interval_ms)  # as large whatever the bars
    return np.where(jumps, np.hypot(size, relative), size)
