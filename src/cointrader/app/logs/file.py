"""A log file that is begun anew when it is full, and that nobody else may read."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from cointrader.domain.errors import ConfigError


class LogFile(RotatingFileHandler):
    """Lines in a file; the full ones are kept as ``name.1``, ``name.2``...

    A file that somebody moved away (logrotate, or another process that writes the same one) is
    opened anew. A disk that takes no more is told once on stderr and stops nobody.

    Raises `ConfigError` when the file cannot be written.
    """

    def __init__(self, path: Path, *, max_bytes: int, kept: int) -> None:
        self._has_failed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            super().__init__(path, maxBytes=max_bytes, backupCount=kept, encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"the log file cannot be written: {error.strerror or error}",
                where="LOG_FILE",
                found=str(path),
                todo="name a file in a folder that is yours",
            ) from None

    def write(self, line: str) -> None:
        """Add one line. Never raises."""
        self.handle(logging.LogRecord("cointrader", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        with suppress(OSError, ValueError):  # what a full disk did not take is lost
            super().close()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._reopen_if_moved()
        except OSError:
            self.handleError(record)
            return
        super().emit(record)
        if self.stream is not None:
            with suppress(OSError, ValueError):
                self.stream.flush()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - named by logging
        if not self._has_failed and sys.stderr is not None:
            with suppress(OSError, ValueError):
                error = sys.exc_info()[1]
                sys.stderr.write(f"the log file {self.baseFilename} takes no more: {error}\n")
        self._has_failed = True

    def _open(self) -> TextIOWrapper:
        handle = os.open(
            self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        return os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace")

    def _reopen_if_moved(self) -> None:
        try:
            there = os.stat(self.baseFilename)  # noqa: PTH116 - logging keeps it as text
        except FileNotFoundError:
            there = None
        if self.stream is not None and not self.stream.closed:
            ours = os.fstat(self.stream.fileno())
            if there is not None and (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                return
            self.stream.close()
        self.stream = self._open()
