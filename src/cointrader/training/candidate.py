"""A trained model that nobody has let trade: its files, apart from those that bots read.

``models/<symbol>/candidate/`` holds ``lgbm_filter.onnx`` with its manifest, ``training_log.json``,
and ``lgbm_out_of_fold.npz``: what was said of each row by a model that had not seen it, for
whoever judges the model. There is no pointer, so no bot takes it for a model to trade by.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import DataError
from cointrader.model.errors import ModelBroken
from cointrader.model.folder import put, settle
from cointrader.model.manifest import Manifest, usual_ranges
from cointrader.model.manifest import manifest_of as model_manifest
from cointrader.signals.features import FEATURES_VERSION
from cointrader.training.card import Card, Number, read_cards, write_card
from cointrader.training.measures import Floats
from cointrader.training.packed import packed

FOLDER = "candidate"


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """Out-of-fold rows in time order; arrays of one length.

    `margin` is the log-odds by the model of the row's fold; `probability` is calibrated as in the
    model, on all of these rows.
    """

    open_ms: NDArray[np.int64]
    label_end_ms: NDArray[np.int64]
    fold: NDArray[np.int64]
    side: NDArray[np.int8]
    label: NDArray[np.int8]
    net_r: Floats
    margin: Floats
    probability: Floats


def folder_of(models: Path, symbol: str) -> Path:
    """Where the candidates of `symbol` are."""
    return models / symbol.lower() / FOLDER


def write(folder: Path, onnx: bytes, manifest: Manifest, card: Card, tested: Tested) -> None:
    """Write a candidate; each file as a whole, the card last."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = manifest.backend
    rows = {name.name: getattr(tested, name.name) for name in dataclasses.fields(tested)}
    put(folder, f"{stem}_out_of_fold.npz", packed(rows))
    put(folder, f"{stem}_filter.onnx", onnx)
    put(folder, f"{stem}_filter.json", manifest.as_json())
    settle(folder)
    write_card(folder, card)


def found(folder: Path, backend: str, identity: str) -> Card | None:
    """The card of a candidate that was trained in exactly this way and is whole, or None."""
    try:
        card = read_cards(folder).get(backend)
        if card is None or card.identity != identity:
            return None
        read_tested(folder, backend)
        manifest = (folder / f"{backend}_filter.json").read_bytes()
        onnx = (folder / f"{backend}_filter.onnx").read_bytes()
        is_whole = (
            model_manifest(manifest, "").sha256 == card.final.sha256
            and hashlib.sha256(onnx).hexdigest() == card.final.sha256
        )
    except (DataError, ModelBroken, OSError):
        return None
    return card if is_whole else None


def read_tested(folder: Path, backend: str) -> Tested:
    """The out-of-fold rows of a candidate. `DataError`."""
    path = folder / f"{backend}_out_of_fold.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return Tested(**{each.name: stored[each.name] for each in dataclasses.fields(Tested)})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            "the out-of-fold rows of a candidate cannot be read",
            where=str(path),
            found=str(error).partition("\n")[0][:200],
            todo="train again: cointrader train --again",
        ) from None


def manifest_of(card: Card, rows: Floats) -> Manifest:
    """What a model trained on `rows` says of itself. The gate has not seen it."""
    chosen, honest = card.threshold.chosen, card.threshold.chosen_before
    metrics = {
        "auc": card.ranking.auc,
        "auc_low": card.ranking.low,
        "auc_high": card.ranking.high,
        "auc_of_shuffled_labels": card.controls.mean,
        "brier": card.calibration.brier,
        "brier_of_share": card.calibration.brier_of_share,
        "kept_share": chosen.share,
        "kept_mean_r": honest.mean_r,
        "all_mean_r": card.threshold.all_of_these.mean_r,
    }
    return Manifest(
        backend=card.backend,
        symbol=card.symbol,
        interval=card.interval,
        features=card.data.features,
        features_version=FEATURES_VERSION,
        left_out=card.data.left_out,
        threshold=chosen.threshold or 0.0,
        rule=card.rule,
        strategy={**card.strategy, **_learned_from(card)},
        trained_from_ms=card.data.from_ms,
        trained_to_ms=card.data.to_ms,
        made_ms=card.made_ms,
        data_hash=card.data.hash,
        rows=card.data.rows,
        metrics={name: _or_nan(value) for name, value in metrics.items()},
        sha256=card.final.sha256,
        version=card.version,
        feature_quantiles=usual_ranges(card.data.features, rows),
    )


def _learned_from(card: Card) -> dict[str, str]:
    told = card.data.learned_from
    return {} if told is None else {"LEARNED_FROM": told.text}


def _or_nan(value: Number) -> float:
    return math.nan if value is None else value
