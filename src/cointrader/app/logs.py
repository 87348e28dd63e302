"""Where log events go: stderr, so that stdout stays for results.

Rooms log events with their own `structlog.get_logger()`; only here is it decided what becomes of
them.
"""

from __future__ import annotations

import io
import logging
import sys

import structlog


def configure(level: int = logging.WARNING) -> None:
    """Send events of `level` and above to stderr, one readable line each."""
    target = sys.stderr or io.StringIO()  # started without a stderr: nobody hears
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=target.isatty(),
                # Without the values of local variables: a secret may be among them.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
