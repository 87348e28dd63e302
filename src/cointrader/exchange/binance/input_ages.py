"""The age of everything an entry is decided by, and the oldest that each may be.

Candles of correlation symbols are the bar's own affair: a bar is decided when all are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cointrader.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS

_TRADING = "TRADING"


class Aged(Protocol):
    """Something that knows how old it is, in ms; None while it has never been known."""

    @property
    def age_ms(self) -> int | None: ...


class MarketAges(Protocol):
    """How old the newest market data of each symbol is, in ms."""

    def age_ms(self, symbol: str) -> int: ...


class KnownRules(Aged, Protocol):
    """What the exchange allows, as last read."""

    def known_status(self, symbol: str) -> str | None: ...

    def doubt(self, symbol: str) -> None: ...


@dataclass(frozen=True, slots=True)
class OldestInputs:
    """How old an input may be when an entry is decided by it, in ms."""

    market_ms: int = MINUTE_MS  # the newest word of the symbol's candle stream
    account_ms: int = 10_000  # since when account events may be missing
    rules_ms: int = 2 * DAY_MS  # filters and brackets, which are read daily
    clock_ms: int = 2 * HOUR_MS  # the exchange's time, which is measured every half hour


class BinanceInputs:
    """`InputAges` of one account on Binance."""

    def __init__(
        self,
        *,
        market: MarketAges,
        account: Aged,
        rules: KnownRules,
        server_clock: Aged,
        oldest: OldestInputs | None = None,
    ) -> None:
        self._market = market
        self._account = account
        self._rules = rules
        self._server_clock = server_clock
        self._oldest = oldest or OldestInputs()

    def too_old(self, symbol: str) -> str | None:
        """Which input of an entry in `symbol` is older than it may be, in words; None: none is."""
        status = self._rules.known_status(symbol)
        if status is not None and status != _TRADING:
            self._rules.doubt(symbol)  # it may have been opened since
            return f"{symbol} is not open for trading: the exchange says {status}"
        oldest = self._oldest
        return (
            _over(self._market.age_ms(symbol), oldest.market_ms, f"the candle stream of {symbol}")
            or _over(self._account.age_ms, oldest.account_ms, "the account's event stream")
            # Never read is not too old: an entry reads them itself, before it knows its size.
            or _over(self._rules.age_ms or 0, oldest.rules_ms, "the list of the exchange's filters")
            or _over(self._server_clock.age_ms, oldest.clock_ms, "the measured time difference")
        )


def _over(age_ms: int | None, oldest_ms: int, name: str) -> str | None:
    if age_ms is None:
        return f"{name} is not known"
    if age_ms <= oldest_ms:
        return None
    return f"{name} is {age_ms / 1000:.0f} s old, {oldest_ms / 1000:.0f} s is the most"
