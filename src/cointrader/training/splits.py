"""Folds in time order: train on what was known, test on what came next.

Every fold trains on all rows before its test (expanding walk-forward). A row whose label was known
too late is purged: nothing in a training knew anything of its test. Rows of several symbols may be
pooled: what counts is time, not who a row belongs to.

References: López de Prado (2018), Advances in Financial Machine Learning, ch. 7 (purging, embargo).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import ConfigError
from cointrader.training.population import TooFewRows

EMBARGO_MS = DAY_MS  # the longest an engine's label takes at 15 minutes
Longs = NDArray[np.int64]


class Timed(Protocol):
    """Rows with the times that splitting looks at, each of shape (n,), `open_ms` ascending."""

    @property
    def open_ms(self) -> Longs: ...
    @property
    def label_end_ms(self) -> Longs: ...


class Split(NamedTuple):
    """Row numbers of one fold, ascending."""

    train: Longs
    test: Longs


def expanding(
    rows: Timed,
    folds: int = 5,
    embargo_ms: int = EMBARGO_MS,
    tested: NDArray[np.bool_] | None = None,
) -> list[Split]:
    """Purged and embargoed expanding walk-forward splits.

    The rows are cut into ``folds + 1`` parts of equal size, rows of one time kept together; each
    part but the first is a test, and all rows before it whose label was known at least
    `embargo_ms` before it begins are its training.

    Parameters
    ----------
    tested : which rows are cut into parts, bool of shape (n,); the others are only learned from,
        so whatever they are, the same rows are tested in the same folds. None: all rows

    Raises
    ------
    ConfigError : `folds` or `embargo_ms` is impossible
    TooFewRows : a part would be empty, or a training knew none of the rows that are tested
    """
    if folds < 1:
        raise _impossible("folds", folds, "1 or more")
    if embargo_ms < 0:
        raise _impossible("embargo_ms", embargo_ms, "0 ms or more")
    times, ends = np.asarray(rows.open_ms), np.asarray(rows.label_end_ms)
    if np.any(np.diff(times) < 0):
        raise ValueError("rows are split in time order")
    is_own = np.ones(len(times), np.bool_) if tested is None else tested
    own = np.flatnonzero(is_own).astype(np.int64)
    bounds = np.arange(1, folds + 2) * len(own) // (folds + 1)
    inner = bounds[:-1]
    starts = (
        np.searchsorted(times[own], times[own[np.minimum(inner, len(own) - 1)]])
        if len(own)
        else inner
    )
    edges = [*starts.tolist(), len(own)]
    found = []
    for fold, (start, stop) in enumerate(pairwise(edges)):
        test = own[start:stop]
        begins_ms = times[test[0]] if len(test) else 0
        is_known = (ends <= begins_ms - embargo_ms) & (times < begins_ms)
        train = np.flatnonzero(is_known).astype(np.int64)
        if not len(test) or not is_own[train].any():
            raise TooFewRows(
                "too few signals for so many folds",
                where=f"fold {fold + 1} of {folds}",
                found=f"{len(own)} rows: {int(is_own[train].sum())} to train on, {len(test)} to "
                "test on",
                allowed="some of either in every fold",
                todo="use fewer folds, or a longer history",
            )
        found.append(Split(train, test))
    return found


def purged(split: Split) -> int:
    """How many rows before a fold's test its training had to do without."""
    return int(split.test[0]) - len(split.train)


def _impossible(name: str, found: object, allowed: str) -> ConfigError:
    return ConfigError("impossible split", where=name, found=found, allowed=allowed)
