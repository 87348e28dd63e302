"""Closed candles of one symbol in order, each once, whoever brings them.

Pure: no clock, socket or task. The stream brings candles as they close, a look into history those
that the stream never told of.
"""

from __future__ import annotations

from collections.abc import Iterable

from cointrader.domain.candle import Candle

MOST_HELD = 64  # candles that wait for one before them; what is dropped is fetched


class CandleSequence:
    """The candles of `symbol` from the one that opens at `next_open_ms` on."""

    def __init__(self, symbol: str, interval_ms: int, next_open_ms: int) -> None:
        self.symbol = symbol
        self.interval_ms = interval_ms
        self.next_open_ms = next_open_ms  # of the candle to be handed out next
        self._held: dict[int, Candle] = {}  # by open time; they came before their turn

    def offer(self, candle: Candle) -> list[Candle]:
        """Take a candle that the stream told; what can be handed out now, in order."""
        if candle.open_time_ms < self.next_open_ms:
            return []
        if candle.open_time_ms == self.next_open_ms and not self._held:
            self.next_open_ms += self.interval_ms
            return [candle]
        self._held[candle.open_time_ms] = candle
        if len(self._held) > MOST_HELD:
            del self._held[min(self._held)]
        return self._released()

    def fill(self, history: Iterable[Candle]) -> list[Candle]:
        """Take what history says, ascending; what can be handed out now, in order.

        A candle that history leaves out between two others does not exist.
        """
        ready: list[Candle] = []
        for candle in history:
            if candle.open_time_ms >= self.next_open_ms:
                ready.append(candle)
                self.next_open_ms = candle.open_time_ms + self.interval_ms
        return ready + self._released()

    def give_up(self) -> list[Candle]:
        """What is missing does not exist: go on with the candles that wait behind it."""
        if self._held:
            self.next_open_ms = min(self._held)
        return self._released()

    def missing_until_ms(self, closed_ms: int) -> int | None:
        """Open time up to which candles are missing; None when all are there.

        Parameters
        ----------
        closed_ms : candles that closed by then should have come
        """
        due_ms = closed_ms // self.interval_ms * self.interval_ms
        until_ms = max(due_ms, min(self._held, default=due_ms))
        return until_ms if self.next_open_ms < until_ms else None

    def _released(self) -> list[Candle]:
        ready: list[Candle] = []
        while (candle := self._held.pop(self.next_open_ms, None)) is not None:
            ready.append(candle)
            self.next_open_ms += self.interval_ms
        for open_ms in [at for at in self._held if at < self.next_open_ms]:
            del self._held[open_ms]
        return ready
