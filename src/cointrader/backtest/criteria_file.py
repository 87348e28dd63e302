"""A file of criteria as far as all such files are alike: read whole, and nothing filled in."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from cointrader.domain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CriteriaFile:
    """What a file says, and the hash of its text."""

    tables: Mapping[str, Any]
    hash: str
    source: str

    @property
    def criteria(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        """The criteria in their order, each with its place for error messages."""
        found = self.tables.get("criterion", [])
        if not (isinstance(found, list) and all(isinstance(each, dict) for each in found)):
            raise ConfigError(
                "criterion is a list of tables", where=self.source, allowed="[[criterion]]"
            )
        return [(each, f"{self.source}, criterion {n}") for n, each in enumerate(found, 1)]


def text_of(path: Path | None, shipped: Traversable) -> tuple[bytes, str]:
    """The text of `path`, or without one of what is `shipped`, and what to call it.

    `ConfigError` for a file that cannot be read.
    """
    if path is None:
        return shipped.read_bytes(), "shipped criteria"
    try:
        return path.read_bytes(), str(path)
    except OSError as error:
        raise ConfigError(
            "the criteria cannot be read",
            where=str(path),
            found=error.strerror or str(error),
            todo="name a readable file, or leave it out for the shipped criteria",
        ) from None


def read_criteria_file(text: bytes, source: str, names: Collection[str]) -> CriteriaFile:
    """What a text says; `ConfigError` where it is no TOML, or has tables of other names."""
    try:
        tables = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the criteria are not valid TOML: {error}", where=source) from None
    require_known(tables, names, source)
    return CriteriaFile(tables, hashlib.sha256(text).hexdigest(), source)


def require_criterion(
    table: Mapping[str, Any], where: str, *, measures: Collection[str], about: Collection[str]
) -> str:
    """The name of the one bound of a criterion. `ConfigError` for what is no criterion."""
    require_known(table, ("measure", "about", "why", "at_least", "at_most"), where)
    if table.get("measure") not in measures:
        raise ConfigError(
            "no measure of this name",
            where=where,
            found=table.get("measure"),
            allowed=", ".join(measures),
        )
    if table.get("about") not in about:
        raise ConfigError(
            f"a criterion is about the {' or the '.join(about)}",
            where=where,
            found=table.get("about"),
            allowed=", ".join(about),
        )
    bounds = [name for name in ("at_least", "at_most") if name in table]
    if len(bounds) != 1:
        raise ConfigError(
            "a criterion has one bound", where=where, allowed="at_least or at_most, not both"
        )
    return bounds[0]


def require_known(table: Mapping[str, object], names: Collection[str], where: str) -> None:
    """`ConfigError` for a table that holds anything else."""
    unknown = sorted(table.keys() - set(names))
    if unknown:
        raise ConfigError(
            "the criteria hold something unknown",
            where=where,
            found=", ".join(unknown),
            allowed=", ".join(sorted(names)),
        )
