"""What may be deployed: a published model with its files, if the gate let it pass."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cointrader.domain.errors import ModelError
from cointrader.model.artifact import POINTER, Wanted, folder_of, read_active, read_files
from cointrader.model.errors import ModelBroken
from cointrader.model.folder import content
from cointrader.model.manifest import Manifest, manifest_of

CARD = "training_log.json"
_MOST_BYTES = 64 << 20


class NotPassed(ModelError):
    """The gate did not let this model trade."""


@dataclass(frozen=True, slots=True, eq=False)
class Shipment:
    """A model as files, by their names in the folder of its symbol."""

    manifest: Manifest
    files: Mapping[str, bytes]


def shipment(models: Path, symbol: str, backend: str | None = None) -> Shipment:
    """The published model of `symbol`, checked as a bot checks it.

    Parameters
    ----------
    models : folder of models
    backend : the one to take; None: the active one

    Raises
    ------
    ModelMissing : there is none
    ModelBroken : a bot would not load it
    """
    folder, wanted = folder_of(models, symbol), Wanted(symbol)
    if backend is None:
        manifest = read_active(folder, wanted).manifest
    else:
        manifest = read_files(folder, backend, wanted).manifest
    name = f"{manifest.backend}_filter"
    pointer = {"format": 1, "backend": manifest.backend, "sha256": manifest.sha256}
    files = {
        f"{name}.onnx": _of(folder, manifest, "onnx"),
        f"{name}.json": _of(folder, manifest, "json"),
        POINTER: msgspec.json.format(msgspec.json.encode(pointer), indent=2) + b"\n",
    }
    is_same = hashlib.sha256(files[f"{name}.onnx"]).hexdigest() == manifest.sha256
    if not is_same or manifest_of(files[f"{name}.json"], str(folder)) != manifest:
        raise ModelBroken(
            "somebody publishes another model at this moment",
            where=str(folder),
            todo="deploy again when that is done",
        )
    with suppress(FileNotFoundError):
        files[CARD] = content(folder, CARD, most_bytes=_MOST_BYTES)
    return Shipment(manifest, files)


def require_allowed(manifest: Manifest, *, is_paper: bool) -> None:
    """Raise `NotPassed` for a model that may not trade where it is deployed to."""
    if manifest.is_passed or (is_paper and manifest.is_forced_for_paper):
        return
    is_forced = manifest.is_forced_for_paper
    raise NotPassed(
        "the gate did not let this model pass: it is not deployed",
        where=f"{manifest.symbol}, {manifest.identity}",
        found=f"verdict {manifest.gate.get('verdict')}" + (", forced for paper" * is_forced),
        allowed="verdict passed",
        todo="add --paper if nothing but paper is traded there"
        if is_forced
        else f"cointrader promote --symbol {manifest.symbol} tells why",
    )


def _of(folder: Path, manifest: Manifest, ending: str) -> bytes:
    """A file of the model, which is under its hash while it is being published."""
    name = f"{manifest.backend}_filter"
    with suppress(FileNotFoundError):
        aside = f"{name}.{manifest.sha256[:16]}.{ending}"
        return content(folder, aside, most_bytes=_MOST_BYTES)
    try:
        return content(folder, f"{name}.{ending}", most_bytes=_MOST_BYTES)
    except FileNotFoundError as error:
        raise ModelBroken(
            "a file of this model is gone", where=str(error.filename), todo="deploy again"
        ) from None
