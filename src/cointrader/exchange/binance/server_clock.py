"""What time the exchange has. It refuses requests that are stamped more than a second ahead of it
or older than their window, so stamps follow its clock and not this machine's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cointrader.domain.clock import MINUTE_MS, Clock

AskTime = Callable[[], Awaitable[int]]  # the server's time in epoch ms

_SAMPLES = 3
_GOOD_FOR_MS = 30 * MINUTE_MS


class ServerClock:
    """Our clock, moved to the exchange's by the best of a few measurements."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms = 0
        self._measured_ms: int | None = None

    @property
    def offset_ms(self) -> int:
        """How far the exchange's clock is ahead of ours."""
        return self._offset_ms

    @property
    def is_known(self) -> bool:
        """Whether the offset was measured and not refuted since."""
        return self._measured_ms is not None

    @property
    def age_ms(self) -> int | None:
        """How long ago the offset was measured; None while it is not known."""
        return None if self._measured_ms is None else self._clock.now_ms() - self._measured_ms

    @property
    def is_due(self) -> bool:
        """Whether it is time to measure again."""
        if self._measured_ms is None:
            return True
        return not 0 <= self._clock.now_ms() - self._measured_ms < _GOOD_FOR_MS

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._offset_ms

    def doubt(self) -> None:
        """The exchange refused a stamp: measure again before the next one."""
        self._measured_ms = None

    async def measure(self, ask: AskTime) -> None:
        """Ask the server a few times and believe the answer that took least.

        It was given half the round trip ago, give or take that half.
        """
        best: tuple[int, int] | None = None
        for _ in range(_SAMPLES):
            sent_ms = self._clock.now_ms()
            server_ms = await ask()
            received_ms = self._clock.now_ms()
            round_trip_ms = max(0, received_ms - sent_ms)
            offset_ms = server_ms + round_trip_ms // 2 - received_ms
            if best is None or round_trip_ms < best[0]:
                best = (round_trip_ms, offset_ms)
        if best is not None:
            self._offset_ms = best[1]
        self._measured_ms = self._clock.now_ms()
