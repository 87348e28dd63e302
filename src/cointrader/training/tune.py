"""Settings chosen on training folds only, and what that choice is worth on time it never saw.

Nested: for every outer fold a search of its own chooses settings on folds inside of that fold's
training, and the chosen ones are tried once on the outer test. So the reported scores were never
optimised on. The settings that are handed on come from one more search over all rows; their own
score is too good by construction, and is not reported as theirs.

References: Cawley and Talbot (2010), Journal of Machine Learning Research 11, p. 2079.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import DataError
from cointrader.training import splits
from cointrader.training.backend import BACKENDS, Sample
from cointrader.training.measures import auc
from cointrader.training.params import backend_of
from cointrader.training.pieces import Job, Piece, fit_piece
from cointrader.training.population import TooFewRows
from cointrader.training.splits import Longs
from cointrader.training.tune_file import SearchFile
from cointrader.training.tune_space import SPACES, usual
from cointrader.training.tune_study import Question, Study

SCORE = "auc"
INNER_FOLDS = 4
TRIALS = 48
_WHOLE = "all rows"
_LEAST_OF_A_CLASS = 15  # in every training and test that settings are chosen on

Progress = Callable[[int, int], None]  # trials done now, and of how many in all
Folds = list[tuple[Longs, Longs]]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class TuneJob:
    """What all questions of a tuning have in common; it is sent to a process once.

    Parameters
    ----------
    searches : by name of a search the folds it chooses on, as row numbers of `sample`
    outer : folds that settings are reported on
    """

    sample: Sample
    searches: Mapping[str, Folds]
    outer: Folds
    left_out: tuple[int, ...]
    backend: str
    seed: int


class Scoring(Protocol):
    """Where questions are answered: in this process, in others, on a cluster."""

    def __call__(self, question: Question, /) -> Future[float]: ...


@dataclass(frozen=True, slots=True)
class TuneResult:
    """Settings, and the scores of usual and tuned ones on outer folds, which nobody chose by.

    Parameters
    ----------
    params : chosen on all rows
    baseline, tuned : of each outer fold; the tuned ones are that fold's own
    params_of_folds : what they were; None: too few rows to choose, the usual ones were taken
    trials, given_up : in all searches
    is_complete : False: time was up before all trials were made
    """

    params: Mapping[str, int | float]
    baseline: tuple[float, ...]
    tuned: tuple[float, ...]
    params_of_folds: tuple[Mapping[str, int | float] | None, ...]
    trials: int
    given_up: int
    is_complete: bool


def job_of(
    sample: Sample,
    left_out: Sequence[int],
    backend: str,
    *,
    folds: int,
    inner_folds: int = INNER_FOLDS,
    embargo_ms: int = splits.EMBARGO_MS,
    seed: int = 1,
    tested: Truths | None = None,
) -> TuneJob:
    """The folds of a tuning: outer ones to report on, inner ones to choose on.

    `tested` are the rows that settings are told and chosen on; the others are only learned from.

    Raises `TooFewRows` where not even all rows are enough to choose on.
    """
    if backend not in BACKENDS:
        raise ValueError(f"no backend: {backend}")
    own = np.ones(len(sample), np.bool_) if tested is None else tested
    outer: Folds = [
        (each.train, each.test) for each in splits.expanding(sample, folds, embargo_ms, own)
    ]
    everything = np.arange(len(sample), dtype=np.int64)
    searches = {_WHOLE: _inner(sample, everything, inner_folds, embargo_ms, own)}
    if not searches[_WHOLE]:
        raise TooFewRows(
            "too few signals to choose settings on",
            found=f"{len(sample)} rows in {inner_folds} folds",
            allowed=f"{_LEAST_OF_A_CLASS} of either outcome in every training and test",
            todo="use a longer history (cointrader fetch)",
        )
    for number, (train, _) in enumerate(outer):
        found = _inner(sample, train, inner_folds, embargo_ms, own)
        if found:
            searches[_name(number)] = found
    return TuneJob(sample, searches, outer, tuple(left_out), backend, seed)


def answer(job: TuneJob, question: Question) -> float:
    """The score of settings on one fold: the area under the ROC curve of the rows after it."""
    is_outer = question.study not in job.searches
    folds = job.outer if is_outer else job.searches[question.study]
    backend = backend_of(job.backend, question.params)
    whole = Job(job.sample, folds, backend, job.left_out, job.seed)
    fitted = fit_piece(whole, Piece(question.fold))
    return auc(job.sample.label[folds[question.fold][1]], fitted.margins)


def tune(
    job: TuneJob,
    storage: SearchFile,
    scoring: Scoring,
    *,
    trials: int = TRIALS,
    timeout_s: float | None = None,
    on_progress: Progress = lambda _done, _all: None,
) -> TuneResult:
    """Choose settings; see `TuneResult`. Stopped at any moment, the same call goes on.

    Parameters
    ----------
    storage : of `tune_study.storage_at`; only finished trials are in it
    scoring : where questions are answered; at any time a few dozen are asked
    trials : of every search, those of earlier runs included
    timeout_s : then no further batch of trials is begun

    Raises
    ------
    DataError : a fold has one outcome only
    """
    studies = {
        name: Study(
            storage, name, SPACES[job.backend], usual(job.backend),
            folds=len(folds), trials=trials, seed=job.seed + number,
        )
        for number, (name, folds) in enumerate(job.searches.items())
    }  # fmt: skip
    total = trials * len(studies)
    on_progress(sum(study.done for study in studies.values()), total)
    end_s = None if timeout_s is None else time.monotonic() + timeout_s
    _search(studies, scoring, end_s, lambda: on_progress(1, total))
    chosen = {name: study.best() for name, study in studies.items()}
    whole = chosen[_WHOLE]
    if whole is None:
        raise DataError(
            "time was up before a single trial was made",
            where="--timeout",
            todo="give it more time; what is there stays",
        )
    by_fold = [chosen.get(_name(number)) for number in range(len(job.outer))]
    params = [None if found is None else found[0] for found in by_fold]
    baseline, tuned = _reported(job, scoring, params)
    return TuneResult(
        whole[0], baseline, tuned, tuple(params),
        trials=sum(study.done for study in studies.values()),
        given_up=sum(study.given_up() for study in studies.values()),
        is_complete=all(study.done >= trials for study in studies.values()),
    )  # fmt: skip


def _search(
    studies: Mapping[str, Study],
    scoring: Scoring,
    end_s: float | None,
    on_trial: Callable[[], None],
) -> None:
    """Ask and answer until every study has its trials. Studies run beside each other."""
    open_: dict[Future[float], Question] = {}

    def ask(questions: Iterable[Question]) -> None:
        for question in questions:
            open_[scoring(question)] = question

    try:
        for study in studies.values():
            if end_s is None or time.monotonic() < end_s:
                ask(study.begin())
        while open_:
            for done in wait(open_, return_when=FIRST_COMPLETED).done:
                question = open_.pop(done)
                study = studies[question.study]
                is_over = end_s is not None and time.monotonic() >= end_s
                ask(study.hear(question, done.result(), is_last_batch=is_over))
                if study.is_scored(question.trial):
                    on_trial()
    finally:
        for future in open_:
            future.cancel()


def _reported(
    job: TuneJob, scoring: Scoring, params: Sequence[Mapping[str, int | float] | None]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scores on outer folds of the usual settings, and of what each fold's search chose."""
    folds = range(len(job.outer))
    usual_ones = [scoring(Question("outer", 0, {}, fold)) for fold in folds]
    tuned = {
        fold: scoring(Question("outer", 1, own, fold))
        for fold, own in zip(folds, params, strict=True)
        if own is not None
    }
    baseline = tuple(future.result() for future in usual_ones)
    return baseline, tuple(
        tuned[fold].result() if fold in tuned else baseline[fold] for fold in folds
    )


def _inner(sample: Sample, rows: Longs, folds: int, embargo_ms: int, tested: Truths) -> Folds:
    """Folds inside of some rows, as many as `folds` where they are large enough; else fewer."""
    inside, own = sample.take(rows), tested[rows]
    for count in range(folds, 1, -1):
        try:
            found = splits.expanding(inside, count, embargo_ms, own)
        except TooFewRows:
            continue
        if all(_has_both(inside.label[part[own[part]]]) for split in found for part in split):
            return [(rows[split.train], rows[split.test]) for split in found]
    return []


def _has_both(label: np.ndarray[tuple[int], np.dtype[np.int8]]) -> bool:
    ones = int((label == 1).sum())
    return min(ones, len(label) - ones) >= _LEAST_OF_A_CLASS


def _name(fold: int) -> str:
    return f"before fold {fold + 1}"
