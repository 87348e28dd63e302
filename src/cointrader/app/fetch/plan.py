"""What is to be fetched, from where and to where; and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cointrader.app.fetch.archive import ARCHIVE_URL
from cointrader.app.fetch.files import FetchedSymbol
from cointrader.domain.clock import DAY_MS, interval_ms
from cointrader.domain.errors import CointraderError, MissingCandles
from cointrader.exchange.binance.endpoints import LIVE
from cointrader.market.history import FILE_NAME
from cointrader.market.quality import utc
from cointrader.market.spans import Span

HISTORY_NAME = FILE_NAME
DEFAULT_DAYS = 365


class Source(StrEnum):
    """Where history comes from. AUTO: from REST, and from the archive what only that has."""

    AUTO = "auto"
    REST = "rest"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What is fetched, from where, to where.

    `from_ms` is included, `to_ms` excluded; None: `days` before the end, and now. `archive_url`
    is None where there is no archive that belongs to `rest_url`.
    """

    folder: Path
    symbols: Sequence[str]
    correlation_symbols: Sequence[str]
    interval: str = "15m"
    days: int = DEFAULT_DAYS
    from_ms: int | None = None
    to_ms: int | None = None
    source: Source = Source.AUTO
    rest_url: str = LIVE.rest
    archive_url: str | None = ARCHIVE_URL

    @property
    def names(self) -> tuple[str, ...]:
        """All symbols of which candles are needed."""
        return tuple(dict.fromkeys((*self.symbols, *self.correlation_symbols)))

    @property
    def origin(self) -> str:
        """Whose market it is: that of the real exchange, or of another server."""
        return "Binance" if self.rest_url == LIVE.rest else "another server than Binance's"


@dataclass(slots=True)
class FetchOutcome:
    """What became of it: files, symbols that failed and why, and what people should know."""

    symbols: list[FetchedSymbol] = field(default_factory=list)
    failed: dict[str, CointraderError] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def asked_span(plan: FetchPlan, now_ms: int) -> Span:
    """The time that was asked for, in whole bars that are over.

    Raises
    ------
    MissingCandles : no bar of it is over
    """
    bar_ms = interval_ms(plan.interval)
    end_ms = min(now_ms, now_ms if plan.to_ms is None else plan.to_ms) // bar_ms * bar_ms
    start_ms = end_ms - plan.days * DAY_MS if plan.from_ms is None else plan.from_ms
    start_ms = -(-max(start_ms, 0) // bar_ms) * bar_ms
    if start_ms >= end_ms:
        raise MissingCandles(
            "no candle of this time has closed yet",
            where="--from and --to",
            found=f"{utc(start_ms)} to {utc(end_ms)}; by the exchange's clock it is {utc(now_ms)}",
            todo="ask for an earlier time",
        )
    return start_ms, end_ms
