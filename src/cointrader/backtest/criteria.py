"""What must be shown for an edge, fixed in a file before anything is played.

The shipped ``criteria.toml`` stands beside this module; users may bring their own. Nothing is
filled in: a file says all of it, so its hash says all of it too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any

from cointrader.backtest.criteria_file import (
    read_criteria_file,
    require_criterion,
    require_known,
    text_of,
)
from cointrader.backtest.statistics.evidence import MEASURES, Method
from cointrader.domain.errors import ConfigError

SHIPPED = "criteria.toml"


class About(StrEnum):
    """What a criterion that is not met says."""

    DATA = "data"  # nothing can be said yet
    EDGE = "edge"  # there is none to be seen


@dataclass(frozen=True, slots=True)
class Criterion:
    """A bound for one measure. One of `at_least` and `at_most` is set."""

    measure: str
    about: About
    why: str
    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        """Whether the value is within the bound. What could not be measured (NaN) is not."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


@dataclass(frozen=True, slots=True)
class Criteria:
    """A criteria file: its bounds in their order, how to measure, and the hash of its text."""

    criteria: tuple[Criterion, ...]
    method: Method
    hash: str
    source: str

    @property
    def measures(self) -> frozenset[str]:
        """Names of what must be measured."""
        return frozenset(criterion.measure for criterion in self.criteria)


def load_criteria(path: Path | None = None) -> Criteria:
    """Read a criteria file; without a path the shipped one.

    Raises `ConfigError` for a file that cannot be read, is no TOML, lacks something, names an
    unknown measure, or would call everything an edge.
    """
    return parsed(*text_of(path, resources.files(__package__).joinpath(SHIPPED)))


def parsed(text: bytes, source: str) -> Criteria:
    """The criteria in the text of a file. See `load_criteria`."""
    file = read_criteria_file(text, source, ("method", "criterion"))
    criteria = tuple(_criterion(table, where) for table, where in file.criteria)
    if not any(criterion.about is About.EDGE for criterion in criteria):
        raise ConfigError(
            "without a criterion about the edge everything would be one",
            where=file.source,
            todo='add a [[criterion]] with about = "edge"',
        )
    method = _method(file.tables.get("method", {}), f"{file.source}, method")
    return Criteria(criteria, method, file.hash, file.source)


def _criterion(table: Mapping[str, Any], where: str) -> Criterion:
    bound = require_criterion(table, where, measures=MEASURES, about=list(About))
    limit = {bound: _number(table[bound], where)}
    return Criterion(table["measure"], About(table["about"]), str(table.get("why", "")), **limit)


def _method(table: object, where: str) -> Method:
    names = {field.name for field in fields(Method)}
    if not isinstance(table, dict) or names - table.keys():
        missing = names - table.keys() if isinstance(table, dict) else names
        raise ConfigError(
            "the criteria do not say how to measure",
            where=where,
            found=f"no {', '.join(sorted(missing))}",
            todo="copy the [method] table of the shipped criteria",
        )
    require_known(table, names, where)
    for name in ("confidence", "luck_limit", "power"):
        if not 0.0 < _number(table[name], f"{where}.{name}") < 1.0:
            raise ConfigError(
                "no share", where=f"{where}.{name}", found=table[name], allowed="0 to 1"
            )
    for name, least in (("draws", 100), ("random_plays", 20), ("seed", 0)):
        if type(table[name]) is not int or table[name] < least:
            raise ConfigError(
                "no such number",
                where=f"{where}.{name}",
                found=table[name],
                allowed=f"a whole number, at least {least}",
            )
    return Method(**table)


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError("a bound is a number", where=where, found=value)
    return float(value)
