import hashlib
import math
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from cointrader.backtest.criteria import About, Criterion, load_criteria, parsed
from cointrader.backtest.statistics.evidence import MEASURES, Method
from cointrader.domain.errors import ConfigError

DOCS = Path(__file__).parents[3] / "docs" / "statistics.md"
IN_SHORT = {"profit_factor_low", "profit_factor_high"}  # there as `_low`, `_high`

METHOD = """
[method]
confidence = 0.9
draws = 1000
seed = 3
random_plays = 50
luck_limit = 0.05
power = 0.9
"""
EDGE = """
[[criterion]]
measure = "mean_r"
at_least = 0.1
about = "edge"
why = "Because."
"""


def refused(text):
    with pytest.raises(ConfigError) as error:
        parsed(text.encode(), "own.toml")
    return str(error.value)


def test_the_shipped_criteria_judge_data_and_edge_and_carry_their_hash():
    shipped = load_criteria()
    text = resources.files("cointrader.backtest").joinpath("criteria.toml").read_bytes()

    assert {criterion.about for criterion in shipped.criteria} == {About.DATA, About.EDGE}
    assert shipped.hash == hashlib.sha256(text).hexdigest()
    assert all(criterion.why for criterion in shipped.criteria)


def test_the_shipped_criteria_say_how_to_measure_what_is_the_default():
    assert load_criteria().method == Method()


@pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not here")
def test_every_measure_and_every_shipped_bound_is_in_the_documentation():
    text = DOCS.read_text(encoding="utf-8")

    assert [name for name in MEASURES if f"`{name}`" not in text and name not in IN_SHORT] == []
    for criterion in load_criteria().criteria:
        assert f"| `{criterion.measure}` | at " in text


def test_own_criteria_are_read_from_their_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(METHOD + EDGE, encoding="utf-8")

    own = load_criteria(path)

    assert own.criteria == (Criterion("mean_r", About.EDGE, "Because.", at_least=0.1),)
    assert own.method == replace(
        Method(), confidence=0.9, draws=1000, seed=3, random_plays=50, luck_limit=0.05, power=0.9
    )
    assert own.source == str(path)


def test_another_bound_is_another_hash():
    assert (
        parsed((METHOD + EDGE).encode(), "").hash
        != parsed((METHOD + EDGE.replace("0.1", "0.2")).encode(), "").hash
    )


def test_bounds_include_themselves_and_never_what_cannot_be_told():
    low = Criterion("mean_r", About.EDGE, "", at_least=0.1)
    high = Criterion("luck", About.EDGE, "", at_most=0.02)

    assert [low.is_met(value) for value in (0.09, 0.1, math.inf, math.nan)] == [
        False,
        True,
        True,
        False,
    ]
    assert [high.is_met(value) for value in (0.03, 0.02, math.nan)] == [False, True, False]


def test_an_unknown_measure_is_refused_with_those_there_are():
    said = refused(METHOD + EDGE.replace("mean_r", "meanR"))

    assert "own.toml, criterion 1" in said
    assert "meanR" in said
    assert "mean_r_low" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (METHOD, "everything would be one"),
        (METHOD + EDGE.replace('"edge"', '"data"'), "everything would be one"),
        (EDGE, "how to measure"),
        (METHOD.replace("seed = 3\n", "") + EDGE, "no seed"),
        (METHOD + EDGE + "at_most = 1.0", "one bound"),
        (METHOD + EDGE.replace("at_least = 0.1", ""), "one bound"),
        (METHOD + EDGE.replace("0.1", '"much"'), "a bound is a number"),
        (METHOD + EDGE.replace("0.1", "nan"), "a bound is a number"),
        (METHOD + EDGE.replace('"edge"', '"luck"'), "about the data or the edge"),
        (METHOD + EDGE + "weight = 2", "weight"),
        (METHOD.replace("0.9", "1.5") + EDGE, "no share"),
        (METHOD.replace("1000", "10") + EDGE, "at least 100"),
        (METHOD + "extra = 1" + EDGE, "extra"),
        ("criterion = 3", "list of tables"),
        ("= 3", "not valid TOML"),
    ],
)
def test_criteria_that_say_too_little_or_too_much_are_refused(text, says):
    assert says in refused(text)


def test_criteria_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read") as error:
        load_criteria(tmp_path / "none.toml")

    assert "none.toml" in str(error.value)
