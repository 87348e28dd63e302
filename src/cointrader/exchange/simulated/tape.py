"""One symbol's recorded market: what is history, what is played, what is known by when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from cointrader.domain.candle import Candle
from cointrader.domain.ports import CandleSource, Settlement

_PIECE = 512  # candles made at once


class Tape:
    """Candles of one symbol and a place in them.

    Candles before `start_ms` are history; those from `end_ms` on do not exist.
    """

    def __init__(
        self, source: CandleSource, symbol: str, *, start_ms: int | None, end_ms: int | None
    ) -> None:
        self.symbol = symbol
        self._candles = source.candles(symbol)
        self._opens = list(source.open_times(symbol))
        self._piece: list[Candle] = []
        self._piece_start = 0
        self._next = 0 if start_ms is None else bisect_left(self._opens, start_ms)
        self._stop = len(self._opens) if end_ms is None else bisect_left(self._opens, end_ms)
        self._next = min(self._next, self._stop)
        self._settlements = source.settlements(symbol)
        self._settled_at = [settlement.at_ms for settlement in self._settlements]
        self._open_interest = source.open_interest(symbol)
        self.bar: Candle | None = None  # the bar being traded, None between bars
        self.price = self._candles[self._next - 1].close if self._next else None

    @property
    def is_over(self) -> bool:
        """No candle is left to be played."""
        return self._next >= self._stop

    @property
    def first_ms(self) -> int:
        """Open time of the oldest candle; 0 where there is none."""
        return self._opens[0] if self._opens else 0

    def timestamps(self) -> list[int]:
        """Open times of the candles that are still to be played."""
        return self._opens[self._next : self._stop]

    def open(self, at_ms: int) -> None:
        """Start the bar that opens at `at_ms`, if this symbol has one."""
        if not self.is_over and self._opens[self._next] == at_ms:
            self.bar = self._candle(self._next)
            self.price = self.bar.open

    def close(self) -> None:
        """End the current bar; from here on the last price is its close."""
        if self.bar is not None:
            self.price = self.bar.close
            self.bar = None
            self._next += 1

    def take_until(self, at_ms: int) -> list[Candle]:
        """Play the candles that opened at `at_ms` or before, all at once."""
        first = self._next
        while not self.is_over and self._opens[self._next] <= at_ms:
            self._next += 1
        return [self._candle(place) for place in range(first, self._next)]

    def _candle(self, place: int) -> Candle:
        """The candle at `place`. They are made many at a time, which is cheaper than one by one."""
        offset = place - self._piece_start
        if not 0 <= offset < len(self._piece):
            self._piece_start, offset = place, 0
            self._piece = list(self._candles[place : place + _PIECE])
        return self._piece[offset]

    def settlements_in(self, from_ms: int, to_ms: int) -> Sequence[Settlement]:
        """Funding settlements from `from_ms` on and before `to_ms`."""
        if not self._settled_at:
            return ()
        first = bisect_left(self._settled_at, from_ms)
        return self._settlements[first : bisect_left(self._settled_at, to_ms, first)]

    def history(self, *, before_ms: int, known_ms: int, limit: int) -> Sequence[Candle]:
        """The last `limit` candles opened before `before_ms` and closed by `known_ms`."""
        # What opened after `known_ms` is skipped at once; of the rest only the running bar is open.
        last = bisect_left(self._opens, min(before_ms, known_ms + 1), 0, self._stop)
        while last and self._candles[last - 1].close_time_ms > known_ms:
            last -= 1
        return self._candles[max(0, last - limit) : last]

    def open_interest(self, from_ms: int, to_ms: int) -> Sequence[tuple[int, float]]:
        """Open interest known from `from_ms` on and before `to_ms`."""
        first = bisect_left(self._open_interest, from_ms, key=_time_of)
        return self._open_interest[
            first : bisect_left(self._open_interest, to_ms, first, key=_time_of)
        ]


def _time_of(row: tuple[int, float]) -> int:
    return row[0]
