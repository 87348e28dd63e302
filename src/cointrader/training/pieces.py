"""The single fits that a training consists of: a fold, with or without something done to it.

A piece depends on the job and on itself, never on other pieces or on their order: it can be fitted
in another process, kept, and found again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import DataError
from cointrader.model.session import Session
from cointrader.training.backend import Backend, Sample
from cointrader.training.calibration import UNCHANGED, margins
from cointrader.training.importance import auc_drops
from cointrader.training.measures import Floats

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What all pieces of one training have in common.

    Parameters
    ----------
    splits : rows to train on and rows to test on, fold by fold
    left_out : columns that no model sees
    kind : a number per row; labels are shuffled among rows of one number. None: among all
    """

    sample: Sample
    splits: Sequence[tuple[Longs, Longs]]
    backend: Backend
    left_out: tuple[int, ...]
    seed: int
    kind: Longs | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One fold's model.

    Parameters
    ----------
    without : columns that this one does not see either
    shuffle : labels are dealt out anew over all rows, by this number; None: they are as they are
    repeats : how often each column is permuted to see what the model owes it; 0: not looked at
    """

    fold: int
    without: tuple[int, ...] = ()
    shuffle: int | None = None
    repeats: int = 0

    @property
    def key(self) -> str:
        """Its name among the pieces of a job."""
        parts = [f"fold{self.fold}"]
        parts += [f"without{'_'.join(map(str, self.without))}"] if self.without else []
        parts += [f"shuffle{self.shuffle}"] if self.shuffle is not None else []
        parts += [f"repeats{self.repeats}"] if self.repeats else []
        return "-".join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What came of a piece.

    Parameters
    ----------
    margins : of the fold's test rows, by the ONNX session that serves live
    rounds : how long the model was fitted
    drops : of AUC by permuting, shape (n_features, repeats); empty where nobody looked
    """

    key: str
    margins: Floats
    rounds: int
    seconds: float
    drops: Floats = field(default_factory=lambda: np.empty((0, 0)))


def fit_piece(job: Job, piece: Piece) -> Fit:
    """Fit one fold and score the rows after it. `ConfigError` without the backend's library."""
    started_s = time.perf_counter()
    train, test = job.splits[piece.fold]
    labels = labels_of(job, piece.shuffle)
    sample = job.sample.take(train).labelled(labels[train])
    _require_both(sample, piece.fold)
    left_out = sorted({*job.left_out, *piece.without})
    fitted = job.backend.fit(sample, left_out, job.seed)
    rows = job.sample.rows[test]
    session = Session(fitted.graph(UNCHANGED), rows.shape[1])
    found = margins(session.scores(rows, exactly=False))
    drops = np.empty((0, 0))
    if piece.repeats:
        rng = np.random.default_rng([job.seed, piece.fold])
        drops = auc_drops(session, rows, labels[test], left_out, piece.repeats, rng)
    return Fit(piece.key, found, fitted.rounds, time.perf_counter() - started_s, drops)


def labels_of(job: Job, shuffle: int | None) -> NDArray[np.int8]:
    """The labels of all rows; shuffled ones are dealt out anew, as many of either class.

    Rows of a kind keep their share of either: what is shuffled is who won, and not what a bar
    without a signal, or another symbol, is.
    """
    if shuffle is None:
        return job.sample.label
    rng = np.random.default_rng([job.seed, 7, shuffle])
    if job.kind is None:
        return rng.permutation(job.sample.label)
    label = job.sample.label.copy()
    for kind in np.unique(job.kind):
        own = np.flatnonzero(job.kind == kind)
        label[own] = rng.permutation(label[own])
    return label


def _require_both(sample: Sample, fold: int) -> None:
    ones = int((sample.label == 1).sum())
    if not 0 < ones < len(sample):
        raise DataError(
            "there is nothing to learn: all trades of a training have one outcome",
            where=f"fold {fold + 1}",
            found=f"{ones} won of {len(sample)}",
            todo="use a longer history, or fewer --folds",
        )
