"""What a stranger needs to help, in one file, and nothing that is secret.

Only reads, needs no network, and works where most is broken: what cannot be read is a line that
says why. Every text is scrubbed as a whole before it is packed.
"""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import sqlite3
import sys
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

from cointrader import __version__
from cointrader.app.backup.archive import BackupError
from cointrader.app.config import Config
from cointrader.app.config.settings import TABLE
from cointrader.app.logs.scrub import Scrubber
from cointrader.app.logs.settings import secrets_of
from cointrader.app.secrets_around import secrets_around
from cointrader.domain.errors import CointraderError, ConfigError
from cointrader.journal.reader import JournalReader
from cointrader.model.folder import MODELS
from cointrader.ops.control import NotRunning, ask

_TAIL_BYTES = 4 << 20  # of a log file; its last lines are in there
_PATIENCE_S = 5.0
_ASKED = ("health", "metrics")  # of a running process, where it knows the answer
_README = """\
Made by `cointrader support-bundle`, version {version}. Keys, tokens, signatures and other secrets
were taken out. What remains is private all the same: settings, trades and money. Look it through
before you hand it on, and to whom.

versions.json       cointrader, Python, libraries
machine.json        processors, memory, disk
configuration.txt   every setting, its value and where it comes from
status.txt          how the run stands, from its journal
process/            what a running process says of itself
journal/            schema, number of rows, last rows of each table
log.txt             last lines of the log file
models.json         files of models
errors.txt          what could not be read
"""


@dataclass(frozen=True, slots=True)
class BundlePlan:
    """What goes in.

    Parameters
    ----------
    folder : where cointrader runs
    target : the zip file that is made
    journal : the one that is told about; None where there is none
    status : its story, as `cointrader status` tells it, by an open reader
    log_file : instead of the configured one
    rows, lines : how many of each table and of the log
    """

    folder: Path
    target: Path
    journal: Path | None
    status: Callable[[JournalReader], Iterable[str]]
    log_file: Path | None = None
    rows: int = 200
    lines: int = 2000


