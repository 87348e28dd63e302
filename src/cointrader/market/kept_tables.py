"""Candle files as they were decoded once, so that the next process reads their numbers at once.

Importing what decodes them takes longer than to backtest a year. What is kept is found again by the
hash of the whole file that it was decoded from, and of the text of what decodes: an edited file is
another one. It is a cache: whatever happens to it, what is read is the same, only later.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from cointrader.market.frame import Floats, Times

LARGEST = 16 * 2**20  # bytes of a candle file: decoding a larger one takes longer than the import
MOST = 256 * 2**20  # bytes that are kept
_MOST_FILES = 100
_MAGIC = f"cointrader candles {sys.byteorder}\n".encode()
_MAKERS = ("store.py", "kept_tables.py")


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What a candle file holds: the names of all its columns, and the numbers of those read."""

    names: tuple[str, ...]
    open_time_ms: Times
    columns: Mapping[str, Floats]
    stored_ms: int | None


def key_of(path: Path, largest: int = LARGEST) -> str | None:
    """Names a file by all that is in it. None where it is not to be kept, or cannot be read."""
    try:
        if path.stat().st_size > largest:
            return None
        return hashlib.blake2b(path.read_bytes(), digest_size=32, key=_made_by()).hexdigest()
    except OSError:
        return None


@cache
def _made_by() -> bytes:
    whole = hashlib.blake2b(_MAGIC)
    for name in _MAKERS:
        whole.update((Path(__file__).parent / name).read_bytes())
    return whole.digest()


def kept(key: str) -> Decoded | None:
    """What was kept under a key. None where nothing was, or where that is not whole."""
    folder = _folder()
    if folder is None:
        return None
    place = folder / key
    with suppress(OSError, ValueError, KeyError, TypeError):
        with place.open("rb") as file:
            if file.readline() != _MAGIC:
                return None
            told = json.loads(file.readline())
            numbers = np.fromfile(file, np.float64)
        rows, names = int(told["rows"]), list(told["columns"])
        if len(numbers) != rows * (1 + len(names)) or zlib.crc32(numbers.data) != told["crc"]:
            return None
        os.utime(place)  # the last one used is the last one to go
        times, *columns = numbers.reshape(1 + len(names), rows)
        return Decoded(
            tuple(told["names"]),
            times.view(np.int64),
            dict(zip(names, columns, strict=True)),
            told["stored_ms"],
        )
    return None


def keep(key: str, decoded: Decoded, most: int = MOST) -> None:
    """Leave it for other processes. Whatever goes wrong with files, nobody hears of it."""
    folder = _folder()
    if folder is None:
        return
    times = np.ascontiguousarray(decoded.open_time_ms, np.int64).view(np.float64)
    numbers = np.concatenate([times, *decoded.columns.values()])
    told = {
        "names": decoded.names,
        "columns": list(decoded.columns),
        "rows": len(times),
        "stored_ms": decoded.stored_ms,
        "crc": zlib.crc32(numbers.data),
    }
    with suppress(OSError):
        handle, aside = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + json.dumps(told).encode() + b"\n")
            numbers.tofile(file)
        Path(aside).replace(folder / key)
        _forget_old(folder, most)


def _forget_old(folder: Path, room: int) -> None:
    """Delete what was used longest ago, until the rest is no more than is kept."""
    files = [(file, file.stat()) for file in folder.iterdir()]
    files.sort(key=lambda each: each[1].st_mtime_ns, reverse=True)
    for count, (file, found) in enumerate(files):
        room -= found.st_size
        if room < 0 or count >= _MOST_FILES:
            file.unlink(missing_ok=True)


def _folder() -> Path | None:
    """``cointrader/candles`` in the user's cache folder (``XDG_CACHE_HOME``), made if missing.

    None where this user cannot write there, or strangers can: results are made of what is there.
    """
    told = os.environ.get("XDG_CACHE_HOME", "")
    with suppress(RuntimeError, OSError):  # a user without a home
        folder = (Path(told) if told else Path.home() / ".cache") / "cointrader" / "candles"
        folder.mkdir(parents=True, exist_ok=True)
        found = folder.stat()
        is_own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
        if is_own and not found.st_mode & 0o002 and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None
