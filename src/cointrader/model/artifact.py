"""Models on disk: published at one stroke, and believed by nobody before they are checked.

``models/<symbol>/`` holds, of each backend, ``lgbm_filter.onnx`` and its manifest
``lgbm_filter.json``; ``active.json`` names the one that counts, by backend and SHA-256. Writing
that pointer is the act of publishing: until then the old model counts, from then on the new one.
Whoever reads meanwhile has the one or the other, and never a mix, because everything read must
have the hash that the pointer names. No pickle is ever opened.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from numpy.typing import ArrayLike

from cointrader.model.errors import ModelBroken, ModelMissing
from cointrader.model.folder import alone, content, put, settle
from cointrader.model.manifest import BACKENDS, Manifest, manifest_of
from cointrader.model.session import Floats, Session
from cointrader.signals.features import FEATURES_VERSION, feature_names

POINTER = "active.json"
_POINTER_FORMAT = 1
_MOST_ONNX = 64 << 20
_MOST_JSON = 1 << 20
_TRIES = 5  # to read while somebody publishes
_OLD = (".pkl", ".pickle", ".joblib")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model must have been made for. None: anything will do.

    Parameters
    ----------
    correlation_symbols : without the symbol itself; they name features
    rule : names of the signal rule that the model must know one of
    """

    symbol: str
    interval: str | None = None
    correlation_symbols: tuple[str, ...] | None = None
    rule: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model that was checked and loaded."""

    manifest: Manifest
    session: Session
    folder: Path

    def scores(self, rows: ArrayLike, *, exactly: bool = True) -> Floats:
        """Probabilities of rows, see `Session.scores`."""
        return self.session.scores(rows, exactly=exactly)

    def score(self, row: Floats) -> float:
        """The probability of one row."""
        return self.session.score(row)


def folder_of(models: Path, symbol: str) -> Path:
    """Where the model of `symbol` is looked for: its own folder, or `models` if it has none."""
    own = models / symbol.lower()
    return own if os.path.lexists(own) else models


def read(
    models: Path,
    symbol: str,
    *,
    interval: str | None = None,
    correlation_symbols: Sequence[str] | None = None,
    rule: Sequence[str] | None = None,
) -> Model:
    """The active model of `symbol`, checked and loaded.

    Parameters are those of `Wanted`. Raises `ModelMissing` where there is none, `ModelBroken` where
    there is one that may not be used.
    """
    others = None if correlation_symbols is None else tuple(correlation_symbols)
    names = None if rule is None else tuple(rule)
    return read_active(folder_of(models, symbol), Wanted(symbol, interval, others, names))


def read_active(folder: Path, wanted: Wanted) -> Model:
    """The model that the pointer in `folder` names."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise ModelBroken(
            "where a model's folder should be there is something else",
            where=str(folder),
            found="a link that leads nowhere" if folder.is_symlink() else "a file",
            todo="take it away to trade without a model, or copy the folder again",
        )
    for _ in range(_TRIES):
        backend, sha256 = _pointed(folder, wanted.symbol)
        with suppress(FileNotFoundError):  # it was published, or tidied away, in this moment
            manifest, onnx = _files(folder, backend, sha256)
            if manifest.sha256 == sha256 == hashlib.sha256(onnx).hexdigest():
                return _checked(folder, manifest, onnx, wanted)
        if _pointed(folder, wanted.symbol) == (backend, sha256):
            raise ModelBroken(
                "these model files do not belong together: half copied, or changed afterwards",
                where=str(folder / f"{backend}_filter.*"),
                found="not what the pointer names",
                allowed=f"the files with SHA-256 {sha256[:12]}",
                todo="copy all of them again, active.json last; or promote the model again",
            )
    raise ModelBroken("somebody publishes without end", where=str(folder), todo="look who")


def read_files(folder: Path, backend: str, wanted: Wanted) -> Model:
    """A model that need not be the active one, or published at all: a candidate."""
    try:
        manifest = manifest_of(
            content(folder, f"{backend}_filter.json", most_bytes=_MOST_JSON),
            str(folder / f"{backend}_filter.json"),
        )
        onnx = content(folder, f"{backend}_filter.onnx", most_bytes=_MOST_ONNX)
    except FileNotFoundError as error:
        raise ModelMissing("there is no such model", where=str(error.filename)) from None
    return _checked(folder, manifest, onnx, wanted)


def publish(folder: Path, onnx: bytes, manifest: Manifest) -> Model:
    """Make this the active model of `folder`, e.g. ``models/xrpusdt``; what readers now get.

    Checked as readers check it, and refused where they would. Ended at any moment it has happened
    or it has not.
    """
    model = _checked(folder, manifest, onnx, Wanted(manifest.symbol))
    folder.mkdir(parents=True, exist_ok=True)
    name, aside = f"{manifest.backend}_filter", _aside(manifest.backend, manifest.sha256)
    pointer = {
        "format": _POINTER_FORMAT,
        "backend": manifest.backend,
        "sha256": manifest.sha256,
    }
    with alone(folder):
        put(folder, f"{aside}.onnx", onnx)
        put(folder, f"{aside}.json", manifest.as_json())
        settle(folder)
        put(folder, POINTER, (json.dumps(pointer, indent=2) + "\n").encode())
        settle(folder)
        for ending in (".onnx", ".json"):  # readers look for either name
            (folder / f"{aside}{ending}").replace(folder / f"{name}{ending}")
        for left in folder.glob("*_filter.????????????????.*"):  # by one that was ended
            left.unlink(missing_ok=True)
        settle(folder)
    return model


def _aside(backend: str, sha256: str) -> str:
    return f"{backend}_filter.{sha256[:16]}"


