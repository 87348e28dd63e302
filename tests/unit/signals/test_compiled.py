"""Functions that become machine code, how they are called, and where they are kept."""

from __future__ import annotations

import dis
import hashlib
import inspect
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from cointrader.backtest import kernel, score_history
from cointrader.backtest.sweep import cells
from cointrader.signals import reach
from cointrader.signals.compiled import compiled
from cointrader.signals.native import Code, cache_folder, made_by
from cointrader.signals.native_entry import kind_text
from tests.full import some

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
print(total(np.arange(4.0)), "numba" in sys.modules)
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


# ------------------------------------------------------------------ arguments and answers


class Pair(NamedTuple):
    grid: np.ndarray
    weights: np.ndarray


ROW = np.dtype([("total", np.float64), ("small", np.int8), ("large", np.int64)])


def weighed(pair, rows, place, factor, is_told):
    total = 0.0
    for i in range(pair.grid.shape[0]):
        for j in range(pair.grid.shape[1]):
            total += pair.grid[i, j] * pair.weights[j]
    row = rows[place]
    row["total"], row["small"], row["large"] = total, -3, 2**40
    return total * factor, len(pair.weights), is_told, row["small"], total > 0.0


def test_tuples_rows_and_arrays_of_any_layout_are_taken_and_written():
    made, grid = compiled(weighed), np.arange(12.0).reshape(3, 4)
    grids = grid, np.asfortranarray(grid), np.repeat(grid, 2, axis=1)[:, ::2]
    rows = np.zeros(3, ROW)

    for each in grids:
        for weights in (np.ones(4), np.arange(8.0)[::2]):
            answer = made(Pair(each, weights), rows, 1, 2.5, True)
            expected = float((grid * weights).sum())
            assert answer == (expected * 2.5, 4, True, -3, expected > 0.0)
            assert rows[1].tolist() == (expected, -3, 2**40)
    assert made.known == 6
    assert made.is_native


def test_what_comes_back_is_of_the_types_of_python():
    def answers(whole, number):
        return whole, number, whole > 3

    def nothing(values):
        values[0] = 5.0

    told, values = compiled(answers)(2, 0.5), np.zeros(2)

    assert [type(each) for each in told] == [int, float, bool]
    assert compiled(nothing)(values) is None
    assert values.tolist() == [5.0, 0.0]


def test_numbers_of_numpy_and_bools_are_numbers():
    def doubled(value):
        return value * 2

    made = compiled(doubled)

    assert [made(each) for each in (3, np.int64(3), 1.5, np.float64(1.5), True, np.int8(3))] == [
        6, 6, 3.0, 3.0, 2, 6,
    ]  # fmt: skip
    assert made.is_native


def test_a_whole_number_that_needs_more_than_64_bits_is_refused():
    def same(value):
        return value

    with pytest.raises(OverflowError):
        compiled(same)(2**63)


def test_an_array_that_may_not_be_written_is_not_written():
    def cleared(values):
        values[0] = 0.0

    made, values = compiled(cleared), np.ones(2)
    made(values)
    shown = np.ones(2)
    shown.flags.writeable = False

    with pytest.raises(Exception, match="readonly"):
        made(shown)
    assert shown.tolist() == [1.0, 1.0]


def test_equal_kinds_of_arrays_are_one_kind_whoever_made_them():
    def first(rows):
        return rows[0]["large"]

    class Own(np.ndarray):
        pass

    made, rows = compiled(first), np.zeros(2, ROW)
    rows["large"] = 7
    again = rows.astype(np.dtype(ROW.descr))  # as those that come from another process

    assert again.dtype is not ROW
    assert made(rows) == made(again) == made(rows.view(Own)) == 7
    assert made.known == 1


def test_no_or_too_many_arguments_are_an_error_and_no_crash():
    def same(value):
        return value

    made = compiled(same)
    made(1)

    for wrong in ((), (1, 2)):
        with pytest.raises(TypeError):
            made(*wrong)


