"""What waits to be told: bounded, and knows what it had to leave out.

Pure: no clock, thread or network. Whoever shares an outbox between threads holds a lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from cointrader.domain.records import Alert
from cointrader.ops.card import Card

LEVELS = ("info", "warning", "critical")  # least first
CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Note:
    """An alert on its way. `key` names it in the store; empty when it is not stored.

    `card` says the same with more room, where a channel has it.
    """

    alert: Alert
    key: str = ""
    is_late: bool = False  # from a process that ended before it was told
    is_unfit: bool = False  # refused for what it says, and the log has been told
    card: Card | None = None

    @property
    def is_critical(self) -> bool:
        return self.alert.level == CRITICAL


class Outbox:
    """A queue by level. Past `capacity` the oldest info is dropped, then the oldest warning.

    Critical notes are never dropped and do not count.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.dropped = 0  # not told yet
        self._order = count()
        self._waiting: dict[str, deque[tuple[int, Note]]] = {level: deque() for level in LEVELS}
        self._parked: list[Note] = []

    def __len__(self) -> int:
        """What can be taken now."""
        return self.count()

    def count(self, least: str = LEVELS[0]) -> int:
        """What waits of level `least` and above."""
        return sum(len(self._waiting[level]) for level in LEVELS[LEVELS.index(least) :])

    def add(self, note: Note) -> None:
        self._waiting[note.alert.level].append((next(self._order), note))
        infos, warnings = self._waiting["info"], self._waiting["warning"]
        while len(infos) + len(warnings) > self.capacity:
            (infos or warnings).popleft()
            self.dropped += 1

    def take(self, limit: int, least: str = LEVELS[0]) -> list[Note]:
        """At most `limit` notes, the most urgent ones, in the order in which they came."""
        taken: list[tuple[int, Note]] = []
        for level in reversed(LEVELS[LEVELS.index(least) :]):
            queue = self._waiting[level]
            taken += [queue.popleft() for _ in range(min(len(queue), limit - len(taken)))]
        return [note for _, note in sorted(taken, key=lambda each: each[0])]

    def park(self, notes: Iterable[Note]) -> None:
        """Set aside what was refused: critical notes until `unpark`, the others for good."""
        for note in notes:
            if note.is_critical:
                self._parked.append(note)
            else:
                self.dropped += 1

    def unpark(self) -> None:
        """Let what was set aside be taken again."""
        parked, self._parked = self._parked, []
        for note in parked:
            self.add(note)

    @property
    def parked(self) -> int:
        return len(self._parked)
