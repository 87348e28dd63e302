"""A backup of everything that is not on the exchange: journals, models, verdicts, configuration.

Taken also while bots trade: of each journal one moment, of each model what was published then.
Secrets are not in it: where `.env` has one, its line is there without the value.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from cointrader import __version__
from cointrader.app.backup.archive import (
    FORMAT,
    BackupError,
    Kept,
    Manifest,
    is_safe,
    sha256_of,
    write_archive,
)
from cointrader.app.backup.folders import fresh_folders
from cointrader.app.backup.settings import CONFIGURATION, settings_without_secrets
from cointrader.app.config.sources import ENV_NAME, TOML_NAME, from_env_file, from_toml
from cointrader.app.logs.scrub import Scrubber
from cointrader.app.status import newest_journal
from cointrader.app.verdict.kept import VERDICTS
from cointrader.domain.errors import ConfigError, JournalError
from cointrader.journal import schema
from cointrader.journal.copying import copy_journal
from cointrader.model.folder import MODELS, alone

JOURNALS = Path("journals")
OUTBOX = ".outbox"  # beside a journal: critical alerts that are not delivered yet
# Journals that the next start goes on with; a paper run has a new one each time.
_LASTING = ("live.db", "testnet.db", "paper-live.db", "rehearsal.db")


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """What is kept, and where.

    Parameters
    ----------
    folder : where cointrader runs; everything that is kept lies in it
    target : the file that is made
    journals : their names below `folder`; none: those that a next start goes on with, else the
        newest
    secrets : values that must not be in a configuration, wherever they stand
    now_ms : when it is made
    """

    folder: Path
    target: Path
    now_ms: int
    journals: Sequence[Path] = ()
    secrets: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """What was made. `left_out`: by name why a file of settings is not in it."""

    manifest: Manifest
    left_out: Mapping[str, str]


def make_backup(plan: BackupPlan) -> Backup:
    """Write the backup; what is in it.

    Raises `BackupError` where the target exists or something lies outside of the folder,
    `JournalError` where there is no journal or one cannot be read whole.
    """
    folder = plan.folder.resolve()
    if plan.target.exists():
        raise BackupError(
            "this file exists already", where=str(plan.target), todo="name another file"
        )
    with ExitStack() as stack:
        stack.enter_context(fresh_folders()).make(plan.target.parent)
        made = tempfile.TemporaryDirectory(prefix=".backup-", dir=plan.target.parent)
        staged = Path(stack.enter_context(made))
        left_out: dict[str, str] = {}
        kinds = {
            **_stage_journals(plan, folder, staged),
            **_stage_models(folder, staged),
            **_stage_plain(folder, staged),
            **_stage_configuration(folder, staged, Scrubber(plan.secrets), left_out),
        }
        files = tuple(_listed(staged, name, kind) for name, kind in sorted(kinds.items()))
        manifest = Manifest(FORMAT, plan.now_ms, __version__, files)
        write_archive(plan.target, manifest, staged)
    return Backup(manifest, left_out)


def last_known_ms(journal: Path) -> int:
    """The last moment that a journal of any version knows; 0 when it knows none.

    Raises `JournalError` where it is none, is damaged, or was written by a newer cointrader.
    """
    with closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        schema.version(connection, str(journal))
        latest = 0
        for table, column in (("runs", "at_ms"), ("decisions", "bar_open_ms"), ("fills", "at_ms"),
                              ("equity", "at_ms"), ("alerts", "at_ms"),
                              ("trades", "exit_time_ms"), ("risk_events", "at_ms")):  # fmt: skip
            with suppress(sqlite3.OperationalError):  # a journal that has hardly begun
                (found,) = connection.execute(f"SELECT max({column}) FROM {table}").fetchone()
                latest = max(latest, found or 0)
        return latest


def _journals_of(plan: BackupPlan, folder: Path) -> list[Path]:
    if plan.journals:
        return [path if path.is_absolute() else folder / path for path in plan.journals]
    lasting = [folder / JOURNALS / name for name in _LASTING]
    found = [path for path in lasting if schema.has_begun(path)]
    return found or [newest_journal(folder / JOURNALS)]


def _stage_journals(plan: BackupPlan, folder: Path, staged: Path) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for journal in _journals_of(plan, folder):
        name = _below(folder, journal)
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        copy_journal(journal, staged / name)
        kinds[name] = "journal"
        outbox = journal.with_name(journal.name + OUTBOX)
        if outbox.is_file():
            kinds |= _copied(outbox, f"{name}{OUTBOX}", staged, "outbox")
    return kinds


def _stage_models(folder: Path, staged: Path) -> dict[str, str]:
    """Each folder of models as it is between two publications."""
    kinds: dict[str, str] = {}
    models = folder / MODELS
    below = [path for path in sorted(models.glob("*")) if path.is_dir()] if models.is_dir() else []
    for each in [models, *below] if models.is_dir() else []:
        with ExitStack() as stack:
            with suppress(OSError):  # read-only: nobody publishes there
                stack.enter_context(alone(each))
            for path in sorted(each.iterdir()):
                if path.is_file() and not path.name.startswith("."):
                    name = f"{MODELS}/{path.relative_to(models).as_posix()}"
                    kinds |= _copied(path, name, staged, "model")
    return kinds


def _stage_plain(folder: Path, staged: Path) -> dict[str, str]:
    """Verdicts, and signal rules that the configuration names."""
    kinds: dict[str, str] = {}
    for path in sorted((folder / VERDICTS).glob("*.json")):
        kinds |= _copied(path, f"{VERDICTS}/{path.name}", staged, "verdict")
    for path in _rules(folder):
        kinds |= _copied(path, _below(folder, path), staged, "rule")
    return kinds


def _rules(folder: Path) -> Iterator[Path]:
    """Files of signal rules inside the folder, by the names in its configuration."""
    for name, read in ((TOML_NAME, from_toml), (ENV_NAME, from_env_file)):
        with suppress(ConfigError):  # there is none, or none that anybody could read
            for entry in read(folder / name):
                if entry.name.startswith("SIGNAL") and isinstance(entry.raw, str):
                    path = folder / entry.raw.strip().rpartition(":")[0]
                    is_inside = path.resolve().is_relative_to(folder)
                    if path.suffix == ".py" and is_inside and path.is_file():
                        yield path


def _stage_configuration(
    folder: Path, staged: Path, scrubber: Scrubber, left_out: dict[str, str]
) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for name in CONFIGURATION:
        try:
            text = settings_without_secrets(folder / name, scrubber)
        except FileNotFoundError:
            continue
        except (ConfigError, OSError) as error:
            left_out[name] = error.what if isinstance(error, ConfigError) else str(error.strerror)
            continue
        (staged / name).write_text(text, encoding="utf-8")
        kinds[name] = "configuration"
    return kinds


def _copied(path: Path, name: str, staged: Path, kind: str) -> Mapping[str, str]:
    (staged / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, staged / name)
    return {name: kind}


def _listed(staged: Path, name: str, kind: str) -> Kept:
    path = staged / name
    last_ms = last_known_ms(path) if kind == "journal" else None
    return Kept(name, kind, path.stat().st_size, sha256_of(path), last_ms)


def _below(folder: Path, path: Path) -> str:
    try:
        name = path.resolve().relative_to(folder).as_posix()
    except ValueError:
        name = ""
    if not is_safe(name):
        raise JournalError(
            "this lies outside of the folder that is backed up",
            where=str(path),
            allowed=f"below {folder}",
            todo="call it in the folder that holds both, or copy the file there",
        )
    return name
