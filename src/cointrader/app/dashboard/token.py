"""The token of a dashboard: given, or made and kept beside the journal for its owner alone."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cointrader.dashboard.security import LEAST_TOKEN, new_token
from cointrader.domain.errors import ConfigError

_MOST_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and the file that a person can read it from; None where it was given."""

    text: str
    file: Path | None

    def __repr__(self) -> str:
        return f"Token(file={self.file})"


def token_file_of(journal: Path) -> Path:
    """Where the token of a journal's dashboard is kept."""
    return journal.with_name(f"{journal.name}.token")


def token_for(journal: Path, *, given: str = "", file: Path | None = None) -> Token:
    """The token in `file`, else the one given, else that beside the journal, made if need be.

    `ConfigError` for one that is too short to keep anybody out, or that others may read.
    """
    if file is not None:
        return Token(_judged(_read(file), str(file)), file)
    if given:
        return Token(_judged(given, "DASHBOARD_TOKEN"), None)
    own = token_file_of(journal)
    own.parent.mkdir(parents=True, exist_ok=True)
    try:
        _make(own)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(
            f"the dashboard's token cannot be kept there: {error.strerror}",
            where=str(own),
            todo="set DASHBOARD_TOKEN in the environment, or name a --token-file",
        ) from None
    return Token(_judged(_read(own), str(own)), own)


def _make(path: Path) -> None:
    """A new token, complete under its name from the first moment."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(aside, flags, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{new_token()}\n")
        os.link(aside, path)  # unlike a renaming, this replaces nothing
    finally:
        aside.unlink()


def _read(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"the token cannot be read: {error.strerror}", where=str(path)) from None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError("this is no ordinary file", where=str(path))
        if found.st_mode & 0o077:
            raise ConfigError(
                "others may read this token",
                where=str(path),
                found=f"mode {stat.S_IMODE(found.st_mode):o}",
                allowed="600",
                todo=f"chmod 600 {path}, or delete it for a new one",
            )
        return file.read(_MOST_BYTES).decode("utf-8", "replace").strip()


def _judged(text: str, where: str) -> str:
    if len(text) < LEAST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(
            "this is no token",
            where=where,
            found=f"{len(text)} characters",
            allowed=f"{LEAST_TOKEN} or more, ASCII, no blanks",
            todo="let one be made, or: python -c 'import secrets; print(secrets.token_urlsafe())'",
        )
    return text
