"""The built-in rule `score`: points of five indicators, a volume gate, an optional ADX gate.

Its arithmetic is written once, for the bars that `Indicators` shows: all of history for a
backtest, one bar for a running bot.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from cointrader.domain.errors import ConfigError
from cointrader.domain.order import Side
from cointrader.market.frame import Frame
from cointrader.signals.compiled import compiled
from cointrader.signals.indicators import Indicators, Value, sign_of, stacked
from cointrader.signals.newest import Ahead, NewestBar, newest_after
from cointrader.signals.rules import WARM_UP, WARM_UP_BARS, Signal, Signals

RSI_LOW, RSI_HIGH = 35.0, 65.0
STOCH_LOW, STOCH_HIGH = 20.0, 80.0
STOCH_TIE = 1e-9  # K and D nearer than this are equal: floats that should be equal are not quite
MAX_SCORE = 6

PARTS = ("rsi", "macd", "bands", "ema", "stoch")
GATES = ("", "below-threshold", "volume", "both-sides", "adx", WARM_UP)
_SIDES = (None, Side.LONG, Side.SHORT)  # by sign
UNKNOWN_SIDE = 2
_BELOW_THRESHOLD, _VOLUME, _BOTH_SIDES, _ADX = range(1, 5)


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """When points make a signal. `adx_threshold` 0 is off."""

    signal_threshold: int = 3
    vol_multiplier: float = 1.5
    adx_threshold: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.signal_threshold <= MAX_SCORE:
            raise ConfigError(
                "no score can reach the threshold, or every score does",
                where="signal_threshold",
                found=self.signal_threshold,
                allowed=f"1 to {MAX_SCORE}",
            )
        if not 0.0 <= self.vol_multiplier < np.inf:
            raise ConfigError(
                "impossible volume multiplier",
                where="vol_multiplier",
                found=self.vol_multiplier,
                allowed="a number of at least 0",
            )
        if not 0.0 <= self.adx_threshold <= 100.0:
            raise ConfigError(
                "impossible ADX threshold",
                where="adx_threshold",
                found=self.adx_threshold,
                allowed="0 (off) to 100",
            )


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """A side that collects enough points, on volume or with a point to spare."""

    settings: ScoreSettings = ScoreSettings()

    name: ClassVar[str] = "score"
    warm_up: ClassVar[int] = WARM_UP_BARS
    look_back: ClassVar[int] = 0

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        """Score every bar shown.

        Gates: `below-threshold`; `volume` (enough points, too little volume); `both-sides`;
        `adx`; `warm-up` (fewer than 300 bars of `frame` before it).
        """
        side, strength, gate, *points = judged(*self._seen(indicators))
        rows = np.array((side, strength, gate, *points), np.int8).reshape(-1, len(indicators))
        signals = Signals(
            side=rows[0],
            strength=rows[1],
            gate=rows[2],
            gates=GATES,
            parts=dict(zip(PARTS, rows[3:], strict=True)),
        )
        return signals.held_first(self.warm_up - indicators.first)

    def answer(self, bar: NewestBar) -> Signal:
        """`evaluate` for the newest bar alone, many times as fast."""
        settings = self.settings
        adx = bar.adx if settings.adx_threshold > 0.0 else 0.0
        side, strength, gate, *points = _judge_one(
            *bar, adx, settings.signal_threshold, settings.vol_multiplier, settings.adx_threshold
        )
        return Signal(_SIDES[side], strength, _reasons(gate, *points))

    def holds(self, ahead: Ahead, close: float, volume: float) -> bool:
        """As `QuickRule.holds`. ADX is not asked: it lets no side through that has not enough."""
        settings = self.settings
        side = _side_after(
            ahead.known, close, volume, settings.signal_threshold, settings.vol_multiplier
        )
        return side == 0

    def _seen(self, seen: Indicators) -> tuple[Value, ...]:
        """What `judged` is asked with."""
        settings = self.settings
        return (
            seen.rsi, seen.macd_cross, seen.close, seen.band_lower, seen.band_upper,
            seen.ema_fast, seen.ema_mid, seen.ema_slow, seen.stoch_k, seen.stoch_d,
            seen.volume, seen.volume_mean,
            seen.adx if settings.adx_threshold > 0.0 else 0.0,
            settings.signal_threshold, settings.vol_multiplier, settings.adx_threshold,
        )  # fmt: skip


@lru_cache(maxsize=1024)
def _reasons(gate: int, *points: int) -> tuple[str, ...]:
    reasons = [f"{name}{part:+d}" for name, part in zip(PARTS, points, strict=True) if part]
    return (*reasons, GATES[gate]) if gate else tuple(reasons)


# The rule itself. Every argument is one bar's number, or an array with one number per bar: the
# same lines score a running bot's newest bar without the cost of arrays, and a whole history.


def judged(
    rsi: Value,
    macd_cross: Value,
    close: Value,
    band_lower: Value,
    band_upper: Value,
    ema_fast: Value,
    ema_mid: Value,
    ema_slow: Value,
    stoch_k: Value,
    stoch_d: Value,
    volume: Value,
    volume_mean: Value,
    adx: Value,
    threshold: int,
    vol_multiplier: float,
    adx_threshold: float,
) -> tuple[Value, ...]:
    """Side (+1, -1, 0), strength, index into `GATES`, and the points of each of `PARTS`."""
    points = score_points(
        rsi, macd_cross, close, band_lower, band_upper, ema_fast, ema_mid, ema_slow,
        stoch_k, stoch_d,
    )  # fmt: skip
    long_score, short_score = side_scores(points)
    loud = is_loud(volume, volume_mean, vol_multiplier)
    return judge(long_score, short_score, loud, threshold, adx < adx_threshold) + points


def side_after(
    known: tuple[Any, ...], close: float, volume: float, threshold: int, vol_multiplier: float
) -> int:
    """The side of the bar that follows all that was `known`; see `newest.newest_after`.

    `UNKNOWN_SIDE` where that is spoilt by a number that is not finite.
    """
    row = newest_after(known, close, volume)
    ema_slow, volume_mean = row[7], row[11]
    if not (isfinite(ema_slow) and isfinite(volume_mean)):
        return UNKNOWN_SIDE
    return judged(*row, 0.0, threshold, vol_multiplier, 0.0)[0]  # type: ignore[no-any-return]


_judge_one = compiled(judged)
_side_after = compiled(side_after)


def score_points(
    rsi: Value,
    macd_cross: Value,
    close: Value,
    band_lower: Value,
    band_upper: Value,
    ema_fast: Value,
    ema_mid: Value,
    ema_slow: Value,
    stoch_k: Value,
    stoch_d: Value,
) -> tuple[Value, ...]:
    """Points of each of `PARTS`: positive for long, negative for short, 0 for neither.

    An indicator that is still NaN gives none.
    """
    lead = stoch_k - stoch_d
    return (
        sign_of(rsi < RSI_LOW, rsi > RSI_HIGH),
        macd_cross * 2,
        sign_of(close < band_lower, close > band_upper),
        stacked(ema_fast, ema_mid, ema_slow),
        sign_of(
            (stoch_k < STOCH_LOW) & (lead > STOCH_TIE),
            (stoch_k > STOCH_HIGH) & (lead < -STOCH_TIE),
        ),
    )


def side_scores(points: tuple[Value, ...]) -> tuple[Value, Value]:
    """Sum of the points for long, and of those for short; 0 to 6."""
    long_score, short_score = 0, 0
    for part in points:
        long_score = long_score + part * (part > 0)
        short_score = short_score - part * (part < 0)
    return long_score, short_score


def is_loud(volume: Value, volume_mean: Value, multiplier: float) -> Value:
    """Whether volume exceeds `multiplier` times its mean; a volume of 0 never does."""
    return (volume > multiplier * volume_mean) & (volume > 0.0)


def judge(
    long_score: Value, short_score: Value, loud: Value, threshold: int, is_calm: Value
) -> tuple[Value, Value, Value]:
    """Side (+1, -1, 0), strength, and the index into `GATES` of who said no.

    Strength is the score of the side; on HOLD the higher of the two scores.
    """
    needed = threshold + 1 - loud * 1
    is_long, is_short = long_score >= needed, short_score >= needed
    sides = is_long * 1 + is_short * 1
    is_refused = (sides == 1) & is_calm
    leads = long_score >= short_score
    strength = long_score * leads + short_score * (1 - leads * 1)
    has_enough = strength >= threshold
    gate = (
        (1 - has_enough * 1) * _BELOW_THRESHOLD
        + (has_enough & (sides == 0)) * _VOLUME
        + (sides == 2) * _BOTH_SIDES
        + is_refused * _ADX
    )
    return sign_of(is_long, is_short) * (1 - is_refused * 1), strength, gate
