"""What a model says of itself: what it may judge, from when on a signal passes, how it was made."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from cointrader.domain.clock import INTERVALS_MS
from cointrader.model.errors import ModelBroken

FORMAT = 1
BACKENDS = ("lgbm", "mlx")
PASSED, FAILED, NOT_JUDGED = "passed", "failed", "not judged"
MOST_FEATURES = 1_000
USUAL_SHARE = 0.005  # of the training rows that lies below, and above, a feature's usual range
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SYMBOL = re.compile(r"[A-Z0-9_]{2,40}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of one model. Times are epoch ms.

    Parameters
    ----------
    backend : one of `BACKENDS`
    symbol : the one it may trade
    interval : of the bars it may judge, e.g. ``"15m"``
    features : all columns of the row it is given, in order
    features_version : see `signals.features`
    left_out : columns that training left out; the graph ignores them
    threshold : probability from which on a signal passes, itself included
    rule : name of the signal rule it was trained for
    strategy : settings that shape the signals it was trained on, for the record
    data_hash, rows : of what it was trained on
    metrics : NaN where one is not known
    gate : ``verdict`` (one of passed, failed, not judged), ``forced_for_paper``, and numbers
    sha256 : of the ONNX file
    version : of cointrader
    feature_quantiles : by feature the range in which all but `USUAL_SHARE` at either end of the
        training rows lie; empty where nobody looked
    """

    backend: str
    symbol: str
    interval: str
    features: tuple[str, ...]
    features_version: int
    threshold: float
    rule: str
    trained_from_ms: int
    trained_to_ms: int
    made_ms: int
    data_hash: str
    rows: int
    sha256: str
    version: str
    left_out: tuple[str, ...] = ()
    strategy: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    gate: Mapping[str, object] = field(default_factory=lambda: {"verdict": NOT_JUDGED})
    feature_quantiles: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def is_passed(self) -> bool:
        """Whether the gate let it trade."""
        return self.gate.get("verdict") == PASSED

    @property
    def is_forced_for_paper(self) -> bool:
        """Whether a person lets it trade on paper all the same."""
        return self.gate.get("forced_for_paper") is True

    @property
    def identity(self) -> str:
        """Short name of exactly this model, e.g. ``lgbm:0f1e2d3c4b5a``."""
        return f"{self.backend}:{self.sha256[:12]}"

    def as_json(self) -> bytes:
        """The manifest file."""
        metrics = {name: _number_or_none(value) for name, value in self.metrics.items()}
        told = {"format": FORMAT, **asdict(self), "metrics": metrics}
        return (json.dumps(told, indent=2, allow_nan=False) + "\n").encode()


def manifest_of(data: bytes, where: str) -> Manifest:
    """The manifest in a file. Raises `ModelBroken` for what is none, or cannot be true."""
    try:
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _broken("the manifest cannot be read", where, error) from None
    if not isinstance(told, dict):
        raise _broken("the manifest cannot be read", where, type(told).__name__)
    if told.get("format") != FORMAT:
        raise ModelBroken(
            "this model is of another version of cointrader",
            where=where,
            found=f"format {str(told.get('format'))[:20]}",
            allowed=f"format {FORMAT}",
        )
    if isinstance(told.get("metrics"), dict):
        told["metrics"] = {n: math.nan if v is None else v for n, v in told["metrics"].items()}
    try:
        manifest = msgspec.convert(told, Manifest)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _broken("the manifest is not complete", where, error) from None
    wrong = _why_impossible(manifest)
    if wrong:
        raise _broken("the manifest cannot be true", where, wrong)
    return manifest


def usual_ranges(names: Sequence[str], rows: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    """`Manifest.feature_quantiles` of training rows, shape (n, n_features); NaN is left out.

    A feature that no row knows has none.
    """
    ranges = {}
    for name, column in zip(names, np.asarray(rows, np.float64).T, strict=True):
        known = column[~np.isnan(column)]
        if len(known):
            low, high = np.quantile(known, (USUAL_SHARE, 1.0 - USUAL_SHARE))
            ranges[name] = (float(low), float(high))
    return ranges


def _why_impossible(manifest: Manifest) -> str:
    names = manifest.features
    ranges = manifest.feature_quantiles
    wrong = {
        f"backend {manifest.backend!r}": manifest.backend not in BACKENDS,
        f"symbol {manifest.symbol!r}": not _SYMBOL.fullmatch(manifest.symbol),
        f"interval {manifest.interval!r}": manifest.interval not in INTERVALS_MS,
        f"{len(names)} features": not 0 < len(names) <= MOST_FEATURES,
        "two features of one name": len(set(names)) != len(names),
        "it leaves out what it does not have": not set(manifest.left_out) <= set(names),
        f"threshold {manifest.threshold}": not 0.0 <= manifest.threshold <= 1.0,
        f"sha256 {manifest.sha256!r}": not _SHA256.fullmatch(manifest.sha256),
        f"gate {manifest.gate.get('verdict')!r}": (
            manifest.gate.get("verdict") not in (PASSED, FAILED, NOT_JUDGED)
        ),
        "a range of no feature": not set(ranges) <= set(names),
        "a range that is none": any(not low <= high for low, high in ranges.values()),
    }
    return "; ".join(text[:100] for text, is_wrong in wrong.items() if is_wrong)


def _number_or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _broken(what: str, where: str, why: object) -> ModelBroken:
    return ModelBroken(what, where=where, found=str(why).partition("\n")[0][:200])
