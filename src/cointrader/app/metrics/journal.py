"""The journal with a stopwatch: how long its callers wait until what they wrote is on disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cointrader.domain.records import Record
from cointrader.journal.sqlite import SqliteJournal


class TimedJournal(SqliteJournal):
    """A `SqliteJournal` that tells `took`, in seconds, after every commit."""

    def __init__(self, path: Path | str, *, took: Callable[[float], None], **settings: Any) -> None:
        super().__init__(path, **settings)
        self._took = took

    async def commit(self, *records: Record) -> None:
        began_s = time.perf_counter()
        await super().commit(*records)
        self._took(time.perf_counter() - began_s)
