"""The file that a backup is: an ordinary tar.gz whose first member says what must be in it.

Written whole or not at all. Read without trust: nothing that its list does not name, names no
place outside of the folder it is unpacked into, and every byte is what the list says.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from cointrader.domain.errors import CointraderError

MANIFEST = "manifest.json"
FORMAT = 1
_MOST_LISTED = 100_000
_MOST_MANIFEST_BYTES = 64 << 20
_CHUNK = 1 << 20
_KINDS = ("journal", "outbox", "model", "verdict", "configuration", "rule")


class BackupError(CointraderError):
    """A backup cannot be made, or cannot be trusted."""


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup. `last_ms`: of a journal, the last moment it knows."""

    name: str  # relative to the folder of cointrader, with slashes
    kind: str
    bytes: int
    sha256: str
    last_ms: int | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup holds."""

    format: int
    made_at_ms: int
    version: str  # of cointrader
    files: tuple[Kept, ...]


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_archive(target: Path, manifest: Manifest, staged: Path) -> None:
    """Pack the files of `manifest`, which stand in `staged`, into the new file `target`.

    Only this user can read it. Raises `BackupError` where `target` is there already.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as raw:
            with (
                gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
            ):
                at_s = manifest.made_at_ms // 1000
                listed = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
                archive.addfile(_member(MANIFEST, len(listed), at_s), io.BytesIO(listed))
                for kept in manifest.files:
                    with (staged / kept.name).open("rb") as file:
                        archive.addfile(_member(kept.name, kept.bytes, at_s), file)
            raw.flush()
            os.fsync(raw.fileno())
        os.link(partial, target)  # unlike a rename it never takes the place of a file
    except FileExistsError:
        raise BackupError(
            "this file exists already", where=str(target), todo="name another file"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def _member(name: str, size: int, at_s: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, at_s, 0o600
    return member


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """The archive; whatever is wrong with it is a `BackupError`."""
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            yield archive
            while packed.read(_CHUNK):  # to its very end, where the sum of all bytes stands
                pass
    except FileNotFoundError:
        raise BackupError(
            "there is no such backup",
            where=str(path),
            todo="name the file that `cointrader backup` wrote: by default it is in backups/",
        ) from None
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of the archive
        raise BackupError(
            "this is not a whole backup",
            where=str(path),
            found=f"{type(error).__name__}: {error}",
            todo="take another copy of it; nothing was changed",
        ) from None


def unpack(path: Path, staged: Path | None) -> Manifest:
    """Check the backup `path` from end to end, and put its files below `staged` where given.

    Raises `BackupError` where it is damaged, was made by a newer cointrader, or holds anything
    that has no place in a backup. `staged` may hold some of it then.
    """
    with _opened(path) as archive:
        members = iter(archive)
        manifest = _manifest_of(archive, next(members, None), path)
        missing = {kept.name: kept for kept in manifest.files}
        for member in members:
            kept = missing.pop(member.name, None)
            if kept is None or not member.isreg() or member.size != kept.bytes:
                raise _untrusted(path, member.name, "not what its list says")
            content = archive.extractfile(member)
            assert content is not None  # it is a regular file
            if _copied(content, kept, staged) != kept.sha256:
                raise _untrusted(path, member.name, "its content is not what was packed")
    if missing:
        raise _untrusted(path, next(iter(missing)), "it is missing")
    return manifest


def _manifest_of(archive: tarfile.TarFile, first: tarfile.TarInfo | None, path: Path) -> Manifest:
    content = None if first is None or first.name != MANIFEST else archive.extractfile(first)
    if first is None or content is None or first.size > _MOST_MANIFEST_BYTES:
        raise _untrusted(path, MANIFEST, "a backup begins with it")
    listed = content.read()
    try:
        number = msgspec.json.decode(listed, type=Mapping[str, object]).get("format")
        if isinstance(number, int) and number > FORMAT:
            raise BackupError(
                "this backup was made by a newer cointrader",
                where=str(path),
                found=f"format {number}",
                allowed=f"up to {FORMAT}",
                todo="update cointrader",
            )
        manifest = msgspec.json.decode(listed, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _untrusted(path, MANIFEST, str(error)) from None
    names = [kept.name for kept in manifest.files]
    if len(names) > _MOST_LISTED or len(set(names)) != len(names) or manifest.format != FORMAT:
        raise _untrusted(path, MANIFEST, "not the list of a backup")
    for kept in manifest.files:
        if not is_safe(kept.name) or kept.kind not in _KINDS or kept.bytes < 0:
            raise _untrusted(path, kept.name, "a file has no business there")
    return manifest


def is_safe(name: str) -> bool:
    """Whether `name` stays below the folder that it is relative to, whatever the system."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and name == "/".join(parts)
        and not name.startswith("/")
        and ".." not in parts
        and not any(c in name for c in "\\:\0\n\r")
        and len(name.encode()) <= 1024
    )


def _copied(content: IO[bytes], kept: Kept, staged: Path | None) -> str:
    """The hash of `content`, and its copy in `staged`."""
    digest = hashlib.sha256()
    target = Path(os.devnull) if staged is None else staged / kept.name
    if staged is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(0o600, exist_ok=False)
    with target.open("wb") as file:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        if staged is not None:
            file.flush()
            os.fsync(file.fileno())
    return digest.hexdigest()


def _untrusted(path: Path, name: str, why: str) -> BackupError:
    return BackupError(
        "this backup cannot be trusted",
        where=str(path),
        found=f"{name!r}: {why}",
        todo="take another copy of it; nothing was changed",
    )
