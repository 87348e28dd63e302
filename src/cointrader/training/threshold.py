"""The probability from which a signal passes, chosen on rows that no fold's model learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.training.measures import Floats

LEAST_SHARE = 0.25  # of the signals that a threshold has to keep
LEAST_ROWS = 30
STEP = 0.05  # between the shares that are tried


@dataclass(frozen=True, slots=True)
class Kept:
    """What one threshold keeps. `mean_r` is of the kept trades, `total_r` their sum by all rows:
    what the filter makes of each signal that there was, one it refused counting 0."""

    threshold: float
    rows: int
    share: float
    mean_r: float
    total_r: float
    win_ratio: float


def kept_at(threshold: float, probability: Floats, net_r: Floats) -> Kept:
    """What a threshold keeps of some rows; a probability equal to it is kept."""
    own = net_r[probability >= threshold]
    count, whole = len(own), len(net_r)
    return Kept(
        threshold=threshold,
        rows=count,
        share=count / whole if whole else float("nan"),
        mean_r=float(own.mean()) if count else float("nan"),
        total_r=float(own.sum() / whole) if whole else float("nan"),
        win_ratio=float((own > 0.0).mean()) if count else float("nan"),
    )


def candidates(
    probability: Floats,
    net_r: Floats,
    *,
    least_share: float = LEAST_SHARE,
    least_rows: int = LEAST_ROWS,
) -> list[Kept]:
    """What can be chosen from: keep all (threshold 0), then steps of 5 % fewer, to the floor.

    A threshold lies halfway between two probabilities, so that rounding moves no row across it.
    """
    ordered = np.unique(probability)
    found = [kept_at(0.0, probability, net_r)]
    for share in np.arange(1.0 - STEP, 0.0, -STEP):
        if len(ordered) < 2:
            break
        wanted = float(np.quantile(probability, 1.0 - share, method="higher"))
        place = int(np.searchsorted(ordered, wanted))
        if place == 0:
            continue
        each = kept_at(float(ordered[place - 1] + ordered[place]) / 2.0, probability, net_r)
        if each.rows >= least_rows and each.share >= least_share - 1e-9:
            found.append(each)
    return list({each.threshold: each for each in found}.values())


def choose(
    probability: Floats,
    net_r: Floats,
    *,
    least_share: float = LEAST_SHARE,
    least_rows: int = LEAST_ROWS,
) -> Kept:
    """The threshold with the most net R for each signal there was (mean R times share kept).

    A mean alone would choose a handful of lucky trades; the sum alone would choose no trade at all
    for a strategy that loses, hence the floors. Between equals the lower one.
    """
    tried = candidates(probability, net_r, least_share=least_share, least_rows=least_rows)
    return max(tried, key=lambda each: (each.total_r, -each.threshold))


def chosen_before(
    probability: Floats,
    net_r: Floats,
    fold: NDArray[np.integer],
    *,
    least_share: float = LEAST_SHARE,
    least_rows: int = LEAST_ROWS,
) -> tuple[NDArray[np.bool_], Floats]:
    """Which rows pass when each fold's threshold is chosen on the folds before it alone.

    Parameters
    ----------
    fold : number of the fold a row was tested in, counted from 0 in time order

    Returns
    -------
    Which rows passed; and the threshold of each row. In the first fold everything passes: nothing
    is known yet (threshold NaN), so it belongs into no comparison.
    """
    passed = np.ones(len(probability), np.bool_)
    used = np.full(len(probability), np.nan)
    for each in np.unique(fold)[1:]:
        before, now = fold < each, fold == each
        chosen = choose(
            probability[before], net_r[before], least_share=least_share, least_rows=least_rows
        )
        passed[now], used[now] = probability[now] >= chosen.threshold, chosen.threshold
    return passed, used
