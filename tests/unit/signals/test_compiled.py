"""Functions that become machine code, and where it is kept."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from cointrader.signals.compiled import cache_folder, compiled

SOURCE = Path(__file__).parents[3] / "src"
_STEP = 1e-9

RULE = "SHIFT = 1.0\n\ndef rule(x):\n    return x * 2.0 + SHIFT\n"
KERNEL = """
import sys
import numpy as np
from cointrader.signals.compiled import compiled
from rule import rule

@compiled
def total(values):
    answer = 0.0
    for value in values:
        answer += rule(value)
    return answer

assert "numba" not in sys.modules
print(total(np.arange(4.0)), sum(total.dispatcher()._cache_hits.values()))
"""


def floored(value, step):
    return math.floor(value / step + _STEP)


def on_grid(values, steps):
    total = 0.0
    for value, step in zip(values, steps):  # noqa: B905 - numba knows no `strict`
        total += floored(value, step) * step
    return total


def test_a_compiled_function_calls_plain_functions_of_its_module():
    values, steps = np.array([0.3, 7.77, -2.5]), np.array([0.1, 0.25, 1.0])

    assert compiled(on_grid)(values, steps) == on_grid(values, steps)


def test_division_by_zero_is_a_number_as_in_numpy():
    def ratio(one, other):
        return one / other

    assert compiled(ratio)(1.0, 0.0) == math.inf
    assert math.isnan(compiled(ratio)(0.0, 0.0))


def test_only_plain_functions_can_be_compiled():
    with pytest.raises(TypeError, match="plain function"):
        compiled(len)


def test_a_compiled_function_keeps_its_name_and_the_function_it_was_made_from():
    made = compiled(on_grid)

    assert vars(made)["__name__"] == "on_grid"
    assert made.plain is on_grid


def test_the_digest_changes_with_a_constant_of_a_function_that_is_called(monkeypatch):
    before = compiled(on_grid).digest()

    monkeypatch.setattr(sys.modules[__name__], "_STEP", 2e-9)

    assert compiled(on_grid).digest() != before


@pytest.fixture
def program(tmp_path):
    """A kernel in one file, its rule in another; run in a process of its own."""
    (tmp_path / "rule.py").write_text(RULE)
    (tmp_path / "kernel.py").write_text(KERNEL)

    def run(**environment):
        told = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(SOURCE)}
        done = subprocess.run(
            [sys.executable, "-B", "kernel.py"],
            cwd=tmp_path,
            env={**os.environ, **told, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        value, hits = done.stdout.split()
        return float(value), int(hits)

    return run


def test_a_second_process_finds_what_the_first_compiled(program):
    assert program() == (16.0, 0)
    assert program() == (16.0, 1)


def test_a_rule_edited_in_another_file_is_compiled_anew(program, tmp_path):
    program()

    (tmp_path / "rule.py").write_text(RULE.replace("2.0", "3.0"))

    assert program() == (22.0, 0)


def test_a_constant_edited_in_another_file_is_compiled_anew(program, tmp_path):
    program()

    (tmp_path / "rule.py").write_text(RULE.replace("1.0", "2.0"))

    assert program() == (20.0, 0)


def test_a_broken_file_in_the_cache_is_no_matter(program, tmp_path):
    program()
    for file in (tmp_path / "cache").rglob("*.nb?"):
        file.write_bytes(b"broken")

    assert program()[0] == 16.0


def test_without_a_folder_to_keep_it_in_it_is_compiled_every_time(program, tmp_path):
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file")

    assert program(XDG_CACHE_HOME=nowhere, TMPDIR=nowhere)[0] == 16.0


def test_where_the_users_cache_cannot_be_made_it_is_among_temporary_files(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    folder = cache_folder()

    assert folder is not None
    assert folder.is_relative_to(tmp_path)
    assert folder.parent.stat().st_mode & 0o077 == 0


def test_a_temporary_folder_that_others_may_write_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / f"cointrader-{os.getuid()}").mkdir()
    (tmp_path / f"cointrader-{os.getuid()}").chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert cache_folder() is None


def test_only_the_newest_versions_of_a_function_are_kept(program, tmp_path):
    for number in range(6):
        (tmp_path / "rule.py").write_text(RULE.replace("1.0", f"{number}.0"))
        program()

    (folder,) = (tmp_path / "cache" / "cointrader" / "compiled").iterdir()
    assert len(list(folder.iterdir())) == 4
