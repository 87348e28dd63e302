"""The newest records of one kind: what a client can still ask for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

KEPT = 100


class Dated(Protocol):
    @property
    def at_ms(self) -> int: ...


Record = TypeVar("Record", bound=Dated)


class History(Generic[Record]):
    """The last 100 records, and all since the newest position was opened: its bot folds them."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = deque(records)

    def add(self, record: Record, *, position_since_ms: int) -> None:
        """Keep one more; the oldest go, as far as they are older than the position."""
        records = self._records
        records.append(record)
        while len(records) > KEPT and records[0].at_ms < position_since_ms:
            records.popleft()

    def since(self, at_ms: int) -> list[Record]:
        """Records at or after `at_ms`, oldest first."""
        return [record for record in self._records if record.at_ms >= at_ms]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)