def test_other_threads_run_meanwhile():
    def long(turns):
        value = 0.0
        for _ in range(turns):
            value = value * 0.999 + 1.0
        return value

    made, looked = compiled(long), 0
    made(1)
    working = threading.Thread(target=made, args=(100_000_000,))
    working.start()
    while working.is_alive():
        time.sleep(0.001)
        looked += 1

    assert looked > 10


def test_a_failure_inside_is_told():
    def picky(value):
        if value > 3:
            raise ValueError("too much")
        return value

    made = compiled(picky)

    assert made(2) == 2
    with pytest.raises(RuntimeError, match="plain function"):
        made(5)


def test_what_makes_arrays_of_its_own_is_called_by_numba():
    def ones(count):
        return np.ones(count)

    made = compiled(ones)

    assert made(3).tolist() == [1.0, 1.0, 1.0]
    assert not made.is_native


def test_machine_code_does_not_count_the_owners_of_arrays(tmp_path, monkeypatch):
    def taken_in_turns(one, other):
        taken = 0
        while one[0] > 0.0:
            one[0] -= 1.0
            one, other = other, one
            taken += 1
        return taken

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert compiled(taken_in_turns)(np.array([3.0]), np.array([2.0])) == 5

    (kept,) = tmp_path.rglob("*.code")
    assert b"NRT_" not in kept.read_bytes()


def test_words_are_no_arguments_of_machine_code():
    def length(text):
        return len(text)

    assert compiled(length)("abc") == 3


def test_keywords_are_left_to_numba():
    def ratio(one, other):
        return one / other

    assert compiled(ratio)(1.0, other=2.0) == 0.5


# ------------------------------------------------------------------ what belongs to a function


def test_the_digest_changes_with_a_constant_of_a_function_that_is_called(monkeypatch):
    before = compiled(on_grid).digest()

    monkeypatch.setattr(sys.modules[__name__], "_STEP", 2e-9)

    assert compiled(on_grid).digest() != before


def test_the_names_a_function_looks_up_are_those_that_dis_tells():
    def told(code):
        inner = (part for part in code.co_consts if isinstance(part, CodeType))
        own = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
        return own.union(*map(told, inner))

    found = [
        each.__code__
        for module in (inspect, tempfile, subprocess, kernel, score_history, cells)
        for each in vars(module).values()
        if isinstance(each, FunctionType)
    ]

    assert len(found) > 100
    assert [reach._names(code) for code in found] == [told(code) for code in found]


# ------------------------------------------------------------------ what is kept


@pytest.fixture
def program(tmp_path):
    """A kernel in one file, its rule in another; run in a process of its own.

    Tells the answer, and whether numba was imported.
    """
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
        value, compiles = done.stdout.split()
        return float(value), compiles == "True"

    return run


def test_a_second_process_finds_what_the_first_compiled_and_needs_no_numba(program):
    assert program() == (16.0, True)
    assert program() == (16.0, False)


def test_a_rule_edited_in_another_file_is_compiled_anew(program, tmp_path):
    program()

    (tmp_path / "rule.py").write_text(RULE.replace("2.0", "3.0"))

    assert program() == (22.0, True)


def test_a_constant_edited_in_another_file_is_compiled_anew(program, tmp_path):
    program()

    (tmp_path / "rule.py").write_text(RULE.replace("1.0", "2.0"))

    assert program() == (20.0, True)


def test_another_setting_of_numba_is_compiled_anew(program):
    program()

    assert program(NUMBA_OPT="1") == (16.0, True)


def test_with_numbas_compiler_switched_off_nothing_is_compiled(program, tmp_path):
    assert program(NUMBA_DISABLE_JIT="1")[0] == 16.0
    assert not list((tmp_path / "cache").rglob("*.code"))


@pytest.mark.parametrize("harm", some([lambda found: found[:-1], lambda found: b"broken"], 2))
def test_a_broken_file_in_the_cache_is_compiled_anew(program, tmp_path, harm):
    program()
    (file,) = (tmp_path / "cache").rglob("*.code")
    file.write_bytes(harm(file.read_bytes()))

    assert program() == (16.0, True)
    assert program() == (16.0, False)


