"""Executions with the client order id they belong to and a fee in quote currency.

A trade tells neither: its order is looked up by number, and where a conditional order became that
order, the conditional one's id counts. A fee paid in another asset is valued at the price of the
minute in which it was paid.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal

from cointrader.domain.clock import DAY_MS, INTERVALS_MS, MINUTE_MS
from cointrader.domain.errors import Rejected
from cointrader.domain.order import LIQUIDATION_PREFIXES, OWN_PREFIX, SETTLEMENT_PREFIX
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.codes import NO_SUCH_ORDER
from cointrader.exchange.binance.order_ids import OrderIds
from cointrader.exchange.binance.schemas import AlgoOrder, UserTrade
from cointrader.exchange.binance.translate import BinanceFill, became, fill

_WEEK_MS = 7 * DAY_MS
_KEPT_MS = 90 * DAY_MS  # how long the exchange remembers orders and executions
_BY_THE_EXCHANGE = (*LIQUIDATION_PREFIXES, SETTLEMENT_PREFIX)
_AT_PAR = Decimal(1)
_NO_INTERVAL = "-1120"  # klines of this length are not told here


class Executions:
    """Fills of one account, asked for when the stream cannot have told them all."""

    def __init__(self, api: BinanceApi, ids: OrderIds) -> None:
        self._api = api
        self._ids = ids
        self._prices: dict[tuple[str, int], Decimal] = {}  # of (pair, minute)

    async def since(self, symbol: str, since_ms: int) -> list[BinanceFill]:
        """All executions of `symbol` at or after `since_ms`, oldest first."""
        now_ms = await self._api.futures.now_ms(or_nearly=True)  # a stop may wait for the answer
        start_ms = max(since_ms, now_ms - _KEPT_MS)
        # A minute ahead: what just happened may be stamped after our idea of now.
        trades = await self._api.user_trades(symbol, start_ms=start_ms, end_ms=now_ms + MINUTE_MS)
        await self._name(symbol, {trade.order_id for trade in trades}, now_ms)
        return [
            fill(trade, self._client_id(trade), asset_price=await self._fee_price(trade))
            for trade in trades
        ]

    def _client_id(self, trade: UserTrade) -> str:
        return self._ids.client_id(trade.symbol, trade.order_id) or f"order-{trade.order_id}"

    async def _name(self, symbol: str, order_ids: Iterable[int], now_ms: int) -> None:
        """Learn the client ids of these orders."""
        unknown = {each for each in order_ids if self._ids.client_id(symbol, each) is None}
        strange: dict[int, str | None] = {}
        for order_id in sorted(unknown):
            try:
                order = await self._api.order(symbol, order_id=order_id)
            except Rejected as refused:
                if refused.code not in NO_SUCH_ORDER:
                    raise
                strange[order_id] = None
                continue
            if order.client_order_id.startswith((OWN_PREFIX, *_BY_THE_EXCHANGE)):
                self._ids.names(symbol, order_id, order.client_order_id)
            else:
                strange[order_id] = order.client_order_id
        if strange:
            await self._name_triggered(symbol, strange, now_ms)

    async def _name_triggered(
        self, symbol: str, own_ids: Mapping[int, str | None], now_ms: int
    ) -> None:
        """Name these orders by the conditional ones that they were; others keep their own id.

        Which is remembered only when all were looked through: a look may fail half-way.
        """
        wanted = dict(own_ids)
        async for order in self._conditional_orders(symbol, now_ms):
            order_id = became(order)
            if order_id is not None and order_id in wanted:
                self._ids.names(symbol, order_id, order.client_algo_id)
                del wanted[order_id]
            if not wanted:
                return
        for order_id, own_id in wanted.items():
            if own_id is not None:
                self._ids.names(symbol, order_id, own_id)

    async def parent(self, symbol: str, order_id: int) -> AlgoOrder | None:
        """The conditional order that became the plain order `order_id`; None where none did."""
        async for order in self._conditional_orders(symbol, await self._api.futures.now_ms()):
            if became(order) == order_id:
                return order
        return None

    async def _conditional_orders(self, symbol: str, now_ms: int) -> AsyncIterator[AlgoOrder]:
        """All that the exchange remembers. Weeks are asked one by one, newest first."""
        end_ms = now_ms + MINUTE_MS
        while end_ms > now_ms - _KEPT_MS:
            start_ms = end_ms - _WEEK_MS
            for order in await self._api.all_algo_orders(symbol, start_ms=start_ms, end_ms=end_ms):
                yield order
            end_ms = start_ms

    async def _fee_price(self, trade: UserTrade) -> Decimal:
        """Of the fee's asset in quote currency, when it was paid."""
        if trade.commission_asset == trade.margin_asset or not trade.commission:
            return _AT_PAR
        pair, minute_ms = (
            f"{trade.commission_asset}{trade.margin_asset}",
            trade.time // MINUTE_MS * MINUTE_MS,
        )
        price = self._prices.get((pair, minute_ms))
        if price is None:
            price = await self._price(pair, minute_ms)
            self._prices[pair, minute_ms] = price
        return price

    async def _price(self, pair: str, minute_ms: int) -> Decimal:
        """What has no market against the quote currency is another dollar: taken at par.

        A simulated market may have longer klines only.
        """
        for interval, length_ms in INTERVALS_MS.items():
            begins_ms = minute_ms // length_ms * length_ms
            try:
                rows = await self._api.klines(
                    pair, interval, start_ms=begins_ms, end_ms=begins_ms + MINUTE_MS
                )
            except Rejected as refused:
                if refused.code == _NO_INTERVAL:
                    continue
                return _AT_PAR
            return Decimal(rows[0].close) if rows else _AT_PAR
        return _AT_PAR
