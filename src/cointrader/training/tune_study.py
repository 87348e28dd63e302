"""One search for settings, by Optuna, as a file that can be stopped and gone on with.

The driver alone touches the file, and writes trials that are over, one line each: nothing in it
ever runs. Trials are asked for in batches of `BATCH` and written in their order when all of a batch
are scored, so the course of a search depends on its seed alone: not on how many processes score,
nor on which of them is the fastest. A batch that was not finished is asked for again when a search
goes on; what a kill let it write of one is not scored again.

References: Optuna: Akiba and others (2019), KDD, p. 2623; its sampler TPE: Bergstra and others
(2011), NIPS 24; pruning by a signed-rank test over folds: Wilcoxon (1945), Biometrics Bulletin 1,
p. 80.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from cointrader.domain.errors import ConfigError
from cointrader.training.tune_file import Lines, SearchFile
from cointrader.training.tune_space import Range

BATCH = 8
_FIRST = 16  # trials drawn at random, before any are chosen by the others' scores
_CANDIDATES = (
    12  # that a trial is the best of; half as many as usual take a quarter of the time off
)
_GIVEN_UP_AT = 0.15  # chance of folds as bad as these if it were as good: three of three worse

Params = Mapping[str, int | float]


def optuna() -> Any:
    """Optuna, silent. `ConfigError` without it."""
    try:
        import optuna as found
    except ImportError as error:
        raise ConfigError(
            "tuning needs optuna, which is not installed", todo="pip install 'cointrader[train]'"
        ) from error
    found.logging.set_verbosity(found.logging.ERROR)
    return found


@dataclass(frozen=True, slots=True)
class Question:
    """A fold of a trial, to be scored."""

    study: str
    trial: int
    params: Params
    fold: int


@dataclass(slots=True)
class _Open:
    """A trial of the present batch. `found`: its score fold by fold."""

    trial: Any
    params: Params
    found: list[float] = field(default_factory=list)
    is_given_up: bool = False
    is_scored: bool = False


class Study:
    """One search. Higher scores are better.

    Parameters
    ----------
    storage : of `storage_at`
    space : what may be chosen
    first : settings of the first trial
    folds : scores that make a trial
    trials : how many there shall be in all, those of earlier runs included
    """

    def __init__(
        self,
        storage: SearchFile,
        name: str,
        space: Mapping[str, Range],
        first: Params,
        *,
        folds: int,
        trials: int,
        seed: int,
    ) -> None:
        library = optuna()
        self.name = name
        self._library, self._first, self._folds, self._seed = library, first, folds, seed
        self._ranges = space
        self._space = {each: _distribution(library, own) for each, own in space.items()}
        states = library.trial.TrialState
        self._pruned = (states.PRUNED,)
        self._over = (states.COMPLETE, *self._pruned)
        self._lines = storage.lines
        self._kept = library.create_study(
            storage=storage.of_optuna, study_name=name, direction="maximize", load_if_exists=True
        )
        if "optuna" not in self._kept.user_attrs:
            self._kept.set_user_attr("optuna", library.__version__)
        self._reap()
        # Asked in memory: the file would cost a forced write for every parameter of a trial.
        self._study = library.create_study(direction="maximize")
        kept = self._kept.get_trials(deepcopy=False, states=self._over)
        whole = len(kept) if len(kept) >= trials else len(kept) - len(kept) % BATCH
        self._study.add_trials(kept[:whole])
        self._rest = kept[whole:]  # of a batch that was not written to its end
        self._target = trials
        self._batch: dict[int, _Open] = {}
        self._best_folds: list[float] = []

    @property
    def begun_with(self) -> str:
        """The version of Optuna that began it: another one would go another way."""
        return str(self._kept.user_attrs["optuna"])

    @property
    def done(self) -> int:
        """Trials that were scored or given up."""
        return len(self._study.get_trials(deepcopy=False, states=self._over)) + len(self._rest)

    def given_up(self) -> int:
        """Trials that were given up before their last fold."""
        return len(self._study.get_trials(deepcopy=False, states=self._pruned))

    def best(self) -> tuple[dict[str, int | float], float] | None:
        """Settings of the best trial and its mean score; None before there is one."""
        best = self._best()
        return None if best is None else (self._rounded(best.params), float(best.value))

    def begin(self) -> list[Question]:
        """Ask for the next batch: the first fold of each of its trials; empty at the end."""
        done = self.done - len(self._rest)
        count = min(BATCH, self._target - done)
        self._batch = {}
        self._best_folds = self._folds_of_best()
        self._study.sampler = self._sampler(done)
        if done == 0 and count > 0:
            self._study.enqueue_trial({name: float(own) for name, own in self._first.items()})
        for _ in range(count):
            trial = self._study.ask(self._space)
            self._batch[trial.number] = _Open(trial, self._rounded(trial.params))
        for opened, written in zip(self._batch.values(), self._rest, strict=False):
            opened.found = [value for _, value in sorted(written.intermediate_values.items())]
            opened.is_given_up = written.state in self._pruned
            opened.is_scored = True
        return [self._question(number) for number in self._batch if not self.is_scored(number)]

    def hear(self, asked: Question, score: float, *, is_last_batch: bool = False) -> list[Question]:
        """Take a score; what is to be scored next: the trial's next fold, or the next batch.

        `is_last_batch`: this one is finished and no further one begun.
        """
        opened = self._batch[asked.trial]
        opened.found.append(score)
        is_last = len(opened.found) == self._folds
        opened.is_given_up = not is_last and is_hopeless(opened.found, self._best_folds)
        opened.is_scored = is_last or opened.is_given_up
        if not opened.is_scored:
            return [self._question(asked.trial)]
        if not all(each.is_scored for each in self._batch.values()):
            return []
        self._tell()
        return [] if is_last_batch else self.begin()

    def is_scored(self, trial: int) -> bool:
        """Whether nothing more is asked about a trial."""
        return trial not in self._batch or self._batch[trial].is_scored

    # -- how

    def _best(self) -> Any:
        """The best trial, the first of equals."""
        complete = (self._library.trial.TrialState.COMPLETE,)
        trials = self._study.get_trials(deepcopy=False, states=complete)
        return max(trials, key=lambda each: (each.value, -each.number), default=None)

    def _folds_of_best(self) -> list[float]:
        best = self._best()
        told = {} if best is None else best.intermediate_values
        return [told[fold] for fold in sorted(told)]

    def _tell(self) -> None:
        """Tell the sampler, and write the batch down at one stroke."""
        states = self._library.trial.TrialState
        told = []
        for opened in self._batch.values():
            for fold, score in enumerate(opened.found):
                opened.trial.report(score, fold)
            if opened.is_given_up:
                told.append(self._study.tell(opened.trial, state=states.PRUNED))
            else:
                told.append(self._study.tell(opened.trial, float(np.mean(opened.found))))
        with self._lines.together():
            self._kept.add_trials(told[len(self._rest) :])
        self._rest = []

    def _question(self, number: int) -> Question:
        opened = self._batch[number]
        return Question(self.name, number, opened.params, len(opened.found))

    def _rounded(self, params: Params) -> dict[str, int | float]:
        """Settings as a backend takes them."""
        return {
            name: _whole(value, self._ranges[name]) if self._ranges[name].is_whole else value
            for name, value in params.items()
        }

    def _sampler(self, done: int) -> Any:
        seed = int(np.random.default_rng([self._seed, done]).integers(2**31))
        if done < _FIRST:
            return self._library.samplers.RandomSampler(seed=seed)
        return self._library.samplers.TPESampler(
            seed=seed, n_startup_trials=_FIRST, n_ei_candidates=_CANDIDATES
        )

    def _reap(self) -> None:
        """End what another program left running or waiting in the file: nobody will finish it."""
        states = self._library.trial.TrialState
        stale = self._kept.get_trials(deepcopy=False, states=(states.RUNNING, states.WAITING))
        for trial in stale:
            self._kept.tell(trial.number, state=states.FAIL)


def is_hopeless(found: Sequence[float], best: Sequence[float]) -> bool:
    """Whether folds say that a trial is worse than the best one, before all of them are scored.

    Wilcoxon's signed-rank test over the folds both have, one-sided and exact: of all ways to deal
    out signs to the ranks of the differences, how many favour the trial as little as these do.
    """
    differences = [own - other for own, other in zip(found, best, strict=False) if own != other]
    sizes = sorted(map(abs, differences))
    ranks = [(sizes.index(abs(each)) + len(sizes) - 1 - sizes[::-1].index(abs(each))) / 2 + 1
             for each in differences]  # fmt: skip
    favour = sum(rank for rank, each in zip(ranks, differences, strict=True) if each > 0)
    ways = [sum(some) for some in product(*((0.0, rank) for rank in ranks))]
    return bool(ranks) and sum(way <= favour for way in ways) / len(ways) < _GIVEN_UP_AT


def storage_at(path: Path) -> SearchFile:
    """The searches at `path`. Only for whoever has it to himself."""
    lines = Lines(path)
    return SearchFile(optuna().storages.JournalStorage(lines), lines)


def _distribution(library: Any, own: Range) -> Any:
    """Whole numbers too are searched as if there were some between them, and rounded when asked
    about: Optuna takes three times as long to weigh numbers that come in steps."""
    margin = 0.5 if own.is_whole else 0.0
    return library.distributions.FloatDistribution(
        own.low - margin, own.high + margin, log=own.is_log
    )


def _whole(value: float, own: Range) -> int:
    return int(min(max(round(value), own.low), own.high))
