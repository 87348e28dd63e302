"""One symbol's training, from its rows to a candidate: a model that nobody has let trade yet.

Every fold is fitted on what was known before its test; what is said of the model, its calibration
and its threshold come from those tests alone. Then the model itself is fitted on all rows.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cointrader import __version__
from cointrader.backtest.fingerprint import hash_of_settings
from cointrader.training import candidate, findings
from cointrader.training.backend import Backend, Sample
from cointrader.training.calibration import Calibration
from cointrader.training.card import Card, Data, Drift, Final, LearnedFrom, number
from cointrader.training.finished import Finished
from cointrader.training.measures import Floats
from cointrader.training.out_of_fold import CONTROLS, OutOfFold, Procedure, together
from cointrader.training.pieces import Fit, Job, Longs, Piece, fit_piece

_VERSION = 2  # of the procedure: raised when the same settings would give another model

Progress = Callable[[int, int], None]  # pieces done now, and of how many in all
Spread = Callable[[Callable[[Job, Piece], Fit], Job, Sequence[Piece]], Generator[Fit, None, None]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a model is for. `strategy` are the settings that shape its signals, as text."""

    symbol: str
    interval: str
    rule: str
    label: str
    strategy: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What is learned from.

    Parameters
    ----------
    sample : labelled rows in time order
    names : of their columns
    net_r : of each row's own trade, in units of its risk
    side : +1 long, -1 short
    left_out : columns that too few rows know
    hash : of everything in it
    coverage : by column the share of rows that know it
    remarks : what people should know of it
    drift : by column how far the tested rows moved
    is_tested : rows that stand for what is decided; the others are only learned from, and are in
        no test of `splits`. None: all of them
    kind : a number per row; shuffled labels stay among rows of one kind. None: one kind
    learned_from : what the rows are that are only learned from; None: there are none
    """

    sample: Sample
    names: tuple[str, ...]
    net_r: Floats
    side: NDArray[np.int8]
    left_out: tuple[str, ...]
    hash: str
    coverage: Mapping[str, float]
    remarks: tuple[str, ...] = ()
    drift: Mapping[str, Drift] = field(default_factory=dict)
    is_tested: NDArray[np.bool_] | None = None
    kind: Longs | None = None
    learned_from: LearnedFrom | None = None

    @property
    def tested(self) -> NDArray[np.bool_]:
        """`is_tested` of every row."""
        everything = np.ones(len(self.sample), np.bool_)
        return everything if self.is_tested is None else self.is_tested


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is learned. `embargo_ms` lies between a training and its test."""

    backend: Backend
    embargo_ms: int
    seed: int = 1
    controls: int = CONTROLS


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A candidate. `fitted` and `remembered` are pieces; both 0: it was there already."""

    card: Card
    folder: Path
    fitted: int
    remembered: int


def one_by_one(
    work: Callable[[Job, Piece], Fit], job: Job, pieces: Sequence[Piece]
) -> Generator[Fit, None, None]:
    """Fit pieces in this process."""
    for piece in pieces:
        yield work(job, piece)


def train(
    subject: Subject,
    material: Material,
    splits: Sequence[tuple[Longs, Longs]],
    plan: Plan,
    folder: Path,
    *,
    again: bool = False,
    spread: Spread = one_by_one,
    on_progress: Progress = lambda _done, _all: None,
) -> Outcome:
    """Train a model and write it to `folder` as a candidate. Nothing is published.

    Stopped at any moment, the same call goes on: finished pieces are kept in `folder` until all
    are done. The same material, plan and seed give the same model, wherever its pieces are fitted.

    Parameters
    ----------
    splits : rows to train on and rows to test on, fold by fold, purged and embargoed
    again : fit all of it anew, even where it is there
    spread : how pieces are worked off, in this process or in others

    Raises
    ------
    ConfigError : the backend's library is missing
    DataError : a fold has one outcome only
    """
    started_s = time.perf_counter()
    left_out = tuple(material.names.index(name) for name in material.left_out)
    job = Job(material.sample, splits, plan.backend, left_out, plan.seed, material.kind)
    procedure = Procedure.of(material.names, len(splits), controls=plan.controls)
    identity = _identity(subject, material, splits, plan, procedure)
    finished = Finished(folder, plan.backend.name, identity)
    if again:
        finished.forget()
    else:
        known = candidate.found(folder, plan.backend.name, identity)
        if known is not None:
            return Outcome(known, folder, 0, 0)
    fits, remembered = _fitted(job, procedure, finished, spread, on_progress)
    main = together(job, procedure.main(), fits)
    net_r = material.net_r[main.rows]
    folds = findings.folds_of(job, procedure, fits, main, material.net_r, material.tested)
    curve, calibrated = findings.calibration_of(main, [fold.train_win_ratio for fold in folds])
    probability = curve(main.margin)
    onnx, rounds = _final(job, [fold.rounds for fold in folds], curve)
    on_progress(1, len(procedure.pieces()) + 1)
    card = Card(
        backend=plan.backend.name,
        library=plan.backend.library,
        symbol=subject.symbol,
        interval=subject.interval,
        rule=subject.rule,
        label=subject.label,
        strategy=dict(subject.strategy),
        settings=dict(plan.backend.settings),
        seed=plan.seed,
        embargo_ms=plan.embargo_ms,
        version=__version__,
        identity=identity,
        made_ms=time.time_ns() // 1_000_000,
        seconds=round(time.perf_counter() - started_s, 1),
        data=_data(material),
        folds=folds,
        ranking=findings.ranking_of(main),
        ablations=findings.ablations_of(job, procedure, fits, main, material.names),
        importance=findings.importance_of(job, procedure, fits, material.names),
        controls=findings.controls_of(job, procedure, fits, main),
        calibration=calibrated,
        threshold=findings.threshold_of(main, probability, net_r),
        final=Final(
            rows=len(material.sample),
            rounds=rounds,
            sha256=hashlib.sha256(onnx).hexdigest(),
            bytes=len(onnx),
        ),
    )
    manifest = candidate.manifest_of(card, material.sample.rows[material.tested])
    candidate.write(folder, onnx, manifest, card, _tested(main, material, probability))
    finished.forget()
    return Outcome(card, folder, len(procedure.pieces()) + 1 - remembered, remembered)


def _fitted(
    job: Job, procedure: Procedure, finished: Finished, spread: Spread, on_progress: Progress
) -> tuple[dict[str, Fit], int]:
    """Every piece by its key, and how many of them were done before."""
    pieces = procedure.pieces()
    total = len(pieces) + 1  # the model itself comes last
    fits = finished.found(piece.key for piece in pieces)
    remembered = len(fits)
    on_progress(remembered, total)
    missing = [piece for piece in pieces if piece.key not in fits]
    with closing(spread(fit_piece, job, missing)) as results:
        for fit in results:
            finished.keep(fit)
            fits[fit.key] = fit
            on_progress(1, total)
    return fits, remembered


def _final(job: Job, rounds: Sequence[int], curve: Calibration) -> tuple[bytes, int]:
    """The model on all rows, fitted as long as the folds' were in the middle."""
    middle = max(1, round(float(np.median(rounds))))
    fitted = job.backend.fit(job.sample, job.left_out, job.seed, middle)
    return fitted.graph(curve), fitted.rounds


