"""A dashboard beside the bots: a process of its own, so that no decision ever waits for a page.

It reads the journal and asks over the socket, as any other program could. That it fails is told
and harms nobody; when the bots' process ends, however it does, so does it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

TOKEN = "DASHBOARD_TOKEN"
_END_S = 3.0


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """What the process is started with; `token` "" lets it make one."""

    journal: Path
    host: str
    port: int
    names: Sequence[str] = ()
    token: str = ""


@dataclass(frozen=True, slots=True)
class Up:
    """It serves."""

    url: str
    token_file: Path | None

    def login(self, token: str) -> str:
        """The address that logs a browser in. The token is behind the #: no request carries it."""
        text = token
        if not text and self.token_file is not None:
            with contextlib.suppress(OSError):
                text = self.token_file.read_text(encoding="ascii").strip()
        return f"{self.url}#token={text}" if text else self.url


class DashboardChild:
    """Started by entering the block, ended by leaving it.

    Parameters
    ----------
    on_up : is told once it serves, in a thread of its own
    on_failure : is told why it does not, or no longer
    """

    def __init__(
        self, plan: ChildPlan, on_up: Callable[[Up], None], on_failure: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._on_up, self._on_failure = on_up, on_failure
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._is_ending = False

    def __enter__(self) -> Self:
        try:
            self._process = subprocess.Popen(
                _command(self._plan),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(self._plan.token),
                text=True,
                start_new_session=True,  # Ctrl-C is for the bots; they end it
            )
        except OSError as error:
            self._on_failure(error.strerror or str(error))
            return self
        self._thread = threading.Thread(target=self._hear, name="dashboard", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def wait(self) -> None:
        """Return when it has ended."""
        if self._process is not None:
            self._process.wait()

    def end(self) -> None:
        """End it, politely at first."""
        self._is_ending = True
        process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        for insist in (process.terminate, process.kill):
            try:
                process.wait(_END_S)
                break
            except subprocess.TimeoutExpired:
                insist()
        process.wait()
        if self._thread is not None:
            self._thread.join(_END_S)

    def _hear(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        errors = _Drained(process.stderr)
        with process.stdout:
            line = process.stdout.readline()
            with contextlib.suppress(ValueError, KeyError, TypeError):
                told = json.loads(line)
                file = told["token_file"]
                self._on_up(Up(told["url"], None if file is None else Path(file)))
            process.stdout.read()
        code = process.wait()
        errors.join()
        if not self._is_ending:
            self._on_failure(errors.last() or f"it ended with exit code {code}")


class _Drained:
    """Reads what is written there, so that the writer never waits; keeps the first lines."""

    def __init__(self, source: IO[str]) -> None:
        self._lines: list[str] = []
        self._source = source
        self._thread = threading.Thread(target=self._run, name="dashboard-errors", daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(1.0)

    def last(self) -> str:
        """The error that ended it, "" when it told none."""
        return next((line for line in self._lines if line.startswith("Error:")), "")

    def _run(self) -> None:
        with contextlib.suppress(ValueError, OSError), self._source:
            for line in self._source:
                if len(self._lines) < 100:
                    self._lines.append(line.strip())


def _command(plan: ChildPlan) -> list[str]:
    command = [sys.executable, "-m", "cointrader", "dashboard", "--child"]
    command += ["--journal", str(plan.journal), "--host", plan.host, "--port", str(plan.port)]
    for name in plan.names:
        command += ["--allow-host", name]
    return command


def _environment(token: str) -> dict[str, str]:
    """Ours, with the token: a command line could be read by everybody on this machine."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment.pop(TOKEN, None)
    return {**environment, TOKEN: token} if token else environment
