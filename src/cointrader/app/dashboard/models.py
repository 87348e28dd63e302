"""The entry filters: what judged when the run began, what is in the folder now, how it does.

Files are read as they are and no model is loaded: a page must not run what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from cointrader.app.dashboard.run import RunNow
from cointrader.app.model_words import BROKEN, NONE, OFF, SERVED, begun_with, pairs
from cointrader.dashboard import answers
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import CointraderError
from cointrader.journal.page_reader import PageReader
from cointrader.model.artifact import POINTER, folder_of
from cointrader.model.folder import content
from cointrader.model.manifest import BACKENDS, Manifest, manifest_of

_CARDS = "training_log.json"
_MOST_BYTES = 8_000_000
_BINS = 10
_PROBABILITY_DAYS, _LOOKED_AT = 30, 60_000  # and no more answers than that
_WORDS = {
    NONE: "there was no model when the run began",
    BROKEN: "the model could not be used when the run began",
    OFF: "no filter judges: that was meant",
}
_STATES = {NONE: "none", BROKEN: "broken", OFF: "off"}
_NO_DRIFT = "only the running process counts what its model is shown"


def read_models(
    reader: PageReader, now: RunNow, process: Mapping[str, Any] | None
) -> answers.Models:
    """One entry for each symbol; `process` is what the running process tells of itself."""
    folder = begun_with(now.run.source)
    served = pairs(now.run.source.get(SERVED, ""))
    newest_ms = (reader.decision_span() or (0, 0))[1]
    a_day = len(now.run.symbols) * (DAY_MS // now.bar_ms)
    days = max(min(_PROBABILITY_DAYS, _LOOKED_AT // a_day), 1)
    judged = reader.probabilities(newest_ms - days * DAY_MS, _BINS)
    drifts = (process or {}).get("drift")
    models = [
        _model(
            symbol,
            served.get(symbol),
            folder,
            _probabilities(days, judged.get(symbol, ([0] * _BINS, 0.0, 0))),
            drifts.get(symbol) if isinstance(drifts, Mapping) else None,
        )
        for symbol in now.run.symbols
    ]
    return answers.Models(folder=None if folder is None else str(folder), models=models)


def _model(
    symbol: str,
    served: str | None,
    folder: Path | None,
    probabilities: answers.Probabilities,
    drift: Mapping[str, Any] | None,
) -> answers.Model:
    manifest, card, trouble = _files(folder, symbol)
    state = "unknown" if served is None else _STATES.get(served, "served")
    assert state in get_args(answers.ModelState)
    words = _WORDS.get(served or "", served or "the journal does not tell")
    seen = _drift(drift)
    return answers.Model(
        symbol=symbol,
        state=state,  # type: ignore[arg-type]
        words=f"{words}; {trouble}" if trouble else words,
        identity=None if manifest is None else manifest.identity,
        backend=None if manifest is None else manifest.backend,
        threshold=None if manifest is None else manifest.threshold,
        rule=None if manifest is None else manifest.rule,
        rows=None if manifest is None else manifest.rows,
        made_ms=None if manifest is None else manifest.made_ms,
        trained_from_ms=None if manifest is None else manifest.trained_from_ms,
        trained_to_ms=None if manifest is None else manifest.trained_to_ms,
        features=[] if manifest is None else list(manifest.features),
        left_out=[] if manifest is None else list(manifest.left_out),
        gate=None if manifest is None else str(manifest.gate.get("verdict")),
        gate_facts={} if manifest is None else dict(manifest.gate),
        metrics={} if manifest is None else {n: _finite(v) for n, v in manifest.metrics.items()},
        card=card,
        drift=seen,
        why_no_drift="" if seen is not None else _NO_DRIFT,
        probabilities=probabilities,
    )


def _files(folder: Path | None, symbol: str) -> tuple[Manifest | None, dict[str, Any] | None, str]:
    """The manifest and the card of the active model, and what is wrong with them."""
    if folder is None:
        return None, None, ""
    own = folder_of(folder, symbol)
    found: list[Manifest] = []
    trouble = ""
    for backend in BACKENDS:
        name = f"{backend}_filter.json"
        try:
            found.append(manifest_of(content(own, name, most_bytes=_MOST_BYTES), name))
        except FileNotFoundError:
            continue
        except CointraderError as error:
            trouble = error.what
    active = _json(own, POINTER).get("sha256")
    found.sort(key=lambda manifest: manifest.sha256 != active)
    manifest = next((each for each in found if each.symbol == symbol), None)
    if manifest is None:
        return None, None, trouble
    cards = _json(own, _CARDS).get("cards")
    card = cards.get(manifest.backend) if isinstance(cards, dict) else None
    return manifest, card if isinstance(card, dict) else None, trouble


def _json(folder: Path, name: str) -> dict[str, Any]:
    """An object in a file; empty where there is none."""
    try:
        told = msgspec.json.decode(content(folder, name, most_bytes=_MOST_BYTES))
    except (OSError, CointraderError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return told if isinstance(told, dict) else {}


def _drift(told: Mapping[str, Any] | None) -> answers.Drift | None:
    """``{"rows": n, "features": {name: {"missing": n, "outside": n or None}}}`` as shares."""
    try:
        rows = int(told["rows"]) if told else 0
        if not told or not rows:
            return None
        features = [
            answers.FeatureDrift(
                feature=str(name),
                missing_share=seen["missing"] / rows,
                outside_share=_share(seen["outside"], rows - seen["missing"]),
            )
            for name, seen in told["features"].items()
        ]
    except (KeyError, TypeError, ValueError):
        return None
    return answers.Drift(rows=rows, source="the running process", features=features)


def _share(count: int | None, of: int) -> float | None:
    return None if count is None or of <= 0 else count / of


def _probabilities(days: int, judged: tuple[list[int], float, int]) -> answers.Probabilities:
    bins, total, passed = judged
    count = sum(bins)
    mean = total / count if count else None
    return answers.Probabilities(days=days, count=count, mean=mean, passed=passed, bins=bins)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
