"""Folders that are made on the way to something, and taken away again where it comes to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class FreshFolders:
    """The folders that were made here, so that none of them is left behind empty."""

    def __init__(self) -> None:
        self._made: list[Path] = []

    def make(self, folder: Path) -> None:
        """Make it, and every folder above it that is not there."""
        missing: list[Path] = []
        for each in (folder, *folder.parents):
            if each.exists():
                break
            missing.append(each)
        folder.mkdir(parents=True, exist_ok=True)
        self._made += reversed(missing)

    def take_away(self) -> None:
        """Remove those that hold nothing; the last one made first."""
        for folder in reversed(self._made):
            with suppress(OSError):  # somebody has put something into it
                folder.rmdir()


@contextmanager
def fresh_folders() -> Iterator[FreshFolders]:
    """Folders that stay if the block ends well."""
    folders = FreshFolders()
    try:
        yield folders
    except BaseException:
        folders.take_away()
        raise
