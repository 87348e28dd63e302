"""What the rules of this folder are written with: a frame as a pandas table, and a short form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cointrader.market.frame import Frame
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import Signals

Answer = Callable[[pd.DataFrame, Indicators], Signals]


@dataclass
class Written:
    """A rule made of a function over the pandas table of a frame.

    `source` names the input whose future a leaky one reads, as far as it is a single one.
    """

    answer: Answer
    warm_up: int = 300
    source: str = ""

    @property
    def name(self) -> str:
        return self.answer.__name__

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        return self.answer(table(frame), indicators)


class Collection:
    """Rules, collected by a decorator."""

    def __init__(self) -> None:
        self.rules: list[Written] = []

    def __call__(self, source: str = "", *, warm_up: int = 300) -> Callable[[Answer], Answer]:
        def keep(answer: Answer) -> Answer:
            self.rules.append(Written(answer, warm_up, source))
            return answer

        return keep


def table(frame: Frame) -> pd.DataFrame:
    """Own columns, `btc_...` and `eth_...` ones, `funding` and `oi`, by open time in UTC."""
    own = frame.candles
    columns = {"open": own.open, "high": own.high, "low": own.low, "close": own.close}
    columns |= {"volume": own.volume, "funding": frame.funding_rate, "oi": frame.oi_change}
    for symbol, other in frame.correlated.items():
        short = symbol.removesuffix("USDT").lower()
        columns |= {
            f"{short}_{name}": getattr(other, name) for name in ("high", "low", "close", "volume")
        }
    index = pd.DatetimeIndex(pd.to_datetime(frame.open_time_ms, unit="ms", utc=True))
    return pd.DataFrame(columns, index=index, copy=True)


def answer(up, down, *, strength=None, stop=None, target=None, **extra) -> Signals:
    """Signals of two conditions; NaN in them is no."""
    side = np.asarray(up, bool).astype(np.int8) - np.asarray(down, bool).astype(np.int8)

    def floats(values):
        return None if values is None else np.asarray(values, np.float64)

    return Signals(
        side=side,
        strength=np.abs(side) if strength is None else np.asarray(strength, np.int64),
        stop_distance=floats(stop),
        target_distance=floats(target),
        extra={name: np.asarray(values, np.float64) for name, values in extra.items()},
    )


def atr(d: pd.DataFrame, bars: int = 14) -> pd.Series:
    before = d.close.shift(1)
    ranges = pd.concat([d.high - d.low, (d.high - before).abs(), (d.low - before).abs()], axis=1)
    return ranges.max(axis=1).ewm(alpha=1 / bars, adjust=False).mean()


def rolling_z(x: pd.Series, bars: int) -> pd.Series:
    window = x.rolling(bars)
    return (x - window.mean()) / window.std()


def breakout(d: pd.DataFrame, bars: int = 20) -> tuple[pd.Series, pd.Series]:
    """An innocent entry: close beyond the range of the bars before."""
    return d.close > d.high.rolling(bars).max().shift(1), d.close < d.low.rolling(bars).min().shift(
        1
    )
