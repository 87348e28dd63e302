"""What tuning costs beside the fits: asking, keeping on disk and telling, per trial.

Beside Optuna alone in memory, in one run, because a loaded machine is slow at both.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import pytest

from cointrader.training.tune_space import SPACES, usual
from cointrader.training.tune_study import BATCH, Study, _distribution, optuna, storage_at

pytest.importorskip("optuna", reason="Optuna is not installed here")

TRIALS, FOLDS = 96, 4


def ours(path: Path) -> None:
    """A whole search; a score costs nothing."""
    study = Study(storage_at(path), "one", SPACES["lgbm"], usual("lgbm"),
                  folds=FOLDS, trials=TRIALS, seed=1)  # fmt: skip
    questions = study.begin()
    while questions:
        question = questions.pop()
        questions += study.hear(question, -float(question.params["learning_rate"]))
    assert study.done == TRIALS


def bare() -> None:
    """As many trials, in batches as large, by Optuna in memory."""
    library = optuna()
    sampler = library.samplers.TPESampler(seed=1, n_startup_trials=2 * BATCH)
    study = library.create_study(direction="maximize", sampler=sampler)
    space = {name: _distribution(library, own) for name, own in SPACES["lgbm"].items()}
    for _ in range(TRIALS // BATCH):
        for trial in [study.ask(space) for _ in range(BATCH)]:
            study.tell(trial, -trial.params["learning_rate"])


def test_a_trial_beside_optuna_in_memory(benchmark: Any, tmp_path: Path) -> None:
    bare()  # imports what is imported at first use
    best = {"bare": float("inf"), "ours": float("inf")}
    for round_ in range(3):
        for name, work in (("bare", bare), ("ours", lambda: ours(tmp_path / f"{round_}"))):  # noqa: B023 - called at once
            started = time.process_time_ns()
            work()
            best[name] = min(best[name], (time.process_time_ns() - started) / 1e6 / TRIALS)
    benchmark.pedantic(ours, (tmp_path / "measured",), rounds=1)

    print(
        f"\n{platform.machine()}, per trial of {FOLDS} folds, processor time: Optuna in memory "
        f"{best['bare']:.2f} ms; with the file on disk, pruning and batches {best['ours']:.2f} ms, "
        f"{best['ours'] / best['bare']:.2f} times"
    )
    benchmark.extra_info.update(bare_ms=best["bare"], trial_ms=best["ours"])
    assert best["ours"] < 3 * best["bare"]