def _pointed(folder: Path, symbol: str) -> tuple[str, str]:
    """Backend and SHA-256 of the active model."""
    try:
        told = msgspec.json.decode(content(folder, POINTER, most_bytes=_MOST_JSON))
    except FileNotFoundError:
        raise _without_pointer(folder, symbol) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        told = None
    if isinstance(told, dict) and told.get("format") == _POINTER_FORMAT:
        backend, sha256 = told.get("backend"), told.get("sha256")
        if backend in BACKENDS and isinstance(sha256, str) and len(sha256) == 64:
            return backend, sha256
    raise ModelBroken(
        "this does not name a model",
        where=str(folder / POINTER),
        found=str(told)[:100],
        todo="copy it again, or promote the model again",
    )


def _without_pointer(folder: Path, symbol: str) -> ModelMissing | ModelBroken:
    """Nothing is active: is there nothing, or something that nobody may use?"""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        names = []
    retrain = f"cointrader train --symbol {symbol}, then cointrader promote --symbol {symbol}"
    for name in names:
        if name.endswith(_OLD):
            return ModelBroken(
                "this is a pickled model, and opening one runs whatever is in it",
                where=str(folder / name),
                allowed="ONNX with a manifest",
                todo=f"make a new one: {retrain}",
            )
    loose = [name for name in names if name.endswith(".onnx")]
    complete = [name for name in loose if f"{name.removesuffix('.onnx')}.json" in names]
    if complete:
        return ModelBroken(
            "this model is not published, or was copied without its pointer",
            where=str(folder / complete[0]),
            found=f"no {POINTER}",
            todo=f"copy {POINTER} too, last; or: cointrader promote --symbol {symbol}",
        )
    if loose:
        return ModelBroken(
            "this model has no manifest: nobody knows what it was made for",
            where=str(folder / loose[0]),
            todo=f"make a new one: {retrain}",
        )
    return ModelMissing("there is no model", where=str(folder), todo=retrain)


def _files(folder: Path, backend: str, sha256: str) -> tuple[Manifest, bytes]:
    """Manifest and graph of exactly this hash; another manifest where there is none of it."""
    aside, name = _aside(backend, sha256), f"{backend}_filter"
    found = {}
    for ending, most in ((".json", _MOST_JSON), (".onnx", _MOST_ONNX)):
        try:
            found[ending] = content(folder, f"{aside}{ending}", most_bytes=most)
        except FileNotFoundError:
            found[ending] = content(folder, f"{name}{ending}", most_bytes=most)
    return manifest_of(found[".json"], str(folder / f"{name}.json")), found[".onnx"]


def _checked(folder: Path, manifest: Manifest, onnx: bytes, wanted: Wanted) -> Model:
    where = str(folder / f"{manifest.backend}_filter.onnx")
    sha256 = hashlib.sha256(onnx).hexdigest()
    if sha256 != manifest.sha256:
        raise ModelBroken(
            "this model is not the one that its manifest describes: half copied, or changed",
            where=where,
            found=f"SHA-256 {sha256[:12]}, {len(onnx):,} bytes",
            allowed=f"SHA-256 {manifest.sha256[:12]}",
            todo="copy it again, or promote the model again",
        )
    _require_fit(manifest, wanted, where)
    try:
        session = Session(onnx, len(manifest.features))
    except ModelBroken as error:
        raise ModelBroken(
            error.what,
            where=where,
            found=error.found,
            allowed=error.allowed,
            todo=f"make a new one: cointrader train --symbol {wanted.symbol}",
        ) from None
    return Model(manifest, session, folder)


def _require_fit(manifest: Manifest, wanted: Wanted, where: str) -> None:
    """It was made for what it shall judge."""
    retrain = f"make one: cointrader train --symbol {wanted.symbol}"
    if manifest.symbol != wanted.symbol:
        raise ModelBroken(
            "this model was made for another symbol",
            where=where,
            found=manifest.symbol,
            allowed=wanted.symbol,
            todo=retrain,
        )
    if wanted.interval is not None and manifest.interval != wanted.interval:
        raise ModelBroken(
            "this model was made for other bars",
            where=where,
            found=manifest.interval,
            allowed=wanted.interval,
            todo=retrain,
        )
    if manifest.features_version != FEATURES_VERSION:
        raise ModelBroken(
            "this model was made for features of another version",
            where=where,
            found=f"version {manifest.features_version}",
            allowed=f"version {FEATURES_VERSION}",
            todo=retrain,
        )
    if wanted.rule is not None and manifest.rule not in wanted.rule:
        raise ModelBroken(
            "this model was made for the signals of another rule",
            where=where,
            found=manifest.rule[:100],
            allowed=wanted.rule[0],
            todo=retrain,
        )
    if wanted.correlation_symbols is not None:
        # A rule's own features follow these; who asks knows them at the first signal.
        require_features(manifest, feature_names(wanted.correlation_symbols), where, is_all=False)


def require_features(
    manifest: Manifest, names: Sequence[str], where: str, *, is_all: bool = True
) -> None:
    """The row that will be shown is the row it was trained on. `ModelBroken` says what differs."""
    known = manifest.features if is_all else manifest.features[: len(names)]
    if tuple(names) == known:
        return
    new = [name for name in names if name not in manifest.features]
    gone = [name for name in manifest.features if name not in names] if is_all or not new else []
    found = [f"it misses {', '.join(new)}"] if new else []
    found += [f"it expects {', '.join(gone)}"] if gone else []
    raise ModelBroken(
        "this model was made for other features",
        where=where,
        found="; ".join(found)[:300] or "the same in another order",
        allowed=f"{len(names)} columns: {', '.join(names)}"[:300],
        todo="set CORRELATION_SYMBOLS as it was, and have their candles; or make a new one: "
        f"cointrader train --symbol {manifest.symbol}",
    )
