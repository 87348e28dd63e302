"""Real processes for the system's tests, forked from one that has the program loaded already.

A start costs no imports then, and SIGKILL is as final as ever.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event, Lock, Thread

_LOADED = ("tests.system.mortal_run", "tests.system.soak_run")
_context = multiprocessing.get_context("forkserver")
_lock = Lock()


class Processes:
    """Starts them. Each is given its folder first, and writes what it says into a file there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._all: list[BaseProcess] = []

    def start(self, target: Callable[..., None], *arguments: object, console: str) -> BaseProcess:
        with _lock:
            _load(_LOADED)
            process = _context.Process(
                target=_run, args=(target, self.folder, arguments, console), daemon=True
            )
            process.start()
        self._all.append(process)
        return process

    def end(self) -> None:
        for process in self._all:
            process.kill()
            process.join(10)


@contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Whatever is left of them ends with the block."""
    made = Processes(folder)
    try:
        yield made
    finally:
        made.end()


class Pulse:
    """Wakes up again and again, and notes by how much it was late: how busy the machine is.

    A market N times as fast as time asks for answers N times as fast. What goes wrong on a machine
    that cannot give them says nothing about the program.
    """

    _EVERY_S = 0.02

    def __init__(self) -> None:
        self.latest_s = 0.0
        self._over = Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.is_set():
            began_s = time.monotonic()
            time.sleep(self._EVERY_S)
            self.latest_s = max(self.latest_s, time.monotonic() - began_s - self._EVERY_S)

    def is_too_slow_for(self, pace: float) -> bool:
        """Whether it was late by more than a second of such a market's time."""
        return self.latest_s * pace > 1


def _run(
    target: Callable[..., None], folder: Path, arguments: Sequence[object], console: str
) -> None:
    file = os.open(folder / console, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    target(folder, *arguments)


def _load(modules: Sequence[str]) -> None:
    """The process that the others are forked from has these in memory."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        _context.set_forkserver_preload(list(modules))
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before
