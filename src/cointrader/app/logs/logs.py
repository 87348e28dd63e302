"""Where log events go: stderr, so that stdout stays for results, and a file where one is named.

Rooms log events with their own `structlog.get_logger()`, libraries with `logging`; only here is it
decided what becomes of them. What is secret is hidden last, in the line as it is written.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from cointrader.app.config.types import Secret
from cointrader.app.logs.file import LogFile
from cointrader.app.logs.scrub import HIDDEN, Scrubber
from cointrader.app.logs.settings import LogSettings, chosen

Event = MutableMapping[str, Any]
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_STORY = "story"  # the event of a line that is meant for people


@dataclass(frozen=True, slots=True)
class _Sink:
    """One place for lines. `level` is the lowest that it takes."""

    level: int
    render: Callable[[Event], str]
    write: Callable[[str], None]


class _Sinks:
    """What structlog calls its logger: every event goes to each place that takes its level."""

    def __init__(self, sinks: tuple[_Sink, ...], scrubber: Scrubber) -> None:
        self._sinks, self._scrubber = sinks, scrubber

    def take(self, event: Event) -> None:
        level = _LEVELS.get(str(event.get("level", "")), 50)
        event = {k: HIDDEN if isinstance(v, Secret) else v for k, v in event.items()}
        for sink in self._sinks:
            if level >= sink.level:
                with suppress(Exception):  # a value that cannot be shown stops nobody
                    sink.write(self._scrubber.text(sink.render(dict(event))))

    debug = info = warning = warn = error = critical = fatal = exception = msg = take

    def tell(self, text: str) -> None:
        """A line for people: in words where people read, as an event where machines do."""
        event: Event = {"event": _STORY, "level": "info", "timestamp": _now(), "text": text}
        for sink in self._sinks:
            is_for_people = sink.write is _to_stderr and sink.render is not _as_json
            with suppress(Exception):
                sink.write(self._scrubber.text(text if is_for_people else sink.render(dict(event))))


class _FromLibraries(logging.Handler):
    """Events of libraries, which speak to `logging`, on the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):
            level = record.levelname.lower()
            event: Event = {
                "event": record.getMessage(),
                "level": level if level in _LEVELS else "info",
                "timestamp": _now(),
                "library": record.name,
            }
            if record.exc_info:
                event["exc_info"] = record.exc_info
            _current.take(event)


_current = _Sinks((), Scrubber())
_file: LogFile | None = None
_from_libraries = _FromLibraries()


def configure(settings: LogSettings | None = None) -> None:
    """Log as `settings` say, or as the command's configuration does.

    Raises `ConfigError` when the log file cannot be written.
    """
    global _current, _file
    settings = chosen() if settings is None else settings
    is_json = settings.form == "json"
    stderr_level = _LEVELS[settings.level]
    sinks = [_Sink(stderr_level, _as_json if is_json else _for_a_terminal, _to_stderr)]
    file: LogFile | None = None
    if settings.file is not None:
        file = LogFile(settings.file, max_bytes=settings.file_bytes, kept=settings.files_kept)
        level = min(stderr_level, _LEVELS["info"])
        sinks.append(_Sink(level, _as_json if is_json else _in_words, file.write))
    if _file is not None:
        _file.close()
    _file, _current = file, _Sinks(tuple(sinks), Scrubber(settings.secrets))
    lowest = min(sink.level for sink in sinks)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _handed_over,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=_the_current,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if _from_libraries not in root.handlers:
        root.addHandler(_from_libraries)
    root.setLevel(lowest)


def tell(text: str) -> None:
    """Say a line of the day's story on stderr, whatever the level, and in the file.

    Nobody hears of a stderr that is gone: that is no reason to stop trading. In JSON it is the
    event ``story`` with its ``text``. Before `configure` it goes nowhere.
    """
    _current.tell(text)


def _the_current(*_: object) -> _Sinks:
    return _current


def _handed_over(
    _logger: object, _method: str, event: Event
) -> tuple[tuple[Event], dict[str, Any]]:
    """The last step of structlog: the event as it is, which each place shows in its own way."""
    return (event,), {}


def _to_stderr(line: str) -> None:
    """The stderr of this moment. That nobody can hear a log event is no reason to stop trading."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


# Without the values of local variables: a secret may be among them.
_PLAIN = structlog.dev.ConsoleRenderer(
    colors=False, exception_formatter=structlog.dev.plain_traceback
)
_COLOURED = structlog.dev.ConsoleRenderer(
    colors=True, exception_formatter=structlog.dev.plain_traceback
)


def _in_words(event: Event) -> str:
    return str(_PLAIN(None, "", event)).rstrip()


def _for_a_terminal(event: Event) -> str:
    is_coloured = sys.stderr is not None and sys.stderr.isatty()
    return str((_COLOURED if is_coloured else _PLAIN)(None, "", event)).rstrip()


def _as_json(event: Event) -> str:
    told = structlog.processors.format_exc_info(None, "", event)
    return json.dumps(told, default=str, ensure_ascii=False)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
