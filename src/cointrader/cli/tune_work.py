"""One symbol's tuning as the configuration asks for it, and the file that comes of it."""

from __future__ import annotations

import fcntl
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from cointrader import __version__
from cointrader.app.config import Config
from cointrader.app.tune import workers
from cointrader.backtest.fingerprint import hash_of_settings
from cointrader.cli.train_work import Asked as TrainAsked
from cointrader.cli.train_work import material_of, rows_of
from cointrader.domain.errors import CointraderError
from cointrader.model.folder import put, settle
from cointrader.training.params import backend_of
from cointrader.training.population import require_enough
from cointrader.training.splits import EMBARGO_MS
from cointrader.training.train import Material
from cointrader.training.tune import SCORE, Progress, TuneResult, answer, job_of, tune
from cointrader.training.tune_space import SPACES
from cointrader.training.tune_study import optuna, storage_at

_PROCEDURE = 2  # raised when the same settings would be searched another way


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for. `timeout_s` is for each symbol."""

    data: Path
    models: Path
    range_ms: tuple[int | None, int | None]
    backend: str
    folds: int
    inner_folds: int
    trials: int
    timeout_s: float | None
    seed: int
    jobs: int = 1
    cluster: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What came of a symbol, and its file."""

    symbol: str
    result: TuneResult
    path: Path
    told: dict[str, object]

    @property
    def gains(self) -> tuple[float, ...]:
        """Of each outer fold: how much better the tuned settings did."""
        return tuple(
            new - old for new, old in zip(self.result.tuned, self.result.baseline, strict=True)
        )


def tune_symbol(config: Config, symbol: str, asked: Asked, on_progress: Progress) -> Tuned:
    """Choose settings for `symbol` and write them to ``tune_results_<time>.json``.

    Raises as `train_work.train_symbol`, and `CointraderError` while another tuning of the symbol
    runs.
    """
    backend_of(asked.backend)
    material = _material(config, symbol, asked)
    job = job_of(
        material.sample,
        [material.names.index(name) for name in material.left_out],
        asked.backend,
        folds=asked.folds,
        inner_folds=asked.inner_folds,
        seed=asked.seed,
    )
    folder = asked.models / symbol.lower()
    identity = _identity(material, asked)
    with (
        _alone(folder / ".tuning", symbol),
        workers(answer, job, jobs=asked.jobs, cluster=asked.cluster) as ask,
    ):
        result = tune(
            job,
            storage_at(folder / ".tuning" / f"{asked.backend}-{identity[:16]}.journal"),
            ask,
            trials=asked.trials,
            timeout_s=asked.timeout_s,
            on_progress=on_progress,
        )
    told = _told(symbol, asked, material, identity, result)
    return Tuned(symbol, result, _written(folder, told), told)


def _material(config: Config, symbol: str, asked: Asked) -> Material:
    """The rows a training of this symbol would learn from."""
    same = TrainAsked(
        asked.data, asked.models, asked.range_ms, asked.backend, asked.folds, None, asked.seed
    )
    rows = rows_of(config.replace(symbols=[symbol]), symbol, same)
    require_enough(rows.label, symbol)
    return material_of(rows)


def _identity(material: Material, asked: Asked) -> str:
    """What a search must share with an earlier one to go on with it; not how long it is."""
    space = {name: repr(own) for name, own in SPACES[asked.backend].items()}
    return hash_of_settings(
        {
            "procedure": _PROCEDURE,
            "version": __version__,
            "library": backend_of(asked.backend).library,
            "data": material.hash,
            "left_out": list(material.left_out),
            "backend": asked.backend,
            "space": space,
            "folds": [asked.folds, asked.inner_folds, EMBARGO_MS],
            "seed": asked.seed,
        }
    )


def _told(
    symbol: str, asked: Asked, material: Material, identity: str, result: TuneResult
) -> dict[str, object]:
    known = [
        pair
        for pair in zip(result.baseline, result.tuned, strict=True)
        if all(map(math.isfinite, pair))
    ]
    baseline, tuned = [old for old, _ in known], [new for _, new in known]
    return {
        "format": 1,
        "symbol": symbol,
        "backend": asked.backend,
        "params": dict(result.params),
        "score": SCORE,
        "baseline": {"folds": baseline, "mean": fmean(baseline) if baseline else None},
        "tuned": {
            "folds": tuned,
            "mean": fmean(tuned) if tuned else None,
            "params_of_folds": [None if each is None else dict(each)
                                for each in result.params_of_folds],
        },
        "trials": {
            "of_each_search": asked.trials,
            "in_all": result.trials,
            "given_up": result.given_up,
            "complete": result.is_complete,
        },
        "inner_folds": asked.inner_folds,
        "seed": asked.seed,
        "data_hash": material.hash,
        "rows": len(material.sample),
        "identity": identity,
        "library": backend_of(asked.backend).library,
        "optuna": str(optuna().__version__),
        "version": __version__,
        "made_ms": time.time_ns() // 1_000_000,
    }  # fmt: skip


def _written(folder: Path, told: dict[str, object]) -> Path:
    now = datetime.now(UTC)
    name = f"tune_results_{now:%Y%m%dT%H%M%S}_{now.microsecond // 1000:03d}Z.json"
    put(folder, name, (json.dumps(told, indent=2, allow_nan=False) + "\n").encode())
    settle(folder)
    return folder / name


@contextmanager
def _alone(folder: Path, symbol: str) -> Iterator[None]:
    """Nobody else searches for this symbol meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CointraderError(
                "another tuning of this symbol is running",
                where=f"{symbol}, {folder}",
                todo="wait for it, or stop it",
            ) from None
        yield
