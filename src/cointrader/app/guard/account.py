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

_ANY_INTERVAL = "15m"  # candles are never asked for


class BinanceAccount:
    """`GuardedAccount` with connections of its own, closed by `close`."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._api = BinanceApi.at(access.endpoints, clock, access.credentials)
        self._exchange = BinanceExchange(
            self._api, clock, interval=_ANY_INTERVAL, account_events=_no_events
        )

    async def close(self) -> None:
        await self._api.close()

    async def standings(self) -> Sequence[Standing]:
        rows = await self._api.position_risk()
        return [
            Standing(row.symbol, translate.position([row], row.symbol), row.mark_price)
            for row in rows
        ]

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        return await self._exchange.open_orders(symbol)

    async def instrument(self, symbol: str) -> Instrument:
        return await self._exchange.instrument(symbol)

    async def place(self, request: OrderRequest) -> OrderReport:
        return await self._exchange.place(request)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        return await self._exchange.cancel(symbol, client_order_id)


def _no_events(symbol: str) -> AsyncIterator[AccountEvent]:
    raise AssertionError("a guard asks; it listens to no stream")
