"""How far a bot's updates were read, on disk: a restart carries no command out once more."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import structlog

log = structlog.get_logger()

# "If there are no new updates for at least a week, then identifier of the next update will be
# chosen randomly": an offset that old may be past all that is to come.
GOOD_FOR_S = 6 * 86_400.0


class Offset:
    """The number of the next update to be read; 0 where nobody knows.

    Parameters
    ----------
    path : the file; None: in memory only
    bot_key : whose updates are counted; another bot counts anew
    """

    def __init__(self, path: Path | None, bot_key: str) -> None:
        self._path = path
        self._bot_key = bot_key
        self._next, self._at_s = 0, 0.0
        self._has_failed = False

    def load(self) -> None:
        """Take up what an earlier process wrote."""
        if self._path is None:
            return
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            row = json.loads(self._path.read_text(encoding="utf-8"))
            if row["bot"] == self._bot_key:
                self._next, self._at_s = int(row["next"]), float(row["at_s"])

    def next(self, now_s: float) -> int:
        """Where to read on at `now_s`, seconds since the epoch."""
        return self._next if now_s - self._at_s < GOOD_FOR_S else 0

    def is_new(self, update_id: int, now_s: float) -> bool:
        """Whether this update was not read before."""
        return update_id >= self.next(now_s)

    def read(self, update_id: int, now_s: float) -> None:
        """This update is about to be acted on: on disk before anything comes of it."""
        self._next, self._at_s = update_id + 1, now_s
        if self._path is None:
            return
        row = json.dumps({"bot": self._bot_key, "next": self._next, "at_s": now_s})
        try:
            aside = self._path.with_name(f"{self._path.name}.{uuid4().hex[:8]}")
            file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, row.encode())
                os.fsync(file)
            finally:
                os.close(file)
            aside.replace(self._path)
            self._has_failed = False
        except OSError as error:
            if not self._has_failed:
                log.warning(
                    "telegram.offset_not_stored",
                    error=error.strerror or type(error).__name__,
                    effect="after a restart within a minute a command may be read again",
                )
            self._has_failed = True
