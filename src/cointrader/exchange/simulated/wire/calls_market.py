"""Market data calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cointrader.domain.candle import Candle
from cointrader.domain.clock import HOUR_MS
from cointrader.exchange.simulated.wire.klines import Kline, row
from cointrader.exchange.simulated.wire.market import PublicTrade
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.refusals import refused
from cointrader.exchange.simulated.wire.texts import plain
from cointrader.exchange.simulated.wire.venue import Venue

_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_NEWEST_RATES = 200  # of fundingRate without times
_MARGIN_INDEX = "USDTUSD"
_BUFFERS = ("bidBuffer", "askBuffer", "autoExchangeBidBuffer", "autoExchangeAskBuffer")
_BUFFERED = ("bidRate", "askRate", "autoExchangeBidRate", "autoExchangeAskRate")


async def ping(_venue: Venue, _params: Params) -> Any:
    return {}


async def server_time(venue: Venue, _params: Params) -> Any:
    return {"serverTime": venue.server_ms()}


async def exchange_info(venue: Venue, _params: Params) -> Any:
    market = venue.market
    return {
        "timezone": "UTC",
        "serverTime": venue.server_ms(),
        "rateLimits": venue.limits.told(),
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [
            market.symbol_info(symbol, market.klines.listed_ms(symbol)) for symbol in venue.symbols
        ],
    }


# ---------------------------------------------------------------------- candles


async def klines(venue: Venue, params: Params) -> Any:
    found = _klines(venue, params, venue.symbol(params))
    return [row(kline.candle) for kline in found]


async def continuous_klines(venue: Venue, params: Params) -> Any:
    params.choice("contractType", ("PERPETUAL",))
    found = _klines(venue, params, venue.symbol(params, "pair"))
    return [row(kline.candle) for kline in found]


async def mark_price_klines(venue: Venue, params: Params) -> Any:
    found = _klines(venue, params, venue.symbol(params))
    return [row(venue.market.mark_kline(kline), with_volume=False) for kline in found]


async def index_price_klines(venue: Venue, params: Params) -> Any:
    found = _klines(venue, params, venue.symbol(params, "pair"))
    return [row(kline.candle, with_volume=False) for kline in found]


async def premium_index_klines(venue: Venue, params: Params) -> Any:
    found = _klines(venue, params, venue.symbol(params))
    return [row(_premium(venue, kline), with_volume=False) for kline in found]


def _premium(venue: Venue, kline: Kline) -> Candle:
    """How far the mark price was from the index price, as a fraction."""
    last, mark = kline.candle, venue.market.mark_kline(kline)
    opened, closed = mark.open / last.open - 1, mark.close / last.close - 1
    return last._replace(
        open=opened, close=closed, high=max(opened, closed), low=min(opened, closed)
    )


def _klines(venue: Venue, params: Params, symbol: str) -> Sequence[Kline]:
    return venue.market.klines.read(
        symbol,
        params.text("interval"),
        now_ms=venue.now_ms(),
        start_ms=params.whole("startTime"),
        end_ms=params.whole("endTime"),
        limit=params.limit(500, 1500),
    )


# ---------------------------------------------------------------------- funding, mark price


async def funding_rate(venue: Venue, params: Params) -> Any:
    limit, now_ms = params.limit(100, 1000), venue.now_ms()
    start_ms, end_ms = params.whole("startTime"), params.whole("endTime")
    rows = [
        venue.market.funding_row(symbol, settled)
        for symbol in venue.symbols_of(params)
        for settled in venue.market.settlements(
            symbol, start_ms or 0, now_ms if end_ms is None else min(end_ms, now_ms)
        )
    ]
    rows.sort(key=lambda each: each["fundingTime"])
    if start_ms is None:
        newest = limit if "limit" in params else _NEWEST_RATES
        return rows[-newest:]
    return rows[:limit]


async def funding_info(_venue: Venue, _params: Params) -> Any:
    return []  # only symbols with an adjusted cap, floor or interval are listed


async def premium_index(venue: Venue, params: Params) -> Any:
    return _one_or_all(venue, params, lambda s: venue.market.premium_index(s, venue.now_ms()))


# ---------------------------------------------------------------------- book, trades, tickers


async def depth(venue: Venue, params: Params) -> Any:
    symbol, now_ms = venue.symbol(params), venue.now_ms()
    limit = params.whole("limit")
    if limit is not None and limit not in _DEPTHS:
        raise refused(-4021, f"'{limit}' is not valid depth limit.")
    book = venue.market.book(symbol, limit or 500)
    return {
        "lastUpdateId": book.number,
        "E": now_ms,
        "T": book.number,
        "bids": book.bids,
        "asks": book.asks,
    }


async def trades(venue: Venue, params: Params) -> Any:
    """Recent ones, and those from a number on."""
    symbol, now_ms, limit = venue.symbol(params), venue.now_ms(), params.limit(500, 1000)
    from_id = params.whole("fromId")
    if from_id is None:
        found = venue.market.trades(symbol, now_ms, limit)
    else:
        found = venue.market.trades_from(symbol, from_id, now_ms, limit)
    return [
        {
            "id": trade.number,
            "price": plain(trade.price),
            "qty": plain(trade.quantity),
            "quoteQty": plain(trade.price * trade.quantity),
            "time": trade.at_ms,
            "isBuyerMaker": trade.is_buyer_maker,
            "isRPITrade": False,
        }
        for trade in found
    ]


async def agg_trades(venue: Venue, params: Params) -> Any:
    symbol, now_ms = venue.symbol(params), venue.now_ms()
    start_ms, end_ms = params.whole("startTime"), params.whole("endTime")
    if start_ms is not None and end_ms is not None and end_ms - start_ms > HOUR_MS:
        raise refused(-4025, "Start time and end time interval should be less than one hour.")
    limit, from_id = params.limit(500, 1000), params.whole("fromId")
    last_ms = now_ms if end_ms is None else min(end_ms, now_ms)
    if from_id is not None:
        found = venue.market.trades_from(symbol, from_id, now_ms, limit)
    elif start_ms is not None:
        found = venue.market.trades_from(symbol, -(-start_ms // 1000), last_ms, limit)
    else:
        found = venue.market.trades(symbol, last_ms, limit)
    return [aggregate(trade) for trade in found]


def aggregate(trade: PublicTrade) -> dict[str, Any]:
    """A trade as aggTrades tells it."""
    return {
        "a": trade.number,
        "p": plain(trade.price),
        "q": plain(trade.quantity),
        "nq": plain(trade.quantity),
        "f": trade.number,
        "l": trade.number,
        "T": trade.at_ms,
        "m": trade.is_buyer_maker,
    }


async def constituents(venue: Venue, params: Params) -> Any:
    """What the index price is made of: the price here."""
    symbol = venue.symbol(params)
    price = plain(venue.market.last(symbol))
    part = {"exchange": "binance", "symbol": symbol, "price": price, "weight": "1.00000000"}
    return {"symbol": symbol, "time": venue.now_ms(), "constituents": [part]}


async def index_info(venue: Venue, params: Params) -> Any:
    """There are no composite indices."""
    venue.optional_symbol(params)
    return []


async def asset_index(venue: Venue, params: Params) -> Any:
    """What an asset is worth as margin: there is one, at par."""
    asked = params.given("symbol")
    if asked not in (None, _MARGIN_INDEX):
        raise refused(-1121, "Invalid symbol.")
    at_par = dict.fromkeys(("index", *_BUFFERED), "1.00000000")
    told = {
        "symbol": _MARGIN_INDEX,
        "time": venue.now_ms(),
        **at_par,
        **dict.fromkeys(_BUFFERS, "0.00000000"),
    }
    return [told] if asked is None else told


async def ticker_price(venue: Venue, params: Params) -> Any:
    now_ms = venue.now_ms()

    def of(symbol: str) -> dict[str, Any]:
        return {"symbol": symbol, "price": plain(venue.market.last(symbol)), "time": now_ms}

    return _one_or_all(venue, params, of)


async def book_ticker(venue: Venue, params: Params) -> Any:
    now_ms = venue.now_ms()

    def of(symbol: str) -> dict[str, Any]:
        book, quote = venue.market.book(symbol, 1), venue.market.quote(symbol)
        return {
            "symbol": symbol,
            "bidPrice": plain(quote.bid),
            "bidQty": book.bids[0][1],
            "askPrice": plain(quote.ask),
            "askQty": book.asks[0][1],
            "time": now_ms,
        }

    return _one_or_all(venue, params, of)


async def ticker_24hr(venue: Venue, params: Params) -> Any:
    return _one_or_all(venue, params, lambda symbol: venue.market.day(symbol, venue.now_ms()))


def _one_or_all(
    venue: Venue, params: Params, of: Callable[[str], dict[str, Any]]
) -> dict[str, Any] | list[dict[str, Any]]:
    """The answer for one symbol, or a list for all that have a price."""
    symbol = venue.optional_symbol(params)
    return [of(each) for each in venue.market.priced()] if symbol is None else of(symbol)
