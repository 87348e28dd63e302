"""What a report says in plain words."""

import math
from dataclasses import replace

import pytest

from cointrader.backtest.report import report_data
from cointrader.backtest.report.words import (
    account_sentences,
    headline,
    percent,
    r_sum,
    sentences,
    signed_percent,
    summary,
    told,
)
from cointrader.backtest.verdict import Answer
from tests.unit.report.making import played_inputs


@pytest.fixture(scope="module")
def data():
    return report_data(played_inputs())


def with_measures(data, answer=None, **changed):
    """The same report with other measures, and perhaps another answer."""
    judged = data.inputs.judged
    verdict = replace(
        judged.verdict,
        measures={**judged.verdict.measures, **changed},
        answer=answer or judged.verdict.answer,
    )
    return replace(data, inputs=replace(data.inputs, judged=replace(judged, verdict=verdict)))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (-0.2648, "R", "−0.265 R"),
        (0.5, "R", "+0.500 R"),
        (1487.0, "count", "1,487"),
        (1.0, "days", "1 day"),
        (0.0341, "share", "3.41 %"),
        (0.000004, "share", "below 0.01 %"),
        (1.0, "share", "100.0 %"),
        (-12.345, "money", "−12.35"),
        (0.748, "times", "0.75"),
        (math.inf, "times", "∞"),
        (math.nan, "R", "–"),
    ],
)
def test_numbers_are_told_in_their_unit(value, unit, text):
    assert told(value, unit) == text


def test_sums_and_changes_have_a_sign():
    assert r_sum(-1234.56) == "−1,234.6 R"
    assert signed_percent(10.1992) == "+1,019.9 %"
    assert percent(math.nan) == "–"


def test_a_loss_is_called_one(data):
    lost = with_measures(
        data, trades=1487.0, days=361.0, mean_r=-0.265, mean_r_low=-0.338, mean_r_high=-0.191
    )

    assert sentences(lost)[0] == (
        "In 361 days the strategy’s own 1,487 trades lost 0.265 R each on average, all costs "
        "paid: chance leaves it anywhere from −0.338 R to −0.191 R, all of it a loss."
    )


def test_a_gain_that_may_be_nothing_is_called_that(data):
    unsure = with_measures(data, mean_r=0.05, mean_r_low=-0.02, mean_r_high=0.12)

    assert "earned 0.050 R" in sentences(unsure)[0]
    assert "so it may be nothing" in sentences(unsure)[0]


@pytest.mark.parametrize(
    ("mean", "without", "begins"),
    [
        (-0.3, -0.1, "Costs are not the reason"),
        (-0.3, 0.1, "Costs take more than there is"),
        (0.1, 0.4, "Without fees and slippage it would be +0.400 R"),
    ],
)
def test_what_costs_have_to_do_with_it_is_told(data, mean, without, begins):
    told_of = sentences(with_measures(data, mean_r=mean, mean_r_no_costs=without))

    assert any(sentence.startswith(begins) for sentence in told_of)


def test_trials_are_told_when_there_was_more_than_one(data):
    assert any("7 configurations" in sentence for sentence in sentences(data))
    single = with_measures(data, trials=1.0)
    assert not any("configurations" in sentence for sentence in sentences(single))


def test_a_strategy_without_a_trade_is_told_in_a_sentence(data):
    silent = with_measures(data, trades=0.0, mean_r=math.nan)

    assert sentences(silent)[0].endswith("made no trade.")


def test_the_day_of_the_halt_is_told(data):
    halted = replace(data.account, drawdown_halt_ms=1_743_253_200_000)

    assert "halted it on 2025-03-29 13:00 UTC" in account_sentences(halted)[-1]
    assert not any(
        "halted" in each for each in account_sentences(replace(halted, drawdown_halt_ms=None))
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer.EDGE, "Edge"),
        (Answer.NO_EDGE, "No edge"),
        (Answer.TOO_LITTLE_DATA, "Too little data"),
    ],
)
def test_the_answer_is_the_headline(data, answer, words):
    verdict = with_measures(data, answer=answer).inputs.judged.verdict

    assert headline(verdict) == words
    assert summary(verdict).endswith(".")


def test_without_a_verdict_it_says_so():
    told_of = sentences(report_data(played_inputs(is_judged=False)))

    assert headline(None) == "Not judged"
    assert "were not judged" in told_of[0]
    assert told_of[1].startswith("The account went from 1,000.00 to ")
