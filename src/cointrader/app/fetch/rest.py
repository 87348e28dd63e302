"""History from the exchange's REST interface into the store. No key is needed.

Each page is stored before the next is asked for. Nothing that is known already is asked for
again, and nothing that may still change is taken for known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cointrader.app.fetch.work import Patience, Work
from cointrader.domain.clock import DAY_MS, MINUTE_MS, interval_ms
from cointrader.domain.errors import ConfigError, Rejected
from cointrader.domain.ports import Settlement
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.rate_limit import weight
from cointrader.exchange.binance.rest import RestClient
from cointrader.exchange.binance.schemas import Kline
from cointrader.market.frame import Columns, Times
from cointrader.market.history import (
    History,
    candle_series,
    funding_series,
    open_interest_series,
)
from cointrader.market.spans import Span, filled, united, within, without
from cointrader.market.upsert import OPEN_INTEREST_MS

KEPT_OPEN_INTEREST_MS = 29 * DAY_MS  # the exchange says a month; a start that old is refused
_PAGE = 1_000  # the most rows of one page that cost 5
_PAGE_COST = weight(5)
_SHORT, _SHORT_COST, _MEDIUM, _MEDIUM_COST = 100, weight(1), 500, weight(2)
_RATES_MS = 330 * DAY_MS  # of settlements every 8 hours: just less than a page
_AMOUNTS = 499  # a row less than a page: it is the same whichever end is cut off
_LATE_MS = 10 * MINUTE_MS  # a settlement may be told that late
_SETTLED_MS = DAY_MS  # what was not told a day later never will be
_UNKNOWN_SYMBOL = "-1121"


class RestHistory:
    """One host. `now_ms` is its time when the fetch began: what closes later is left for later."""

    def __init__(
        self, client: RestClient, history: History, patience: Patience, work: Work, now_ms: int
    ) -> None:
        self._client = client
        self._api = BinanceApi(client)
        self._history = history
        self._patience = patience
        self._work = work
        self._now_ms = now_ms

    async def candles(self, symbol: str, interval: str, wanted: Sequence[Span]) -> None:
        """Every closed candle of `wanted` that is not stored."""
        bar_ms = interval_ms(interval)
        closed = within(wanted, (0, self._now_ms // bar_ms * bar_ms))
        spans = missing_candles(self._history, symbol, interval, closed)
        self._work.plan(sum(-(-(end - start) // (_PAGE * bar_ms)) for start, end in spans))
        for start, end in spans:
            await self._stretch(symbol, interval, start, end)

    async def settlements(self, symbol: str, wanted: Sequence[Span]) -> None:
        """Every settlement of `wanted` that is not stored."""
        known = self._history.asked(funding_series(symbol))
        spans = _pieces(without(within(wanted, (0, self._now_ms)), known), _RATES_MS)
        self._work.plan(len(spans))
        for start, end in spans:
            rows = await self._patience.ask(
                lambda start=start, end=end: self._api.funding_rates(  # type: ignore[misc]
                    symbol, start_ms=start, end_ms=end
                )
            )
            settled = [
                Settlement(
                    row.funding_time,
                    float(row.funding_rate),
                    float(row.mark_price) if row.mark_price else None,
                )
                for row in rows
            ]
            asked = (start, min(end, self._now_ms - _LATE_MS))
            self._history.keep_settlements(symbol, settled, asked=[asked])
            self._work.finish()

    async def open_interest(self, symbol: str, wanted: Sequence[Span]) -> None:
        """Every amount of `wanted` that is not stored and that the exchange still has."""
        oldest_ms = self._now_ms - KEPT_OPEN_INTEREST_MS
        oldest_ms = -(-oldest_ms // OPEN_INTEREST_MS) * OPEN_INTEREST_MS
        known = self._history.asked(open_interest_series(symbol))
        asked = without(within(wanted, (oldest_ms, self._now_ms + 1)), known)
        spans = _pieces(asked, _AMOUNTS * OPEN_INTEREST_MS)
        self._work.plan(len(spans))
        for start, end in spans:
            rows = await self._patience.ask(
                lambda start=start, end=end: self._api.open_interest_history(  # type: ignore[misc]
                    symbol, "5m", start_ms=start, end_ms=end
                )
            )
            times = np.array([row.timestamp for row in rows], dtype=np.int64)
            amounts = np.array([float(row.sum_open_interest) for row in rows], dtype=np.float64)
            until = end if end < self._now_ms - _SETTLED_MS else _after(times, start)
            positive = np.flatnonzero(amounts > 0)  # a failed count comes as 0
            self._history.keep_open_interest(
                symbol, times[positive], amounts[positive], asked=[(start, until)]
            )
            self._work.finish()

    async def require_symbols(self, symbols: Sequence[str]) -> None:
        """`ConfigError` for symbols that the exchange does not know."""
        info = await self._patience.ask(self._api.exchange_info)
        self._work.finish()
        known = [each.symbol for each in info.symbols]
        unknown = [symbol for symbol in symbols if symbol not in known]
        if unknown:
            raise _no_such_symbol(unknown, known)

    async def _stretch(self, symbol: str, interval: str, start: int, end: int) -> None:
        """Page after page, until there is no more."""
        bar_ms = interval_ms(interval)
        first, is_first = start, self._is_first(symbol, interval, start)
        while start < end:
            limit = min(_PAGE, -(-(end - start) // bar_ms))
            page = await self._page(symbol, interval, start, end, limit)
            rows = [row for row in page if start <= row.open_time < end]
            if rows:
                times, columns = _columns(rows)
                # Nothing comes before the first candle of all: there it was listed.
                before = [(first, int(times[0]))] if start == first and is_first else []
                self._history.keep_candles(symbol, interval, times, columns, asked=before)
                start = int(times[-1]) + bar_ms
            self._work.finish()
            if len(rows) < limit:
                return

    def _is_first(self, symbol: str, interval: str, start: int) -> bool:
        """Whether no candle before `start` is stored."""
        return len(self._history.candle_times(symbol, interval, (0, start))) == 0

    async def _page(
        self, symbol: str, interval: str, start: int, end: int, limit: int
    ) -> list[Kline]:
        parameters: dict[str, str | int] = {
            "symbol": symbol,
            "interval": interval,
            "startTime": start,
            "endTime": end - 1,
            "limit": limit,
        }
        cost = _SHORT_COST if limit < _SHORT else _MEDIUM_COST if limit < _MEDIUM else _PAGE_COST
        try:
            return await self._patience.ask(
                lambda: self._client.call(
                    "GET", "/fapi/v1/klines", list[Kline], parameters, cost=cost
                )
            )
        except Rejected as refusal:
            if refusal.code != _UNKNOWN_SYMBOL:
                raise
            await self.require_symbols([symbol])
            raise


def missing_candles(
    history: History, symbol: str, interval: str, wanted: Sequence[Span]
) -> tuple[Span, ...]:
    """What of `wanted` is neither stored nor known to have no candle."""
    bounds = united(wanted)
    if not bounds:
        return ()
    times = history.candle_times(symbol, interval, (bounds[0][0], bounds[-1][1]))
    known = filled(times, interval_ms(interval))
    return without(bounds, [*known, *history.asked(candle_series(symbol, interval))])


def _columns(rows: Sequence[Kline]) -> tuple[Times, Columns]:
    times = np.array([row.open_time for row in rows], dtype=np.int64)
    values = np.array(
        [[float(text) for text in (r.open, r.high, r.low, r.close, r.volume)] for r in rows]
    )
    return times, Columns(*(np.ascontiguousarray(column) for column in values.T))


def _pieces(spans: Sequence[Span], longest_ms: int) -> list[Span]:
    """The same time in spans of at most `longest_ms`."""
    return [
        (at, min(at + longest_ms, end))
        for start, end in spans
        for at in range(start, end, longest_ms)
    ]


def _after(times: Times, start: int) -> int:
    """Just after the last of `times`; `start` where there are none."""
    return int(times[-1]) + 1 if len(times) else start


def _no_such_symbol(unknown: Sequence[str], known: Sequence[str]) -> ConfigError:
    from difflib import get_close_matches

    near = dict.fromkeys(m for s in unknown for m in get_close_matches(s, known, n=3, cutoff=0.6))
    return ConfigError(
        "the exchange has no such symbol",
        where="the symbols",
        found=", ".join(unknown),
        allowed=f"for example {', '.join(near)}" if near else None,
        todo="correct the name, or leave it out",
    )
