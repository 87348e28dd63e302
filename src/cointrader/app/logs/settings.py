"""How this process shall log, as its configuration says; what the rooms log knows nothing of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cointrader.app.config import Config
from cointrader.app.config.settings import TABLE


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where log events go, and in what form.

    Parameters
    ----------
    form : console, a readable line each, or json, one object a line
    level : the lowest that reaches stderr: debug, info, warning or error. A file has info too
    file : a file that gets them as well; None: only stderr
    file_bytes : how large a file grows before the next is begun
    files_kept : how many full files stay beside it
    secrets : what is never written, whoever logs it
    """

    form: str = "console"
    level: str = "warning"
    file: Path | None = None
    file_bytes: int = 10_000_000
    files_kept: int = 5
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, config: Config) -> LogSettings:
        return cls(
            form=config.log_format,
            level=config.log_level,
            file=Path(config.log_file) if config.log_file else None,
            file_bytes=round(config.log_file_mb * 1_000_000),
            files_kept=config.log_files_kept,
            secrets=secrets_of(config),
        )


def secrets_of(config: Config) -> tuple[str, ...]:
    """Every secret that a configuration holds."""
    values = (getattr(config, setting.name) for setting in TABLE if setting.secret)
    return tuple(str(value) for value in values if value)


_chosen = LogSettings()


def choose(config: Config) -> None:
    """Let the next `logs.configure()` of this process go by `config`."""
    global _chosen  # noqa: PLW0603 - a process has one log, as it has one stderr
    _chosen = LogSettings.of(config)


def chosen() -> LogSettings:
    """What was chosen; the defaults before that."""
    return _chosen
