"""Gradient-boosted trees by LightGBM: the same rows, settings and seed give the same trees."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cointrader.training import extras
from cointrader.training.backend import Sample, used_columns
from cointrader.training.calibration import Calibration
from cointrader.training.measures import Floats
from cointrader.training.onnx_trees import graph_of, trees_of

_ROWS_FOR_THREADS = 20_000  # below, threads wait for each other longer than they work


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """LightGBM's own names. The defaults hold back: a symbol has hundreds of signals a year."""

    num_boost_round: int = 150
    learning_rate: float = 0.03
    num_leaves: int = 7
    max_depth: int = -1
    min_data_in_leaf: int = 30
    min_sum_hessian_in_leaf: float = 1e-3
    min_gain_to_split: float = 0.0
    lambda_l1: float = 0.0
    lambda_l2: float = 5.0
    feature_fraction: float = 0.7
    bagging_fraction: float = 0.8
    bagging_freq: int = 1
    max_bin: int = 255
    path_smooth: float = 0.0
    extra_trees: bool = False


@dataclass(frozen=True, slots=True)
class Boosting:
    """The `lgbm` backend."""

    of: BoostingSettings = BoostingSettings()

    @property
    def name(self) -> str:
        return "lgbm"

    @property
    def library(self) -> str:
        return f"lightgbm {extras.lightgbm().__version__}"

    @property
    def settings(self) -> Mapping[str, object]:
        return dataclasses.asdict(self.of)

    def fit(
        self, sample: Sample, left_out: Sequence[int], seed: int, rounds: int | None = None
    ) -> Boosted:
        lightgbm = extras.lightgbm()
        used = used_columns(sample.rows.shape[1], left_out)
        told = {**self.settings, **_fixed(len(sample), seed)}
        data = lightgbm.Dataset(
            np.ascontiguousarray(sample.rows[:, used]),
            sample.label.astype(np.float32),
            weight=sample.even_weight,
            params=told,
            free_raw_data=True,
        )
        # Kept as it is: turned into text and back again it would be the same, only later.
        booster = lightgbm.train(told, data, self.of.num_boost_round, keep_training_booster=True)
        return Boosted(booster, sample.rows.shape[1], used)


@dataclass(frozen=True, slots=True, eq=False)
class Boosted:
    """A booster, and which columns it was given."""

    booster: Any
    n_features: int
    used: NDArray[np.int64]

    @property
    def rounds(self) -> int:
        return int(self.booster.num_trees())

    def margins(self, rows: Floats) -> Floats:
        told = self.booster.predict(rows[:, self.used], raw_score=True, num_threads=1)
        return np.asarray(told, np.float64)

    def graph(self, calibration: Calibration) -> bytes:
        trees = trees_of(self.booster.model_to_string())
        return graph_of(trees, self.n_features, self.used, calibration)


def _fixed(n_rows: int, seed: int) -> dict[str, object]:
    """What is not for choosing: what the graph relies on, and what makes two runs alike."""
    return {
        "objective": "binary",
        "boosting": "gbdt",
        "zero_as_missing": False,
        "linear_tree": False,
        "feature_pre_filter": False,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1 if n_rows < _ROWS_FOR_THREADS else 0,
        "verbosity": -1,
    }
