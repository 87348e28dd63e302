"""The rolling window of closed candles of a running bot.

Only the candle that comes next gets in, so a window never has a hole. Its columns are views:
they cost nothing, cannot be written to, and never change under whoever holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np

from cointrader.domain.candle import Candle
from cointrader.domain.errors import DataError, MissingCandles
from cointrader.market.frame import Columns, Floats, Frame, Times, join_on_time, missing
from cointrader.market.quality import POSSIBLE, utc, why_impossible


class CandleWindow:
    """The last `capacity` closed candles of one symbol, oldest first.

    Rows are written into a buffer of twice the capacity. When it is full the newest move to a
    fresh one, so an append is O(1) on average and views into the old buffer stay true.
    """

    __slots__ = (
        "_columns",
        "_next_ms",
        "_start",
        "_stop",
        "_times",
        "_values",
        "_views",
        "capacity",
        "interval_ms",
        "symbol",
    )

    def __init__(self, symbol: str, interval_ms: int, capacity: int = 1000) -> None:
        if capacity < 1 or interval_ms < 1:
            raise ValueError(f"capacity {capacity} and interval {interval_ms} ms must be positive")
        self.symbol = symbol
        self.interval_ms = interval_ms
        self.capacity = capacity
        self._next_ms: int | None = None
        self._start = self._stop = 0
        self._renew_buffer()

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def open_time_ms(self) -> Times:
        """Open times, ascending without a gap: a read-only view."""
        return self._times[1][self._start : self._stop]

    @property
    def last_open_time_ms(self) -> int | None:
        """Open time of the newest candle; None while the window is empty."""
        return None if self._next_ms is None else self._next_ms - self.interval_ms

    @property
    def next_open_time_ms(self) -> int | None:
        """Open time of the candle that may come next; None while the window is empty."""
        return self._next_ms

    @property
    def high(self) -> Floats:
        """Of every candle, as all of these a read-only view, oldest first."""
        return self._views[1][self._start : self._stop]

    @property
    def low(self) -> Floats:
        return self._views[2][self._start : self._stop]

    @property
    def close(self) -> Floats:
        return self._views[3][self._start : self._stop]

    @property
    def volume(self) -> Floats:
        return self._views[4][self._start : self._stop]

    def columns(self) -> Columns:
        """The candles as read-only views, oldest first."""
        return self._columns_of(self._start, self._stop)

    def before_next(self) -> Columns:
        """The candles that will stand here before the next one: all, or all but the oldest."""
        return self._columns_of(self._start + (len(self) == self.capacity), self._stop)

    def _columns_of(self, start: int, stop: int) -> Columns:
        opens, highs, lows, closes, volumes = self._views
        return Columns(
            opens[start:stop],
            highs[start:stop],
            lows[start:stop],
            closes[start:stop],
            volumes[start:stop],
        )

    def append(self, candle: Candle) -> bool:
        """Add the next candle. False when it is already here with the same values.

        Raises
        ------
        MissingCandles : it opens later than the next candle would
        DataError : it is of another symbol or interval, impossible, older than the window, or
            differs from the candle already here for its time
        """
        if self._next_ms is not None and candle.open_time_ms != self._next_ms:
            return self._not_next(candle, self._next_ms)
        self._check(candle)
        if self._stop == 2 * self.capacity:
            self._move()
        row = self._stop
        self._times[0][row] = candle.open_time_ms
        opens, highs, lows, closes, volumes = self._columns
        opens[row] = candle.open
        highs[row] = candle.high
        lows[row] = candle.low
        closes[row] = candle.close
        volumes[row] = candle.volume
        self._stop = row + 1
        if self._stop - self._start > self.capacity:
            self._start += 1
        self._next_ms = candle.open_time_ms + self.interval_ms
        return True

    def clear(self) -> None:
        """Let go of all candles; whatever candle comes next is the first."""
        self._renew_buffer()  # the old one is left to its readers
        self._start = self._stop = 0
        self._next_ms = None

    def extend(self, candles: Iterable[Candle]) -> int:
        """Append one after the other; how many were new. Stops at the first that is refused."""
        return sum(self.append(candle) for candle in candles)

    def _not_next(self, candle: Candle, next_ms: int) -> bool:
        """Answer a candle that is not the next one: False for a repetition, else an error."""
        self._check(candle)
        opened = candle.open_time_ms
        if opened > next_ms:
            raise MissingCandles(
                f"{self.symbol}: candles are missing before {utc(opened)}",
                where=f"window of {self.symbol}",
                found=f"{utc(next_ms - self.interval_ms)}, then {utc(opened)}",
                allowed=f"the next candle opens at {utc(next_ms)}",
                todo="fetch the candles between them first",
            )
        row = self._stop - (next_ms - opened) // self.interval_ms
        if row < self._start:
            raise DataError(
                f"{self.symbol}: a candle is older than the window, which grows at its end only",
                where=f"window of {self.symbol}",
                found=utc(opened),
                allowed=f"the next candle opens at {utc(next_ms)}",
            )
        known = tuple(float(column[row]) for column in self._columns)
        told = (candle.open, candle.high, candle.low, candle.close, candle.volume)
        if told != known:
            raise DataError(
                f"{self.symbol}: two different candles for {utc(opened)}",
                where=f"window of {self.symbol}",
                found=f"had {known}, was told {told}",
                allowed="a closed candle never changes",
                todo="fetch the history of this symbol anew",
            )
        return False

    def _check(self, candle: Candle) -> None:
        """Refuse what cannot be a closed candle of this window."""
        fault = why_impossible(candle.open, candle.high, candle.low, candle.close, candle.volume)
        if candle.symbol != self.symbol:
            fault = f"it belongs to {candle.symbol}"
        elif candle.open_time_ms % self.interval_ms:
            fault = f"its open time is not a multiple of {self.interval_ms} ms"
        elif candle.close_time_ms != candle.open_time_ms + self.interval_ms:
            fault = f"it is not {self.interval_ms} ms long"
        if fault:
            raise DataError(
                f"{self.symbol}: not a candle of this window: {fault}",
                where=f"window of {self.symbol}",
                found=candle,
                allowed=POSSIBLE,
            )

    def _move(self) -> None:
        """Carry the newest rows over to a fresh buffer, leaving the old one to its readers."""
        start, stop = self._start, self._stop
        times, values = self._times[0], self._values
        self._renew_buffer()
        self._times[0][: stop - start] = times[start:stop]
        self._values[:, : stop - start] = values[:, start:stop]
        self._start, self._stop = 0, stop - start

    def _renew_buffer(self) -> None:
        times = np.empty(2 * self.capacity, dtype=np.int64)
        self._values = np.empty((5, 2 * self.capacity))
        self._columns = tuple(self._values)
        shown_times, shown_values = times.view(), self._values.view()
        shown_times.flags.writeable = shown_values.flags.writeable = False
        self._times = (times, shown_times)
        self._views = tuple(shown_values)


def frame_of(
    primary: CandleWindow,
    correlated: Mapping[str, CandleWindow],
    funding_rate: Floats | None = None,
    oi_change: Floats | None = None,
) -> Frame:
    """The windows of one bot as a frame, joined on time.

    Windows that cover the same times are not copied.

    Parameters
    ----------
    correlated : by symbol; upper-case names in the frame
    funding_rate, oi_change : one value per row of `primary`, NaN where missing; None: all missing

    Raises
    ------
    DataError : a window has another interval, or a column another length
    """
    length = len(primary)
    return Frame(
        primary.symbol,
        primary.interval_ms,
        primary.open_time_ms,
        primary.columns(),
        {name.upper(): _joined(primary, other) for name, other in correlated.items()},
        _column("funding_rate", funding_rate, length),
        _column("oi_change", oi_change, length),
    )


def _joined(primary: CandleWindow, other: CandleWindow) -> Columns:
    if other.interval_ms != primary.interval_ms:
        raise DataError(
            f"candles of {primary.symbol} and {other.symbol} have different intervals",
            found=f"{primary.interval_ms} ms and {other.interval_ms} ms",
        )
    # Windows have no holes: the same end and the same length are the same times.
    if other.last_open_time_ms == primary.last_open_time_ms and len(other) == len(primary):
        return other.columns()
    return join_on_time(primary.open_time_ms, other.open_time_ms, other.columns())


def _column(name: str, values: Floats | None, length: int) -> Floats:
    if values is None:
        return _nothing(length)
    if len(values) != length:
        raise DataError(
            f"{name} does not fit its candles",
            found=f"{len(values)} values",
            allowed=f"{length}, one per candle",
        )
    return values


@lru_cache(maxsize=8)
def _nothing(length: int) -> Floats:
    """A shared column of NaN: bars without a value are decided too, and cheaply."""
    column = missing(length)
    column.flags.writeable = False
    return column
