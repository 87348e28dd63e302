"""What goes with the price of the synthetic market: volume, funding rates, open interest.

None of it knows the direction of a later move.
"""

from __future__ import annotations

import math

import numpy as np

from cointrader.domain.clock import DAY_MS
from cointrader.market.frame import Floats, Times
from cointrader.market.source import SETTLEMENT_MS
from cointrader.market.synthetic.chance import Chance, Wave, reverting
from cointrader.market.synthetic.nature import QUARTER_MS
from cointrader.market.synthetic.path import Path

_USUAL_ACTIVITY = 0.68  # so that mean turnover is the nature's
_VOLUME_PER_SWING = 0.95  # of log volume per log of a bar's swing
_MARKET_ACTIVITY = (Wave(4.0, 0.18), Wave(200.0, 0.25))
_OWN_ACTIVITY = (Wave(1.0, 0.25), Wave(10.0, 0.20), Wave(150.0, 0.22))
_RHYTHM_OF_VOLUME = 0.6  # beyond what its moves bring

_INTEREST = 1e-4  # the exchange's own part of the rate
_TOLERANCE = 5e-4  # premiums that far from it are not passed on
_MOST = 3e-3
_PREMIUM = -4.5e-4  # its mean; the price of a perpetual is mostly a little below the index
_PREMIUM_SPREAD = 0.55e-4
_PREMIUM_WAVES = (Wave(10.0, 0.75), Wave(300.0, 0.55))
_PREMIUM_PER_TREND = 0.45

_QUARTERS_HELD = 40.0  # open interest is worth the turnover of so many quarters of an hour
_MEMORY_DAYS = 4.0  # of open interest
_CHASING = 0.3  # positions opened with a move, in usual moves
_FLIGHT = 0.08  # closed by a large one
_NOISE = 0.9


def volume(chance: Chance, symbol: str, path: Path, rhythm: Floats, interval_ms: int) -> Floats:
    """Units traded in each bar, to three decimals; more when the price moves."""
    length = len(path)
    activity = _VOLUME_PER_SWING * np.log(path.swing() + 0.05) + _RHYTHM_OF_VOLUME * rhythm
    activity += chance.waves(_MARKET_ACTIVITY, length, interval_ms, "activity")
    activity += chance.waves(_OWN_ACTIVITY, length, interval_ms, "activity", symbol)
    return _thousandths(_USUAL_ACTIVITY * _usual_volume(path, interval_ms) * np.exp(activity))


def funding(
    chance: Chance, symbol: str, path: Path, open_time_ms: Times, interval_ms: int
) -> tuple[Times, Floats]:
    """Settlement times within the bars, and their rates: the premium by the exchange's formula."""
    at = np.flatnonzero(open_time_ms % SETTLEMENT_MS == 0)
    day = max(1, DAY_MS // interval_ms)
    trend = path.opens[at] - path.opens[np.maximum(at - day, 0)]
    trend = np.tanh(trend / (path.size * np.sqrt(day)))
    waves = chance.waves(_PREMIUM_WAVES, len(at), SETTLEMENT_MS, "premium", symbol)
    spread = _PREMIUM_SPREAD * (1.0 + 2.0 * path.nature.own**2)  # thin markets stray more
    premium = _PREMIUM + spread * (waves + _PREMIUM_PER_TREND * trend)
    rates = premium + np.clip(_INTEREST - premium, -_TOLERANCE, _TOLERANCE)
    hundred_millionths = np.rint(np.clip(rates, -_MOST, _MOST) * 1e8)
    return open_time_ms[at], hundred_millionths / 1e8


def open_interest(
    chance: Chance, symbol: str, path: Path, volume: Floats, interval_ms: int
) -> Floats:
    """Open contracts at each bar's close, to three decimals: busy bars change more of it."""
    activity = np.minimum(np.sqrt(volume / _usual_volume(path, interval_ms)), 4.0)
    noise = chance.stream("open interest", symbol).standard_normal(len(path))
    relative = np.clip(path.moves / path.size, -6.0, 6.0)
    shocks = path.size * (
        _NOISE * activity * noise + _CHASING * relative - _FLIGHT * (relative**2 - 1.0)
    )
    log_excess = reverting(shocks, math.exp(-interval_ms / (_MEMORY_DAYS * DAY_MS)))
    return _thousandths(_QUARTERS_HELD * _usual_volume(path, QUARTER_MS) * np.exp(log_excess))


def _usual_volume(path: Path, interval_ms: int) -> float:
    return path.nature.turnover * interval_ms / QUARTER_MS / path.nature.price


def _thousandths(units: Floats) -> Floats:
    rounded: Floats = np.maximum(np.rint(units * 1e3), 1.0) / 1e3
    return rounded
