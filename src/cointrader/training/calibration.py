"""From a model's margin to a probability that means what it says.

Platt's scaling: a logistic curve with two numbers, which cannot learn much from little. It is
kept from ever turning a model upside down: where out-of-fold rows say that a higher margin wins
less often, there is nothing to tell apart, and every row gets the share of wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_MOST_STEPS = 100
_ENOUGH = 1e-10  # largest slope of the loss at which fitting ends
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Calibration:
    """``probability = 1 / (1 + exp(-(slope * margin + intercept)))``; `slope` is at least 0."""

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and np.isfinite(self.intercept) and self.slope >= 0.0):
            raise ValueError(f"not a rising curve: {self}")

    def __call__(self, margin: ArrayLike) -> Floats:
        """Probabilities of margins."""
        return sigmoid(self.slope * np.asarray(margin, np.float64) + self.intercept)


UNCHANGED = Calibration()


def sigmoid(values: ArrayLike) -> Floats:
    """``1 / (1 + exp(-x))``, without an overflow at either end."""
    values = np.asarray(values, np.float64)
    small = np.exp(-np.abs(values))
    result: Floats = np.where(values >= 0.0, 1.0, small) / (1.0 + small)
    return result


def margins(probability: ArrayLike) -> Floats:
    """The margins that `sigmoid` makes probabilities of."""
    inside = np.clip(np.asarray(probability, np.float64), _TINY, 1.0 - _TINY)
    result: Floats = np.log(inside) - np.log1p(-inside)
    return result


def fit(margin: ArrayLike, label: ArrayLike) -> Calibration:
    """The curve that fits rows which a model did not learn from.

    Parameters
    ----------
    margin : float64 array of shape (n,), log-odds as the model has them
    label : shape (n,), 1 and 0

    Returns
    -------
    Slope 0 where a higher margin does not mean a higher share of ones, or one class is missing.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines: the curve, and targets that
    stay off 0 and 1. Lin, Lin & Weng (2007), Machine Learning 68: Newton's method with steps that
    are halved until they help. Niculescu-Mizil & Caruana (2005), ICML: what it does for trees.
    """
    x, ones = np.asarray(margin, np.float64), np.asarray(label) == 1
    n_ones, n_zeros = int(ones.sum()), int((~ones).sum())
    flat = Calibration(0.0, float(margins((n_ones + 1.0) / (n_ones + n_zeros + 2.0))))
    if not n_ones or not n_zeros or float(np.ptp(x)) < _TINY:
        return flat
    target = np.where(ones, (n_ones + 1.0) / (n_ones + 2.0), 1.0 / (n_zeros + 2.0))
    slope, intercept = _minimised(x, target, flat.intercept)
    return Calibration(slope, intercept) if slope > 0.0 else flat


def _minimised(x: Floats, target: Floats, intercept: float) -> tuple[float, float]:
    """Slope and intercept of the least log loss."""
    point = np.array([0.0, intercept])
    columns = np.stack([x, np.ones_like(x)])
    loss = _loss(point @ columns, target)
    for _ in range(_MOST_STEPS):
        probability = sigmoid(point @ columns)
        gradient = columns @ (probability - target)
        if np.abs(gradient).max() < _ENOUGH * len(x):
            break
        bend = (columns * (probability * (1.0 - probability))) @ columns.T
        step = np.linalg.solve(bend + _TINY * np.eye(2), gradient)
        for _ in range(_MOST_STEPS):
            tried = point - step
            new_loss = _loss(tried @ columns, target)
            if new_loss <= loss:
                break
            step /= 2.0
        else:
            break
        point, loss = tried, new_loss
    return float(point[0]), float(point[1])


def _loss(margin: Floats, target: Floats) -> float:
    """Log loss; ``log(1 + exp(m)) - target * m``."""
    return float(np.sum(np.logaddexp(0.0, margin) - target * margin))
