"""The file of a search: one line of JSON for each thing that happened, written in groups.

For one process at a time, which whoever opens it must see to. Optuna's own file locks, opens and
forces to disk at every line; here a batch of trials is written and forced at one stroke.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Lines:
    """What happened, as Optuna's journal reads and appends it (its `BaseJournalBackend`)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lines = _whole_lines(path)
        self._waiting: list[str] = []
        self._is_held = False

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """What happened from this line on; also what waits to be written."""
        for line in self._lines[log_number_from:]:
            yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines: at once, or with the others of a group."""
        lines = [json.dumps(log, separators=(",", ":")) for log in logs]
        self._lines += lines
        self._waiting += lines
        if not self._is_held:
            self._write()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is appended meanwhile is written at the end, as one."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        with self._path.open("ab") as file:
            file.write("".join(f"{line}\n" for line in self._waiting).encode())
            file.flush()
            os.fsync(file.fileno())
        self._waiting = []


@dataclass(frozen=True, slots=True)
class SearchFile:
    """Searches on disk: `of_optuna` is the storage that its studies are opened in."""

    of_optuna: Any
    lines: Lines


def _whole_lines(path: Path) -> list[str]:
    """The lines of a file, of which a last one that a kill left unfinished is taken away: the next
    one would be glued to it."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with path.open("r+b") as file:
            file.truncate(whole)
    return data[:whole].decode().splitlines()
