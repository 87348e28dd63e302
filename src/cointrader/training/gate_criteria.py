"""What a model must show before it may trade, fixed in a file before it is judged.

The shipped ``gate_criteria.toml`` stands beside this module. As with the criteria of a strategy
nothing is filled in: a file says all of it, so its hash says all of it too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

from cointrader.backtest.criteria_file import (
    read_criteria_file,
    require_criterion,
    require_known,
    text_of,
)
from cointrader.domain.errors import ConfigError

SHIPPED = "gate_criteria.toml"
ATTEMPT = "attempt"  # a bound that is the level of the attempt
DATA, MODEL = ABOUT = ("data", "model")

# What a name means, in words that finish "failed: ..."; and its unit.
MEASURES: Mapping[str, tuple[str, str]] = {
    "trades": ("trades that the filter lets pass", "count"),
    "mean_r_low": ("lower bound of the mean result of such a trade", "R"),
    "more_r_low": ("lower bound of what the filter adds to each signal there was", "R"),
    "random_p": ("how often as many signals passed at random do as well", "p"),
    "ablation_auc_low": (
        "lower bound of the AUC without signal_strength, and without it and side",
        "ratio",
    ),
    "auc_low": ("lower bound of the AUC", "ratio"),
    "controls": ("trainings on shuffled labels", "count"),
    "controls_distance": ("how far the AUC of shuffled labels is from one half", "ratio"),
    "controls_p": ("how often shuffled labels rank trades as well", "p"),
    "calibration_slope": ("slope of probabilities against scores", "ratio"),
    "brier_gain": ("how much nearer than the share of wins its probabilities come", "ratio"),
    "calibration_excess": (
        "mean distance of a probability from what came, beyond what chance makes it",
        "ratio",
    ),
    "calibration_error": ("mean distance of a probability from what came", "ratio"),
    "kept_share": ("share of signals that pass", "ratio"),
    "mean_r": ("mean result of a trade", "R"),
    "more_r": ("what the filter adds to each signal there was", "R"),
}


@dataclass(frozen=True, slots=True)
class GateCriterion:
    """A bound for one measure; one of the two is set. `ATTEMPT` is the level of the attempt."""

    measure: str
    about: str
    why: str
    at_least: float | str | None = None
    at_most: float | str | None = None

    def bound(self, level: float) -> float:
        """The bound for an attempt at `level`."""
        told = self.at_least if self.at_least is not None else self.at_most
        return level if isinstance(told, str) or told is None else told

    def is_met(self, value: float, level: float) -> bool:
        """Whether a value is within the bound. What could not be measured (NaN) is not.

        A lower bound, or a gain, must be above: a filter that changes nothing has bounds of 0.
        """
        bound = self.bound(level)
        match self.direction:
            case "at most":
                return value <= bound
            case "above":
                return value > bound
            case _:
                return value >= bound

    @property
    def direction(self) -> str:
        """How a value stands to the bound, in words."""
        if self.at_most is not None:
            return "at most"
        return "above" if self.measure.endswith(("_low", "_gain")) else "at least"


@dataclass(frozen=True, slots=True)
class GateMethod:
    """How it is measured; part of the criteria, as it moves the numbers.

    Parameters
    ----------
    alpha : chance that models which know nothing ever get through, over all attempts
    draws : resampled series per bound
    random_filters : draws of as many signals at random
    seed : of everything that is drawn
    """

    alpha: float = 0.05
    draws: int = 10_000
    random_filters: int = 1_000
    seed: int = 1


@dataclass(frozen=True, slots=True)
class ParamsRule:
    """What tuned settings must show: a mean gain above this, in so many folds, better in so many
    of them."""

    least_folds: int
    least_mean_gain: float
    least_share_better: float


@dataclass(frozen=True, slots=True)
class GateCriteria:
    """A criteria file: its bounds in their order, how to measure, and the hash of its text."""

    criteria: tuple[GateCriterion, ...]
    method: GateMethod
    params: ParamsRule
    hash: str
    source: str


def load_gate_criteria(path: Path | None = None) -> GateCriteria:
    """Read a criteria file; without a path the shipped one.

    Raises `ConfigError` for a file that cannot be read, is no TOML, lacks something, names an
    unknown measure, or would let everything through.
    """
    return parsed(*text_of(path, resources.files(__package__).joinpath(SHIPPED)))


def parsed(text: bytes, source: str) -> GateCriteria:
    """The criteria in the text of a file. See `load_gate_criteria`."""
    file = read_criteria_file(text, source, ("method", "criterion", "params"))
    criteria = tuple(_criterion(table, where) for table, where in file.criteria)
    if not any(each.about == MODEL for each in criteria):
        raise ConfigError(
            "without a criterion about the model every model would pass",
            where=file.source,
            todo='add a [[criterion]] with about = "model"',
        )
    where = f"{file.source}, method"
    method = GateMethod(**_whole(file.tables.get("method"), GateMethod, where))
    if not 0.0 < method.alpha < 0.5:
        raise _impossible(f"{where}.alpha", method.alpha, "above 0, below 0.5")
    for name, least in (("draws", 100), ("random_filters", 20), ("seed", 0)):
        if getattr(method, name) < least:
            raise _impossible(f"{where}.{name}", getattr(method, name), f"{least} or more")
    params = _whole(file.tables.get("params"), ParamsRule, f"{file.source}, params")
    return GateCriteria(criteria, method, ParamsRule(**params), file.hash, file.source)


def _criterion(table: Mapping[str, Any], where: str) -> GateCriterion:
    name = require_criterion(table, where, measures=MEASURES, about=ABOUT)
    bound = table[name]
    if bound != ATTEMPT and not _is_number(bound):
        raise _impossible(where, bound, f'a number, or "{ATTEMPT}"')
    if bound != ATTEMPT:
        bound = float(bound)
    return GateCriterion(
        table["measure"], table["about"], str(table.get("why", "")), **{name: bound}
    )


def _whole(table: object, kind: type, where: str) -> dict[str, Any]:
    """The values of a table that says all of a dataclass, and nothing else."""
    kinds = {each.name: str(each.type) for each in fields(kind)}
    if not isinstance(table, dict) or kinds.keys() - table.keys():
        missing = kinds.keys() - table.keys() if isinstance(table, dict) else kinds
        raise ConfigError(
            "the criteria do not say all of it",
            where=where,
            found=f"no {', '.join(sorted(missing))}",
            todo="copy this table of the shipped criteria",
        )
    require_known(table, kinds, where)
    for name, value in table.items():
        if not _is_number(value) or (kinds[name] == "int" and not isinstance(value, int)):
            whole = "a whole number" if kinds[name] == "int" else "a number"
            raise _impossible(f"{where}.{name}", value, whole)
    return dict(table)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _impossible(where: str, found: object, allowed: str) -> ConfigError:
    what = "the criteria ask for what cannot be"
    return ConfigError(what, where=where, found=found, allowed=allowed)
