"""A filter for what comes next, learned from what was known by then: one fold of a walk-forward.

The model, its calibration and its threshold come about as in `train.train`. Left out is what only
the gate asks for: ablations, controls, the card.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cointrader.model.session import Session
from cointrader.training import calibration, threshold
from cointrader.training.backend import Backend, Sample
from cointrader.training.dataset import Dataset
from cointrader.training.measures import Floats
from cointrader.training.out_of_fold import Procedure, together
from cointrader.training.pieces import Job, fit_piece
from cointrader.training.population import TooFewRows, require_enough
from cointrader.training.splits import EMBARGO_MS, Split, expanding

FOLDS = 5  # inside of what is learned from; they calibrate, and choose the threshold


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a filter says of rows that came after all it was made from.

    Parameters
    ----------
    probability : float64 of shape (n,), of label 1 for each of the rows asked about
    threshold : from which on a row passes, chosen on rows of the past alone
    rows, known_ms : how many were learned from, and when the last of their labels was known
    auc : of the past's rows by models that had not seen them
    left_out : features that too few rows knew
    """

    probability: Floats
    threshold: float
    rows: int
    known_ms: int
    auc: float
    left_out: tuple[str, ...]


def learned(known: Dataset, rows: Floats, backend: Backend, *, seed: int = 1) -> Learned:
    """Train on `known`, and say of each of `rows` how likely it wins.

    Parameters
    ----------
    known : one symbol's rows whose labels were all known before the first of `rows`
    rows : full feature rows, shape (n, n_features), with the columns of `known`

    Raises
    ------
    TooFewRows : there is not enough to learn from
    ConfigError : the backend's library is not installed
    """
    require_enough(known.label, ", ".join(known.symbols))
    sample = Sample(known.rows, known.label, known.weight, known.open_ms, known.label_end_ms)
    left_out = known.report().left_out
    columns = tuple(known.names.index(name) for name in left_out)
    job = Job(sample, _splits(known), backend, columns, seed)
    pieces = replace(Procedure.of(known.names, FOLDS, controls=0), repeats=0).main()
    fits = {piece.key: fit_piece(job, piece) for piece in pieces}
    main = together(job, pieces, fits)
    curve = calibration.fit(main.margin, main.label)
    chosen = threshold.choose(curve(main.margin), known.net_r[main.rows])
    rounds = max(1, round(float(np.median([fit.rounds for fit in fits.values()]))))
    graph = backend.fit(sample, columns, seed, rounds).graph(curve)
    return Learned(
        probability=Session(graph, rows.shape[1]).scores(rows) if len(rows) else np.empty(0),
        threshold=chosen.threshold,
        rows=len(sample),
        known_ms=int(sample.label_end_ms.max()),
        auc=main.auc,
        left_out=left_out,
    )


def _splits(known: Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    found = expanding(known, FOLDS, EMBARGO_MS)
    for split in found:
        _require_both(known, split)
    return [(split.train, split.test) for split in found]


def _require_both(known: Dataset, split: Split) -> None:
    won = int((known.label[split.train] == 1).sum())
    if not 0 < won < len(split.train):
        raise TooFewRows(
            "too few signals to learn from: all trades of some training have one outcome",
            where=", ".join(known.symbols),
            found=f"{won} won of {len(split.train)}",
            todo="use longer trainings",
        )
