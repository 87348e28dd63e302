"""How an order book is told: whole, and as what changed since it was told last. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Levels = list[list[str]]  # price and quantity, the best first
DEEPEST = 1_000  # levels a side


@dataclass(frozen=True, slots=True)
class Book:
    """Both sides at one moment. A later book has a higher `number`."""

    number: int
    bids: Levels
    asks: Levels


def changed(before: Levels, now: Levels) -> Levels:
    """Levels that are new or have another quantity; those that are gone have none."""
    old, new = _by_price(before), _by_price(now)
    gone = [[price, "0"] for price in old if price not in new]
    return gone + [[price, amount] for price, amount in new.items() if old.get(price) != amount]


def _by_price(levels: Sequence[Sequence[str]]) -> dict[str, str]:
    return {level[0]: level[1] for level in levels}
