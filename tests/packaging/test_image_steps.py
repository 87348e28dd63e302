"""The steps of the image, carried out without a container engine.

Each instruction of the Dockerfile is done in a folder that stands for the image's root: COPY
copies what `.dockerignore` lets through, RUN runs with the paths put below that root, ENV, WORKDIR
and USER count. What makes users and owners is only looked at: that takes root. Then the
ENTRYPOINT, its CMD and the HEALTHCHECK are run as the image would run them.

Libraries are taken from the environment that tests, compiled as they are there, where it has
exactly the versions of the lock; COINTRADER_IMAGE_STEPS=full fetches and compiles all of them as
the image does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tests.packaging.dockerfile import Instruction, Stage, expanded, stages_of

pytestmark = pytest.mark.slow
CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
ROOT = Path(__file__).parents[2]
STAGES = stages_of((ROOT / "Dockerfile").read_text(encoding="utf-8"))
_IS_FULL = os.environ.get("COINTRADER_IMAGE_STEPS") == "full"
_INSTALLS_LOCK = re.compile(r"pip install .*--require-hashes -r requirements\.lock$")
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_OF_ROOT = ("groupadd", "useradd")
_KNOWN = {"ENV", "WORKDIR", "COPY", "RUN", "LABEL", "USER", "VOLUME", "STOPSIGNAL", "HEALTHCHECK",
          "ENTRYPOINT", "CMD"}  # fmt: skip


def link(source: str, target: str) -> None:
    """The same file under another name; a copy where that is another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


