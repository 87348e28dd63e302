"""Where settings are written down: `cointrader.toml`, `.env`, the environment, code, flags.

Each reader answers a list of `Entry`, unjudged: names and values are checked elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cointrader.app.config.settings import SETTINGS
from cointrader.domain.errors import ConfigError

TOML_NAME = "cointrader.toml"
ENV_NAME = ".env"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE = re.compile(r"((?!#).*?|)(?:(?:^|\s+)#.*)?")
_SINGLE = re.compile(r"'([^']*)'\s*(?:#.*)?")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?')
_QUOTED = {"'": _SINGLE, '"': _DOUBLE}
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One value as written. `name` is upper-cased; `symbol` is set inside a TOML symbol table.

    `kind` is "toml", "env-file", "environment" or "call" (code and flags).
    """

    name: str
    raw: object
    source: str
    kind: str
    symbol: str | None = None


def from_toml(path: Path) -> list[Entry]:
    """The entries of a TOML file; its tables are symbols."""
    import tomllib

    try:
        document = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path.name} is not valid TOML: {error}",
            where=str(path),
            allowed='name = 5, name = "text", name = true, [SYMBOL]',
            todo="correct that line",
        ) from None
    entries: list[Entry] = []
    for name, value in document.items():
        if isinstance(value, dict):
            where = f"{path.name} [{name}]"
            entries += [Entry(k.upper(), v, where, "toml", name.upper()) for k, v in value.items()]
        else:
            entries.append(Entry(name.upper(), value, path.name, "toml"))
    _refuse_repeats(entries)
    return entries


def from_env_file(path: Path) -> list[Entry]:
    """The entries of a `.env` file: ``NAME=value`` lines, quotes and ``# comments`` allowed."""
    entries: list[Entry] = []
    for number, line in enumerate(_read(path).splitlines(), start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in text.partition("="))
        where = f"{path.name} line {number}"
        if not equals or not _NAME.fullmatch(name):
            # The line itself stays unquoted: it may hold a secret.
            raise ConfigError(
                f"{where} is not NAME=value",
                where=str(path),
                allowed="NAME=value, an empty line, or a comment that begins with #",
                todo="correct or remove that line; it may hold a secret and is not shown",
            )
        entries.append(Entry(name.upper(), _unquoted(value, where, path), where, "env-file"))
    _refuse_repeats(entries)
    return entries


def from_environment(environ: Mapping[str, str]) -> list[Entry]:
    """The entries of the process environment, other programs' names included."""
    return [
        Entry(name, value, f"environment {name}", "environment") for name, value in environ.items()
    ]


def from_call(values: Mapping[str, object], *, flags: bool = False) -> list[Entry]:
    """The entries of keyword overrides, or of command-line flags.

    A caller who says `symbol` means it: it does not wait for SYMBOLS to be empty.
    """
    return [
        Entry(
            "SYMBOLS" if name.upper() == "SYMBOL" else name.upper(),
            value,
            _flag_source(name) if flags else "override in code",
            "call",
        )
        for name, value in values.items()
    ]


def _flag_source(name: str) -> str:
    setting = SETTINGS.get(name.lower())
    if setting is None or setting.secret:  # which has no flag of its own
        return f"flag --set {name.upper()}"
    return f"flag {setting.flag}"


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
        if b"\0" in content:
            raise ConfigError(
                f"{path.name} is not UTF-8 text",
                where=str(path),
                found="zero bytes, as in UTF-16 (what some editors call Unicode)",
                todo="save it as UTF-8",
            )
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path.name} line {line} is not UTF-8 text", where=str(path), todo="save it as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path.name} cannot be read: {error.strerror}",
            where=str(path),
            allowed="a text file that this user may read",
            todo="name another file, or put one there",
        ) from None


def _unquoted(value: str, where: str, path: Path) -> str:
    shape = _QUOTED.get(value[:1], _BARE)
    match = shape.fullmatch(value)
    if match is None:
        raise ConfigError(
            f"{where} does not close its quote, or goes on after it",
            where=str(path),
            todo="close the quote at the end of the value, or write it without any",
        )
    if shape is _DOUBLE:
        return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[0]), match[1])
    return match[1]


def _refuse_repeats(entries: list[Entry]) -> None:
    seen: dict[tuple[str, str | None], Entry] = {}
    for entry in entries:
        first = seen.setdefault((entry.name, entry.symbol), entry)
        if first is not entry:
            raise ConfigError(
                f"{entry.name} is given twice",
                where=f"{first.source} and {entry.source}",
                todo="keep one of them",
            )
