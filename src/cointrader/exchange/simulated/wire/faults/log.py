"""What was injected: when, which fault, what it hit, what it did."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import msgspec

KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Injection:
    """One bite of a fault. `at_ms` is the exchange's time."""

    at_ms: int
    fault: str
    hit: str
    did: str


class FaultLog:
    """The last injections, oldest first; `write` gets each as a line of JSON."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write
        self._entries: deque[Injection] = deque(maxlen=KEPT)
        self.count = 0  # of all, kept or not

    @property
    def entries(self) -> Sequence[Injection]:
        return tuple(self._entries)

    def add(self, entry: Injection) -> None:
        self._entries.append(entry)
        self.count += 1
        if self._write is not None:
            self._write(msgspec.json.encode(asdict(entry)).decode())
