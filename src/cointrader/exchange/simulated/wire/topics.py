"""Names of streams: what they are about and to which family they belong. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

_KINDS = (
    "kline",
    "continuousKline",
    "markPrice",
    "bookTicker",
    "aggTrade",
    "trade",
    "miniTicker",
    "ticker",
    "depth",
    "rpiDepth",
    "forceOrder",
    "contractInfo",
)
_LEVELS = ("5", "10", "20")
_PUBLIC = ("bookTicker", "depth", "rpiDepth", "trade")


class Family(Enum):
    """The parts of the stream host. A connection hears streams of its own family only."""

    PUBLIC = "public"
    MARKET = "market"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Topic:
    """A market stream. Without a symbol it is about all of them."""

    name: str
    symbol: str | None
    kind: str
    argument: str  # interval, levels or speed, as in the name

    @property
    def family(self) -> Family:
        return Family.PUBLIC if self.kind in _PUBLIC else Family.MARKET

    @property
    def is_of_changes(self) -> bool:
        """Whether it tells what changes in an order book, not its best levels."""
        return self.kind == "rpiDepth" or (self.kind == "depth" and self.argument not in _LEVELS)


@lru_cache(maxsize=4096)
def topic_of(name: str) -> Topic | None:
    """What a stream name means; None for one that is no market stream we know."""
    if name.startswith("!"):
        kind, _, argument = name[1:].partition("@")
        return Topic(name, None, kind, argument) if kind in _KINDS else None
    head, _, rest = name.partition("@")
    kind, _, argument = rest.partition("@")
    if head != head.lower():
        return None  # names are in small letters
    symbol = head.upper()
    if kind.startswith("kline_"):
        kind, argument = "kline", kind.removeprefix("kline_")
    elif kind.startswith("continuousKline_"):
        kind, argument = "continuousKline", kind.removeprefix("continuousKline_")
        symbol = symbol.removesuffix("_PERPETUAL")
    elif kind.removeprefix("depth") in _LEVELS:
        kind, argument = "depth", kind.removeprefix("depth")
    return Topic(name, symbol, kind, argument) if symbol and kind in _KINDS else None
