"""What tuning may choose from, backend by backend.

Ranges are narrow on purpose: a symbol has hundreds of signals a year, and models that could learn
them by heart only cost trials. Names are those of the backend's settings (`training.params`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from cointrader.training.boosting import BoostingSettings
from cointrader.training.network import NetworkSettings


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included; `is_log`: even in the logarithm."""

    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False


SPACES: Mapping[str, Mapping[str, Range]] = {
    "lgbm": {
        "num_boost_round": Range(30, 400, is_log=True, is_whole=True),
        "learning_rate": Range(0.005, 0.2, is_log=True),
        "num_leaves": Range(3, 31, is_log=True, is_whole=True),
        "min_data_in_leaf": Range(10, 100, is_log=True, is_whole=True),
        "lambda_l1": Range(1e-3, 10.0, is_log=True),
        "lambda_l2": Range(0.1, 100.0, is_log=True),
        "feature_fraction": Range(0.3, 1.0),
        "bagging_fraction": Range(0.5, 1.0),
    },
    "mlx": {
        "hidden_1": Range(8, 128, is_log=True, is_whole=True),
        "hidden_2": Range(4, 64, is_log=True, is_whole=True),
        "dropout": Range(0.0, 0.6),
        "learning_rate": Range(1e-4, 1e-2, is_log=True),
        "weight_decay": Range(1e-4, 1.0, is_log=True),
        "batch_size": Range(32, 256, is_log=True, is_whole=True),
    },
}


def usual(backend: str) -> dict[str, int | float]:
    """The default settings, as far as they are tuned: where every search begins.

    A default outside of its range counts as the nearest value inside.
    """
    settings = dataclasses.asdict(BoostingSettings() if backend == "lgbm" else NetworkSettings())
    return {
        name: min(max(settings[name], int(own.low) if own.is_whole else own.low), own.high)
        for name, own in SPACES[backend].items()
    }