def test_of_processes_that_begin_together_one_compiles_and_the_others_wait(program):
    with ThreadPoolExecutor(3) as processes:
        told = [each.result() for each in [processes.submit(program) for _ in range(3)]]

    assert [value for value, _ in told] == [16.0] * 3
    assert sum(compiles for _, compiles in told) == 1


def test_code_of_another_rule_in_its_place_is_never_run(program, tmp_path):
    """Whole as a file, and foreign: of another rule, and so of another key."""
    assert program() == (16.0, True)
    (own,) = (tmp_path / "cache").rglob("*.code")
    (tmp_path / "rule.py").write_text(RULE.replace("2.0", "3.0"))
    assert program() == (22.0, True)
    (other,) = set((tmp_path / "cache").rglob("*.code")) - {own}
    own.replace(other)

    assert program() == (22.0, True)
    assert program() == (22.0, False)


@pytest.mark.parametrize("part", some(["key", "entry"], 2))
def test_code_that_says_it_is_something_else_is_compiled_anew(program, tmp_path, part):
    """Such as code that was made by another numpy, for another processor, by an older loader."""
    program()
    (file,) = (tmp_path / "cache").rglob("*.code")
    code = msgspec.msgpack.decode(file.read_bytes()[32:], type=Code)
    body = msgspec.msgpack.encode(msgspec.structs.replace(code, **{part: "x", "object": b"?"}))
    file.write_bytes(hashlib.sha256(body).digest() + body)

    assert program() == (16.0, True)
    assert program() == (16.0, False)


def test_all_that_has_a_hand_in_making_code_is_in_its_name():
    import llvmlite
    import llvmlite.binding as llvm

    told = made_by()

    for part in (sys.version, np.__version__, llvmlite.__version__, llvm.get_host_cpu_name()):
        assert part in told
    for module in ("native", "native_entry", "compiled", "reach"):
        text = (SOURCE / "cointrader" / "signals" / f"{module}.py").read_bytes()
        assert hashlib.sha256(text).hexdigest() in told


def test_a_tuple_whose_fields_change_places_is_another_kind():
    """Names become places when a function is compiled, and the function's text is the same."""

    make: Any = namedtuple

    def made(*names):
        return make("Pair", names)(1.0, 2.0)

    assert kind_text([made("low", "high")]) != kind_text([made("high", "low")])
    assert kind_text([made("low", "high")]) == kind_text([made("low", "high")])


def test_without_a_folder_to_keep_it_in_it_is_compiled_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    values, steps = np.array([0.3, 7.77]), np.array([0.1, 0.25])
    made = compiled(on_grid)

    assert cache_folder() is None
    assert made(values, steps) == on_grid(values, steps)
    assert made.is_native


def test_where_the_users_cache_cannot_be_made_it_is_among_temporary_files(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    folder = cache_folder()

    assert folder is not None
    assert folder.is_relative_to(tmp_path)
    assert folder.parent.stat().st_mode & 0o077 == 0


def test_a_users_cache_that_everybody_may_write_is_not_used(tmp_path, monkeypatch):
    """What is kept there is run."""
    shared = tmp_path / "cache" / "cointrader" / "compiled"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    folder = cache_folder()

    assert folder is not None
    assert folder.parent == tmp_path / f"cointrader-{os.getuid()}"


def test_a_temporary_folder_that_others_may_write_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / f"cointrader-{os.getuid()}").mkdir()
    (tmp_path / f"cointrader-{os.getuid()}").chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert cache_folder() is None


def test_only_the_newest_versions_of_a_function_are_kept(program, tmp_path):
    for number in range(5):
        (tmp_path / "rule.py").write_text(RULE.replace("1.0", f"{number}.0"))
        program()

    (folder,) = (tmp_path / "cache" / "cointrader" / "compiled").iterdir()
    assert len(list(folder.iterdir())) == 4
