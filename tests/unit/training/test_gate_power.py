"""What the gate lets through, in small: `python -m benchmarks.gate_power` asks a hundred times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lightgbm", reason="training needs the extra 'train'")

from benchmarks.gate_power import Answers
from cointrader.training.alpha import Attempt
from cointrader.training.boosting import Boosting, BoostingSettings
from cointrader.training.candidate import read_tested
from cointrader.training.gate import judge
from cointrader.training.gate_criteria import load_gate_criteria
from cointrader.training.gate_play import Alone, Judged, let_pass
from cointrader.training.gate_power import (
    EDGE_OF_070,
    NAMES,
    Trial,
    World,
    come,
    come_weekly,
    drawn,
)
from cointrader.training.measures import auc
from cointrader.training.splits import EMBARGO_MS, expanding
from cointrader.training.train import Material, Plan, Subject, train

SMALL = Boosting(BoostingSettings(num_boost_round=40, learning_rate=0.1))
SHIPPED = load_gate_criteria()
CRITERIA = replace(SHIPPED, method=replace(SHIPPED.method, draws=1_000, random_filters=200))
NO_CONTROLS = replace(
    CRITERIA,
    criteria=tuple(c for c in CRITERIA.criteria if not c.measure.startswith("controls")),
)


@pytest.mark.parametrize("mean_r", [0.0, -0.15])
def test_the_planted_edge_ranks_trades_with_an_auc_of_070_at_best(mean_r):
    made = drawn(World(rows=300_000, edge=EDGE_OF_070, mean_r=mean_r), 1)

    assert auc(made.sample.label, made.odds) == pytest.approx(0.70, abs=0.004)
    assert made.net_r.mean() == pytest.approx(mean_r, abs=0.01)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_model_that_knows_something_is_let_through(seed):
    made = drawn(World(edge=EDGE_OF_070), seed)

    assert come(made, NO_CONTROLS, seed, backend=SMALL).passed


@pytest.mark.parametrize("mean_r", [-0.15, 0.0, 0.15])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_model_that_knows_nothing_is_not(seed, mean_r):
    made = drawn(World(mean_r=mean_r), seed)

    assert not come(made, CRITERIA, seed, backend=SMALL).passed


def test_a_long_measurement_goes_on_where_it_was_stopped(tmp_path: Path):
    path, asked = tmp_path / "answers.jsonl", []

    def play(seed):
        asked.append(seed)
        return Trial("trades" if seed == 2 else "")

    def answers(judged_by="criteria"):
        found = Answers(path, judged_by)
        return [found.of("noise", World(), seed, play) for seed in (1, 2, 3)]

    path.write_text('["noise", "World(rows=1')  # what a kill left
    assert answers() == ["", "trades", ""]
    assert answers() == ["", "trades", ""]
    assert asked == [1, 2, 3]

    answers("other criteria")
    assert asked == [1, 2, 3, 1, 2, 3]


def test_weekly_trainings_on_noise_do_not_get_through_by_trying():
    weeks = come_weekly(World(rows=700), CRITERIA, 1, weeks=8, backend=SMALL)

    assert len(weeks.trials) == 8
    assert not weeks.passed


def test_the_short_way_to_an_answer_and_the_whole_one_agree(tmp_path: Path):
    """Fits one by one, as far as they matter; and a training with its candidate and card."""
    seed, made = 3, drawn(World(rows=900, edge=1.5), 3)
    backend = Boosting(BoostingSettings(num_boost_round=10, learning_rate=0.3))
    material = Material(
        made.sample, NAMES, made.net_r, np.ones(900, np.int8), (), "d", dict.fromkeys(NAMES, 1.0)
    )
    splits = [(part.train, part.test) for part in expanding(made.sample, 3, EMBARGO_MS)]
    subject = Subject("XRPUSDT", "15m", "score", "engine", {})
    outcome = train(subject, material, splits, Plan(backend, EMBARGO_MS, seed), tmp_path)
    tested = read_tested(tmp_path, "lgbm")
    passed, is_judged = let_pass(tested)
    whole = judge(
        Judged(tested.fold[is_judged], passed[is_judged]),
        Alone(tested.net_r[is_judged]),
        outcome.card,
        Attempt(1, is_new=True),
        CRITERIA,
    )

    assert whole.passed, whole.summary
    assert come(made, CRITERIA, seed, folds=3, backend=backend).passed
