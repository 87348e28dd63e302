"""Parameters of faults: text in, values out, and what is allowed in words. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

Value = object
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Span:
    """A number, or a range that one is drawn from each time."""

    low: float
    high: float

    def draw(self, chance: random.Random) -> float:
        return self.low if self.low == self.high else chance.uniform(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What can be chosen about a fault. `read` raises `ValueError` for what is not `allowed`."""

    default: str
    help: str
    allowed: str
    read: Callable[[str], Value]


def chosen(**parameters: Parameter) -> Mapping[str, Parameter]:
    """A fault's parameters by name."""
    return MappingProxyType(parameters)


def number(default: str, help_text: str, *, least: float, most: float) -> Parameter:
    """A number or a range such as ``0..24``."""

    def read(text: str) -> Span:
        low, dots, high = text.partition("..")
        span = Span(_plain(low), _plain(high if dots else low))
        if not least <= span.low <= span.high <= most:
            raise ValueError
        return span

    return Parameter(
        default, help_text, f"a number or a range LOW..HIGH, {least:g} to {most:g}", read
    )


def seconds(default: str, help_text: str, *, most: float = _DAY_S) -> Parameter:
    """Seconds of the exchange's time."""
    return number(default, help_text, least=0, most=most)


def any_of(default: str, options: Sequence[str], help_text: str) -> Parameter:
    """One of some words, or several with ``|`` between them: a frozenset."""

    def read(text: str) -> frozenset[str]:
        words = frozenset(text.split("|"))
        if not words <= set(options):
            raise ValueError
        return words

    return Parameter(
        default, help_text, f"one or more of {', '.join(options)} with | between", read
    )


def symbol() -> Parameter:
    """A symbol in capitals; empty for any."""

    def read(text: str) -> str:
        if not text.isalnum() and text:
            raise ValueError
        return text.upper()

    return Parameter("", "only this symbol", "a symbol such as XRPUSDT; any by default", read)


def _plain(text: str) -> float:
    if not text.isascii() or "_" in text:
        raise ValueError
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value
