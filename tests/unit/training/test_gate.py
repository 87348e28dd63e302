"""The gate: what it lets through, what it refuses, and what it says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cointrader.domain.errors import ConfigError
from cointrader.training.alpha import Attempt, level_of
from cointrader.training.card import Group
from cointrader.training.gate import judge
from cointrader.training.gate_criteria import load_gate_criteria, parsed
from cointrader.training.gate_measures import against_random, chance_of, lower_bound, traded
from cointrader.training.gate_play import Alone, Judged
from tests.unit.training.gate_cases import a_card, knowing

FIRST = Attempt(1, is_new=True)
SHIPPED = load_gate_criteria()
CRITERIA = replace(SHIPPED, method=replace(SHIPPED.method, draws=1_000, random_filters=200))
METHOD = CRITERIA.method


def judged_as(case, card, attempt=FIRST):
    judged, play = case
    return judge(judged, play, card, attempt, CRITERIA)


def failed(verdict):
    return {finding.measure for finding in verdict.findings if not finding.passed}


def test_a_filter_that_makes_the_strategy_better_and_good_passes():
    verdict = judged_as(knowing(), a_card())

    assert verdict.passed
    assert failed(verdict) == set()
    assert verdict.summary == "passed: all 11 criteria are met"


def test_less_loss_is_not_enough():
    verdict = judged_as(knowing(good=-0.1, bad=-0.9), a_card())

    assert failed(verdict) == {"mean_r_low"}


def test_trades_that_are_good_anyway_are_not_the_filters_doing():
    verdict = judged_as(knowing(good=0.4, bad=0.4), a_card())

    assert failed(verdict) == {"more_r_low", "random_p"}


def test_refusing_at_random_on_a_rule_that_loses_does_not_count_as_knowing():
    judged, play = knowing(good=-0.3, bad=-0.3)
    found = traded(judged, play, METHOD, 0.03)

    assert found["more_r_low"] > 0.0  # fewer trades lose less
    assert against_random(judged, play, METHOD)["random_p"] > 0.03


def test_a_good_filter_refuses_losers_of_a_fold_and_not_only_bad_folds():
    """All of the first half passes and none of the second: time, not knowledge."""
    rng = np.random.default_rng(1)
    fold = np.repeat([1, 2], 300)
    net_r = np.where(fold == 1, 0.5, -0.5) + rng.normal(0.0, 1.0, 600)
    passed = fold == 1
    passed[::7] = True

    assert against_random(Judged(fold, passed), Alone(net_r), METHOD)["random_p"] > 0.05


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_filter_that_lets_all_or_none_pass_is_no_filter(share):
    verdict = judged_as(knowing(share=share), a_card())

    assert not verdict.passed
    assert "random_p" in failed(verdict)


def test_few_trades_say_nothing_yet():
    verdict = judged_as(knowing(count=150, good=2.0, bad=-2.0), a_card())

    assert failed(verdict) == {"trades"}
    assert verdict.summary.endswith("; too little data: trades that the filter lets pass")


def test_without_any_trade_everything_about_trades_fails_and_nothing_breaks():
    judged = Judged(np.ones(50, np.int64), np.ones(50, np.bool_))
    verdict = judge(judged, Alone(np.full(50, np.nan)), a_card(), FIRST, CRITERIA)

    assert {"trades", "mean_r_low", "more_r_low", "random_p"} <= failed(verdict)
    assert json.dumps(verdict.as_plain(), allow_nan=False)


CARD = a_card()


def changed(struct, **values):
    """A card's part with some values changed."""
    kept = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return type(struct)(**{**kept, **values})


@pytest.mark.parametrize(
    ("part", "values", "measure"),
    [
        ("controls", {"mean": 0.54}, "controls_distance"),
        ("controls", {"mean": None}, "controls_distance"),
        ("controls", {"at_or_above": 1}, "controls_p"),
        ("controls", {"aucs": (0.5,) * 19}, "controls"),
        ("calibration", {"slope": 0.0}, "calibration_slope"),
        ("calibration", {"brier": 0.25}, "brier_gain"),
        ("calibration", {"brier": None}, "brier_gain"),
        ("calibration", {"error": 0.2}, "calibration_excess"),
    ],
)
def test_a_card_that_speaks_against_its_model_is_heard(part, values, measure):
    card = a_card(**{part: changed(getattr(CARD, part), **values)})

    assert measure in failed(judged_as(knowing(), card))


