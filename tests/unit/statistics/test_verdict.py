import math

import pytest

from cointrader.backtest.criteria import About, Criteria, Criterion, load_criteria
from cointrader.backtest.statistics.evidence import Method
from cointrader.backtest.verdict import Answer, Subject, judge
from cointrader.domain.errors import ConfigError

SUBJECT = Subject("c0ffee", "da7a", "30de1")
CRITERIA = Criteria(
    (
        Criterion("trades", About.DATA, "Few prove nothing.", at_least=200),
        Criterion("mean_r", About.EDGE, "It must earn.", at_least=0.0),
        Criterion("luck", About.EDGE, "It must not be luck.", at_most=0.02),
    ),
    Method(),
    "fe11",
    "own.toml",
)


def verdict_on(criteria=CRITERIA, **measures):
    return judge({"trades": 500.0, "mean_r": 0.3, "luck": 0.001} | measures, criteria, SUBJECT)


def test_all_criteria_met_is_an_edge():
    verdict = verdict_on()

    assert verdict.answer is Answer.EDGE
    assert verdict.summary == "edge: all 3 criteria are met"


def test_a_failed_criterion_about_the_edge_is_no_edge():
    verdict = verdict_on(mean_r=-0.2, luck=1.0)

    assert verdict.answer is Answer.NO_EDGE
    assert verdict.summary == "no edge: 2 of 3 criteria are not met"


def test_a_failed_criterion_about_the_data_is_too_little_data_whatever_else_failed():
    assert verdict_on(trades=50.0).answer is Answer.TOO_LITTLE_DATA
    assert verdict_on(trades=50.0, mean_r=-0.5).answer is Answer.TOO_LITTLE_DATA
    assert verdict_on(trades=50.0).summary == "too little data to tell: number of trades"


def test_what_cannot_be_told_is_not_met():
    assert verdict_on(luck=math.nan).answer is Answer.NO_EDGE


def test_every_criterion_is_told_with_its_number_its_bound_and_the_outcome():
    verdict = verdict_on(mean_r=-0.161)

    assert [finding.line for finding in verdict.findings] == [
        "passed: number of trades 500, at least 200",
        "failed: mean result of a trade -0.161 R, at least 0 R",
        "passed: probability of so good a result by luck, all trials counted 0.1 %, at most 2 %",
    ]
    assert [finding.passed for finding in verdict.findings] == [True, False, True]


def test_infinite_and_unknown_numbers_are_told_in_words():
    criteria = Criteria(
        (
            Criterion("profit_factor", About.EDGE, "", at_least=1.0),
            Criterion("random_p", About.EDGE, "", at_most=0.05),
        ),
        Method(),
        "",
        "",
    )

    verdict = judge({"profit_factor": math.inf, "random_p": math.nan}, criteria, SUBJECT)

    assert [finding.line for finding in verdict.findings] == [
        "passed: profit factor infinite, at least 1",
        "failed: how often random entries do as well (cannot be told), at most 5 %",
    ]


def test_a_criterion_about_something_not_measured_is_a_mistake_and_no_verdict():
    with pytest.raises(ConfigError, match="not measured") as error:
        judge({"trades": 1.0}, load_criteria(), SUBJECT)

    assert "random_p" in str(error.value)


def test_a_verdict_speaks_for_exactly_what_was_judged():
    edge = verdict_on()

    assert edge.refusal(configuration="c0ffee", model="30de1") is None
    assert "another configuration" in edge.refusal(configuration="other", model="30de1")
    assert "another model" in edge.refusal(configuration="c0ffee", model="")


def test_no_other_answer_speaks_for_trading():
    assert verdict_on(mean_r=-1.0).refusal(configuration="c0ffee", model="30de1") == (
        "the verdict is no edge"
    )
