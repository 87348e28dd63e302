"""Statistics calls: open interest, and what a market without other traders has no news of.

Long and short are even here, and so are takers who buy and who sell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cointrader.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from cointrader.domain.instrument import to_decimal
from cointrader.exchange.simulated.wire.intervals import can_tell
from cointrader.exchange.simulated.wire.klines import Kline
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.refusals import refused
from cointrader.exchange.simulated.wire.texts import money, number
from cointrader.exchange.simulated.wire.venue import Venue

_PERIODS_MS = {
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
}
_KEPT_MS = 30 * DAY_MS
_EVEN = {"longShortRatio": "1.0000", "longAccount": "0.5000", "shortAccount": "0.5000"}


async def open_interest(venue: Venue, params: Params) -> Any:
    symbol, now_ms = venue.symbol(params), venue.now_ms()
    known = venue.market.open_interest(symbol, 0, now_ms)
    amount = number(known[-1][1]) if known else "0"
    return {"symbol": symbol, "openInterest": amount, "time": now_ms}


async def open_interest_history(venue: Venue, params: Params) -> Any:
    symbol = venue.symbol(params)
    period_ms, start_ms, end_ms = _period(params), *_window(venue, params)
    limit = params.limit(30, 500)
    rows = [
        {
            "symbol": symbol,
            "sumOpenInterest": money(to_decimal(amount)),
            "sumOpenInterestValue": money(to_decimal(amount) * venue.market.last(symbol)),
            "CMCCirculatingSupply": "0",
            "timestamp": at_ms,
        }
        for at_ms, amount in venue.market.open_interest(symbol, start_ms, end_ms)
        if at_ms % period_ms == 0
    ]
    return rows[-limit:] if "startTime" not in params else rows[:limit]


async def long_short_ratio(venue: Venue, params: Params) -> Any:
    """Of all accounts, of top traders' accounts, of their positions: all the same here."""
    symbol = venue.symbol(params)
    return [
        {"symbol": symbol, **_EVEN, "timestamp": kline.candle.close_time_ms}
        for kline in _closed(venue, params, symbol)
    ]


async def taker_ratio(venue: Venue, params: Params) -> Any:
    rows = []
    for kline in _closed(venue, params, venue.symbol(params)):
        half = number(kline.candle.volume / 2)
        rows.append(
            {
                "buySellRatio": "1.0000",
                "buyVol": half,
                "sellVol": half,
                "timestamp": kline.candle.close_time_ms,
            }
        )
    return rows


async def basis(venue: Venue, params: Params) -> Any:
    """The index price is the last price here, so there is none."""
    pair = venue.symbol(params, "pair")
    kind = params.choice("contractType", ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER"))
    if kind != "PERPETUAL":
        return []
    return [
        {
            "indexPrice": number(kline.candle.close),
            "contractType": kind,
            "basisRate": "0.0000",
            "futuresPrice": number(kline.candle.close),
            "annualizedBasisRate": "",
            "basis": "0",
            "pair": pair,
            "timestamp": kline.candle.close_time_ms,
        }
        for kline in _closed(venue, params, pair)
    ]


async def delivery_price(venue: Venue, params: Params) -> Any:
    """There are only perpetual contracts."""
    venue.symbol(params, "pair")
    return []


def _period(params: Params) -> int:
    return _PERIODS_MS[params.choice("period", _PERIODS_MS)]


def _window(venue: Venue, params: Params) -> tuple[int, int]:
    """From when to when, at most what is kept until now."""
    now_ms = venue.now_ms()
    start_ms, end_ms = params.whole("startTime"), params.whole("endTime")
    oldest_ms = now_ms - _KEPT_MS
    if start_ms is not None and start_ms < oldest_ms:
        raise refused(-1130, "parameter 'startTime' is invalid.")
    return start_ms or oldest_ms, now_ms if end_ms is None else min(end_ms, now_ms)


def _closed(venue: Venue, params: Params, symbol: str) -> Sequence[Kline]:
    """The closed klines of the period asked for; none where the market's candles are longer."""
    _period(params)
    start_ms, end_ms = _window(venue, params)
    limit, period = params.limit(30, 500), params.text("period")
    if not can_tell(period, venue.market.stored_ms):
        return []
    found = venue.market.klines.read(
        symbol,
        period,
        now_ms=venue.now_ms(),
        start_ms=start_ms if "startTime" in params else None,
        end_ms=end_ms,
        limit=limit + 1,
    )
    closed = [kline for kline in found if kline.is_closed]
    return closed[:limit] if "startTime" in params else closed[-limit:]
