"""Small mistakes are put in as told, and the tests nearest to the backtester notice them.

A few of them here; `make mutants` puts in many.
"""

import ast
from pathlib import Path

import pytest

from tests.mutants.equivalents import ANYWHERE, EQUIVALENT
from tests.mutants.mutating import Mutant, chosen, mutants
from tests.mutants.report import as_markdown, killed_ratio
from tests.mutants.running import ROOT, AlreadyRed, Outcome, a_copy, found_in, run, seeded
from tests.mutants.targets import TARGETS

A_FEW = ("backtest/kernel.py", "backtest/bar.py", "risk/sizing.py", "sharpe.py", "metrics.py")


def text_of(file: str) -> str:
    return (ROOT / "src" / "cointrader" / file).read_text()


def changes(text: str) -> list[tuple[str, str]]:
    return [(each.before, each.after) for each in mutants("some.py", text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", [("a < b", "(a <= b)"), ("a < b", "(a >= b)")]),
        ("a == b", [("a == b", "(a != b)")]),
        ("a + b * c", [("a + b * c", "(a - b * c)"), ("b * c", "(b / c)")]),
        ("a and b", [("a and b", "a or b")]),
        ("not a", [("not a", "a")]),
        ("-a", [("-a", "a")]),
        ("x = 3", [("3", "4")]),
        ("x = -3", [("-3", "3")]),
        ("x = 0.0", [("0.0", "1.0")]),
        ("x = 0.5", [("0.5", "1.0")]),
        ("x = 1e-12", [("1e-12", "0.0")]),
        ("x = True", [("True", "False")]),
        ("min(a, b)", [("min(a, b)", "pass"), ("min(a, b)", "max(a, b)")]),
        ("x = np.maximum(a, b)", [("np.maximum(a, b)", "np.minimum(a, b)")]),
        ("a[i] = b", [("a[i] = b", "pass")]),
        ("a[i] += b", [("a[i] += b", "a[i] -= b"), ("a[i] += b", "pass")]),
        ("x = a if b else c", [("a if b else c", "c if b else a")]),
        ("for a in b: continue", [("continue", "break")]),
        ('"""3 < 4"""', []),
        ("x = zip(a, b, strict=True)", []),
        ("x: Literal[3]", []),
        ("raise ValueError(3 < 4)", []),
        ("def f(a: int = 3) -> None: ...", [("3", "4")]),
    ],
)
def test_a_mistake_is_another_operator_sign_bound_constant_or_a_line_left_out(text, expected):
    assert changes(text) == expected


def test_only_the_place_of_the_mistake_changes():
    text = "α = 1  # ±\nif a < b:  # a comment\n    c = (d +\n         e)\n"

    made = [each.put_into(text) for each in mutants("some.py", text)]

    assert "α = 2  # ±\nif a < b:  # a comment\n    c = (d +\n         e)\n" in made
    assert "α = 1  # ±\nif (a >= b):  # a comment\n    c = (d +\n         e)\n" in made
    assert "α = 1  # ±\nif a < b:  # a comment\n    c = ((d - e))\n" in made


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.file)
def test_every_mistake_is_python_and_another_program(target):
    text = text_of(target.file)
    found = found_in(target, text)

    original = ast.dump(ast.parse(text))
    for each in found[::7]:
        assert ast.dump(ast.parse(each.put_into(text))) != original
    assert len({each.key for each in found}) == len(found) > 5


def test_an_edit_elsewhere_leaves_the_choice_as_it_was():
    text = text_of("risk/limits.py")
    before = chosen(mutants("risk/limits.py", text), 20, seed=3)

    after = chosen(mutants("risk/limits.py", f"# one line more\n{text}"), 20, seed=3)

    assert [each.key for each in after] == [each.key for each in before]
    assert [each.line for each in after] == [each.line + 1 for each in before]
    assert chosen(mutants("risk/limits.py", text), 20, seed=4) != before


def test_every_module_has_its_share():
    plan = seeded(100, 1, text_of)

    assert 90 <= len(plan) <= 110
    assert {mutant.file for _, mutant in plan} == {target.file for target in TARGETS}


def test_what_is_told_to_be_equivalent_is_in_the_source():
    found = {
        (each.file, each.function, each.before, each.after)
        for target in TARGETS
        for each in found_in(target, text_of(target.file))
    }

    assert set(EQUIVALENT) <= found
    assert set(ANYWHERE) <= {(before, after) for _, _, before, after in found}


def test_the_report_counts_what_was_killed_and_names_what_was_not():
    mutant = mutants("some.py", "x = a < b")[0]
    outcomes = [
        Outcome(mutant, "tests/test_x.py::test_y", 1.0),
        Outcome(mutant, "", 1.0, equivalent="they are never equal"),
        Outcome(mutant, "", 1.0),
    ]

    assert killed_ratio(outcomes) == 0.5
    told = as_markdown(outcomes)
    assert "3 mutants, 1 of them equivalent, 1 survived: 50.0% of the others killed." in told
    assert "**survived**" in told


@pytest.mark.slow
def test_a_few_mistakes_in_the_backtester_are_noticed():
    """One each in the account, the kernel, the size and the statistics; one may slip through."""
    plan = [
        next((t, m) for t, m in seeded(100, 1, text_of) if m.file.endswith(name)) for name in A_FEW
    ]

    with a_copy() as copy:
        outcomes = run(plan, copy, near_only=True)

    survivors = [each for each in outcomes if each.survived]
    assert len(survivors) <= 1, as_markdown(outcomes)


@pytest.mark.slow
def test_tests_that_fail_anyway_say_nothing_about_a_mistake():
    target = next(each for each in TARGETS if each.file == "risk/switches.py")
    mutant = found_in(target, text_of(target.file))[0]

    with a_copy() as copy:
        path = Path(copy.folder, target.near[0])
        path.write_text(path.read_text() + "\n\ndef test_nothing():\n    assert False\n")

        with pytest.raises(AlreadyRed, match="test_nothing"):
            run([(target, mutant)], copy, near_only=True)


def test_the_file_is_as_it_was_after_a_mistake():
    mutant: Mutant = mutants("risk/switches.py", text_of("risk/switches.py"))[0]

    with a_copy() as copy:
        before = copy.text_of(mutant.file)
        with copy.with_mistake(mutant, 0):
            assert copy.text_of(mutant.file) == mutant.put_into(before)
        assert copy.text_of(mutant.file) == before
