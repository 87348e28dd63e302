"""Every block of docs/recovery-drills.md that says so is carried out as it stands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cointrader.domain.errors import JournalError
from cointrader.journal.reader import JournalReader
from tests.full import some

pytestmark = pytest.mark.slow
CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
PAGE = Path(__file__).parents[2] / "docs" / "recovery-drills.md"
TEXT = PAGE.read_text(encoding="utf-8")
DRILLS = {
    title: block
    for title, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    for block in re.findall(r"```drill\n(.*?)```", body, re.DOTALL)
}


class Shell:
    """Carries out the lines of a drill in a folder: commands, and three words of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs: list[subprocess.Popen[str]] = []

    def do(self, line: str) -> None:
        must_fail = line.startswith("! ")
        words = shlex.split(line.removeprefix("! "))
        if words[0] == "kill":
            job = self.jobs[int(words[-1].removeprefix("%")) - 1]
            assert job.poll() is None, f"{line}: it had ended already"
            job.kill()
            job.communicate()
        elif words[0] == "damage":
            path = self.folder / words[1]
            content = bytearray(path.read_bytes())
            content[:8192] = bytes(8192)
            path.write_bytes(content)
        elif words[0] == "wait-for-fills":
            self._wait_for_fills(self.folder / words[1])
        elif words[-1] == "&":
            self.jobs.append(self._started(words[:-1]))
        else:
            job = self._started(words)
            out, err = job.communicate(timeout=240)
            assert (job.returncode != 0) is must_fail, f"{line}: {job.returncode}\n{out}{err}"

    def _started(self, words: list[str]) -> subprocess.Popen[str]:
        assert words[0] == "cointrader"
        return subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "HOME": str(self.folder),
                "XDG_CACHE_HOME": CACHE,  # what is compiled there need not be compiled again
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _wait_for_fills(self, journal: Path) -> None:
        end = time.monotonic() + 240
        while time.monotonic() < end:
            try:
                with JournalReader(journal) as reader:
                    if next(reader.fills(), None) is not None:
                        return
            except JournalError:  # it is being made
                pass
            time.sleep(0.1)
        pytest.fail("no fill in four minutes")


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    yield shell
    for job in shell.jobs:
        job.kill()
        job.communicate()


def test_what_the_page_says_is_run_is_run():
    assert len(DRILLS) == TEXT.count("*Runs in the tests.*") >= 5


@pytest.mark.parametrize("title", some(list(DRILLS), 2))
def test_a_drill_goes_as_it_is_written(title, shell):
    for line in DRILLS[title].strip().splitlines():
        shell.do(line)
