"""One symbol's tuning as the configuration asks for it, and the file that comes of it."""

from __future__ import annotations

import fcntl
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from cointrader import __version__
from cointrader.app.config import Config
from cointrader.app.tune import workers
from cointrader.backtest.fingerprint import hash_of_settings
from cointrader.cli.train_work import Asked as TrainAsked
from cointrader.cli.train_work import pool_of, symbol_material
from cointrader.domain.errors import CointraderError
from cointrader.model.folder import put, settle
from cointrader.training.dataset import Dataset
from cointrader.training.params import backend_of
from cointrader.training.splits import EMBARGO_MS
from cointrader.training.train import Material
from cointrader.training.tune import SCORE, Progress, TuneResult, answer, job_of, tune
from cointrader.training.tune_space import SPACES
from cointrader.training.tune_study import optuna, storage_at
from cointrader.training.wider import NOTHING_ELSE, Wider

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
    wider: Wider = NOTHING_ELSE

    @property
    def of_training(self) -> TrainAsked:
        """The training whose rows these are."""
        return TrainAsked(
            self.data, self.models, self.range_ms, self.backend, self.folds, None, self.seed,
            wider=self.wider,
        )  # fmt: skip


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


def tune_pool(
    config: Config, asked: Asked, on_symbol: Callable[[str], None]
) -> tuple[Dataset | None, dict[str, CointraderError]]:
    """The rows of all symbols as one; see `train_work.pool_of`."""
    return pool_of(config, asked.of_training, on_symbol)


def tune_symbol(
    config: Config, symbol: str, asked: Asked, on_progress: Progress, pool: Dataset | None = None
) -> Tuned:
    """Choose settings for `symbol` and write them to ``tune_results_<time>.json``.

    Raises as `train_work.train_symbol`, and `CointraderError` while another tuning of the symbol
    runs.
    """
    backend_of(asked.backend)
    material = symbol_material(config, symbol, asked.of_training, pool)
    job = job_of(
        material.sample,
        [material.names.index(name) for name in material.left_out],
        asked.backend,
        folds=asked.folds,
        inner_folds=asked.inner_folds,
        seed=asked.seed,
        tested=material.is_tested,
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


def _identity(material: Material, asked: Asked) -> str:
    """What a search must share with an earlier one to go on with it; not how long it is."""
    space = {name: repr(own) for name, own in SPACES[asked.backend].items()}
    more = {} if asked.wider == NOTHING_ELSE else {"learned_from": asdict(asked.wider)}
    return hash_of_settings(
        {
            **more,
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
        **_learned_from(material),
        "rows": len(material.sample),
        "identity": identity,
        "library": backend_of(asked.backend).library,
        "optuna": str(optuna().__version__),
        "version": __version__,
        "made_ms": time.time_ns() // 1_000_000,
    }  # fmt: skip


def _learned_from(material: Material) -> dict[str, object]:
    """Which rows these settings were chosen for, where they are not the usual ones."""
    told = material.learned_from
    return {} if told is None else {"learned_from": told.text}


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
