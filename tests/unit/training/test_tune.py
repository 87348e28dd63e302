"""Settings that are chosen: the same however it is stopped or spread, and never on what is told."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest

from cointrader.app.tune import workers
from cointrader.training.params import backend_of
from cointrader.training.pieces import Job, Piece, fit_piece
from cointrader.training.population import TooFewRows
from cointrader.training.tune import answer, job_of, tune
from cointrader.training.tune_space import SPACES, usual
from cointrader.training.tune_study import BATCH, Study, is_hopeless, optuna, storage_at
from tests.unit.training.samples import DAY_MS, sample

pytest.importorskip("optuna", reason="Optuna is not installed here")
pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")

TRIALS = 3 * BATCH
FOLDS = 4


def a_study(path, trials=TRIALS, seed=3):
    storage = storage_at(path)
    return Study(storage, "one", SPACES["lgbm"], usual("lgbm"),
                 folds=FOLDS, trials=trials, seed=seed)  # fmt: skip


def a_score(question):
    """Best at a learning rate of 0.05 with 9 leaves."""
    rate, leaves = question.params["learning_rate"], question.params["num_leaves"]
    return -100 * (rate - 0.05) ** 2 - (leaves - 9) ** 2 / 1000 + 0.001 * question.fold


def searched(path, stop=None, order=lambda _questions: None, **told):
    """A study that is asked to its end, or to its n-th answer; in whatever order."""
    study = a_study(path, **told)
    questions, answers = study.begin(), 0
    while questions and answers != stop:
        order(questions)
        question = questions.pop(0)
        questions += study.hear(question, a_score(question))
        answers += 1
    return study


def course(path):
    """Every trial of a file, as it was kept."""
    study = optuna().load_study(study_name="one", storage=storage_at(path).of_optuna)
    return [(each.state.name, each.params, each.values) for each in study.get_trials()]


@pytest.mark.parametrize("backend", ["lgbm", "mlx"])
def test_what_can_be_chosen_can_be_trained_with(backend):
    for name, own in SPACES[backend].items():
        for value in (own.low, own.high):
            backend_of(backend, {name: int(value) if own.is_whole else value})
    assert usual(backend).keys() == SPACES[backend].keys()


def test_the_first_trial_is_the_usual_one(tmp_path):
    study = a_study(tmp_path / "journal")

    assert study.begin()[0].params == pytest.approx(usual("lgbm"))


def test_whole_numbers_are_asked_about_as_such_and_never_outside_of_their_range(tmp_path):
    study = a_study(tmp_path / "journal", trials=5 * BATCH)
    questions, asked = study.begin(), []
    while questions:
        question = questions.pop()
        asked.append(question.params["num_leaves"])
        questions += study.hear(question, float(question.params["num_leaves"]))

    own = SPACES["lgbm"]["num_leaves"]
    assert {type(value) for value in asked} == {int}
    assert min(asked) >= own.low
    assert max(asked) == own.high == study.best()[0]["num_leaves"]


def test_a_batch_is_in_the_file_as_a_whole_or_not_at_all(tmp_path):
    study = a_study(tmp_path / "journal")
    questions = study.begin()
    seen = set()
    while questions:
        question = questions.pop(0)
        questions += study.hear(question, a_score(question))
        seen.add(len((tmp_path / "journal").read_text().splitlines()))

    head = min(seen)
    assert seen == {head + done for done in range(0, TRIALS + 1, BATCH)}


def test_a_search_finds_what_is_better(tmp_path):
    params, score = searched(tmp_path / "journal").best()

    assert score > a_score_of_usual()
    assert params["learning_rate"] == pytest.approx(0.05, abs=0.03)


def a_score_of_usual():
    own = usual("lgbm")
    return -100 * (own["learning_rate"] - 0.05) ** 2 - (own["num_leaves"] - 9) ** 2 / 1000 + 0.0015


@pytest.mark.parametrize("stops", [(1,), (7, 33), (50, 20, 61, 5)])
def test_stopped_anywhere_it_goes_the_same_way(tmp_path, stops):
    whole = searched(tmp_path / "whole")
    for stop in stops:
        searched(tmp_path / "stopped", stop=stop)

    goes_on = searched(tmp_path / "stopped")

    assert goes_on.done == whole.done == TRIALS
    assert course(tmp_path / "stopped") == course(tmp_path / "whole")


def test_answers_in_any_order_it_goes_the_same_way(tmp_path):
    searched(tmp_path / "in order")

    searched(tmp_path / "in none", order=random.Random(1).shuffle)

    assert course(tmp_path / "in none") == course(tmp_path / "in order")


def test_more_trials_go_on_from_those_there_are(tmp_path):
    searched(tmp_path / "journal", trials=BATCH)
    first = course(tmp_path / "journal")

    searched(tmp_path / "journal", trials=2 * BATCH)

    assert course(tmp_path / "journal")[:BATCH] == first
    assert len(course(tmp_path / "journal")) == 2 * BATCH


def test_another_seed_goes_another_way(tmp_path):
    searched(tmp_path / "a", trials=BATCH)
    searched(tmp_path / "b", trials=BATCH, seed=4)

    assert course(tmp_path / "a")[1:] != course(tmp_path / "b")[1:]


def test_what_others_left_running_is_ended_and_not_counted(tmp_path):
    study = a_study(tmp_path / "journal")
    study.begin()
    left = optuna().load_study(study_name="one", storage=storage_at(tmp_path / "journal").of_optuna)
    left.ask({})

    assert a_study(tmp_path / "journal").done == 0
    assert [state for state, _, _ in course(tmp_path / "journal")] == ["FAIL"]


def test_a_kill_while_writing_costs_the_last_line_only(tmp_path):
    searched(tmp_path / "journal", trials=BATCH)
    shutil.copy(tmp_path / "journal", tmp_path / "whole")
    with (tmp_path / "journal").open("r+b") as file:
        file.truncate((tmp_path / "journal").stat().st_size - 20)

    assert a_study(tmp_path / "journal").done == BATCH - 1
    searched(tmp_path / "journal", trials=BATCH)
    assert len(course(tmp_path / "journal")) == BATCH


def test_killed_after_any_line_it_wrote_it_goes_the_same_way(tmp_path):
    searched(tmp_path / "whole")
    lines = (tmp_path / "whole").read_text().splitlines(keepends=True)
    for written in range(len(lines)):
        (tmp_path / "cut").write_text("".join(lines[:written]))

        searched(tmp_path / "cut")

        assert course(tmp_path / "cut") == course(tmp_path / "whole"), f"{written} lines"


def test_the_version_that_began_a_search_is_kept(tmp_path):
    assert searched(tmp_path / "journal", stop=1).begun_with == optuna().__version__


@pytest.mark.parametrize(
    ("found", "best", "is_worse"),
    [
        ([0.5, 0.5], [0.6, 0.6], False),  # two folds say nothing yet: one chance in four
        ([0.5, 0.5, 0.5], [0.6, 0.61, 0.62], True),  # one in eight
        ([0.5, 0.5, 0.7], [0.6, 0.61, 0.62], False),
        ([0.6, 0.61, 0.62], [0.5, 0.5, 0.5], False),
        ([0.6, 0.6, 0.6], [0.6, 0.6, 0.6], False),
        ([0.5], [], False),
    ],
)
def test_a_trial_is_given_up_when_chance_no_longer_explains_it(found, best, is_worse):
    assert is_hopeless(found, best) is is_worse


# ------------------------------------------------------------------ nested


def test_no_search_sees_a_row_of_the_test_it_is_reported_on():
    made = sample(900)
    job = job_of(made, (), "lgbm", folds=3, inner_folds=3)

    assert len(job.searches) == 4
    for number, (_, test) in enumerate(job.outer):
        begins = made.open_ms[test[0]]
        for train, inner_test in job.searches[f"before fold {number + 1}"]:
            seen = np.concatenate((train, inner_test))
            assert made.label_end_ms[seen].max() <= begins - DAY_MS
            assert made.label_end_ms[train].max() <= made.open_ms[inner_test[0]] - DAY_MS


def test_where_a_training_is_too_small_the_usual_settings_count(tmp_path):
    job = job_of(sample(400), (), "lgbm", folds=5, inner_folds=2)
    assert "before fold 1" not in job.searches

    with workers(answer, job) as ask:
        result = tune(job, storage_at(tmp_path / "journal"), ask, trials=1)

    assert result.params_of_folds[0] is None
    assert result.tuned[0] == result.baseline[0]
    assert result.is_complete


def test_too_few_rows_are_refused():
    with pytest.raises(TooFewRows):
        job_of(sample(60), (), "lgbm", folds=2)


def test_the_usual_scores_are_those_of_a_training(tmp_path):
    made = sample(500, edge=1.0)
    job = job_of(made, (3,), "lgbm", folds=2, inner_folds=2, seed=5)
    with workers(answer, job) as ask:
        result = tune(job, storage_at(tmp_path / "journal"), ask, trials=1)

    whole = Job(made, job.outer, backend_of("lgbm"), (3,), 5)
    from cointrader.training.measures import auc

    assert result.baseline == tuple(
        auc(made.label[test], fit_piece(whole, Piece(fold)).margins)
        for fold, (_, test) in enumerate(job.outer)
    )


def test_time_that_is_up_ends_with_what_there_is(tmp_path):
    job = job_of(sample(500, edge=1.0), (), "lgbm", folds=2, inner_folds=2)
    with workers(answer, job) as ask:
        result = tune(job, storage_at(tmp_path / "journal"), ask, trials=5_000, timeout_s=0.5)

    assert not result.is_complete
    assert BATCH <= result.trials < 5_000


def test_progress_counts_every_trial_once(tmp_path):
    job = job_of(sample(400), (), "lgbm", folds=2, inner_folds=2)
    told = []
    with workers(answer, job) as ask:
        tune(job, storage_at(tmp_path / "journal"), ask, trials=2,
             on_progress=lambda done, total: told.append((done, total)))  # fmt: skip

    assert sum(done for done, _ in told) == told[0][1] == 2 * len(job.searches)


@pytest.mark.slow
def test_in_other_processes_and_on_a_cluster_it_goes_the_same_way(tmp_path):
    job = job_of(sample(400, edge=1.0), (), "lgbm", folds=2, inner_folds=2)

    def found(name, **where):
        with workers(answer, job, **where) as ask:
            return tune(job, storage_at(tmp_path / name), ask, trials=2)

    here = found("here")
    assert found("processes", jobs=2) == here
    distributed = pytest.importorskip("distributed", reason="Dask (distributed) is not installed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        assert found("cluster", cluster=cluster.scheduler_address) == here
