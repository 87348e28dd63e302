"""Whole copies of a journal file, taken also while another process writes it.

A copy shows one moment: everything that was committed by then and nothing after it. It stands
under its name only when it is complete and on disk.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from itertools import zip_longest
from pathlib import Path

from cointrader.domain.errors import JournalError
from cointrader.journal.trouble import explaining

_PARTIAL = ".partial"


def copy_journal(source: Path, target: Path) -> None:
    """Copy the journal `source` to the new file `target`, readable by this user alone.

    Raises `JournalError` when `source` cannot be read, or is damaged, or `target` exists or cannot
    be written.
    """
    source = source.resolve()
    with explaining(str(source)):
        if not source.is_file():
            raise JournalError("there is no such journal", where=str(source))
        connection = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)
    with closing(connection):
        _copy(connection, target, str(source))


def keep_before_upgrade(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy a journal that is about to be brought up to date, beside it; the copy's name.

    An upgrade that fails and is tried again, as a service manager does, leaves one copy of the
    same content, not many.
    """
    partial = path.with_name(f"{path.name}.version-{version}{_PARTIAL}")
    partial.unlink(missing_ok=True)
    _copy(connection, partial, str(path))
    number = 1
    while True:
        ending = "" if number == 1 else f"-{number}"
        kept = path.with_name(f"{path.name}.version-{version}{ending}")
        if not kept.exists():
            partial.rename(kept)
            return kept
        if _hold_the_same(kept, partial):
            partial.unlink()
            return kept
        number += 1


def _hold_the_same(one: Path, other: Path) -> bool:
    """Whether two files hold the same tables and rows; their bytes also tell how often written."""
    with closing(sqlite3.connect(one)) as first, closing(sqlite3.connect(other)) as second:
        return all(a == b for a, b in zip_longest(first.iterdump(), second.iterdump()))


def _copy(connection: sqlite3.Connection, target: Path, where: str) -> None:
    partial = target if target.name.endswith(_PARTIAL) else target.with_name(target.name + _PARTIAL)
    with explaining(str(target)):
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with explaining(where), closing(sqlite3.connect(partial, isolation_level=None)) as copy:
            connection.backup(copy)  # in one step: a writer that never rests cannot start it anew
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
            (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise JournalError(
                "the journal is damaged", where=where, found=verdict,
                todo="`sqlite3 FILE .recover` saves what can be read; see docs/recovery-drills.md",
            )  # fmt: skip
        with explaining(str(target)):
            _on_disk(partial)
            if partial != target:
                os.link(partial, target)  # fails where somebody made it meanwhile
                partial.unlink()
            _on_disk(target.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _on_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
