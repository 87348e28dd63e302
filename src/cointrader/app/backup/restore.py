"""A backup put back: checked whole first, and nothing that is there is lost.

What a file takes the place of goes into a folder ``replaced-TIME``. While a process writes one of
the journals, or where newer data would have to give way, nothing is changed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cointrader.app.backup.archive import (
    BackupError,
    Kept,
    Manifest,
    sha256_of,
    unpack,
)
from cointrader.app.backup.backup import JOURNALS, last_known_ms
from cointrader.app.backup.folders import fresh_folders
from cointrader.app.config.sources import ENV_NAME
from cointrader.domain.errors import JournalError
from cointrader.journal.lock import WriterLock
from cointrader.model.folder import settle

_BESIDE_A_JOURNAL = ("-wal", "-shm", "-journal")
_KEPT_ENV = f"{ENV_NAME}.from-backup"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it: names below the folder, and where what was there before is now."""

    manifest: Manifest
    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    aside: Path | None


def check_backup(path: Path) -> Manifest:
    """Read the backup from end to end, journals included; what is in it.

    Raises `BackupError` or `JournalError` where it could not be restored.
    """
    with tempfile.TemporaryDirectory(prefix="cointrader-check-") as made:
        return _unpacked(path, Path(made))


def restore(path: Path, into: Path, *, force: bool, now_ms: int) -> Restored:
    """Put the backup `path` into the folder `into`.

    Parameters
    ----------
    force : files with other content there give way; they are kept aside

    Raises `BackupError` where the backup cannot be trusted or, without `force`, other data would
    have to give way; `JournalError` where a process writes a journal there.
    """
    into = into.resolve()
    with ExitStack() as stack:
        folders = stack.enter_context(fresh_folders())
        folders.make(into)
        staged = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix=".restore-", dir=into))
        )
        manifest = _unpacked(path, staged)
        for kept in manifest.files:
            _require_below(into, kept.name)
        journals = _journals(into, manifest)
        stack.enter_context(_nobody_writes([j for j in journals if j.parent.is_dir()]))
        others, unchanged = _differing(manifest, into)
        if others and not force:
            raise _other_data(others, into)
        missing = [journal for journal in journals if not journal.parent.is_dir()]
        for journal in missing:  # only now: what is refused leaves no folder behind
            folders.make(journal.parent)
        stack.enter_context(_nobody_writes(missing))
        names = {kept.name: _name_for(kept, into) for kept in manifest.files
                 if kept.name not in unchanged}  # fmt: skip
        aside = into / f"replaced-{_stamp(now_ms)}"
        moved = _put(staged, into, aside, names)
    return Restored(
        manifest, tuple(sorted(names.values())), tuple(unchanged), aside if moved else None
    )


def _unpacked(path: Path, staged: Path) -> Manifest:
    manifest = unpack(path, staged)
    for kept in manifest.files:
        if kept.kind == "journal":
            last_known_ms(staged / kept.name)
    return manifest


def _name_for(kept: Kept, into: Path) -> str:
    """Its name there. An `.env` never gives way: it may hold keys, and the backup has none."""
    is_env_there = kept.name == ENV_NAME and (into / ENV_NAME).exists()
    return _KEPT_ENV if is_env_there else kept.name


def _differing(manifest: Manifest, into: Path) -> tuple[list[Kept], list[str]]:
    """Files there with other content, and the names of those with the same."""
    others: list[Kept] = []
    unchanged: list[str] = []
    for kept in manifest.files:
        there = into / _name_for(kept, into)
        if there.is_dir():
            raise BackupError("a folder is in the way", where=str(there))
        if not os.path.lexists(there):
            continue
        is_same = (
            there.is_file()
            and not any(_beside(there))
            and there.stat().st_size == kept.bytes
            and sha256_of(there) == kept.sha256
        )
        if is_same:
            unchanged.append(kept.name)
        elif there.name != _KEPT_ENV:
            others.append(kept)
    return others, unchanged


def _other_data(others: Sequence[Kept], into: Path) -> BackupError:
    told = []
    for kept in others:
        newer = ""
        if kept.kind == "journal":
            with suppress(JournalError, OSError):
                there_ms = last_known_ms(into / kept.name)
                if there_ms > (kept.last_ms or 0):
                    newer = f" (knows more, up to {_said(there_ms)})"
        told.append(f"{kept.name}{newer}")
    shown = ", ".join(told[:5]) + (f" and {len(told) - 5} more" if len(told) > 5 else "")
    return BackupError(
        "other data would have to give way",
        where=str(into),
        found=shown,
        todo="restore into an empty folder with --into, or say --force: what is there is then "
        "kept aside; nothing was changed",
    )


@contextmanager
def _nobody_writes(journals: Sequence[Path]) -> Iterator[None]:
    """No process writes any of them, and none can begin to while the block lasts."""
    with ExitStack() as stack:
        for journal in journals:
            stack.callback(WriterLock(journal).release)
        yield


def _journals(into: Path, manifest: Manifest) -> list[Path]:
    """Journals that would be put there, and those of which somebody may be a writer."""
    journals = {into / kept.name for kept in manifest.files if kept.kind == "journal"}
    if (into / JOURNALS).is_dir():
        locks = (into / JOURNALS).glob("*.lock")
        journals |= {lock.with_name(lock.name.removesuffix(".lock")) for lock in locks}
    return sorted(journals)


def _put(staged: Path, into: Path, aside: Path, names: dict[str, str]) -> bool:
    """Move files to their places; what was there goes aside. All of it, or none."""
    moves: list[tuple[Path, Path]] = []
    try:
        for source, name in names.items():
            there = into / name
            for old in (there, *_beside(there)):
                if os.path.lexists(old):
                    _move(old, aside / old.relative_to(into), moves)
            _move(staged / source, there, moves)
    except BaseException:
        for origin, target in reversed(moves):
            with suppress(OSError):
                target.rename(origin)
        raise
    for folder in {(into / name).parent for name in names.values()}:
        settle(folder)
    return aside.exists()


def _move(origin: Path, target: Path, moves: list[tuple[Path, Path]]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    origin.rename(target)
    moves.append((origin, target))


def _beside(journal: Path) -> Iterator[Path]:
    """What SQLite left beside a file: it belongs to that one and to no other."""
    for ending in _BESIDE_A_JOURNAL:
        path = journal.with_name(journal.name + ending)
        if path.exists():
            yield path


def _require_below(into: Path, name: str) -> None:
    """No link in the folder leads a file of the backup out of it."""
    parent = (into / name).parent.resolve()
    if not parent.is_relative_to(into):
        raise BackupError(
            "a link leads out of the folder", where=str(into / name), found=str(parent)
        )


def _stamp(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y%m%d-%H%M%S-%f")


def _said(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
