"""What a way of fitting models is, whichever library does it: rows in, a graph out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cointrader.training.calibration import Calibration
from cointrader.training.measures import Floats

BACKENDS = ("lgbm", "mlx")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows to learn from, in time order; every array has one value (or line) per row.

    Parameters
    ----------
    rows : float64, shape (n, n_features): full feature rows, NaN where missing
    label : int8, 1 or 0
    weight : float64, above 0; only their ratios matter
    open_ms, label_end_ms : open time of the signal's bar, and when its label became known
    """

    rows: Floats
    label: NDArray[np.int8]
    weight: Floats
    open_ms: NDArray[np.int64]
    label_end_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, wanted: NDArray[np.integer] | NDArray[np.bool_]) -> Sample:
        """Some of the rows."""
        return Sample(
            self.rows[wanted],
            self.label[wanted],
            self.weight[wanted],
            self.open_ms[wanted],
            self.label_end_ms[wanted],
        )

    def labelled(self, label: NDArray[np.int8]) -> Sample:
        """The same rows with other labels."""
        return replace(self, label=label)

    @property
    def even_weight(self) -> Floats:
        """Weights with a mean of 1, so that how much a model is held back does not depend on
        their scale."""
        result: Floats = self.weight / self.weight.mean()
        return result


class Fitted(Protocol):
    """A fitted model."""

    @property
    def rounds(self) -> int:
        """Trees, or passes over the rows: how long it was fitted."""

    def margins(self, rows: Floats) -> Floats:
        """Log-odds of label 1 as the library itself computes them, shape (n,), of full rows."""

    def graph(self, calibration: Calibration) -> bytes:
        """The model as an ONNX file: a full feature row in, a calibrated probability out."""


class Backend(Protocol):
    """A library with its settings. It holds no data and can be sent to another process."""

    @property
    def name(self) -> str: ...

    @property
    def library(self) -> str:
        """Name and version of what fits, for the model card."""

    @property
    def settings(self) -> Mapping[str, object]:
        """Every setting that shapes the model."""

    def fit(
        self, sample: Sample, left_out: Sequence[int], seed: int, rounds: int | None = None
    ) -> Fitted:
        """Fit a model.

        Parameters
        ----------
        left_out : columns that the model shall not see
        rounds : how long to fit; None leaves it to the settings. Only backends that find it out by
            themselves look at it.

        Raises
        ------
        ConfigError : the library is not installed
        """


def used_columns(n_features: int, left_out: Sequence[int]) -> NDArray[np.int64]:
    """The columns a model does see."""
    return np.setdiff1d(np.arange(n_features, dtype=np.int64), np.asarray(left_out, np.int64))
