"""Settings of a backend from a file, such as the ``active_lgbm_params.json`` that tuning writes.

    {"params": {"num_leaves": 15, "learning_rate": 0.05}}

or the inner part alone. Names are those of the backend's settings; for `lgbm` also LightGBM's
other names for the same. What is unknown or impossible is refused, not ignored.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cointrader.domain.errors import ConfigError
from cointrader.training.backend import BACKENDS, Backend
from cointrader.training.boosting import Boosting, BoostingSettings
from cointrader.training.network import Network, NetworkSettings

ACTIVE_FILE = "active_lgbm_params.json"

_MOST_BYTES = 1 << 20
# name: smallest, largest
_RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "lgbm": {
        "num_boost_round": (1, 10_000),
        "learning_rate": (1e-5, 1.0),
        "num_leaves": (2, 4096),
        "max_depth": (-1, 64),
        "min_data_in_leaf": (1, 1_000_000),
        "min_sum_hessian_in_leaf": (0.0, 1e9),
        "min_gain_to_split": (0.0, 1e9),
        "lambda_l1": (0.0, 1e9),
        "lambda_l2": (0.0, 1e9),
        "feature_fraction": (0.01, 1.0),
        "bagging_fraction": (0.01, 1.0),
        "bagging_freq": (0, 10_000),
        "max_bin": (2, 65_535),
        "path_smooth": (0.0, 1e9),
        "extra_trees": (0, 1),
    },
    "mlx": {
        "hidden_1": (1, 4096),
        "hidden_2": (1, 4096),
        "dropout": (0.0, 0.95),
        "learning_rate": (1e-7, 1.0),
        "weight_decay": (0.0, 100.0),
        "batch_size": (1, 1_000_000),
        "max_epochs": (1, 10_000),
        "patience": (1, 10_000),
        "watched_share": (0.02, 0.5),
    },
}
_OTHER_NAMES = {
    "n_estimators": "num_boost_round",
    "num_iterations": "num_boost_round",
    "min_child_samples": "min_data_in_leaf",
    "min_child_weight": "min_sum_hessian_in_leaf",
    "min_split_gain": "min_gain_to_split",
    "reg_alpha": "lambda_l1",
    "reg_lambda": "lambda_l2",
    "colsample_bytree": "feature_fraction",
    "subsample": "bagging_fraction",
    "subsample_freq": "bagging_freq",
}


def backend_of(
    name: str, params: Mapping[str, object] | None = None, where: str = "params"
) -> Backend:
    """A backend with its usual settings, and `params` on top. `ConfigError`."""
    if name not in BACKENDS:
        allowed = " or ".join(BACKENDS)
        raise ConfigError("there is no such backend", where=where, found=name, allowed=allowed)
    values = _judged(name, params or {}, where)
    if name == "lgbm":
        return Boosting(dataclasses.replace(BoostingSettings(), **values))
    return Network(dataclasses.replace(NetworkSettings(), **values))


def read_params(path: Path) -> dict[str, object]:
    """The parameters in a file. `ConfigError` for a file that holds none."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        told = json.loads(content) if len(content) <= _MOST_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        found = error.strerror if isinstance(error, OSError) else "no JSON"
        raise _no_params(path, str(found)) from None
    if isinstance(told, dict) and isinstance(told.get("params"), dict):
        told = told["params"]
    if not isinstance(told, dict):
        raise _no_params(path, type(told).__name__)
    return told


def _judged(backend: str, params: Mapping[str, object], where: str) -> dict[str, Any]:
    defaults = BoostingSettings() if backend == "lgbm" else NetworkSettings()
    values: dict[str, Any] = {}
    for told, value in params.items():
        name = _OTHER_NAMES.get(told, told) if backend == "lgbm" else told
        if name not in _RANGES[backend]:
            raise ConfigError(
                f"the {backend} backend has no such parameter",
                where=where,
                found=told,
                allowed=", ".join(_RANGES[backend]),
            )
        if name in values:
            raise ConfigError("a parameter is given twice", where=where, found=told)
        kind = type(getattr(defaults, name))
        values[name] = _number(value, kind, _RANGES[backend][name], f"{where}, {told}")
    return values


def _number(value: object, kind: type, within: tuple[float, float], where: str) -> Any:
    least, most = within
    is_within = isinstance(value, int | float) and least <= value <= most  # NaN is not
    if is_within and (kind is float or value == kind(value)):
        return kind(value)
    raise ConfigError(
        "a parameter cannot be that",
        where=where,
        found=value,
        allowed=f"{'a number' if kind is float else 'a whole number'} from {least:g} to {most:g}",
    )


def _no_params(path: Path, found: str) -> ConfigError:
    return ConfigError(
        "this file holds no parameters",
        where=str(path),
        found=found,
        allowed='JSON such as {"params": {"num_leaves": 15}}',
        todo="name another file, or leave --params out",
    )
