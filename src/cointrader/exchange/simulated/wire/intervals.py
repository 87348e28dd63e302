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

    def unites(self, stored_ms: int) -> bool:
        """Whether whole candles of this length make up its klines."""

    def divides(self, stored_ms: int) -> bool:
        """Whether whole klines, more than one, make up a candle of this length."""

    def number(self, at_ms: int) -> int:
        """Of the kline that is open at `at_ms`."""

    def opens_ms(self, number: int) -> int:
        """When a kline opens."""


@dataclass(frozen=True, slots=True)
class _Even:
    """All of one length; one of them opens at `first_ms`."""

    length_ms: int
    first_ms: int = 0

    def unites(self, stored_ms: int) -> bool:
        return math.gcd(self.length_ms, self.first_ms) % stored_ms == 0

    def divides(self, stored_ms: int) -> bool:
        return self.length_ms < stored_ms and stored_ms % self.length_ms == 0 == self.first_ms

    def number(self, at_ms: int) -> int:
        return (at_ms - self.first_ms) // self.length_ms

    def opens_ms(self, number: int) -> int:
        return self.first_ms + number * self.length_ms


class _Months:
    """Those of the calendar, UTC."""

    def unites(self, stored_ms: int) -> bool:
        return DAY_MS % stored_ms == 0

    def divides(self, stored_ms: int) -> bool:
        del stored_ms
        return False

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
    """Whether candles of `stored_ms` tell klines of this interval: the one divides the other."""
    length = _INTERVALS.get(name)
    return length is not None and (length.unites(stored_ms) or length.divides(stored_ms))


def shorter_ms(name: str, stored_ms: int) -> int:
    """The length of klines of which one candle of `stored_ms` is several; 0 for all others."""
    length = _INTERVALS.get(name)
    if length is None or not length.divides(stored_ms):
        return 0
    return length.opens_ms(1) - length.opens_ms(0)
