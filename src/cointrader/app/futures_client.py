"""One symbol of one account on Binance, for scripts and notebooks: ask, place, cancel.

Bots do not use it: they share one desk (`app.wiring`). Nothing is connected before the first call.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from cointrader.app.live.wiring import QUOTE_ASSET, Access, KeyConfig, Place
from cointrader.domain.candle import Candle
from cointrader.domain.clock import Clock, SystemClock
from cointrader.domain.events import FundingSettled
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Fill, OrderReport, OrderRequest
from cointrader.domain.ports import Account, Quote
from cointrader.domain.position import Position
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi


class ClientConfig(KeyConfig, Protocol):
    """The part of the configuration that a client reads."""

    @property
    def interval(self) -> str: ...


class BinanceFuturesClient:
    """Calls of one symbol. Use it as ``async with``, or `close` it.

    Parameters
    ----------
    config : keys and the candles' interval
    symbol : e.g. "XRPUSDT"
    place : which Binance; its testnet unless told otherwise, because the other costs money
    access : another server and key, instead of the configured ones
    clock : the system's own by default

    Calls raise `Unreachable`, `RateLimited`, `Rejected`, `OutcomeUnknown`, `ConfigError`: see
    `domain.errors`. The first one raises `ConfigError` where no key is configured.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        symbol: str,
        place: Place | str = Place.TESTNET,
        access: Access | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.symbol = symbol.strip().upper()
        self.place = Place(place)
        self._config = config
        self._access = access
        self._clock = clock or SystemClock()
        self._api: BinanceApi | None = None
        self._opened: BinanceExchange | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections. Another call opens new ones."""
        api, self._api, self._opened = self._api, None, None
        if api is not None:
            await api.close()

    # -- orders -----------------------------------------------------------------------------------

    async def place_order(self, request: OrderRequest) -> OrderReport:
        """Send an order of this symbol; stops and take-profits go to the Algo Service."""
        if request.symbol != self.symbol:
            raise ValueError(f"this client trades {self.symbol}, not {request.symbol}")
        return await self._exchange().place(request)

    async def cancel_order(self, client_order_id: str) -> OrderReport | None:
        """Cancel an open order, plain or conditional; None where none of this id is open."""
        return await self._exchange().cancel(self.symbol, client_order_id)

    async def order(self, client_order_id: str) -> OrderReport | None:
        """What became of an order; None where the exchange knows none of this id."""
        return await self._exchange().order(self.symbol, client_order_id)

    async def open_orders(self) -> Sequence[OrderReport]:
        """Plain and conditional orders that may still execute."""
        return await self._exchange().open_orders(self.symbol)

    # -- the account ------------------------------------------------------------------------------

    async def account(self) -> Account:
        """Money in quote currency."""
        return await self._exchange().account()

    async def position(self) -> Position | None:
        """The open position; None when flat."""
        return await self._exchange().position(self.symbol)

    async def fills(self, *, since_ms: int) -> Sequence[Fill]:
        """Executions at or after `since_ms`, oldest first; three months are kept."""
        return await self._exchange().fills(self.symbol, since_ms=since_ms)

    async def funding(self, *, since_ms: int) -> Sequence[FundingSettled]:
        """Funding booked at or after `since_ms`, oldest first."""
        return await self._exchange().funding(self.symbol, since_ms=since_ms)

    async def set_leverage(self, leverage: int) -> int:
        """The leverage that holds from now on."""
        return await self._exchange().set_leverage(self.symbol, leverage)

    async def set_isolated(self) -> None:
        """Margin of this symbol's position is its own."""
        await self._exchange().set_isolated(self.symbol)

    # -- the market -------------------------------------------------------------------------------

    async def quote(self) -> Quote:
        """Best prices and mark price, now."""
        return await self._exchange().quote(self.symbol)

    async def instrument(self) -> Instrument:
        """Grids, minimums and leverage brackets."""
        return await self._exchange().instrument(self.symbol)

    async def candles(self, *, before_ms: int, limit: int) -> Sequence[Candle]:
        """The last `limit` closed candles that opened before `before_ms`, oldest first."""
        return await self._exchange().history(self.symbol, before_ms=before_ms, limit=limit)

    def _exchange(self) -> BinanceExchange:
        if self._opened is None:
            access = self._access or Access.of(self._config, self.place)
            self._api = BinanceApi.at(access.endpoints, self._clock, access.credentials)
            self._opened = BinanceExchange(
                self._api,
                self._clock,
                interval=self._config.interval,
                quote_asset=QUOTE_ASSET,
            )
        return self._opened
