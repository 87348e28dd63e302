"""A word outward after every round that went well: who waits for it knows when it stops.

For a monitor such as healthchecks.io: it raises the alarm when no word came for a while, which is
what a process that is dead, stuck or cut off can never do by itself. The address is a secret.
"""

from __future__ import annotations

import threading
import urllib.request
from urllib.parse import urlsplit

import structlog

from cointrader.domain.errors import ConfigError

log = structlog.get_logger()

_TIMEOUT_S = 10.0


class Heartbeat:
    """GETs one address, from a thread of its own: whoever beats never waits."""

    def __init__(
        self, url: str, *, timeout_s: float = _TIMEOUT_S, where: str = "--heartbeat"
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                "this is no address to send heartbeats to",
                where=where,
                allowed="https://...",
            )
        self._url = url
        self._timeout_s = timeout_s
        self._due = threading.Event()
        self._is_failing = False
        self._thread: threading.Thread | None = None

    def beat(self) -> None:
        """All is well, now. Words that cannot keep up are left out."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
            self._thread.start()
        self._due.set()

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            try:
                with urllib.request.urlopen(self._url, timeout=self._timeout_s):
                    pass
                self._is_failing = False
            except Exception as error:  # of many kinds; whose texts may hold the address
                if not self._is_failing:
                    log.warning("heartbeat.fails", why=type(error).__name__)
                self._is_failing = True
