"""The market side of the simulated exchange: whose bar is open, and which candles are told when.

Knows nothing of accounts and orders. Bars are those of the traded symbols; correlation symbols
are published beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cointrader.domain.candle import Candle
from cointrader.domain.events import CandleClosed, FeedEnded
from cointrader.domain.ports import CandleSource
from cointrader.exchange.simulated.feed import CandleFeed
from cointrader.exchange.simulated.tape import Tape

Lateness = Callable[[str, int], int]


class Playback:
    """The tapes of all symbols, moved bar by bar, and the feed they are published on."""

    def __init__(
        self,
        source: CandleSource,
        *,
        symbols: Sequence[str],
        correlation_symbols: Sequence[str],
        start_ms: int | None,
        end_ms: int | None,
        lateness: Lateness | None,
    ) -> None:
        self.interval_ms = source.interval_ms
        self._lateness = lateness
        self.traded = {
            symbol: Tape(source, symbol, start_ms=start_ms, end_ms=end_ms) for symbol in symbols
        }
        opens: set[int] = set()
        self.timeline = sorted(opens.union(*(t.timestamps() for t in self.traded.values())))
        # What a correlation symbol has before the first traded bar is history.
        played_from = self.timeline[0] if self.timeline else start_ms
        self._correlation = {
            symbol: Tape(source, symbol, start_ms=played_from, end_ms=end_ms)
            for symbol in dict.fromkeys(correlation_symbols)
            if symbol not in self.traded
        }
        self.tapes = {**self.traded, **self._correlation}
        self.feed = CandleFeed(self.tapes)
        self._ended: set[str] = set()

    def open_bar(self, at_ms: int) -> None:
        """Start the bar that opens at `at_ms` for every traded symbol that has one."""
        for tape in self.traded.values():
            tape.open(at_ms)

    def end_bar(self, tape: Tape, bar: Candle, at_ms: int) -> bool:
        """End the bar of one traded symbol; True when it was its last.

        The last candle is not published: no order it could cause would be filled. Subscribers
        hear at `at_ms` that the symbol has ended.
        """
        tape.close()
        if tape.is_over:
            self._end(bar.symbol, at_ms)
            return True
        self._publish(bar)
        return False

    def publish_correlation(self, at_ms: int) -> None:
        """Let correlation symbols tell the bar of `at_ms`, at its close, and what they skipped."""
        for symbol, tape in self._correlation.items():
            if symbol in self._ended:
                continue
            for candle in tape.take_until(at_ms):
                self._publish(candle)
            if tape.is_over:
                self._end(symbol, at_ms + self.interval_ms)

    def end_empty(self, at_ms: int) -> None:
        """Symbols without a candle in range end at once: nobody should wait for them."""
        for symbol, tape in self.tapes.items():
            if tape.is_over:
                self._end(symbol, at_ms)

    def end_rest(self, at_ms: int) -> None:
        """Nothing is played any more: correlation symbols that would go on end too."""
        for symbol in self.tapes:
            self._end(symbol, at_ms)

    def _publish(self, candle: Candle) -> None:
        late_ms = self._lateness(candle.symbol, candle.open_time_ms) if self._lateness else 0
        self.feed.schedule(candle.symbol, CandleClosed(candle), candle.close_time_ms + late_ms)

    def _end(self, symbol: str, at_ms: int) -> None:
        if symbol not in self._ended:
            self._ended.add(symbol)
            self.feed.schedule(symbol, FeedEnded(symbol, at_ms), at_ms)
