"""How a mistake is made, and what every answer to one must be."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cointrader.cli.main import main
from cointrader.journal.reader import JournalReader

SOURCE = Path(__file__).parents[2] / "src"

SECRET = "hunter2-never-shown"


@dataclass(frozen=True)
class Mistake:
    """What somebody types, over which files (None is a folder), and the words of the answer."""

    name: str
    typed: str | tuple[str, ...]
    told: tuple[str, ...]
    code: int = 2
    files: Mapping[str, str | bytes | None] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        return self.typed.split() if isinstance(self.typed, str) else list(self.typed)


def table(mistakes: list[Mistake]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("mistake", mistakes, ids=[one.name for one in mistakes])


def put_files(folder: Path, files: Mapping[str, str | bytes | None]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())


def everything_in(folder: Path) -> dict[str, bytes | None]:
    """Every file below `folder` with its content, every folder with None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 2) -> str:
    """The one message of a command that does nothing, in the working folder."""
    before = everything_in(Path())

    answer = main(arguments)

    out, err = capsys.readouterr()
    assert (answer, out) == (code, ""), err
    assert_one_clear_message(err)
    assert everything_in(Path()) == before
    return err


def assert_one_clear_message(err: str) -> None:
    assert sum(line.startswith("Error: ") for line in err.splitlines()) == 1, err
    assert "Traceback" not in err
    assert "something went wrong inside" not in err
    assert SECRET not in err
    assert any(help_ in err for help_ in ("to do:", "allowed:", "Try 'cointrader")), err


def assert_told(text: str, words: tuple[str, ...]) -> None:
    for each in words:
        assert each in text, f"{each!r} is missing from:\n{text}"


def in_a_process(
    folder: Path, command: str, *, env: Mapping[str, str] | None = None, largest: int | None = None
) -> subprocess.CompletedProcess[str]:
    """A shell's answer to `command`, in which ``cointrader`` is ours.

    `env` is added to an environment with nothing in it; `largest` limits the size of every file.
    """
    ours = f'cointrader() {{ {shlex.quote(sys.executable)} -m cointrader "$@"; }}'
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "LANG": "C.UTF-8"}

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    return subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {ours}; {command}"],
        cwd=folder,
        env={**known, **(env or {})},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def records_in(path: Path) -> dict[str, int]:
    """How many records of each kind a reader finds; every one of them is read."""
    with JournalReader(path) as reader:
        return {
            name: len(list(getattr(reader, name)()))
            for name in ("runs", "decisions", "intents", "orders", "fills", "trades", "equity")
        }
