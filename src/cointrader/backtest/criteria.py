"""What must be shown for an edge, fixed in a file before anything is played.

The shipped ``criteria.toml`` stands beside this module; users may bring their own. Nothing is
filled in: a file says all of it, so its hash says all of it too.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib import resources
from pathlib import Path

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
    if path is None:
        text = resources.files(__package__).joinpath(SHIPPED).read_bytes()
        return parsed(text, "shipped criteria")
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            "the criteria cannot be read",
            where=str(path),
            found=error.strerror or str(error),
            todo="name a readable file, or leave it out for the shipped criteria",
        ) from None
    return parsed(text, str(path))


def parsed(text: bytes, source: str) -> Criteria:
    """The criteria in the text of a file. See `load_criteria`."""
    try:
        document = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the criteria are not valid TOML: {error}", where=source) from None
    _known(document, {"method", "criterion"}, source)
    tables = document.get("criterion", [])
    if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
        raise ConfigError("criterion is a list of tables", where=source, allowed="[[criterion]]")
    criteria = tuple(
        _criterion(table, f"{source}, criterion {number}") for number, table in enumerate(tables, 1)
    )
    if not any(criterion.about is About.EDGE for criterion in criteria):
        raise ConfigError(
            "without a criterion about the edge everything would be one",
            where=source,
            todo='add a [[criterion]] with about = "edge"',
        )
    method = _method(document.get("method", {}), f"{source}, method")
    return Criteria(criteria, method, hashlib.sha256(text).hexdigest(), source)


def _criterion(table: Mapping[str, object], where: str) -> Criterion:
    _known(table, {"measure", "about", "why", "at_least", "at_most"}, where)
    measure, about = table.get("measure"), table.get("about")
    if measure not in MEASURES:
        raise ConfigError(
            "no measure of this name",
            where=where,
            found=measure,
            allowed=", ".join(MEASURES),
        )
    if about not in set(About):
        raise ConfigError(
            "a criterion is about the data or the edge",
            where=where,
            found=about,
            allowed="data, edge",
        )
    if ("at_least" in table) == ("at_most" in table):
        raise ConfigError(
            "a criterion has one bound", where=where, allowed="at_least or at_most, not both"
        )
    bounds = {
        name: _number(table[name], where) for name in ("at_least", "at_most") if name in table
    }
    return Criterion(str(measure), About(str(about)), str(table.get("why", "")), **bounds)


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
    _known(table, names, where)
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


def _known(table: Mapping[str, object], names: set[str], where: str) -> None:
    unknown = sorted(table.keys() - names)
    if unknown:
        raise ConfigError(
            "the criteria hold something unknown",
            where=where,
            found=", ".join(unknown),
            allowed=", ".join(sorted(names)),
        )
