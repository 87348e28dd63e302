"""One place at which a journal and its replay do not agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cointrader.backtest.parity.causes import UNEXPLAINED

# What is compared, in the order in which one decision becomes money.
ASPECTS = (
    "decision",
    "signal",
    "probability",
    "action",
    "gate",
    "size",
    "fill",
    "levels",
    "account",
    "funding",
    "exit",
    "fee",
    "books",
    "run",
)

TOLERANCE = 1e-9  # relative: what floats and decimals may differ by


@dataclass(frozen=True, slots=True)
class Difference:
    """What the journal says and what the replay says, of one aspect of one bar's decision.

    `bar_ms` is the bar whose close was decided, or in which the thing happened where nothing
    decided it. `cause` is a key of `CAUSES` or `UNEXPLAINED`; `evidence` is what shows it.
    """

    symbol: str
    bar_ms: int
    aspect: str
    journal: str
    replay: str
    cause: str = UNEXPLAINED
    evidence: str = ""
    trade_id: str = ""

    @property
    def is_explained(self) -> bool:
        return self.cause != UNEXPLAINED


def same(one: float, other: float, *, scale: float = 0.0) -> bool:
    """Equal but for rounding; `scale` is the money that went through a difference."""
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE * scale + 1e-15)


def number(value: float) -> str:
    """A number as a person reads it."""
    return f"{value:.10g}"
