"""The lengths of klines that Binance knows, and where in time each one opens. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from cointrader.domain.clock import DAY_MS, HOUR_MS, INTERVALS_MS
from cointrader.exchange.simulated.wire.refusals import refused

_MONDAY_MS = 4 * DAY_MS  # 1970-01-05, the first one


class Interval(Protocol):
    """Klines of one length, numbered in the order of time."""

    @property
    def unit_ms(self) -> int:
        """What candles must divide so that klines can be made of them."""

    def number(self, at_ms: int) -> int:
        """Of the kline that is open at `at_ms`."""

    def opens_ms(self, number: int) -> int:
        """When a kline opens."""


@dataclass(frozen=True, slots=True)
class _Even:
    """All of one length; one of them opens at `first_ms`."""

    length_ms: int
    first_ms: int = 0

    @property
    def unit_ms(self) -> int:
        return math.gcd(self.length_ms, self.first_ms)

    def number(self, at_ms: int) -> int:
        return (at_ms - self.first_ms) // self.length_ms

    def opens_ms(self, number: int) -> int:
        return self.first_ms + number * self.length_ms


class _Months:
    """Those of the calendar, UTC."""

    unit_ms = DAY_MS

    def number(self, at_ms: int) -> int:
        day = datetime.fromtimestamp(at_ms // 1000, UTC)
        return day.year * 12 + day.month - 1

    def opens_ms(self, number: int) -> int:
        year, month = divmod(number, 12)
        return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * 1000


_INTERVALS: Mapping[str, Interval] = {
    **{name: _Even(length_ms) for name, length_ms in INTERVALS_MS.items()},
    "6h": _Even(6 * HOUR_MS),
    "8h": _Even(8 * HOUR_MS),
    "12h": _Even(12 * HOUR_MS),
    "1d": _Even(DAY_MS),
    "3d": _Even(3 * DAY_MS),
    "1w": _Even(7 * DAY_MS, _MONDAY_MS),
    "1M": _Months(),
}


def kline_interval(name: str, stored_ms: int) -> Interval:
    """The interval of this name. Raises `Rejected` for one that this market cannot tell."""
    if not can_tell(name, stored_ms):
        raise refused(-1120, "Invalid interval.")
    return _INTERVALS[name]


def can_tell(name: str, stored_ms: int) -> bool:
    """Whether candles of `stored_ms` make klines of this interval: they divide it."""
    return name in _INTERVALS and _INTERVALS[name].unit_ms % stored_ms == 0
