"""What is secret around this process: in its configuration, its environment, beside its journals.

For whoever hands something on and must be sure that none of it is inside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from cointrader.app.config.settings import SETTINGS
from cointrader.app.config.sources import ENV_NAME, from_env_file
from cointrader.domain.errors import ConfigError

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:KEY|SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|WEBHOOK(?:_URL)?"
    r"|NOTIFY_URLS?|PROXY|PRIVATE|AUTH)(?:$|_)"
)
_BESIDE_A_JOURNAL = (".token", ".session")
_MOST_BYTES = 65_536


def is_secret_name(name: str) -> bool:
    """Whether a variable or setting of this name is likely to hold a secret."""
    setting = SETTINGS.get(name.lower())
    if setting is not None:
        return setting.secret
    return _SECRET_NAME.search(name.upper()) is not None


def secrets_around(folder: Path, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Every value that is secret by its name or place. Never raises."""
    return tuple(dict.fromkeys(value for value in _found(folder, environ) if value.strip()))


def _found(folder: Path, environ: Mapping[str, str] | None) -> Iterator[str]:
    names = os.environ if environ is None else environ
    yield from (value for name, value in names.items() if is_secret_name(name))
    with suppress(ConfigError, OSError):
        for entry in from_env_file(folder / ENV_NAME):
            if is_secret_name(entry.name):
                yield str(entry.raw)
    yield from _raw_lines(folder / ENV_NAME)
    for place in (folder, folder / "journals"):
        with suppress(OSError):
            for path in sorted(place.iterdir()):
                if _is_secret_file(path):
                    yield from _content(path)


def _raw_lines(path: Path) -> Iterator[str]:
    """The same from a file that cannot be read as one of settings."""
    with suppress(OSError):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            name, equals, value = line.strip().removeprefix("export ").partition("=")
            if equals and is_secret_name(name.strip()):
                yield value.strip().strip("\"'")


def _is_secret_file(path: Path) -> bool:
    """A key file, or a token that a process left for its owner."""
    name = path.name.lower()
    is_named_so = (
        name.endswith(_BESIDE_A_JOURNAL)
        or name in ("key", "guard-key", "secret", "secrets", "token")
        or name.endswith((".key", ".pem", "-key", ".secret"))
        or "token" in name
    )
    return is_named_so and path.is_file()


def _content(path: Path) -> Iterator[str]:
    with suppress(OSError):
        if path.stat().st_size <= _MOST_BYTES:
            text = path.read_text(encoding="utf-8", errors="replace")
            yield text.strip()
            for line in text.splitlines():
                yield line.strip()
                yield line.partition("=")[2].strip().strip("\"'")
