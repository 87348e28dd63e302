"""How well probabilities tell two classes apart, and how honest they are as probabilities.

Arrays in, numbers out; NaN where there is nothing to measure, such as with one class only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def auc(label: ArrayLike, score: ArrayLike) -> float:
    """Chance that a row of label 1 has a higher score than one of label 0; ties count half.

    Reference: Hanley & McNeil (1982), Radiology 143.
    """
    positive, negative = _parts(label, score)
    if not len(positive) or not len(negative):
        return float("nan")
    ranks = _mid_ranks(np.concatenate([positive, negative]))[: len(positive)]
    n_pairs = len(positive) * len(negative)
    return float((ranks.sum() - len(positive) * (len(positive) + 1) / 2) / n_pairs)


def auc_interval(label: ArrayLike, score: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Interval of the AUC by its asymptotic variance, within [0, 1].

    Rows count as independent; overlapping trades are not quite, so it is rather too narrow.

    Reference: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44.
    """
    positive, negative = _parts(label, score)
    n, m = len(positive), len(negative)
    if n < 2 or m < 2:
        return float("nan"), float("nan")
    ranks = _mid_ranks(np.concatenate([positive, negative]))
    of_positive = (ranks[:n] - _mid_ranks(positive)) / m
    of_negative = 1.0 - (ranks[n:] - _mid_ranks(negative)) / n
    error = float(np.sqrt(of_positive.var(ddof=1) / n + of_negative.var(ddof=1) / m))
    middle, reach = auc(label, score), NormalDist().inv_cdf(0.5 + level / 2) * error
    return max(0.0, middle - reach), min(1.0, middle + reach)


def brier(label: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared distance of probabilities from what came: 0 is perfect, 0.25 a fair coin.

    Reference: Brier (1950), Monthly Weather Review 78.
    """
    labels, probabilities = np.asarray(label, np.float64), np.asarray(probability, np.float64)
    return float(np.mean((probabilities - labels) ** 2)) if len(labels) else float("nan")


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of similar probability: how many, what was foretold on average, what came."""

    rows: int
    foretold: float
    came: float


def reliability(label: ArrayLike, probability: ArrayLike, bins: int = 10) -> list[Bin]:
    """Rows in groups of equal number, by probability; equal probabilities stay together."""
    labels, probabilities = np.asarray(label, np.float64), np.asarray(probability, np.float64)
    if not len(labels):
        return []
    edges = np.unique(np.quantile(probabilities, np.arange(1, bins) / bins, method="higher"))
    place = np.searchsorted(edges, probabilities, side="right")
    return [
        Bin(int(own.sum()), float(probabilities[own].mean()), float(labels[own].mean()))
        for own in (place == each for each in range(len(edges) + 1))
        if own.any()
    ]


class Foretold(Protocol):
    """A `Bin`, or what a card keeps of one."""

    @property
    def rows(self) -> int: ...

    @property
    def foretold(self) -> float: ...

    @property
    def came(self) -> float: ...


def calibration_error(groups: Sequence[Foretold]) -> float:
    """Mean distance between what was foretold and what came, over rows.

    Reference: Naeini, Cooper & Hauskrecht (2015), AAAI: expected calibration error.
    """
    rows = sum(each.rows for each in groups)
    if not rows:
        return float("nan")
    return sum(each.rows * abs(each.foretold - each.came) for each in groups) / rows


def calibration_chance(groups: Sequence[Foretold]) -> float:
    """The `calibration_error` that probabilities as good as these could be are expected to have.

    In a group of n rows what comes is off by chance, by sqrt(2/pi) standard deviations of a mean
    of n coins on average: 0.08 in one of 25 rows. Few rows look ill calibrated whatever they are.

    Reference: Bröcker & Smith (2007), Weather and Forecasting 22, on how far off is still chance.
    """
    rows = sum(each.rows for each in groups)
    if not rows:
        return float("nan")
    spread = sum(sqrt(each.rows * each.foretold * (1.0 - each.foretold)) for each in groups)
    return sqrt(2.0 / pi) * spread / rows


def _parts(label: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    is_one, scores = np.asarray(label) == 1, np.asarray(score, np.float64)
    return scores[is_one], scores[~is_one]


def _mid_ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    ends = np.append(begins[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((begins + 1 + ends) / 2.0, ends - begins)
    return ranks
