"""Critical alerts on disk until they are told, so that a killed process takes none with it.

One JSON object a line: an alert, or the key of one that was told. Lines are only ever appended,
each by one write; the file is removed once nothing in it waits. A line that a crash or a full disk
cut short is skipped, and the next one begins on a line of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from cointrader.domain.records import Alert
from cointrader.ops.outbox import CRITICAL, Note

log = structlog.get_logger()


class Undelivered:
    """The critical notes that wait, in memory and, with a `path`, on disk.

    Nothing here raises when the disk fails: it is logged once, and memory has to do.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._waiting: set[str] = set()
        self._has_failed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_stored(self) -> bool:
        """Whether what waits would survive the end of this process."""
        return self._path is not None and not self._has_failed

    def load(self) -> list[Note]:
        """What an earlier process left, oldest first."""
        found: dict[str, Alert] = {}
        for line in self._read().splitlines():
            with suppress(ValueError, TypeError, KeyError, OverflowError, RecursionError):
                row = json.loads(line)
                if "told" in row:
                    found.pop(row["told"], None)
                else:
                    found[str(row["key"])] = _alert(row)
        late = [Note(a, key, is_late=True) for key, a in found.items() if key not in self._waiting]
        self._waiting |= found.keys()
        return late

    def keep(self, alert: Alert) -> Note:
        """Write `alert` down. Handed to the system, not waited for: see `sync`."""
        note = Note(alert, uuid4().hex)
        self._waiting.add(note.key)
        self._append({"key": note.key, "at_ms": alert.at_ms, "symbol": alert.symbol,
                      "text": alert.text})  # fmt: skip
        return note

    def told(self, notes: Iterable[Note]) -> None:
        """Forget notes that have arrived."""
        for note in notes:
            if note.key in self._waiting:
                self._waiting.discard(note.key)
                if self._waiting:
                    self._append({"told": note.key})
                else:
                    self._remove()

    def sync(self) -> None:
        """Wait until what was kept is on the disk itself, for the day the power fails."""
        if self._path is None or not self._waiting:
            return
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(file)
            finally:
                os.close(file)
        except FileNotFoundError:
            pass  # told in the meantime, or never written, which has been logged
        except OSError as error:
            self._failed(error)

    def _read(self) -> str:
        if self._path is None:
            return ""
        try:
            if self._path.is_file():
                return self._path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            self._failed(error)
        return ""

    def _append(self, row: dict[str, Any]) -> None:
        if self._path is None:
            return
        line = f"\n{json.dumps(row)}\n".encode()
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                written = os.write(file, line)
            finally:
                os.close(file)
        except OSError as error:
            self._failed(error)
        else:
            if written < len(line):
                self._failed(OSError(None, "the disk is full"))
            else:
                self._has_failed = False

    def _remove(self) -> None:
        if self._path is None:
            return
        try:
            os.truncate(self._path, 0)
        except FileNotFoundError:
            return
        except OSError as error:
            self._failed(error)
        else:
            with suppress(OSError):  # the folder may be read-only; an empty file says the same
                self._path.unlink()

    def _failed(self, error: OSError) -> None:
        if not self._has_failed:
            self._has_failed = True
            log.warning(
                "alerts.not_stored",
                file=str(self._path),
                error=error.strerror or type(error).__name__,
                effect="critical alerts are kept in memory only",
            )


def _alert(row: dict[str, Any]) -> Alert:
    return Alert(int(row["at_ms"]), CRITICAL, str(row["symbol"]), str(row["text"]))