def _identity(
    subject: Subject,
    material: Material,
    splits: Sequence[tuple[Longs, Longs]],
    plan: Plan,
    procedure: Procedure,
) -> str:
    whole = hashlib.sha256()
    for part in (part for split in splits for part in split):
        whole.update(f"{len(part)} ".encode() + np.asarray(part, "<i8").tobytes())
    more: dict[str, object] = {}  # what is off has no say: old candidates stay finished
    if material.learned_from is not None:
        told = material.learned_from
        more["learned_from"] = [told.population_threshold, told.hold_negatives, *told.pooled]
    return hash_of_settings(
        {
            **more,
            "procedure": _VERSION,
            "version": __version__,
            "library": plan.backend.library,
            "backend": plan.backend.name,
            "settings": dict(plan.backend.settings),
            "subject": {
                "symbol": subject.symbol,
                "interval": subject.interval,
                "rule": subject.rule,
                "label": subject.label,
                "strategy": dict(subject.strategy),
            },
            "data": material.hash,
            "features": list(material.names),
            "left_out": list(material.left_out),
            "splits": whole.hexdigest(),
            "embargo_ms": plan.embargo_ms,
            "seed": plan.seed,
            "pieces": [piece.key for piece in procedure.pieces()],
        }
    )


def _data(material: Material) -> Data:
    sample = material.sample
    return Data(
        hash=material.hash,
        rows=len(sample),
        from_ms=int(sample.open_ms.min()),
        to_ms=int(sample.label_end_ms.max()),
        ones=int((sample.label == 1).sum()),
        longs=int((material.side > 0).sum()),
        mean_r=number(float(material.net_r[material.tested].mean())),
        features=material.names,
        left_out=material.left_out,
        coverage=dict(material.coverage),
        remarks=material.remarks,
        drift=dict(material.drift),
        learned_from=material.learned_from,
    )


def _tested(main: OutOfFold, material: Material, probability: Floats) -> candidate.Tested:
    return candidate.Tested(
        open_ms=material.sample.open_ms[main.rows],
        label_end_ms=material.sample.label_end_ms[main.rows],
        fold=main.fold,
        side=material.side[main.rows],
        label=main.label,
        net_r=material.net_r[main.rows],
        margin=main.margin,
        probability=probability,
    )
