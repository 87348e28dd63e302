"""All faults by name, and whether a rule makes sense for the one it names."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping

from cointrader.domain.errors import UsageError
from cointrader.exchange.simulated.wire.faults import (
    algo,
    events,
    klines,
    market,
    owner,
    refusals,
    requests,
    sockets,
)
from cointrader.exchange.simulated.wire.faults.fault import Fault
from cointrader.exchange.simulated.wire.faults.rule import Rule

GROUPS: Mapping[str, tuple[type[Fault], ...]] = {
    "refusals": refusals.KINDS,
    "requests and answers": requests.KINDS,
    "conditional orders": algo.KINDS,
    "account events": events.KINDS,
    "klines": klines.KINDS,
    "connections": sockets.KINDS,
    "market": market.KINDS,
    "owner": owner.KINDS,
}
FAULTS: Mapping[str, type[Fault]] = {kind.name: kind for kinds in GROUPS.values() for kind in kinds}


def check(rule: Rule) -> None:
    """Raise `UsageError` for a rule that names no fault, or chooses what is not allowed."""
    kind = kind_of(rule.name)
    where = f"fault {rule.name}"
    probability = rule.probability
    if probability is not None and not (math.isfinite(probability) and 0 < probability <= 1):
        raise UsageError(
            "not a probability", where=where, found=probability, allowed="above 0, at most 1"
        )
    if rule.times is not None and rule.times < 1:
        raise UsageError(
            "not a number of times", where=where, found=rule.times, allowed="1 or more"
        )
    at, until = rule.at, rule.until
    ends_too_soon = at and until and at.is_absolute == until.is_absolute and until.ms <= at.ms
    if ends_too_soon:
        raise UsageError("its time ends before it begins", where=where)
    for name, text in rule.parameters.items():
        parameter = kind.parameters.get(name)
        if parameter is None:
            raise UsageError(
                f"{rule.name} has no parameter {name!r}" + _near(name, kind.parameters),
                where=where,
                allowed=", ".join(kind.parameters) or "none",
            )
        try:
            parameter.read(text)
        except ValueError:
            raise UsageError(
                "not a value that fits",
                where=f"parameter {name} of {rule.name}",
                found=text,
                allowed=parameter.allowed,
            ) from None


def kind_of(name: str) -> type[Fault]:
    """The fault of a name; `UsageError` for an unknown one."""
    kind = FAULTS.get(name)
    if kind is None:
        raise UsageError(
            f"there is no fault {name!r}" + _near(name, FAULTS),
            todo="see them all with: cointrader exchange --faults list",
        )
    return kind


def _near(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def described() -> list[dict[str, object]]:
    """Every fault with its summary and parameters, as plain values."""
    return [
        {
            "name": kind.name,
            "group": group,
            "summary": kind.summary,
            "parameters": {
                name: {"default": each.default, "help": each.help, "allowed": each.allowed}
                for name, each in kind.parameters.items()
            },
        }
        for group, kinds in GROUPS.items()
        for kind in kinds
    ]


def as_text() -> str:
    """Every fault with one line, and its parameters below."""
    lines: list[str] = []
    for group, kinds in GROUPS.items():
        lines += ["", f"{group}:"]
        for kind in kinds:
            lines.append(f"  {kind.name:<26}{kind.summary}")
            told = [f"{name}={each.default or 'any'}" for name, each in kind.parameters.items()]
            if told:
                lines.append(f"  {'':<26}({', '.join(told)})")
    return "\n".join(lines[1:])
