"""Public market data in Binance's shapes: from candles, quotes and instruments.

There is no order book behind it: depth and trades are plausible ones around the present price.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cointrader.domain.candle import Candle
from cointrader.domain.clock import DAY_MS, HOUR_MS
from cointrader.domain.errors import Rejected
from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.domain.ports import Quote, Settlement
from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.filters import precision_of
from cointrader.exchange.simulated.wire.book import Book
from cointrader.exchange.simulated.wire.klines import Kline, KlineReader
from cointrader.exchange.simulated.wire.texts import money, number, of_eight, plain

Json = dict[str, Any]
FUNDING_MS = 8 * HOUR_MS
_ORDER_TYPES = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)
_FINEST = Decimal("0.00000001")
_LARGEST = Decimal(1_000_000_000)
_LEVEL_WORTH = Decimal(5_000)  # quote currency on one level of the book, more or less


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """An aggregate trade."""

    number: int
    price: Decimal
    quantity: Decimal
    at_ms: int
    is_buyer_maker: bool


class MarketView:
    """What anybody may ask about the market, as it is at a given time."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange
        market = exchange.market
        self._tapes = market.tapes
        self.stored_ms = market.interval_ms
        self.updated_ms = 0  # when prices changed last: what books are numbered by
        self.klines = KlineReader(market.tapes, market.interval_ms)

    @property
    def symbols(self) -> list[str]:
        return list(self._exchange.book.instruments)

    def instrument(self, symbol: str) -> Instrument:
        return self._exchange.book.instruments[symbol]

    def has_price(self, symbol: str) -> bool:
        return self._tapes[symbol].price is not None

    def priced(self) -> list[str]:
        """Symbols that have had a candle."""
        return [symbol for symbol in self.symbols if self.has_price(symbol)]

    def quote(self, symbol: str) -> Quote:
        return self._exchange.price(symbol)

    def last(self, symbol: str) -> Decimal:
        price = self._tapes[symbol].price
        if price is None:
            raise Rejected(f"{symbol} has no price yet", code="-1112")
        return to_decimal(price)

    # -- symbols ------------------------------------------------------------------------------

    def symbol_info(self, symbol: str, onboard_ms: int) -> Json:
        """One symbol of exchangeInfo. A size of 0 says that there is no such rule."""
        instrument, book = self.instrument(symbol), self._exchange.book
        tick = instrument.tick_size or Decimal(0)
        step = instrument.step_size or Decimal(0)
        smallest = instrument.min_quantity or step
        tape = self._tapes[symbol]
        is_over = tape.is_over and tape.bar is None
        is_closing = symbol in book.settling or is_over
        return {
            "symbol": symbol,
            "pair": symbol,
            "contractType": "PERPETUAL",
            "deliveryDate": 4_133_404_800_000,
            "onboardDate": onboard_ms,
            "status": "SETTLING" if is_closing else "TRADING",
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": symbol.removesuffix("USDT"),
            "quoteAsset": "USDT",
            "marginAsset": "USDT",
            "pricePrecision": precision_of(tick or _FINEST),
            "quantityPrecision": precision_of(step or _FINEST),
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": [],
            "settlePlan": 0,
            "triggerProtect": "0.0500",
            "liquidationFee": "0.012500",
            "marketTakeBound": "0.05",
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": plain(instrument.min_price or tick),
                    "maxPrice": plain(instrument.max_price or _LARGEST),
                    "tickSize": plain(tick),
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": plain(smallest),
                    "maxQty": plain(instrument.max_limit_quantity or _LARGEST),
                    "stepSize": plain(step),
                },
                {
                    "filterType": "MARKET_LOT_SIZE",
                    "minQty": plain(smallest),
                    "maxQty": plain(instrument.max_quantity or _LARGEST),
                    "stepSize": plain(step),
                },
                {"filterType": "MAX_NUM_ORDERS", "limit": 200},
                {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
                {
                    "filterType": "PERCENT_PRICE",
                    "multiplierUp": plain(instrument.price_multiplier_up or Decimal(10)),
                    "multiplierDown": plain(instrument.price_multiplier_down or Decimal("0.1")),
                    "multiplierDecimal": "4",
                },
            ],
            "orderTypes": list(_ORDER_TYPES),
            "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        }

    def brackets(self, symbol: str) -> Json:
        """One symbol of leverageBracket; its numbers are JSON numbers."""
        rows, floor = [], Decimal(0)
        for place, bracket in enumerate(self.instrument(symbol).brackets, start=1):
            cap = bracket.notional_cap or _LARGEST
            rows.append(
                {
                    "bracket": place,
                    "initialLeverage": bracket.max_leverage,
                    "notionalCap": int(cap),
                    "notionalFloor": int(floor),
                    "maintMarginRatio": float(bracket.maintenance_margin_ratio),
                    "cum": float(bracket.maintenance_amount),
                }
            )
            floor = cap
        return {"symbol": symbol, "brackets": rows}

    # -- prices -------------------------------------------------------------------------------

    def mark_kline(self, kline: Kline) -> Candle:
        """The mark price over the time of a kline."""
        return self._exchange.mark_candle(kline.candle)

    def premium_index(self, symbol: str, now_ms: int) -> Json:
        quote = self.quote(symbol)
        return {
            "symbol": symbol,
            "markPrice": money(quote.mark),
            "indexPrice": money(self.last(symbol)),
            "estimatedSettlePrice": money(self.last(symbol)),
            "lastFundingRate": self.funding_rate(symbol, now_ms),
            "interestRate": "0.00010000",
            "nextFundingTime": next_funding_ms(now_ms),
            "time": now_ms,
        }

    def funding_rate(self, symbol: str, now_ms: int) -> str:
        """The rate last settled."""
        settled = self.settlements(symbol, 0, now_ms)
        return money(to_decimal(settled[-1].rate)) if settled else "0.00010000"

    def settlements(self, symbol: str, from_ms: int, to_ms: int) -> Sequence[Settlement]:
        """Settlements of [from_ms, to_ms]; the caller asks for none of the future."""
        return self._tapes[symbol].settlements_in(from_ms, to_ms + 1)

    def funding_row(self, symbol: str, settled: Settlement) -> Json:
        """One row of fundingRate."""
        mark = settled.mark_price
        if mark is None:
            at_ms = settled.at_ms
            before = self._tapes[symbol].history(
                before_ms=at_ms + 1, known_ms=at_ms + self.stored_ms, limit=1
            )
            mark = before[-1].open if before else None
        return {
            "symbol": symbol,
            "fundingRate": money(to_decimal(settled.rate)),
            "fundingTime": settled.at_ms,
            "markPrice": "" if mark is None else money(to_decimal(mark)),
            "rateType": "Regular",
        }

    def open_interest(self, symbol: str, from_ms: int, to_ms: int) -> Sequence[tuple[int, float]]:
        """(time, contracts) of [from_ms, to_ms]; the caller asks for none of the future."""
        return self._tapes[symbol].open_interest(from_ms, to_ms + 1)

    def day(self, symbol: str, now_ms: int) -> Json:
        """ticker/24hr."""
        last = self.last(symbol)
        candles = self.klines.stored(symbol, now_ms - DAY_MS, now_ms + 1, now_ms)
        opened = to_decimal(candles[0].open) if candles else last
        volume = math.fsum(candle.volume for candle in candles)
        quote_volume = math.fsum(candle.volume * candle.close for candle in candles)
        change = last - opened
        return {
            "symbol": symbol,
            "priceChange": plain(change),
            "priceChangePercent": f"{change / opened * 100:.3f}",
            "weightedAvgPrice": of_eight(quote_volume / volume if volume else float(last)),
            "lastPrice": plain(last),
            "lastQty": self._level(symbol, last),
            "openPrice": plain(opened),
            "highPrice": number(max((candle.high for candle in candles), default=float(last))),
            "lowPrice": number(min((candle.low for candle in candles), default=float(last))),
            "volume": number(volume),
            "quoteVolume": of_eight(quote_volume),
            "openTime": now_ms - DAY_MS,
            "closeTime": now_ms,
            "firstId": 1,
            "lastId": len(candles),
            "count": len(candles),
        }

    # -- book and trades ----------------------------------------------------------------------

    def book(self, symbol: str, count: int) -> Book:
        """Bids and asks: one tick apart, some thousands worth each."""
        quote = self.quote(symbol)
        tick = self.instrument(symbol).tick_size or quote.bid * Decimal("0.0001")
        bid, ask = quote.bid // tick * tick, quote.ask // tick * tick
        ask += tick if ask <= bid or ask < quote.ask else 0
        bids = [bid - tick * place for place in range(count)]
        asks = [ask + tick * place for place in range(count)]
        return Book(
            self.updated_ms,
            [[plain(price), self._level(symbol, price)] for price in bids if price > 0],
            [[plain(price), self._level(symbol, price)] for price in asks],
        )

    def trades(self, symbol: str, now_ms: int, limit: int) -> list[PublicTrade]:
        """Recent trades: one in each second, at the present price or the closes before."""
        return self.trades_from(symbol, now_ms // 1000 - limit + 1, now_ms, limit)

    def trades_from(self, symbol: str, number: int, now_ms: int, limit: int) -> list[PublicTrade]:
        """Trades from this number on, none before the first candle."""
        first = max(number, self.klines.listed_ms(symbol) // 1000)
        seconds = range(first, min(first + limit, now_ms // 1000 + 1))
        if not seconds:
            return []
        first_ms = seconds[0] * 1000 // self.stored_ms * self.stored_ms
        known = self.klines.stored(symbol, first_ms, now_ms + 1, now_ms)
        closes = {candle.open_time_ms: to_decimal(candle.close) for candle in known}
        last = self.last(symbol)
        return [
            self.trade(
                symbol,
                closes.get(second * 1000 // self.stored_ms * self.stored_ms, last),
                second * 1000,
            )
            for second in seconds
        ]

    def trade(self, symbol: str, price: Decimal, at_ms: int) -> PublicTrade:
        """A plausible trade at this price."""
        quantity = Decimal(self._level(symbol, price))
        return PublicTrade(at_ms // 1000, price, quantity, at_ms, at_ms // 1000 % 2 == 0)

    def _level(self, symbol: str, price: Decimal) -> str:
        instrument = self.instrument(symbol)
        quantity = instrument.quantity(float(_LEVEL_WORTH / price)) if price > 0 else Decimal(0)
        return plain(max(quantity, instrument.step_size or quantity))


def next_funding_ms(now_ms: int) -> int:
    return now_ms // FUNDING_MS * FUNDING_MS + FUNDING_MS
