"""The account a guard looks at, on Binance or on what speaks its protocol. No stream is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from cointrader.app.guard.guard import Standing
from cointrader.app.live.wiring import Access
from cointrader.domain.clock import Clock
from cointrader.domain.events import AccountEvent
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderReport, OrderRequest
from cointrader.exchange.binance import translate
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.schemas import PositionRisk

_ANY_INTERVAL = "15m"  # candles are never asked for


class BinanceAccount:
    """`GuardedAccount` with connections of its own, closed by `close`."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._api = BinanceApi.at(access.endpoints, clock, access.credentials)
        self._clock = clock
        self._exchange = self._an_exchange()
        self._orders: dict[str, BinanceExchange] = {}

    async def close(self) -> None:
        await self._api.close()

    async def standings(self) -> Sequence[Standing]:
        return [_standing(row) for row in await self._api.position_risk()]

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        return await self._orders_of(symbol).open_orders(symbol)

    async def instrument(self, symbol: str) -> Instrument:
        return await self._exchange.instrument(symbol)

    async def place(self, request: OrderRequest) -> OrderReport:
        return await self._exchange.place(request)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        return await self._orders_of(symbol).cancel(symbol, client_order_id)

    def _orders_of(self, symbol: str) -> BinanceExchange:
        """One for each symbol: one for all makes questions that are asked at once a single one.

        That would cost a multiple of the rate limit every few seconds, and where it fails, no
        symbol would be seen.
        """
        if symbol not in self._orders:
            self._orders[symbol] = self._an_exchange()
        return self._orders[symbol]

    def _an_exchange(self) -> BinanceExchange:
        return BinanceExchange(
            self._api, self._clock, interval=_ANY_INTERVAL, account_events=_no_events
        )


def _standing(row: PositionRisk) -> Standing:
    if row.position_amt and row.position_side != "BOTH":
        return Standing(row.symbol, None, row.mark_price, is_hedged=True)
    return Standing(row.symbol, translate.position([row], row.symbol), row.mark_price)


def _no_events(symbol: str) -> AsyncIterator[AccountEvent]:
    raise AssertionError("a guard asks; it listens to no stream")
