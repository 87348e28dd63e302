"""One writer per journal: a lock file beside it, freed by the kernel when its process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from cointrader.domain.errors import JournalError


class WriterLock:
    """Held from construction until `release`. The file stays: removing it would race."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(f"{journal.name}.lock")
        self._file: int | None = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode(errors="replace").strip()
            self.release()
            raise JournalError(
                "another process writes to this journal",
                where=str(journal),
                found=f"process {holder or 'unknown'}",
                todo="stop that process first, or name another file for the journal",
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next writer in. Asking twice is fine."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
