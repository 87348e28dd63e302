"""How far the rows that a model is shown lie from those it learned from. Counting, no judging."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cointrader.model.manifest import Manifest
from cointrader.model.session import Floats


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """One feature of the rows judged so far.

    `outside` are values beyond the range that all but 1 % of the training rows lie in, so a share
    of 0.01 is as it should be; None where the manifest knows no range.
    """

    rows: int
    missing: int
    outside: int | None

    @property
    def outside_share(self) -> float | None:
        """Of the values that were known; None where there is nothing to tell."""
        known = self.rows - self.missing
        return None if self.outside is None or not known else self.outside / known


class DriftCounter:
    """Counts while a model judges: some microseconds a row."""

    __slots__ = ("_high", "_low", "_manifest", "_missing", "_outside", "_rows")

    def __init__(self, manifest: Manifest) -> None:
        nothing = (-np.inf, np.inf)
        ranges = [manifest.feature_quantiles.get(name, nothing) for name in manifest.features]
        self._manifest = manifest
        self._low, self._high = np.array(ranges, np.float64).T.copy()
        self._missing = np.zeros(len(ranges), np.int64)
        self._outside = np.zeros(len(ranges), np.int64)
        self._rows = 0

    def count(self, row: Floats) -> None:
        """One row was judged, float64 of shape (n_features,)."""
        self._rows += 1
        self._missing += row != row  # noqa: PLR0124 - NaN is the only such value
        self._outside += (row < self._low) | (row > self._high)

    def counted(self) -> dict[str, FeatureDrift]:
        """By feature, in order."""
        known = self._manifest.feature_quantiles
        return {
            name: FeatureDrift(self._rows, int(missing), int(outside) if name in known else None)
            for name, missing, outside in zip(
                self._manifest.features, self._missing, self._outside, strict=True
            )
        }
