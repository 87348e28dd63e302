"""Files of a model folder: read without trust, written without a moment at which half is there."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cointrader.model.errors import ModelBroken

MODELS = Path("models")  # where commands look, in the folder they are called in

_CHUNK = 1 << 20
_LOCK = ".publish.lock"


def content(folder: Path, name: str, *, most_bytes: int) -> bytes:
    """What is in a file of `folder`.

    Raises `FileNotFoundError`, and `ModelBroken` for what is no ordinary file, lies outside of the
    folder behind a link, is too large, or cannot be read.
    """
    path = folder / name
    try:
        real = path.resolve(strict=True)
        if real.parent != folder.resolve():
            raise ModelBroken("a link leads out of the model's folder", where=str(path))
        # Not waiting: a named pipe that nobody writes would be waited for.
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, error) from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ModelBroken("this is no ordinary file", where=str(path))
        data = _read(handle, most_bytes)
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(handle)
    if len(data) > most_bytes:
        raise ModelBroken(
            "this file is too large for a model",
            where=str(path),
            found=f"{found.st_size:,} bytes",
            allowed=f"up to {most_bytes:,}",
        )
    return data


def put(folder: Path, name: str, data: bytes) -> None:
    """Write a file aside, bring it to the disk, and only then give it its name."""
    aside = folder / f".{name}.{os.getpid()}"
    with suppress(FileNotFoundError):
        aside.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(aside, flags, 0o644)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(folder / name)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise


def settle(folder: Path) -> None:
    """Bring the names in `folder` to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else publishes into `folder` meanwhile."""
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(handle: int, most_bytes: int) -> bytes:
    """Up to `most_bytes` and one more."""
    parts, left = [], most_bytes + 1
    while left and (part := os.read(handle, min(left, _CHUNK))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _unreadable(path: Path, error: Exception) -> ModelBroken:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return ModelBroken("this file cannot be read", where=str(path), found=why)