class _Parts:
    """The texts of a bundle by name; what fails to be made becomes a line about it."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.errors: list[str] = []

    def add(self, name: str, make: Callable[[], str]) -> None:
        try:
            self.texts[name] = make()
        except (CointraderError, OSError, sqlite3.Error, ValueError, KeyError) as error:
            self.errors.append(f"{name}: {type(error).__name__}: {error}")


def make_bundle(plan: BundlePlan) -> list[str]:
    """Write the bundle; the names of what is in it. `BackupError` where the target exists."""
    if plan.target.exists():
        raise BackupError(
            "this file exists already", where=str(plan.target), todo="name another file"
        )
    parts = _Parts()
    config, secrets = _config(plan.folder, parts)
    parts.add("versions.json", _versions)
    parts.add("machine.json", lambda: _machine(plan.folder))
    if config is not None:
        shown = config
        parts.add("configuration.txt", lambda: _configuration(shown))
    if plan.journal is not None:
        _add_journal(plan, plan.journal, parts)
    log_file = plan.log_file or _configured_log(config)
    if log_file is not None:
        parts.add("log.txt", lambda: _log_tail(log_file, plan.lines))
    parts.add("models.json", lambda: _models(plan.folder / MODELS))
    parts.texts["errors.txt"] = "\n".join([*parts.errors, ""])
    parts.texts["README.txt"] = _README.format(version=__version__)
    scrub = Scrubber([*secrets_around(plan.folder), *secrets])
    _write(plan.target, {name: _private(scrub.text(t)) for name, t in parts.texts.items()})
    return sorted(parts.texts)


def _config(folder: Path, parts: _Parts) -> tuple[Config | None, Sequence[str]]:
    try:
        config = Config(folder=folder)
    except ConfigError as error:
        parts.errors.append(f"configuration: {error}")
        return None, ()
    return config, secrets_of(config)


def _configuration(config: Config) -> str:
    lines = []
    for name, value in config.shown().items():
        setting = next((s for s in TABLE if s.env_name == name), None)
        source = f"    # {config.source(setting.name)}" if setting is not None else ""
        is_secret = setting is not None and setting.secret
        lines.append(f"{name} is {value}{source}" if is_secret else f"{name}={value}{source}")
    ignored = [f"# without effect: {text}" for text in config.ignored]
    return "\n".join([*lines, *ignored, ""])


def _versions() -> str:
    packages = {
        found.metadata["Name"]: found.version
        for found in metadata.distributions()
        if found.metadata["Name"]
    }
    return _json(
        {
            "cointrader": __version__,
            "python": sys.version,
            "platform": platform.platform(),
            "libc": " ".join(platform.libc_ver()),
            "sqlite": sqlite3.sqlite_version,
            "packages": dict(sorted(packages.items(), key=lambda each: each[0].lower())),
        }
    )


def _machine(folder: Path) -> str:
    disk = shutil.disk_usage(folder)
    memory = {}
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()[:3]:
            name, _, value = line.partition(":")
            memory[name] = value.strip()
    load: Sequence[float] = ()
    with suppress(OSError):
        load = os.getloadavg()
    return _json(
        {
            "processors": os.cpu_count(),
            "load": load,
            "memory": memory,
            "disk_bytes": {"total": disk.total, "free": disk.free},
            "is_container": Path("/.dockerenv").exists() or Path("/run/.containerenv").exists(),
            "file_system_is_writable": os.access(folder, os.W_OK),
        }
    )


def _models(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return _json(
        {path.relative_to(folder).as_posix(): path.stat().st_size for path in files[:1000]}
    )


def _configured_log(config: Config | None) -> Path | None:
    return None if config is None or not config.log_file else Path(config.log_file)


def _log_tail(path: Path, lines: int) -> str:
    """The last lines of a log file and, where it has just been begun anew, of the one before."""
    last: deque[str] = deque(maxlen=lines)
    for each in (path.with_name(f"{path.name}.1"), path):
        with suppress(FileNotFoundError), each.open("rb") as file:
            file.seek(max(0, each.stat().st_size - _TAIL_BYTES))
            last.extend(file.read(_TAIL_BYTES).decode("utf-8", "replace").splitlines())
    return "\n".join([*last, ""])


# -- the journal


def _add_journal(plan: BundlePlan, journal: Path, parts: _Parts) -> None:
    def story() -> str:
        with JournalReader(journal) as reader:
            return "\n".join([*plan.status(reader), ""])

    parts.add("status.txt", story)
    for name in _ASKED:
        parts.add(f"process/{name}.txt", partial(_asked, journal, name))
    try:
        uri = f"{journal.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            _add_tables(connection, plan.rows, parts)
    except sqlite3.Error as error:
        parts.errors.append(f"journal: {error}")


def _asked(journal: Path, name: str) -> str:
    try:
        answer = ask(journal, name, timeout_s=_PATIENCE_S)
    except NotRunning:
        return "no process takes commands for this journal\n"
    return "\n".join([*answer.lines, _json(answer.values)])


def _add_tables(connection: sqlite3.Connection, rows: int, parts: _Parts) -> None:
    schema = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY type, name")
    made = [(str(name), str(sql)) for name, sql in schema.fetchall() if sql]
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    parts.texts["journal/schema.sql"] = "\n".join(
        [f"-- version {version}", *(f"{sql};" for _, sql in made), ""]
    )
    parts.add("journal/check.txt", lambda: _checked(connection))
    counts: dict[str, int] = {}
    for name, sql in made:
        if not sql.startswith("CREATE TABLE"):
            continue
        quoted = '"' + name.replace('"', '""') + '"'
        parts.add(f"journal/{name}.jsonl", partial(_last_rows, connection, quoted, rows))
        with suppress(sqlite3.Error):
            (counts[name],) = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()
    parts.texts["journal/counts.json"] = _json(counts)


def _checked(connection: sqlite3.Connection) -> str:
    return "\n".join(str(line) for (line,) in connection.execute("PRAGMA quick_check(20)")) + "\n"


def _last_rows(connection: sqlite3.Connection, table: str, rows: int) -> str:
    found = connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT ?", (rows,))
    names = [column[0] for column in found.description]
    lines = [json.dumps(dict(zip(names, row, strict=True)), default=str, ensure_ascii=False)
             for row in found.fetchall()]  # fmt: skip
    return "\n".join([*reversed(lines), ""])


# -- the file


def _private(text: str) -> str:
    """Without the name of whoever runs it: their home is in many paths."""
    home = str(Path("~").expanduser())
    return text.replace(home, "~") if len(home) > 1 else text


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _write(target: Path, texts: dict[str, str]) -> None:
    """A zip file that only this user can read; whole, or not at all."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(texts.items()):
            archive.writestr(f"cointrader-support/{name}", text.encode("utf-8", "replace"))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(packed.getvalue())
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, target)
    except FileExistsError:
        raise BackupError(
            "this file exists already", where=str(target), todo="name another file"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
