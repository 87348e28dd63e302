"""The built-in rule `score`: points of five indicators, a volume gate, an optional ADX gate.

Its arithmetic is vector code over the bars that `Indicators` shows: all of history for a
backtest, one bar for a running bot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import ConfigError
from cointrader.market.frame import Frame
from cointrader.signals.indicators import Indicators, Signs, signed
from cointrader.signals.rules import WARM_UP, Signals

RSI_LOW, RSI_HIGH = 35.0, 65.0
STOCH_LOW, STOCH_HIGH = 20.0, 80.0
STOCH_TIE = 1e-9  # K and D nearer than this are equal: floats that should be equal are not quite
MAX_SCORE = 6

GATES = ("", "below-threshold", "volume", "both-sides", "adx", WARM_UP)
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
    warm_up: ClassVar[int] = 300  # from here on the seeds of EMA, MACD and ADX no longer matter
    look_back: ClassVar[int] = 0

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        """Score every bar shown. Parts: `rsi`, `macd`, `bands`, `ema`, `stoch`.

        Gates: `below-threshold`; `volume` (enough points, too little volume); `both-sides`;
        `adx`; `warm-up` (fewer than 300 bars of `frame` before it).
        """
        settings = self.settings
        parts = score_parts(indicators)
        long_score, short_score = side_scores(parts)
        strength = np.maximum(long_score, short_score)
        enough = settings.signal_threshold
        needed = enough + ~loud_volume(indicators, settings.vol_multiplier)
        is_long, is_short = long_score >= needed, short_score >= needed

        side = signed(is_long, is_short)
        gate = np.where(strength < enough, np.int8(_BELOW_THRESHOLD), np.int8(_VOLUME))
        gate[is_long | is_short] = 0
        gate[is_long & is_short] = _BOTH_SIDES
        if settings.adx_threshold > 0.0:
            is_calm = (side != 0) & (indicators.adx < settings.adx_threshold)
            side[is_calm] = 0
            gate[is_calm] = _ADX
        signals = Signals(side=side, strength=strength, parts=parts, gate=gate, gates=GATES)
        return signals.held_first(self.warm_up - indicators.first)


def score_parts(indicators: Indicators) -> dict[str, Signs]:
    """Points per indicator and bar: positive for long, negative for short.

    int8 arrays of shape (bars shown,). No indicator gives points to both sides of one bar.
    """
    rsi, k = indicators.rsi, indicators.stoch_k
    lead = k - indicators.stoch_d
    close = indicators.close
    return {
        "rsi": signed(rsi < RSI_LOW, rsi > RSI_HIGH),
        "macd": indicators.macd_cross * np.int8(2),
        "bands": signed(close < indicators.band_lower, close > indicators.band_upper),
        "ema": indicators.ema_stack,
        "stoch": signed(
            (k < STOCH_LOW) & (lead > STOCH_TIE), (k > STOCH_HIGH) & (lead < -STOCH_TIE)
        ),
    }


def side_scores(parts: dict[str, Signs]) -> tuple[Signs, Signs]:
    """Sum of the points for long and of the points for short, int8 arrays of 0 to 6."""
    points = np.array(list(parts.values()))
    total = np.add.reduce(points, axis=0, dtype=np.int8)
    spread = np.add.reduce(np.abs(points), axis=0, dtype=np.int8)
    return (spread + total) >> 1, (spread - total) >> 1


def loud_volume(indicators: Indicators, multiplier: float) -> NDArray[np.bool_]:
    """Where volume exceeds `multiplier` times its mean; a volume of 0 never does."""
    volume = indicators.volume
    return (volume > multiplier * indicators.volume_mean) & (volume > 0.0)
