"""Results of cells that were played already, so that a search can be stopped and go on.

A result is found again by the hash of the candles, of the configuration, of how trades are counted
and of the rules of this version; anything else is another result. It is a cache: whatever happens
to the file, results are the same, only later.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from cointrader.app.search.play import TaskResult
from cointrader.backtest.sweep.figures import FIGURES
from cointrader.domain.errors import CointraderError

_SCHEMA = """\
CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, figures BLOB, daily BLOB);
CREATE TABLE IF NOT EXISTS filters (key TEXT PRIMARY KEY, content BLOB);
"""
_ASKED_AT_ONCE = 500  # keys to a query


def default_folder() -> Path:
    """``cointrader/sweeps`` in this user's cache folder (``XDG_CACHE_HOME``)."""
    told = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(told) if told else Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        base = Path(tempfile.gettempdir()) / f"cointrader-{os.getuid()}"
    return base / "cointrader" / "sweeps"


class ResultStore:
    """Results in a file, made if missing. A context manager.

    Raises `CointraderError` when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=60.0)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.executescript(_SCHEMA)
            self._connection.commit()
        except (OSError, sqlite3.Error) as error:
            raise CointraderError(
                "finished cells cannot be kept",
                where=str(path),
                found=str(error),
                todo="delete that file, name another with --store, or say --no-store",
            ) from error

    def found(
        self, keys: Sequence[str], n_windows: int, n_days: int
    ) -> Mapping[int, tuple[np.ndarray, np.ndarray]]:
        """Figures and daily R of those that are there, by place in `keys`."""
        places = {key: place for place, key in enumerate(keys)}
        known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for begin in range(0, len(keys), _ASKED_AT_ONCE):
            part = keys[begin : begin + _ASKED_AT_ONCE]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(
                f"SELECT key, figures, daily FROM results WHERE key IN ({marks})", part
            )
            for key, figures, daily in rows:
                with suppress(ValueError):  # not what we wrote: it is played again
                    figure = np.frombuffer(figures, FIGURES)
                    by_day = np.frombuffer(daily, np.float64)
                    if len(figure) == n_windows and len(by_day) == n_days:
                        known[places[key]] = (figure, by_day)
        return known

    def keep(self, keys: Iterable[str], result: TaskResult) -> None:
        """Write results down; on disk for every other process when this returns."""
        rows = [
            (key, figures.tobytes(), daily.tobytes())
            for key, figures, daily in zip(keys, result.figures, result.daily, strict=True)
        ]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO results VALUES (?,?,?)", rows)

    def filter_of(self, key: str) -> bytes | None:
        """What was kept of a filter, None where nothing was."""
        query = "SELECT content FROM filters WHERE key = ?"
        row = self._connection.execute(query, (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def keep_filter(self, key: str, content: bytes) -> None:
        """Write a filter down; on disk for every other process when this returns."""
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO filters VALUES (?,?)", (key, content))

    def __enter__(self) -> ResultStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
