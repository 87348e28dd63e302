"""What a model owes to each column: how much its AUC falls when the column's values are permuted.

On rows that the model did not learn from, so that a column it only memorised counts nothing.
Columns that say nearly the same share what they are worth, and each alone looks cheap.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from cointrader.model.session import Session
from cointrader.training.measures import Floats, auc


def auc_drops(
    session: Session,
    rows: Floats,
    label: NDArray[np.int8],
    left_out: Collection[int],
    repeats: int,
    rng: np.random.Generator,
) -> Floats:
    """Fall of the AUC by permuting each column on its own.

    Parameters
    ----------
    rows : float64, shape (n, n_features); label : shape (n,)
    left_out : columns that the model does not see: 0

    Returns
    -------
    float64, shape (n_features, repeats); NaN where the rows have one class only.

    References: Breiman (2001), Machine Learning 45; Fisher, Rudin & Dominici (2019), JMLR 20.
    """
    whole = auc(label, session.scores(rows, exactly=False))
    drops = np.zeros((rows.shape[1], repeats))
    for column in range(rows.shape[1]):
        if column in left_out:
            continue
        changed = rows.copy()
        for repeat in range(repeats):
            changed[:, column] = rng.permutation(rows[:, column])
            drops[column, repeat] = whole - auc(label, session.scores(changed, exactly=False))
    return drops
