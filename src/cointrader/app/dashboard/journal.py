"""The journal of a dashboard: readers that are kept open, and a look at what is new.

The file need not be there yet, and another may come into its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cointrader.app.dashboard.run import no_run
from cointrader.domain.errors import JournalError
from cointrader.journal.page_reader import PageReader
from cointrader.journal.schema import has_begun

_MOST_KEPT = 4


class Readers:
    """Readers of one file: each is lent to one thread at a time, and kept for the next.

    `opened` makes one.
    """

    def __init__(self, journal: Path, opened: Callable[[Path], PageReader] = PageReader) -> None:
        self._path = journal
        self._opened = opened
        self._lock = threading.Lock()
        self._kept: list[PageReader] = []
        self._file: object = None

    @contextmanager
    def lent(self) -> Iterator[PageReader]:
        """A reader for the block. `NoRun` while there is no journal."""
        reader, file = self._taken()
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        with self._lock:
            if file == self._file and len(self._kept) < _MOST_KEPT:
                self._kept.append(reader)
                return
        reader.close()

    def _taken(self) -> tuple[PageReader, object]:
        file = identity(self._path)
        with self._lock:
            if file != self._file:
                for reader in self._kept:
                    reader.close()
                self._kept, self._file = [], file
            if self._kept:
                return self._kept.pop(), file
        if file is None or not has_begun(self._path):
            raise no_run(str(self._path))
        return self._opened(self._path), file

    def close(self) -> None:
        """Close those that nobody has."""
        with self._lock:
            kept, self._kept, self._file = self._kept, [], None
        for reader in kept:
            reader.close()


class JournalWatch:
    """Tells what is new in a journal, which may come into being while it is watched."""

    def __init__(self, journal: Path) -> None:
        self._path = journal
        self._reader: PageReader | None = None
        self._version: int | None = None
        self._file: object = None

    def changed(self) -> Mapping[str, int] | None:
        """See `dashboard.site.Watch`. Another file in the journal's place is news, too."""
        try:
            file = identity(self._path)
            if file != self._file:
                self.close()
            if self._reader is None:
                if file is None or not has_begun(self._path):
                    return None
                self._reader, self._file = PageReader(self._path), file
            version = self._reader.data_version()
            if version == self._version:
                return None
            newest = self._reader.newest()
        except JournalError:  # as while it is made, or moved: look again
            self.close()
            return None
        self._version = version
        return newest

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader, self._version, self._file = None, None, None


def identity(path: Path) -> object:
    """Which file it is; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
