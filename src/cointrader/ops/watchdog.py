"""Ends a process that no longer does what it is for; a service manager starts it again."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Watchdog:
    """A thread that waits to hear `alive`. In seconds of real time.

    `on_silence` is called once, when nothing was heard for `limit_s`; by default the process ends
    at once, with exit code 1: what hangs cannot be asked to end.
    """

    def __init__(self, limit_s: float, on_silence: Callable[[], None] | None = None) -> None:
        self._limit_s = limit_s
        self._on_silence = on_silence or _end
        self._heard_s = time.monotonic()
        self._is_over = threading.Event()
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def alive(self) -> None:
        self._heard_s = time.monotonic()

    def stop(self) -> None:
        self._is_over.set()

    def _run(self) -> None:
        while not self._is_over.wait(self._limit_s / 4):
            if time.monotonic() - self._heard_s > self._limit_s:
                self._on_silence()
                return


def _end() -> None:
    with suppress(Exception):
        sys.stderr.write("nothing moved for too long: the process ends, to be started again\n")
        sys.stderr.flush()
    os._exit(1)
