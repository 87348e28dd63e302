"""What people should know of a dataset before they believe a model made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import ConfigError

FLOOR = 0.9  # of the rows must know a column, or no model sees it
DRIFTED = 0.01  # chance, over all columns, of calling one drifted that is not

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a column moved from the first third of the rows to the last.

    `distance` is the largest distance between both distributions, 0 to 1 (Kolmogorov, Smirnov);
    `chance` that of one as large between draws from one distribution. NaN where either third
    knows nothing. Signals next to each other look alike, so chances are rather too small.

    References: Smirnov (1948), Table for Estimating the Goodness of Fit of Empirical Distributions.
    """

    distance: float
    chance: float


@dataclass(frozen=True, slots=True)
class Report:
    """Rows and columns of a dataset in numbers.

    `coverage` is, by column, the share of rows that know it, `left_out` those under their floor,
    `drift` the rest's; `dropped` counts signals without a label, by reason.
    """

    rows: int
    won: int
    coverage: Mapping[str, float]
    left_out: tuple[str, ...]
    drift: Mapping[str, Drift]
    population: str
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def won_ratio(self) -> float:
        return self.won / self.rows if self.rows else math.nan

    @property
    def drifted(self) -> tuple[str, ...]:
        """Columns that moved more than chance explains, were each row drawn by itself."""
        limit = DRIFTED / max(len(self.drift), 1)
        return tuple(name for name, each in self.drift.items() if each.chance < limit)

    def lines(self) -> list[str]:
        """In words, what matters most first."""
        told = []
        if self.left_out:
            parts = (f"{name} ({self.coverage[name]:.0%} known)" for name in self.left_out)
            told.append(f"LEFT OUT, too little is known of them: {', '.join(parts)}")
        told.append(
            f"{self.rows:,} signals: {self.won:,} won ({self.won_ratio:.1%}), "
            f"{self.rows - self.won:,} lost; learned from: {self.population}"
        )
        for reason, count in self.dropped.items():
            if count:
                signals = "signal" if count == 1 else "signals"
                told.append(f"{count:,} {signals} without a label: {reason}")
        if self.drifted:
            moved = (f"{name} ({self.drift[name].distance:.2f})" for name in self.drifted)
            told.append(f"moved from the first third to the last: {', '.join(moved)}")
        return told


def report_of(
    rows: Floats,
    names: Sequence[str],
    label: NDArray[np.int8],
    *,
    floor: float = FLOOR,
    floors: Mapping[str, float] | None = None,
    population: str = "",
    dropped: Mapping[str, int] | None = None,
) -> Report:
    """Look at the rows of a dataset, in time order.

    Parameters
    ----------
    rows : float64 array of shape (n, n_features), NaN is missing
    floor : least share of rows that know a column; `floors` by column go first

    Raises `ConfigError` for a floor that is no share, or of a column that there is not.
    """
    floors = floors or {}
    for name, least in {"floor": floor, **floors}.items():
        if name not in (*names, "floor") or not 0.0 <= least <= 1.0:
            raise ConfigError(
                "impossible coverage floor",
                where=name,
                found=least,
                allowed="0 to 1, of one of the columns",
            )
    known = ~np.isnan(rows)
    shares = known.mean(axis=0) if len(rows) else np.zeros(len(names))
    coverage = dict(zip(names, shares.tolist(), strict=True))
    left_out = tuple(
        name for name, share in coverage.items() if share < floors.get(name, floor) or share == 0.0
    )
    third = len(rows) // 3
    drift = {
        name: drift_of(rows[:third, place], rows[len(rows) - third :, place])
        for place, name in enumerate(names)
        if name not in left_out
    }
    won = int((label == 1).sum())
    return Report(len(rows), won, coverage, left_out, drift, population, dropped or {})


def drift_of(first: Floats, last: Floats) -> Drift:
    """The two-sample Kolmogorov-Smirnov distance, and its chance for many values."""
    first, last = np.sort(first[~np.isnan(first)]), np.sort(last[~np.isnan(last)])
    if not len(first) or not len(last):
        return Drift(math.nan, math.nan)
    places = np.concatenate((first, last))
    below_first = np.searchsorted(first, places, side="right") / len(first)
    below_last = np.searchsorted(last, places, side="right") / len(last)
    distance = float(np.abs(below_first - below_last).max())
    size = math.sqrt(len(first) * len(last) / (len(first) + len(last)))
    return Drift(distance, _chance(size * distance))


def _chance(scaled: float) -> float:
    """Of a scaled distance at least as large, by Kolmogorov's limit."""
    if scaled < 0.2:
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2.0 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2.0 * math.fsum(terms)))
