"""What the pieces of a training say together, as the model card has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cointrader.training import calibration, card, measures, threshold
from cointrader.training.calibration import Calibration
from cointrader.training.card import number
from cointrader.training.measures import Floats
from cointrader.training.out_of_fold import CONTROL_REACH, OutOfFold, Procedure, together
from cointrader.training.pieces import Fit, Job


def folds_of(
    job: Job,
    procedure: Procedure,
    fits: Mapping[str, Fit],
    main: OutOfFold,
    net_r: Floats,
    tested: NDArray[np.bool_],
) -> tuple[card.Fold, ...]:
    """Each fold on its own; its share of wins is that of rows as those that are `tested`."""
    found, sample = [], job.sample
    for piece in procedure.main():
        train, test = job.splits[piece.fold]
        found.append(
            card.Fold(
                train_rows=len(train),
                train_from_ms=int(sample.open_ms[train].min()),
                train_to_ms=int(sample.label_end_ms[train].max()),
                train_win_ratio=float(sample.label[train[tested[train]]].mean()),
                test_rows=len(test),
                test_from_ms=int(sample.open_ms[test].min()),
                test_to_ms=int(sample.label_end_ms[test].max()),
                test_win_ratio=float(sample.label[test].mean()),
                test_mean_r=number(float(net_r[test].mean())),
                rounds=fits[piece.key].rounds,
                auc=number(main.auc_of(piece.fold)),
            )
        )
    return tuple(found)


def ranking_of(main: OutOfFold) -> card.Ranking:
    """How well the folds' models rank trades."""
    low, high = main.auc_interval
    return card.Ranking(
        rows=len(main.rows),
        auc=number(main.auc),
        low=number(low),
        high=number(high),
        mean_of_folds=number(_mean([main.auc_of(fold) for fold in np.unique(main.fold)])),
    )


def ablations_of(
    job: Job, procedure: Procedure, fits: Mapping[str, Fit], main: OutOfFold, names: Sequence[str]
) -> tuple[card.Ablation, ...]:
    """What the folds lose without some columns."""
    found = []
    for name, columns in procedure.ablations.items():
        without = together(job, procedure.without(columns), fits)
        low, high = without.auc_interval
        found.append(
            card.Ablation(
                name=name,
                without=tuple(names[column] for column in columns),
                auc=number(without.auc),
                low=number(low),
                high=number(high),
                difference=number(main.auc - without.auc),
            )
        )
    return tuple(found)


def importance_of(
    job: Job, procedure: Procedure, fits: Mapping[str, Fit], names: Sequence[str]
) -> tuple[card.Importance, ...]:
    """Columns by what the folds' models owe them, the most first; folds count by their rows."""
    pieces = procedure.main()
    drops = np.stack([fits[piece.key].drops for piece in pieces])  # folds, features, repeats
    rows = np.array([len(job.splits[piece.fold][1]) for piece in pieces], np.float64)
    known = ~np.isnan(drops[:, 0, 0]) if drops.shape[2] else np.zeros(len(pieces), np.bool_)
    if not known.any():
        return ()
    each = np.tensordot(rows[known] / rows[known].sum(), drops[known], axes=1)
    found = [
        card.Importance(
            feature=name,
            auc_drop=number(float(each[column].mean())),
            spread=number(float(each[column].std(ddof=1)) if each.shape[1] > 1 else float("nan")),
        )
        for column, name in enumerate(names)
        if column not in job.left_out
    ]
    return tuple(sorted(found, key=lambda one: -(one.auc_drop or 0.0)))


def controls_of(
    job: Job, procedure: Procedure, fits: Mapping[str, Fit], main: OutOfFold
) -> card.Controls:
    """The same on shuffled labels."""
    aucs = [
        together(job, procedure.shuffled(control), fits).auc
        for control in range(procedure.controls)
    ]
    mean = _mean(aucs)
    return card.Controls(
        aucs=tuple(map(number, aucs)),
        mean=number(mean),
        lowest=number(min(aucs, default=float("nan"))),
        highest=number(max(aucs, default=float("nan"))),
        at_or_above=sum(each >= main.auc for each in aucs),
        as_expected=bool(abs(mean - 0.5) <= CONTROL_REACH),
    )


def calibration_of(
    main: OutOfFold, train_win_ratios: Sequence[float]
) -> tuple[Calibration, card.Calibrated]:
    """The curve that goes into the model, fitted on every out-of-fold row; and how such a curve
    does on folds it was not fitted on."""
    curve = calibration.fit(main.margin, main.label)
    later = main.fold > main.fold.min()
    before, share = np.full(len(later), np.nan), np.full(len(later), np.nan)
    for fold in np.unique(main.fold[later]):
        own, past = main.fold == fold, main.fold < fold
        before[own] = calibration.fit(main.margin[past], main.label[past])(main.margin[own])
        share[own] = train_win_ratios[fold]
    label = main.label[later]
    groups = measures.reliability(label, before[later])
    return curve, card.Calibrated(
        slope=curve.slope,
        intercept=curve.intercept,
        brier_uncalibrated=number(measures.brier(label, calibration.sigmoid(main.margin[later]))),
        brier=number(measures.brier(label, before[later])),
        brier_of_share=number(measures.brier(label, share[later])),
        error=number(measures.calibration_error(groups)),
        groups=tuple(
            card.Group(rows=each.rows, foretold=each.foretold, came=each.came) for each in groups
        ),
    )


def threshold_of(main: OutOfFold, probability: Floats, net_r: Floats) -> card.Threshold:
    """The threshold, chosen on out-of-fold rows alone; `net_r` is theirs."""
    passed, used = threshold.chosen_before(probability, net_r, main.fold)
    later = ~np.isnan(used)
    own = threshold.kept_at(0.5, passed[later].astype(np.float64), net_r[later])
    return card.Threshold(
        least_share=threshold.LEAST_SHARE,
        least_rows=threshold.LEAST_ROWS,
        chosen=_kept(threshold.choose(probability, net_r)),
        tried=tuple(map(_kept, threshold.candidates(probability, net_r))),
        chosen_before=_kept(own, with_threshold=False),
        all_of_these=_kept(threshold.kept_at(0.0, probability[later], net_r[later])),
    )


def _kept(each: threshold.Kept, *, with_threshold: bool = True) -> card.Kept:
    return card.Kept(
        threshold=each.threshold if with_threshold else None,
        rows=each.rows,
        share=number(each.share),
        mean_r=number(each.mean_r),
        total_r=number(each.total_r),
        win_ratio=number(each.win_ratio),
    )


def _mean(values: Sequence[float]) -> float:
    """Of those that can be told."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
