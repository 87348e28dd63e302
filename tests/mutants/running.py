"""A copy of the project, one mistake at a time, and what its tests say to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import forking, quick
from tests.mutants.equivalents import reason_of
from tests.mutants.mutating import Mutant, chosen, mutants
from tests.mutants.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]
SECONDS = 40  # of processor time for one test: some mistakes go round for ever
_MANY = 3  # times as long for all tests of a module
_WAIT = 100  # times as long as the clock on the wall goes
_TOLD = "pytest.txt"
_PLUGINS = (  # to load all that are installed takes longer than most tests
    "-p", "pytest_asyncio.plugin", "-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider",
    "-p", "tests.mutants.quick", "-p", "tests.mutants.forking",
)  # fmt: skip
_OLD = 1_000_000_000  # a time of change that no file has: compiled modules go by it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutant.

    Parameters
    ----------
    killed_by : the first test that failed, "" where none did
    equivalent : why no test can fail, "" where one should
    """

    mutant: Mutant
    killed_by: str
    seconds: float
    equivalent: str = ""

    @property
    def survived(self) -> bool:
        return not self.killed_by and not self.equivalent


class AlreadyRed(Exception):
    """The tests fail without any mistake, so they would say nothing about one."""


class Copy:
    """The project in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src", "tests", "benchmarks"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        shutil.copy2(ROOT / "pyproject.toml", folder)

    def text_of(self, file: str) -> str:
        return self._path(file).read_text()

    @contextmanager
    def with_mistake(self, mutant: Mutant, turn: int) -> Iterator[None]:
        """The mistake is in the file for as long as the block lasts."""
        path = self._path(mutant.file)
        before, text = path.stat(), path.read_text()
        path.write_text(mutant.put_into(text))
        os.utime(path, (_OLD + turn, _OLD + turn))
        try:
            yield
        finally:
            path.write_text(text)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def trials(
        self, target: Target, mistakes: Sequence[Mutant], *, near_only: bool
    ) -> Iterator[tuple[int, str, float]]:
        """Which mistake, the test that failed ("" for none), seconds; for each as it is known.

        Raises `AlreadyRed` when a test fails without a mistake too.
        """
        named = f"cointrader.{target.file.removesuffix('.py').replace('/', '.')}"
        text = self.text_of(target.file)
        plan = {
            "near": target.near,
            "near_only": near_only,
            "seconds": SECONDS,
            "mistakes": [
                {"module": named, "function": each.function, "text": each.put_into(text)}
                for each in mistakes
            ],
        }
        (self.folder / "plan.json").write_text(json.dumps(plan))
        ours, its = os.pipe()
        own = {forking.PLAN: str(self.folder / "plan.json"), forking.TELL: str(its)}
        process = self._pytest(target, near_only=near_only, environment=own, pass_fds=(its,))
        os.close(its)  # ours of it, so that the lines end when pytest does
        unfit, seen = [], False
        try:
            with os.fdopen(ours) as lines:
                for answer in map(json.loads, lines):
                    turn, killed_by = answer["turn"], answer.get("killed_by", "")
                    seen = True
                    if turn == forking.AS_TOLD:
                        _require_green(killed_by)
                    elif "unfit" in answer:
                        unfit.append(turn)
                    else:
                        yield turn, killed_by, answer["seconds"]
        except BaseException:  # nobody reads on
            _kill(process)
            raise
        finally:
            process.wait()
        if not seen:
            raise AlreadyRed(_last_words(self._told()))
        for turn in unfit:
            began = time.perf_counter()
            with self.with_mistake(mistakes[turn], turn):
                killed_by = self._first_failure(target, near_only=near_only)
            yield turn, killed_by, time.perf_counter() - began

    def _first_failure(self, target: Target, *, near_only: bool) -> str:
        """The name of the first test that fails on the files as they are, "" when all pass."""
        unwritten = {"PYTHONDONTWRITEBYTECODE": "1"}  # what is compiled is not to be found again
        process = self._pytest(target, near_only=near_only, environment=unwritten)
        try:
            process.wait(timeout=_WAIT * SECONDS)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
            return forking.TIME_RAN_OUT
        if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return forking.TIME_RAN_OUT
        return "" if process.returncode == 0 else _failed(self._told())

    def _pytest(
        self,
        target: Target,
        *,
        near_only: bool,
        environment: dict[str, str],
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        tests = target.near if near_only else (*target.near, *target.further)
        found = [each for each in tests if (self.folder / each).exists()]
        command = [
            sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "--tb=no", "-s", "-m", "not slow",
            *_PLUGINS, *found,
        ]  # fmt: skip
        with (self.folder / _TOLD).open("wb") as told:  # a pipe might fill up while nobody reads
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(target) | environment,
                stdout=told,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=pass_fds,
            )

    def _told(self) -> str:
        return (self.folder / _TOLD).read_text(errors="replace")

    def _environment(self, target: Target) -> dict[str, str]:
        own = {
            "PYTHONPATH": os.pathsep.join((str(self.folder / "src"), str(self.folder))),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            quick.SECONDS: str(_MANY * SECONDS),
            "NUMBA_DISABLE_JIT": "1" if target.is_compiled else "0",
        }
        return {**os.environ, **own}

    def _path(self, file: str) -> Path:
        return self.folder / "src" / "cointrader" / file


def _failed(told: str) -> str:
    """The first test that pytest's summary names, else its last words."""
    for line in told.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            return line.split(" - ")[0].split(" ", 1)[1]
    return f"({_last_words(told)})"


def _last_words(told: str) -> str:
    lines = [line for line in told.splitlines() if line.strip()]
    return lines[-1] if lines else "pytest ended without a word"


def seeded(count: int, seed: int, text_of: Callable[[str], str]) -> list[tuple[Target, Mutant]]:
    """About `count` mutants over all targets, each by its share and at least one."""
    whole = sum(target.share for target in TARGETS)
    return [
        (target, mutant)
        for target in TARGETS
        for mutant in chosen(
            found_in(target, text_of(target.file)),
            max(1, round(count * target.share / whole)),
            seed,
        )
    ]


def found_in(target: Target, text: str) -> list[Mutant]:
    """All mistakes that could be made in a target, but those in mere words."""
    found = mutants(target.file, text)
    return [each for each in found if each.function.split(".")[-1] not in target.words]


def run(
    plan: Sequence[tuple[Target, Mutant]],
    copy: Copy,
    done: Callable[[Outcome], None] = lambda _outcome: None,
    *,
    near_only: bool = False,
) -> list[Outcome]:
    """Put in each mistake by itself; `done` hears of each outcome.

    `near_only` leaves out the tests that take long. Raises `AlreadyRed` when a test fails without a
    mistake too.
    """
    outcomes = []
    for target in dict.fromkeys(target for target, _ in plan):
        own = [mutant for other, mutant in plan if other is target]
        for turn, killed_by, took in copy.trials(target, own, near_only=near_only):
            reason = "" if killed_by else reason_of(own[turn])
            outcomes.append(Outcome(own[turn], killed_by, took, reason))
            done(outcomes[-1])
    return outcomes


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # its own group, children included
        os.killpg(process.pid, signal.SIGKILL)


def _require_green(failed: str) -> None:
    if failed:
        raise AlreadyRed(f"without any mistake: {failed}")


@contextmanager
def a_copy() -> Iterator[Copy]:
    """A copy in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        yield Copy(Path(folder).resolve())
