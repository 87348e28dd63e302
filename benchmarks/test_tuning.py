"""What tuning costs beside the fits: asking, keeping on disk and telling, per trial.

Beside Optuna as it comes, in memory, in one run, because a loaded machine is slow at both.
"""

from __future__ import annotations

import platform
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cointrader.training.tune import TRIALS
from cointrader.training.tune_space import SPACES, usual
from cointrader.training.tune_study import BATCH, Study, optuna, storage_at

pytest.importorskip("optuna", reason="Optuna is not installed here")

FOLDS = 4


def ours(path: Path, trials: int) -> None:
    """A whole search; a score costs nothing."""
    study = Study(storage_at(path), "one", SPACES["lgbm"], usual("lgbm"),
                  folds=FOLDS, trials=trials, seed=1)  # fmt: skip
    questions = study.begin()
    while questions:
        question = questions.pop()
        questions += study.hear(question, -float(question.params["learning_rate"]))
    assert study.done == trials


def bare(trials: int) -> None:
    """As many trials, in batches as large, by Optuna in memory."""
    library = optuna()
    known = library.distributions
    sampler = library.samplers.TPESampler(seed=1, n_startup_trials=2 * BATCH)
    study = library.create_study(direction="maximize", sampler=sampler)
    space = {
        name: known.IntDistribution(int(own.low), int(own.high), log=own.is_log)
        if own.is_whole
        else known.FloatDistribution(own.low, own.high, log=own.is_log)
        for name, own in SPACES["lgbm"].items()
    }
    for _ in range(trials // BATCH):
        for trial in [study.ask(space) for _ in range(BATCH)]:
            study.tell(trial, -trial.params["learning_rate"])


@pytest.mark.parametrize("trials", [TRIALS, 2 * TRIALS])
def test_a_trial_beside_optuna_in_memory(benchmark: Any, tmp_path: Path, trials: int) -> None:
    bare(BATCH)  # imports what is imported at first use
    best = {"bare": float("inf"), "ours": float("inf")}
    for round_ in range(3):
        for name, work in (("bare", bare), ("ours", partial(ours, tmp_path / f"{round_}"))):
            started = time.process_time_ns()
            work(trials)
            best[name] = min(best[name], (time.process_time_ns() - started) / 1e6 / trials)
    benchmark.pedantic(ours, (tmp_path / "measured", trials), rounds=1)

    print(
        f"\n{platform.machine()}, {trials} trials of {FOLDS} folds, processor time of each: Optuna "
        f"in memory {best['bare']:.2f} ms; with the file on disk, pruning and batches "
        f"{best['ours']:.2f} ms, {best['ours'] / best['bare']:.2f} times"
    )
    benchmark.extra_info.update(bare_ms=best["bare"], trial_ms=best["ours"])
    assert best["ours"] < best["bare"]
