"""An exchange that holds what a test puts into it, and a clock that jumps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cointrader.app.guard.guard import Standing
from cointrader.domain.errors import ExchangeError
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import (
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    Side,
)
from cointrader.domain.ports import Account, BestPrices, Holdings, Quote
from cointrader.domain.position import Position

XRP, TRX = "XRPUSDT", "TRXUSDT"
NOW_MS = 1_800_000_000_000


@dataclass
class JumpingClock:
    """Waiting moves it."""

    at_ms: int = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.at_ms += duration_ms

    async def sleep_until_ms(self, at_ms: int) -> None:
        self.at_ms = max(self.at_ms, at_ms)


@dataclass
class FakeExchange:
    """Market orders that reduce close at once; others rest. `refusals` are raised, first first."""

    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, list[OrderReport]] = field(default_factory=dict)
    refusals: list[ExchangeError] = field(default_factory=list)
    silences: list[Exception] = field(default_factory=list)  # of `standings`
    placed: list[OrderRequest] = field(default_factory=list)
    loses: bool = False  # orders are acknowledged and never seen again

    async def place(self, request: OrderRequest) -> OrderReport:
        self.placed.append(request)
        if self.refusals:
            raise self.refusals.pop(0)
        if not self.loses and request.kind is OrderKind.MARKET:
            self.positions.pop(request.symbol, None)
        elif not self.loses:
            self.orders.setdefault(request.symbol, []).append(
                an_order(
                    request.client_order_id,
                    request.symbol,
                    request.side,
                    close_position=request.close_position,
                )
            )
        return an_order(request.client_order_id, request.symbol, request.side)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        kept = [o for o in self.orders.get(symbol, []) if o.client_order_id != client_order_id]
        self.orders[symbol] = kept
        return None

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        return list(self.orders.get(symbol, []))

    async def position(self, symbol: str) -> Position | None:
        return self.positions.get(symbol)

    async def holdings(self, symbol: str, *, since_ms: int | None = None) -> Holdings:
        del since_ms
        return Holdings(await self.position(symbol), await self.open_orders(symbol))

    def look_ahead(self) -> None:
        """Nothing to gain."""

    async def best_prices(self, symbol: str) -> BestPrices:
        return await self.quote(symbol)

    async def account(self) -> Account:
        return Account(Decimal(1000), Decimal(1000), Decimal(1000))

    async def quote(self, symbol: str) -> Quote:
        return Quote(Decimal(2), Decimal(2), Decimal(2))

    async def instrument(self, symbol: str) -> Instrument:
        return Instrument(symbol, tick_size=Decimal("0.01"))

    async def standings(self) -> Sequence[Standing]:
        """What a guard asks for: every symbol with a position or orders, marked at 2."""
        if self.silences:
            raise self.silences.pop(0)
        listed = dict.fromkeys([*self.positions, *(s for s, o in self.orders.items() if o)])
        return [Standing(s, self.positions.get(s), Decimal(2)) for s in listed]

    def ids(self, symbol: str) -> list[str]:
        """Client ids of what rests."""
        return [order.client_order_id for order in self.orders.get(symbol, [])]


def a_position(
    symbol: str = XRP,
    side: Side = Side.LONG,
    quantity: str = "50",
    *,
    liquidation: str | None = None,
) -> Position:
    price = None if liquidation is None else Decimal(liquidation)
    return Position(symbol, side, Decimal(quantity), Decimal(2), NOW_MS, price)


def an_order(
    order_id: str,
    symbol: str = XRP,
    side: OrderSide = OrderSide.SELL,
    *,
    kind: OrderKind = OrderKind.STOP_MARKET,
    status: OrderStatus = OrderStatus.NEW,
    quantity: str | None = None,
    close_position: bool = False,
    reduce_only: bool = False,
) -> OrderReport:
    return OrderReport(
        client_order_id=order_id,
        symbol=symbol,
        side=side,
        kind=kind,
        status=status,
        updated_ms=NOW_MS,
        quantity=None if quantity is None else Decimal(quantity),
        close_position=close_position,
        reduce_only=reduce_only,
    )
