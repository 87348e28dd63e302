"""Files of settings as a backup keeps them: without a secret, however it is written.

What is secret is found in what a file says, not in how it looks: it is read as the program reads
it. A file that cannot be read is not kept at all, because nobody can say what is in it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any

from cointrader.app.config.settings import SETTINGS
from cointrader.app.config.sources import ENV_NAME, TOML_NAME, from_env_file, from_toml
from cointrader.app.logs.scrub import HIDDEN, Scrubber
from cointrader.app.secrets_around import is_secret_name

CONFIGURATION = (TOML_NAME, ENV_NAME)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD = re.compile(r"[A-Za-z0-9_]+")
_TAKEN_OUT = "a secret; put it in again"
# The value of a line of `.env` as written, without what a comment after it says.
_VALUE = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|[^#'"\s].*?(?=\s+#|$)|""")
_UNCOMMENTED = "# As `cointrader backup` kept it: settings without secrets, and no other comments."
_REWRITTEN = "# As `cointrader backup` kept it: every setting but secrets, and no comments."


def settings_without_secrets(path: Path, scrubber: Scrubber) -> str:
    """The text of `cointrader.toml` or `.env` as it may be kept.

    `ConfigError` where the file cannot be read as one of settings, `FileNotFoundError` where
    there is none.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    if path.name == ENV_NAME:
        from_env_file(path)  # or it is none: below every line is one setting, or a comment
        return scrubber.text(_env_without_secrets(_text(path).splitlines()))
    from_toml(path)
    text = _text(path)
    return _toml_without_secrets(text, tomllib.loads(text), scrubber)


def without_secret(line: str) -> str | None:
    """A line of `.env` without the value of a setting that is secret, and without free words.

    None for a comment that is no setting: nobody can say what is in it.
    """
    text = line.strip()
    if not text:
        return ""
    mark = "#" if text.startswith("#") else ""
    name, equals, value = (
        part.strip() for part in text.lstrip("#").strip().removeprefix("export ").partition("=")
    )
    if not equals or not _NAME.fullmatch(name):
        return None
    found = _VALUE.match(value)
    written = found[0] if found else ""
    if is_secret_name(name):
        return f"#{name}={HIDDEN} ({_TAKEN_OUT})" if written else f"{mark}{name}="
    if mark and not _is_setting(name):
        return None
    return f"{mark}{name}={written}"


def _env_without_secrets(lines: Sequence[str]) -> str:
    kept = [without_secret(line) for line in lines]
    is_shortened = any(
        short is None or ("#" in line and len(short) < len(line.rstrip()))
        for line, short in zip(lines, kept, strict=True)
    )
    head = [_UNCOMMENTED] if is_shortened else []
    return "\n".join([*head, *(line for line in kept if line is not None), ""])


def _is_setting(name: str) -> bool:
    """Whether it is one of ours, or one of ours for one symbol."""
    lower = name.lower()
    return lower in SETTINGS or any(
        setting.per_symbol and lower.startswith(f"{known}_") for known, setting in SETTINGS.items()
    )


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig")


# -- TOML


def _toml_without_secrets(text: str, document: Mapping[str, Any], scrubber: Scrubber) -> str:
    """As it is where nothing in it is secret, comments included; else written anew."""
    public = _public(document, scrubber)
    names_a_secret = any(map(is_secret_name, _WORD.findall(text)))
    if public == document and not names_a_secret and scrubber.text(text) == text:
        return text
    hidden = [f"# {'.'.join(path)} = {HIDDEN} ({_TAKEN_OUT})" for path in _secrets(document)]
    return "\n".join([_REWRITTEN, *map(_one_line, hidden), *_tables(public, ()), ""])


def _secrets(document: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where there was a secret that had a value."""
    for name, value in document.items():
        if is_secret_name(name):
            if value not in ("", [], {}):
                yield (*above, name)
        elif isinstance(value, Mapping):
            yield from _secrets(value, (*above, name))


def _public(value: Any, scrubber: Scrubber) -> Any:
    """A value without what is secret in it, by its name or by its look."""
    if isinstance(value, str):
        return scrubber.text(value)
    if isinstance(value, list):
        return [_public(each, scrubber) for each in value]
    if isinstance(value, Mapping):
        return {
            scrubber.text(name): _public(each, scrubber)
            for name, each in value.items()
            if not is_secret_name(name)
        }
    return value


def _tables(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """A table as TOML: its own values, then the tables in it."""
    inner = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    if path:
        yield ""
        yield f"[{'.'.join(map(_key, path))}]"
    for name, value in table.items():
        if name not in inner:
            yield f"{_key(name)} = {_value(value)}"
    for name, value in inner.items():
        yield from _tables(value, (*path, name))


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _quoted(name)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(name)} = {_value(each)}' for name, each in value.items())}}}"
    return repr(value)  # int and float, inf and nan too: TOML writes them as Python does


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return " ".join(text.split())