@cache
def libraries_here() -> list[metadata.Distribution] | None:
    """What the lock names, in the environment that tests; None where anything differs."""
    names = _LOCKED.findall((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    try:
        found = [metadata.distribution(name) for name, _ in names]
    except metadata.PackageNotFoundError:
        return None
    versions = {(_plain(each.metadata["Name"]), each.version) for each in found}
    wanted = {(_plain(name), version) for name, version in names}
    return found if wanted == versions else None


class Image:
    """A folder that stands for the root of an image while its instructions are carried out."""

    def __init__(self, root: Path, others: dict[str, Image]) -> None:
        self.root, self.others = root, others
        self.environ: dict[str, str] = {}
        self.folder = "/"
        (root / "tmp").mkdir(parents=True)

    def below(self, path: str) -> Path:
        """Where an absolute path of the image, or one relative to its WORKDIR, is here."""
        absolute = path if path.startswith("/") else f"{self.folder}/{path}"
        found = Path(os.path.normpath(f"{self.root}{absolute}"))
        assert found.is_relative_to(self.root)
        return found

    def carry_out(self, stage: Stage) -> None:
        for each in stage.instructions:
            assert each.word in _KNOWN, f"line {each.line}: {each.word} is not carried out here"
            if each.word == "ENV":
                for name, value in each.pairs().items():
                    self.environ[name] = expanded(value, self.environ)
            elif each.word == "WORKDIR":
                self.folder = each.rest
                self.below(".").mkdir(parents=True, exist_ok=True)
            elif each.word == "COPY":
                self._copy(each)
            elif each.word == "RUN":
                self._run(each)

    def _copy(self, each: Instruction) -> None:
        *sources, target = each.words
        origin = self.others[each.flags["from"]] if "from" in each.flags else None
        for source in sources:
            here = ROOT / source if origin is None else origin.below(source)
            there = self.below(target)
            there = there / Path(source).name if target.endswith("/") else there
            if here.is_dir():
                shutil.copytree(
                    here,
                    there,
                    symlinks=True,
                    dirs_exist_ok=True,
                    ignore=None if origin else shutil.ignore_patterns("__pycache__", "*.pyc"),
                    copy_function=link if origin else shutil.copy2,
                )
            else:
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(here, there)

    def _run(self, each: Instruction) -> None:
        for step in (part.strip() for part in each.rest.split("&&")):
            words = step.split()
            if words[0] in _OF_ROOT:
                continue
            if "compileall" in words and not _IS_FULL:
                (ours,) = self.root.glob("opt/*/lib/*/site-packages/cointrader")
                words[-1] = f"/{ours.relative_to(self.root)}"
            found = None if _IS_FULL else libraries_here()
            if found is not None and words[1:] == ["-m", "venv", words[-1]]:
                words.insert(3, "--without-pip")  # the lock's own comes with the libraries
            if found is not None and _INSTALLS_LOCK.search(step):
                self._take(found)
                continue
            words = [w for w in words if not w.startswith(("--owner", "--group"))]
            done = self.run(words, cwd=self.below("."))
            assert done.returncode == 0, f"line {each.line}: {step}\n{done.stdout}{done.stderr}"

    def _take(self, found: list[metadata.Distribution]) -> None:
        """Put these libraries into the image's environment."""
        python = f"python{sys.version_info.major}.{sys.version_info.minor}"
        target = self.below(f"/opt/cointrader/lib/{python}/site-packages")
        for file in (file for one in found for file in one.files or () if file.suffix != ".pyc"):
            there = Path(os.path.normpath(target / str(file)))
            there.parent.mkdir(parents=True, exist_ok=True)
            link(str(file.locate()), str(there))
            compiled = Path(cache_from_source(str(file.locate())))
            if file.suffix == ".py" and compiled.exists():
                (there.parent / "__pycache__").mkdir(exist_ok=True)
                link(str(compiled), str(there.parent / "__pycache__" / compiled.name))

    def run(
        self, words: list[str], cwd: Path, timeout: float = 600, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the image; paths in it are those of the image."""
        return subprocess.run(
            [self._program(words[0]), *map(self._put_below, words[1:])],
            cwd=cwd,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            umask=0o077,
        )

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of the image, with pip's and the cache of this machine."""
        outside = {name: value for name, value in os.environ.items()
                   if name.startswith(("PIP_", "SSL_", "REQUESTS_"))
                   or name.endswith(("_proxy", "_PROXY"))}  # fmt: skip
        ours = {name: self._put_below(value) for name, value in self.environ.items()
                if name not in ("PATH", "PIP_NO_CACHE_DIR")}  # fmt: skip
        path = f"{self.root}/opt/cointrader/bin:/usr/bin:/bin"
        own = {"PATH": path, "HOME": str(self.root / "tmp"), "XDG_CACHE_HOME": CACHE}
        return {**outside, **ours, **own, **more}

    def _put_below(self, word: str) -> str:
        return re.sub(r"(?<![\w./])/(?=(?:opt|data|src|tmp)\b)", f"{self.root}/", word)

    def _program(self, word: str) -> str:
        if word.startswith("/opt/"):
            return str(self.below(word))
        own = self.root / "opt" / "cointrader" / "bin" / word
        if own.exists():
            return str(own)
        return sys.executable if word == "python" else word


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Image:
    """The last stage, made by every step before it."""
    place = tmp_path_factory.mktemp("image")
    made: dict[str, Image] = {}
    image = Image(place / "0", made)
    for number, stage in enumerate(STAGES):
        image = Image(place / str(number), made) if number else image
        image.carry_out(stage)
        made[stage.name or str(number)] = image
    # The environment was made under another root: its programs name that one in their first line.
    first, last = (f"{place}/{number}/opt" for number in (0, len(STAGES) - 1))
    for script in (image.root / "opt" / "cointrader" / "bin").iterdir():
        content = b"" if script.is_symlink() else script.read_bytes()
        if content.startswith(b"#!"):
            script.unlink()  # it may be one with that of another environment
            script.touch(0o700)
            script.write_bytes(content.replace(first.encode(), last.encode()))
    return image


def the(word: str) -> Instruction:
    """The one instruction of the final stage that has this word."""
    (found,) = STAGES[-1].all(word)
    return found


def started(image: Image, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`docker run IMAGE arguments`."""
    words = [*(the("ENTRYPOINT").exec_form or []), *(arguments or the("CMD").exec_form or [])]
    return image.run(words, cwd=image.below("."))


def test_the_image_without_a_command_shows_the_help(image):
    done = started(image)

    assert done.returncode == 0, done.stderr
    assert "Trade on paper" in done.stdout


def test_every_command_of_the_image_can_be_imported(image):
    asked = """
from cointrader.cli.main import COMMANDS, main
for name in COMMANDS:
    assert main([name, "--help"]) == 0, name
print(len(COMMANDS))
"""
    done = image.run(["python", "-c", asked], cwd=image.below("."))

    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 20


def test_a_paper_run_trades_in_it_and_it_is_well_only_while_a_process_holds_its_journal(image):
    check = the("HEALTHCHECK").exec_form
    assert check is not None
    before = image.run(check, cwd=image.below("."))
    done = started(image, "paper", "--quiet", "--to", "2026-01-04", "--symbols", "XRPUSDT")
    after = image.run(check, cwd=image.below("."))

    assert done.returncode == 0, done.stderr
    assert "trades" in done.stdout
    assert before.returncode == 1
    assert "no journal" in before.stdout
    assert after.returncode == 1
    assert "no process writes" in after.stdout


def test_a_process_in_it_is_well_and_ends_politely(image):
    check = the("HEALTHCHECK").exec_form
    assert check is not None
    words = [*(the("ENTRYPOINT").exec_form or []), "paper", "--quiet", "--no-dashboard",
             "--speed", "300", "--journal", "journals/slow.db"]  # fmt: skip
    with subprocess.Popen(
        [image._program(words[0]), *words[1:]], cwd=image.below("."), env=image.environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            found = image.run(check, cwd=image.below("."))
            for _ in range(300):
                if found.returncode == 0 or process.poll() is not None:
                    break
                found = image.run(check, cwd=image.below("."))
            assert found.returncode == 0, found.stdout
            assert "slow.db" in found.stdout
            process.terminate()
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()


def test_nothing_that_builds_and_no_cache_is_shipped(image):
    packages = image.root / "opt" / "cointrader"
    names = {path.name.split("-")[0].lower() for path in packages.rglob("*.dist-info")}

    assert {"aiohttp", "click", "cointrader", "msgspec", "onnxruntime"} <= names
    assert names & {"pip", "hatchling", "pytest", "mypy", "lightgbm"} == set()
    assert not list(image.root.rglob("*.whl"))
    assert not (image.root / "src").exists()


def test_nothing_of_the_image_but_its_data_folder_need_be_written(image):
    written = {
        path.relative_to(image.root).parts[0]
        for path in image.root.rglob("*")
        if path.is_file() and path.stat().st_uid == os.getuid()
    }

    assert written <= {"opt", "data", "tmp"}
    assert list((image.root / "opt").rglob("cointrader/cli/__pycache__/main.*.pyc"))


def test_the_user_that_runs_it_is_the_one_that_is_made_for_it():
    (run,) = STAGES[-1].all("RUN")
    user, _, group = the("USER").rest.partition(":")

    assert f"--uid {user} " in run.rest
    assert f"--gid {group} " in run.rest
    assert f"--owner={user} --group={group} --mode=0700 /data" in run.rest
    assert the("WORKDIR").rest == "/data"
    assert the("STOPSIGNAL").rest == "SIGTERM"
