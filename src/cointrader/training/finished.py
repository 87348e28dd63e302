"""Pieces of a training that are done, on disk: what was stopped goes on from there.

A piece counts as done only for exactly the same training: other rows, settings, folds, seed or
version make another folder. It is a cache: whatever happens to it, the result is the same, later.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cointrader.domain.errors import CointraderError
from cointrader.training.packed import packed
from cointrader.training.pieces import Fit

_PREFIX = ".unfinished-"


class Finished:
    """The pieces of one training that are done.

    Parameters
    ----------
    folder : where the candidate will be
    backend : whose training it is
    identity : hash of everything that shapes the result
    """

    def __init__(self, folder: Path, backend: str, identity: str) -> None:
        self._home, self._stem = folder, f"{_PREFIX}{backend}-"
        self._folder = folder / f"{self._stem}{identity[:16]}"

    def found(self, keys: Iterable[str]) -> dict[str, Fit]:
        """Those of `keys` that are there and whole."""
        fits = ((key, _read(self._folder / f"{key}.npz", key)) for key in keys)
        return {key: fit for key, fit in fits if fit is not None}

    def keep(self, fit: Fit) -> None:
        """Write a piece down: it is there as a whole, or not at all. `CointraderError`."""
        path = self._folder / f"{fit.key}.npz"
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(
                packed(
                    {
                        "margins": fit.margins,
                        "rounds": np.array(fit.rounds),
                        "seconds": np.array(fit.seconds),
                        "drops": fit.drops,
                    }
                )
            )
            aside.replace(path)
        except OSError as error:
            raise CointraderError(
                "what is trained cannot be kept",
                where=str(self._folder),
                found=error.strerror or str(error),
                todo="check the free space and the permissions of the folder",
            ) from error

    def forget(self) -> None:
        """Remove the pieces of this training and those of others that were never finished."""
        for path in self._home.glob(f"{self._stem}*"):
            shutil.rmtree(path, ignore_errors=True)


def _read(path: Path, key: str) -> Fit | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return Fit(
                key,
                np.asarray(stored["margins"], np.float64),
                int(stored["rounds"]),
                float(stored["seconds"]),
                np.asarray(stored["drops"], np.float64),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # not there, or not what we wrote: it is fitted again
