"""Klines that are late, missing, repeated or out of order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cointrader.exchange.simulated.wire.faults.fault import Fault
from cointrader.exchange.simulated.wire.faults.parameters import chosen, number, seconds, symbol
from cointrader.exchange.simulated.wire.passage import Frame


class _OfKlines(Fault):
    """Looks at the klines of streams, most at those that are final."""

    parameters = chosen(symbol=symbol())

    def published(self, stream: str, frame: Frame) -> Sequence[Frame]:
        if not isinstance(frame, dict) or "k" not in frame:
            return (frame,)
        if not self.is_about(frame.get("s", frame.get("ps"))):
            return (frame,)
        return self.kline(stream, frame)

    def kline(self, stream: str, frame: dict[str, Any]) -> Sequence[Frame]:
        """What is sent instead of a kline. By default only a final one may be `final`."""
        return self.final(stream, frame) if frame["k"]["x"] else (frame,)

    def final(self, stream: str, frame: dict[str, Any]) -> Sequence[Frame]:
        """What is sent instead of a final kline."""
        del stream
        return (frame,)

    def note_kline(self, stream: str, frame: dict[str, Any], did: str) -> None:
        self.note(f"{stream} of {frame['k']['t']}", did)


class KlineLate(_OfKlines):
    name = "kline-late"
    summary = "a final kline comes late"
    parameters = chosen(seconds=seconds("0..24", "how late"), symbol=symbol())

    def final(self, stream: str, frame: dict[str, Any]) -> Sequence[Frame]:
        if not self.bites():
            return (frame,)
        wait_s = self.number("seconds")
        self.note_kline(stream, frame, f"sent {wait_s:.3g} s late")
        self.scene.after(wait_s, lambda: self._send(stream, frame))
        return ()

    def _send(self, stream: str, frame: dict[str, Any]) -> None:
        self.scene.streams.deliver(stream, {**frame, "E": self.scene.now_ms})


class KlineLost(_OfKlines):
    name = "kline-lost"
    summary = "a final kline never comes"

    def final(self, stream: str, frame: dict[str, Any]) -> Sequence[Frame]:
        if not self.bites():
            return (frame,)
        self.note_kline(stream, frame, "not sent")
        return ()


class KlineGap(_OfKlines):
    name = "kline-gap"
    summary = "a stream of klines says nothing for some bars"
    parameters = chosen(
        bars=number("3", "how many final klines are missing", least=1, most=10_000),
        symbol=symbol(),
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._left: dict[str, int] = {}  # stream -> how many are still to be left out

    def kline(self, stream: str, frame: dict[str, Any]) -> Sequence[Frame]:
        is_final = frame["k"]["x"]
        if not self._left.get(stream):
            if not is_final or not self.bites():
                return (frame,)
            self._left[stream] = self.whole("bars")
            self.note_kline(stream, frame, f"{self._left[stream]} klines not sent")
        self._left[stream] -= is_final
        return ()


class KlineDuplicated(_OfKlines):
    name = "kline-duplicated"
    summary = "a final kline comes twice"

    def final(self, stream: str, frame: dict[str, Any]) -> Sequence[Frame]:
        if not self.bites():
            return (frame,)
        self.note_kline(stream, frame, "sent twice")
        return (frame, frame)


class KlineSwapped(_OfKlines):
    name = "kline-swapped"
    summary = "a final kline comes after the one that follows it"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._held: dict[str, dict[str, Any]] = {}

    def final(self, stream: str, frame: dict[str, Any]) -> Sequence[Frame]:
        if (held := self._held.pop(stream, None)) is not None:
            return (frame, held)
        if not self.bites():
            return (frame,)
        self._held[stream] = frame
        self.note_kline(stream, frame, "sent after the next one")
        return ()


class KlineRepeated(_OfKlines):
    name = "kline-repeated"
    summary = "the final kline before comes again after a final one"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._before: dict[str, dict[str, Any]] = {}

    def final(self, stream: str, frame: dict[str, Any]) -> Sequence[Frame]:
        before = self._before.get(stream)
        self._before[stream] = frame
        if before is None or not self.bites():
            return (frame,)
        self.note_kline(stream, before, "sent again")
        return (frame, before)


KINDS: tuple[type[Fault], ...] = (
    KlineLate,
    KlineLost,
    KlineGap,
    KlineDuplicated,
    KlineSwapped,
    KlineRepeated,
)