def test_few_rows_that_look_ill_calibrated_by_chance_alone_are_no_reason():
    few = tuple(Group(rows=25, foretold=0.5, came=each) for each in (0.38, 0.62))
    many = tuple(Group(rows=2_500, foretold=0.5, came=each) for each in (0.38, 0.62))

    def heard(groups):
        calibrated = changed(CARD.calibration, error=0.12, groups=groups)
        return failed(judged_as(knowing(), a_card(calibration=calibrated)))

    assert heard(few) == set()
    assert heard(many) == {"calibration_excess"}


def test_a_model_that_only_repeats_the_rule_is_refused():
    alone = changed(CARD.ablations[0], low=0.47)
    verdict = judged_as(knowing(), a_card(ablations=(*CARD.ablations, alone)))

    assert failed(verdict) == {"ablation_auc_low"}


def test_what_was_not_looked_at_is_not_met():
    verdict = judged_as(knowing(), a_card(ablations=()))

    assert failed(verdict) == {"ablation_auc_low"}
    assert "(cannot be told)" in verdict.findings[4].line


def test_the_same_evidence_may_pass_at_first_and_fail_as_the_fiftieth_attempt():
    case = knowing(good=0.15, bad=-0.35, seed=3)

    assert judged_as(case, a_card()).passed
    late = judged_as(case, a_card(), Attempt(50, is_new=True))
    assert "mean_r_low" in failed(late)
    assert late.level == level_of(50, 0.05)


def test_a_lower_bound_falls_with_its_level_beyond_what_draws_can_tell():
    values = np.random.default_rng(1).normal(0.1, 1.0, 400)
    bounds = [lower_bound(values, METHOD, level) for level in (0.05, 1e-3, 1e-5, 1e-7)]

    assert bounds == sorted(bounds, reverse=True)
    assert bounds[2] - bounds[3] > 0.03  # a thousand draws alone would say the same


def test_a_chance_beyond_what_draws_can_tell_is_small_but_not_nothing():
    drawn = np.random.default_rng(1).normal(0.0, 1.0, 1_000)

    assert chance_of(0.0, drawn) == pytest.approx(0.5, abs=0.05)
    assert chance_of(5.0, drawn) == pytest.approx(2.9e-7, rel=2.0)
    assert chance_of(0.1, np.zeros(1_000)) == 1.0  # all alike: they tell nothing


def test_a_line_says_measure_value_and_bound_in_words():
    verdict = judged_as(knowing(count=150), a_card())

    assert verdict.findings[0].line.startswith("failed: trades that the filter lets pass ")
    assert verdict.findings[0].line.endswith(", at least 100")
    assert verdict.findings[3].line.endswith("at most 0.03")  # the level of the first attempt


def test_the_same_case_gets_the_same_verdict():
    first, second = (judged_as(knowing(), a_card()).as_plain() for _ in range(2))

    assert first == second


METHOD_TEXT = "[method]\nalpha=0.05\ndraws=1000\nrandom_filters=100\nseed=1\n"
PARAMS_TEXT = "[params]\nleast_folds=3\nleast_mean_gain=0.0\nleast_share_better=0.5\n"


def criterion(**values):
    told = {"measure": '"trades"', "about": '"model"', "at_least": "1", **values}
    lines = "\n".join(f"{name} = {text}" for name, text in told.items() if text)
    return f"[[criterion]]\n{lines}\n"


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        METHOD_TEXT + PARAMS_TEXT,  # everything would pass
        criterion() + PARAMS_TEXT,
        criterion() + METHOD_TEXT,
        criterion(about='"data"') + METHOD_TEXT + PARAMS_TEXT,
        criterion(measure='"luck"') + METHOD_TEXT + PARAMS_TEXT,
        criterion(at_most="2") + METHOD_TEXT + PARAMS_TEXT,
        criterion(at_least='"level"') + METHOD_TEXT + PARAMS_TEXT,
        criterion(at_least="nan") + METHOD_TEXT + PARAMS_TEXT,
        criterion() + METHOD_TEXT.replace("0.05", "0.7") + PARAMS_TEXT,
        criterion() + METHOD_TEXT.replace("draws=1000", "draws=10.5") + PARAMS_TEXT,
        criterion() + METHOD_TEXT + PARAMS_TEXT + "more = 1\n",
    ],
)
def test_criteria_that_would_judge_by_nothing_are_refused(text):
    with pytest.raises(ConfigError):
        parsed(text.encode(), "a file")


def test_criteria_of_ones_own_are_known_by_their_hash():
    text = criterion(at_least="1") + METHOD_TEXT + PARAMS_TEXT
    mine, other = parsed(text.encode(), "mine"), parsed(f"{text}\n".encode(), "mine")

    assert mine.criteria[0].at_least == 1.0
    assert mine.hash != other.hash != SHIPPED.hash
