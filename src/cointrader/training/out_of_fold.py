"""All folds of a training together: what was said of each row by a model that had not seen it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.training.measures import Floats, auc, auc_interval
from cointrader.training.pieces import Fit, Job, Piece, labels_of

ABLATIONS: Mapping[str, tuple[str, ...]] = {
    "without signal_strength": ("signal_strength",),
    "without signal_strength and side": ("signal_strength", "side"),
}
CONTROLS = 20  # trainings on shuffled labels
CONTROL_REACH = 0.03  # how far their mean AUC may lie from one half
REPEATS = 5  # permutations of each column


@dataclass(frozen=True, slots=True)
class Procedure:
    """Which pieces a training has: the folds, each ablation's folds, each control's folds."""

    folds: int
    ablations: Mapping[str, tuple[int, ...]]  # name: columns
    controls: int = CONTROLS
    repeats: int = REPEATS

    @staticmethod
    def of(names: tuple[str, ...], folds: int, *, controls: int = CONTROLS) -> Procedure:
        """The usual one, for rows with the columns `names`."""
        ablations = {
            name: tuple(names.index(column) for column in columns if column in names)
            for name, columns in ABLATIONS.items()
        }
        return Procedure(folds, ablations, controls)

    def main(self) -> list[Piece]:
        """The folds themselves."""
        return [Piece(fold, repeats=self.repeats) for fold in range(self.folds)]

    def without(self, columns: tuple[int, ...]) -> list[Piece]:
        """The folds of an ablation."""
        return [Piece(fold, without=columns) for fold in range(self.folds)]

    def shuffled(self, number: int) -> list[Piece]:
        """The folds of a control."""
        return [Piece(fold, shuffle=number) for fold in range(self.folds)]

    def pieces(self) -> list[Piece]:
        """All of them; what matters most comes first."""
        found = self.main()
        for columns in self.ablations.values():
            found += self.without(columns)
        for number in range(self.controls):
            found += self.shuffled(number)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Rows that were tested, in their order; arrays of one length.

    Parameters
    ----------
    rows : their places in the sample
    fold : in which each was tested, from 0
    margin : log-odds by the model of that fold
    label : as it was for that model, so shuffled for a control
    """

    rows: NDArray[np.int64]
    fold: NDArray[np.int64]
    margin: Floats
    label: NDArray[np.int8]

    @property
    def auc(self) -> float:
        """Over all rows at once."""
        return auc(self.label, self.margin)

    @property
    def auc_interval(self) -> tuple[float, float]:
        return auc_interval(self.label, self.margin)

    def auc_of(self, fold: int) -> float:
        own = self.fold == fold
        return auc(self.label[own], self.margin[own])


def together(job: Job, pieces: list[Piece], fits: Mapping[str, Fit]) -> OutOfFold:
    """The test rows of pieces that are each other's folds."""
    tests = [job.splits[piece.fold][1] for piece in pieces]
    rows = np.concatenate(tests).astype(np.int64)
    fold = np.repeat([piece.fold for piece in pieces], [len(test) for test in tests])
    margin = np.concatenate([fits[piece.key].margins for piece in pieces])
    order = np.argsort(rows, kind="stable")
    label = labels_of(job, pieces[0].shuffle)[rows]
    return OutOfFold(rows[order], fold[order].astype(np.int64), margin[order], label[order])
