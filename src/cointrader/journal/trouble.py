"""What a database error means for the person who runs the bot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from cointrader.domain.errors import JournalError

SAFE_SQLITE = (3, 51, 3)  # older ones may corrupt a WAL file that two connections write at once

_CANNOT_GROW = (
    "the journal cannot grow: the disk is full, or has failed, or a limit on file sizes is reached",
    "free some space (df) or raise the limit (ulimit -f), then start again, a paper run with "
    "--resume; if there is room, check the disk (dmesg); what was committed before is safe",
)
_MEANINGS = {
    "SQLITE_FULL": (
        "the disk is full: the journal cannot be written",
        "free some space, then start again, a paper run with --resume; what was committed before "
        "is safe",
    ),
    "SQLITE_IOERR_WRITE": _CANNOT_GROW,
    "SQLITE_IOERR_SHMSIZE": _CANNOT_GROW,
    "SQLITE_READONLY_DIRECTORY": (
        "this user may not write to the folder of the journal",
        "give this user write permission to the folder (a reader, too, shares memory with the "
        "writer through files there), or read a copy in a folder of its own",
    ),
    "SQLITE_READONLY": (
        "the journal cannot be written: the file or its folder is read-only",
        "give this user write permission to the file and its folder, then start again",
    ),
    "SQLITE_NOTADB": (
        "this file is not a journal, or its beginning is damaged",
        "name another file for the journal, or put a backup in its place",
    ),
    "SQLITE_CORRUPT": (
        "the journal is damaged",
        "stop, keep a copy of the file with its -wal, and put a backup in its place; "
        "`sqlite3 FILE .recover` saves what can be read",
    ),
    "SQLITE_IOERR": (
        "the disk failed while the journal was used",
        "check the disk (dmesg), then start again; what was committed before is safe",
    ),
    "SQLITE_BUSY": (
        "another program is writing to the journal",
        "close whatever has the file open for writing (a SQLite shell?), then start again",
    ),
    "SQLITE_CANTOPEN": (
        "the journal cannot be opened",
        "check that the folder exists and that this user may read and write it",
    ),
    "SQLITE_CONSTRAINT": (
        "a record is not complete and was not written",
        "this is a bug: please report it with this message",
    ),
}
_UNKNOWN = ("the journal cannot be used", "start again; if it stays, report it with this message")
_NOT_A_RECORD = (
    "a record cannot be written down",
    "this is a bug: please report it with this message",
)


def explained(error: BaseException, where: str) -> JournalError:
    """`error` in words that say what, where and what to do."""
    name = str(getattr(error, "sqlite_errorname", ""))
    if isinstance(error, sqlite3.Error):
        what, todo = next(
            (meaning for start, meaning in _MEANINGS.items() if name.startswith(start)),
            _UNKNOWN,
        )
    elif isinstance(error, OSError):
        what, todo = _MEANINGS["SQLITE_CANTOPEN"]
    else:  # a value that does not fit its column: too big a number, not of the type declared
        what, todo = _NOT_A_RECORD
    found = f"{type(error).__name__}: {error}" + (f" ({name})" if name else "")
    return JournalError(what, where=where, found=found, todo=todo)


@contextmanager
def explaining(where: str) -> Iterator[None]:
    """Turn errors of the database and the file system into a `JournalError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explained(error, where) from error


def version_warning(found: tuple[int, ...] = sqlite3.sqlite_version_info) -> str | None:
    """Why this SQLite library asks for care; None when it is sound."""
    if found >= SAFE_SQLITE:
        return None
    have, want = (".".join(map(str, each)) for each in (found, SAFE_SQLITE))
    return (
        f"SQLite {have} is older than {want}: two connections that write at once may damage "
        "the journal. cointrader itself has one writer only; do not write to the file by other "
        "means while it runs."
    )
