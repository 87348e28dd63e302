"""A Dockerfile read as what it is: stages of instructions. As much of it as this project uses."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

_FLAG = re.compile(r"--([a-z-]+)(?:=(\S+))?\s+")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, its flags, and the rest as written."""

    word: str
    flags: dict[str, str]
    rest: str
    line: int

    @property
    def exec_form(self) -> list[str] | None:
        """The words of the form without a shell; None for the other one."""
        if not self.rest.startswith("["):
            return None
        words = json.loads(self.rest)
        assert all(isinstance(word, str) for word in words)
        return list(words)

    @property
    def words(self) -> list[str]:
        return self.exec_form or shlex.split(self.rest)

    def pairs(self) -> dict[str, str]:
        """The names and values of an ENV or LABEL."""
        return dict(each.partition("=")[::2] for each in shlex.split(self.rest))


@dataclass(frozen=True)
class Stage:
    """What follows one FROM."""

    image: str
    name: str
    instructions: list[Instruction]

    def all(self, word: str) -> list[Instruction]:
        return [each for each in self.instructions if each.word == word]


def stages_of(text: str) -> list[Stage]:
    """The stages of a Dockerfile. `ValueError` for a line that is no instruction."""
    stages: list[Stage] = []
    for number, line in _logical_lines(text):
        word, _, rest = line.partition(" ")
        if not word.isupper():
            raise ValueError(f"line {number}: {line!r} is no instruction")
        flags: dict[str, str] = {}
        rest = rest.strip()
        while found := _FLAG.match(rest):
            flags[found[1]] = found[2] or ""
            rest = rest[found.end() :]
        if word == "HEALTHCHECK" and rest.startswith("CMD "):
            rest = rest.removeprefix("CMD ").strip()
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            stages.append(Stage(image.strip(), name.strip(), []))
        else:
            stages[-1].instructions.append(Instruction(word, flags, rest, number))
    return stages


def _logical_lines(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    pending, began = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and not pending):
            continue
        began = began if pending else number
        pending += line.strip().removesuffix("\\").strip() + " "
        if not line.rstrip().endswith("\\"):
            found.append((began, pending.strip()))
            pending = ""
    return found


def expanded(text: str, environ: dict[str, str]) -> str:
    """`text` with the variables that ENV has set."""
    return _VARIABLE.sub(lambda m: environ.get(m[1] or m[2], m[0]), text)


def faults_in(text: str) -> list[str]:
    """What is wrong with a Dockerfile: the rules of hadolint that matter, and a few of our own."""
    faults: list[str] = []
    stages = stages_of(text)
    names = {stage.name for stage in stages if stage.name}
    for stage in stages:
        if stage.image in names:
            continue
        tag = stage.image.rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in stage.image and (not tag or tag == "latest"):
            faults.append(f"{stage.image}: the base has no version")
    for stage in stages:
        for each in stage.instructions:
            faults += [f"line {each.line}: {fault}" for fault in _faults_of(each)]
    final = stages[-1]
    users = final.all("USER")
    if not users or users[-1].rest.partition(":")[0] in ("root", "0"):
        faults.append("the process runs as root")
    if users and not users[-1].rest.partition(":")[0].isdigit():
        faults.append("the user is a name: Kubernetes cannot tell that it is not root")
    for word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        if len(final.all(word)) > 1:
            faults.append(f"more than one {word}")
    if not final.all("HEALTHCHECK"):
        faults.append("no HEALTHCHECK")
    if len(stages) < 2:
        faults.append("one stage: what builds would be shipped")
    return faults


def _faults_of(each: Instruction) -> list[str]:
    found: list[str] = []
    rest = each.rest
    if each.word in ("ENTRYPOINT", "CMD", "HEALTHCHECK") and each.exec_form is None:
        found.append(f"{each.word} in the form with a shell: SIGTERM does not arrive")
    if each.word == "MAINTAINER":
        found.append("MAINTAINER is deprecated")
    if each.word == "ADD":
        found.append("ADD fetches and unpacks; COPY copies")
    if each.word == "WORKDIR" and not rest.startswith("/"):
        found.append("WORKDIR is relative")
    if each.word in ("ENV", "ARG") and re.search(
        r"(?i)(secret|token|passw|api_?key)\w*\s*=\s*\S", rest
    ):
        found.append("a secret in the image")
    if each.word == "COPY":
        sources = each.words[:-1]
        if any(re.search(r"(^|/)(\.env|.*\.key|.*\.pem|secrets?)(/|$)", s) for s in sources):
            found.append("a secret in the image")
        if "." in sources and "from" not in each.flags:
            found.append("COPY . takes whatever lies around")
    if each.word == "RUN":
        found += _faults_of_run(rest)
    return found


def _faults_of_run(rest: str) -> list[str]:
    found: list[str] = []
    if re.search(r"\bsudo\b", rest):
        found.append("sudo in a RUN")
    if re.search(r"\b(curl|wget)\b[^|]*\|\s*(ba)?sh", rest):
        found.append("a script from the network is run")
    if "apt-get install" in rest:
        if "--no-install-recommends" not in rest:
            found.append("apt-get without --no-install-recommends")
        if "rm -rf /var/lib/apt/lists" not in rest:
            found.append("apt's lists stay in the image")
        if "apt-get update" not in rest:
            found.append("apt-get install without update in the same RUN")
    for install in re.findall(r"pip install ([^&|;]*)", rest):
        if "-r " in install and "--require-hashes" not in install:
            found.append("pip installs without hashes")
        if "-r " not in install and "--no-deps" not in install:
            found.append("pip installs what no lock names")
    if re.search(r"\bcd\s", rest):
        found.append("cd in a RUN: WORKDIR")
    return found
