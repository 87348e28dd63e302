"""Faults as text: a line on the command line, or a file of TOML or JSON. Pure but for the file.

SPEC = FAULT {"," FAULT}
FAULT = NAME ["(" VALUES ")"] [":" PROBABILITY] ["*" TIMES] ["@" WHEN]
VALUES = [NAME "="] VALUE {"," [NAME "="] VALUE}
WHEN = TIME [".." TIME]
TIME = seconds after the market's start, or a UTC date and time
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cointrader.domain.errors import UsageError
from cointrader.exchange.simulated.wire.faults.registry import kind_of
from cointrader.exchange.simulated.wire.faults.rule import Instant, Rule

_FAULT = re.compile(
    r"(?P<name>[\w-]+)\s*(?:\((?P<parameters>[^()]*)\))?\s*"
    r"(?::\s*(?P<probability>[^*@\s]+))?\s*(?:\*\s*(?P<times>[^@\s]+))?\s*(?:@\s*(?P<when>.+))?"
)
_FORM = "NAME(VALUE, NAME=VALUE):PROBABILITY*TIMES@WHEN, all but the name optional"
_TIME = "seconds after the market's start, or a UTC time such as 2025-06-01T08:00"
_RULE_KEYS = ("name", "probability", "at", "until", "times", "parameters")
_FILE_KEYS = ("seed", "faults", "fault", "schedule")
SUFFIXES = (".toml", ".json")


def read_spec(text: str) -> list[Rule]:
    """The rules of a specification. Raises `UsageError` with the part that is wrong."""
    rules = [_read_fault(part) for part in _parts(text)]
    if not rules:
        raise UsageError("no fault is named", where="faults", found=text, allowed=_FORM)
    return rules


def _read_fault(text: str) -> Rule:
    found = _FAULT.fullmatch(text)
    if found is None:
        raise UsageError("not a fault", where="faults", found=text, allowed=_FORM)
    name, when = found["name"], found["when"]
    at, until = (None, None) if when is None else _when(when)
    return Rule(
        name,
        probability=None if found["probability"] is None else _probability(found["probability"]),
        at=at,
        until=until,
        times=None if found["times"] is None else _times(found["times"]),
        parameters=_parameters(name, found["parameters"] or ""),
    )


def _parts(text: str) -> Iterator[str]:
    """What stands between commas that are in no brackets."""
    for part in re.split(r",(?![^()]*\))", text):
        if part.strip():
            yield part.strip()


def _parameters(fault: str, text: str) -> dict[str, str]:
    """``name=value`` pairs; values without names are the fault's first parameters in order."""
    known = list(kind_of(fault).parameters)
    given: dict[str, str] = {}
    for place, part in enumerate(part.strip() for part in text.split(",") if part.strip()):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            if place >= len(known):
                raise UsageError(
                    f"{fault} has no more than {len(known)} parameters",
                    where=f"fault {fault}",
                    found=part,
                    allowed=", ".join(known) or "none",
                )
            name, value = known[place], name
        if name in given:
            raise UsageError("a parameter is given twice", where=f"fault {fault}", found=name)
        given[name] = value
    return given


def _when(text: str) -> tuple[Instant, Instant | None]:
    first, dots, last = text.partition("..")
    return instant(first), instant(last) if dots else None


def instant(text: str) -> Instant:
    """A time as text: seconds after the market's start, or a UTC time."""
    text = text.strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return Instant.after_s(float(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError("not a time", where="faults", found=text, allowed=_TIME) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return Instant.at(round(moment.timestamp() * 1000))


def _probability(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        allowed = "above 0, at most 1"
        raise UsageError("not a probability", where="faults", found=text, allowed=allowed) from None


def _times(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise UsageError("not a number of times", where="faults", found=text, allowed="1 or more")
    return int(text)


# ---------------------------------------------------------------------- mappings and files


def read_rule(values: Mapping[str, Any], where: str) -> Rule:
    """A rule from a table of a file or a JSON object, with the keys of `Rule`."""
    _require_known(values, _RULE_KEYS, where)
    name = values.get("name")
    if not isinstance(name, str):
        raise UsageError("a fault has no name", where=where, found=dict(values))
    given = values.get("parameters") or {}
    if not isinstance(given, Mapping):
        raise UsageError("parameters are no table", where=where, found=given)
    probability, times = values.get("probability"), values.get("times")
    return Rule(
        name,
        probability=None if probability is None else _probability(_text(probability)),
        at=_instant_of(values.get("at")),
        until=_instant_of(values.get("until")),
        times=None if times is None else _times(_text(times)),
        parameters={key: _text(value) for key, value in given.items()},
    )


def read_file(path: Path) -> dict[str, Any]:
    """A file's content, its keys checked: ``seed``, ``faults``, ``fault``, ``schedule``."""
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except OSError as error:
        raise UsageError(
            f"the file of faults cannot be read: {error.strerror}", where=str(path)
        ) from None
    except ValueError as error:
        raise UsageError(f"the file of faults is not valid: {error}", where=str(path)) from None
    if not isinstance(values, dict):
        raise UsageError("the file of faults is no table", where=str(path))
    _require_known(values, _FILE_KEYS, str(path))
    return values


def _require_known(values: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in values:
        if key not in known:
            raise UsageError("unknown key", where=where, found=key, allowed=", ".join(known))


def _instant_of(value: Any) -> Instant | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return instant(value.isoformat())
    return instant(_text(value))


def _text(value: Any) -> str:
    """A value of a file as it would be written on the command line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "|".join(_text(each) for each in value)
    return str(value)


def schedule_of(values: Mapping[str, Any], where: str) -> tuple[list[str], Instant, Instant, int]:
    """A schedule's names, its two ends and how many faults are drawn from them."""
    _require_known(values, ("names", "from", "to", "count"), where)
    names = values.get("names")
    if not isinstance(names, list) or not names:
        raise UsageError("a schedule names no faults", where=where, allowed="names = [...]")
    first = _instant_of(values.get("from", 0))
    last = _instant_of(values.get("to"))
    if first is None or last is None:
        raise UsageError("a schedule has no end", where=where, allowed=f"to = {_TIME}")
    count = values.get("count")
    return [str(n) for n in names], first, last, len(names) if count is None else _times(str(count))
