"""A clock moved by hand, a market from a table, and short ways to trade on it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from cointrader.domain.candle import Candle
from cointrader.domain.events import AccountEvent, OrderUpdated
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import (
    DetailedReport,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    Side,
)
from cointrader.domain.ports import Settlement
from cointrader.domain.position import Position
from cointrader.exchange.simulated import Costs, SimulatedExchange, unconstrained
from cointrader.exchange.subscriptions import Subscription

M15 = 900_000
T0 = 1_800_000_000_000  # on the 15-minute grid
FREE = Costs(taker_fee=Decimal(0), slippage=Decimal(0))
BUY, SELL = OrderSide.BUY, OrderSide.SELL
STOP, TARGET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET
TRAILING = OrderKind.TRAILING_STOP_MARKET
NUMBERS = ("quantity", "price", "trigger_price", "activation_price", "callback_ratio")

E = TypeVar("E")
Row = tuple[float, float, float, float]  # open, high, low, close
FLAT: Row = (100.0, 100.0, 100.0, 100.0)


def opens(bar: int) -> int:
    """Open time of bar number `bar`."""
    return T0 + bar * M15


def candle(symbol: str, bar: int, row: Row) -> Candle:
    o, h, low, c = row
    return Candle(symbol, opens(bar), opens(bar + 1), o, h, low, c, 1.0)


class FakeClock:
    """Time that moves only when told to, one sleeper at a time."""

    def __init__(self, now_ms: int = T0) -> None:
        self._now_ms = now_ms
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        await self.sleep_until_ms(self._now_ms + duration_ms)

    async def sleep_until_ms(self, at_ms: int) -> None:
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (max(at_ms, self._now_ms), self._count, future))
        await future

    async def advance_to(self, at_ms: int) -> None:
        """Let everybody act, then wake sleepers in order until `at_ms` has passed."""
        await settle()
        while self._sleepers and self._sleepers[0][0] <= at_ms:
            due_ms, _, future = heapq.heappop(self._sleepers)
            self._now_ms = due_ms
            if not future.done():
                future.set_result(None)
            await settle()
        self._now_ms = at_ms

    async def finish(self, task: asyncio.Task[None]) -> None:
        """Move time until `task` is done."""
        await settle()
        while not task.done():
            assert self._sleepers, "nobody sleeps and the task is not done: it waits for ever"
            await self.advance_to(self._sleepers[0][0])
        task.result()


async def settle() -> None:
    """Until every ready task had its turns."""
    for _ in range(12):
        await asyncio.sleep(0)


class TableSource:
    """A market from rows of (open, high, low, close), bar 0 at T0."""

    label = "table"
    interval_ms = M15

    def __init__(
        self,
        rows: Mapping[str, Sequence[Row]],
        *,
        first_bar: Mapping[str, int] | None = None,
        settlements: Mapping[str, Sequence[Settlement]] | None = None,
        open_interest: Mapping[str, Sequence[tuple[int, float]]] | None = None,
    ) -> None:
        first = first_bar or {}
        self._candles = {
            symbol: [candle(symbol, first.get(symbol, 0) + i, row) for i, row in enumerate(table)]
            for symbol, table in rows.items()
        }
        self._settlements = settlements or {}
        self._open_interest = open_interest or {}

    def symbols(self) -> Sequence[str]:
        return list(self._candles)

    def candles(self, symbol: str) -> Sequence[Candle]:
        return self._candles.get(symbol, [])

    def settlements(self, symbol: str) -> Sequence[Settlement]:
        return self._settlements.get(symbol, ())

    def open_times(self, symbol: str) -> Sequence[int]:
        return [candle.open_time_ms for candle in self.candles(symbol)]

    def open_interest(self, symbol: str) -> Sequence[tuple[int, float]]:
        return self._open_interest.get(symbol, ())


class Bench:
    """A simulated exchange with one or more symbols, driven bar by bar."""

    def __init__(
        self,
        *rows: Row,
        costs: Costs = FREE,
        balance: str = "1000",
        settlements: Sequence[Settlement] = (),
        instrument: Instrument | None = None,
        leverage: int = 10,
        check_margin: bool = False,
        start_bar: int = 0,
        **settings: Any,
    ) -> None:
        # One bar more than asked for, so that no test ends its symbol by accident.
        source = TableSource({"XRPUSDT": [*rows, FLAT]}, settlements={"XRPUSDT": settlements})
        self.exchange = SimulatedExchange(
            source,
            FakeClock(),
            symbols=["XRPUSDT"],
            balance=Decimal(balance),
            costs=costs,
            leverage=leverage,
            instruments={"XRPUSDT": instrument or unconstrained("XRPUSDT")},
            check_margin=check_margin,
            start_ms=opens(start_bar),
            **settings,
        )
        self.events = self.exchange.account_events("XRPUSDT")

    def open(self, bar: int = 0) -> None:
        self.exchange.open_bar(opens(bar))

    def close(self, bar: int = 0) -> None:
        self.exchange.close_bar(opens(bar))

    def play(self, *bars: int) -> None:
        for bar in bars:
            self.open(bar)
            self.close(bar)

    async def market(
        self,
        side: OrderSide,
        quantity: str = "1",
        order_id: str = "m",
        *,
        reduce_only: bool = False,
    ) -> OrderReport:
        return await self.exchange.place(
            OrderRequest(
                order_id,
                "XRPUSDT",
                side,
                OrderKind.MARKET,
                quantity=Decimal(quantity),
                reduce_only=reduce_only,
            )
        )

    async def conditional(
        self,
        side: OrderSide,
        kind: OrderKind,
        trigger: str,
        order_id: str | None = None,
        *,
        quantity: str | None = None,
    ) -> OrderReport:
        return await self.exchange.place(
            OrderRequest(
                order_id or ("sl" if kind is STOP else "tp"),
                "XRPUSDT",
                side,
                kind,
                quantity=None if quantity is None else Decimal(quantity),
                trigger_price=Decimal(trigger),
                reduce_only=quantity is not None,
                close_position=quantity is None,
            )
        )

    async def limit(
        self,
        side: OrderSide,
        price: str,
        quantity: str = "1",
        order_id: str = "l",
        **terms: Any,
    ) -> DetailedReport:
        return await self.place(
            side, OrderKind.LIMIT, order_id, price=price, quantity=quantity, **terms
        )

    async def place(
        self, side: OrderSide, kind: OrderKind, order_id: str = "o", **terms: Any
    ) -> DetailedReport:
        """Any order; numbers as text. The report has the order's terms."""
        values: dict[str, Any] = {
            name: Decimal(value) if name in NUMBERS else value for name, value in terms.items()
        }
        report = await self.exchange.place(OrderRequest(order_id, "XRPUSDT", side, kind, **values))
        assert isinstance(report, DetailedReport)
        return report

    async def held(self) -> Position:
        """The position; there must be one."""
        position = await self.exchange.position("XRPUSDT")
        assert position is not None
        return position

    async def status(self, order_id: str) -> OrderStatus:
        report = await self.exchange.order("XRPUSDT", order_id)
        assert report is not None
        return report.status

    async def enter(
        self, side: Side, *, stop: str | None = None, target: str | None = None
    ) -> None:
        """A position of 1 with its protection, at the open of the current bar."""
        await self.market(side.entry, order_id="entry")
        if stop is not None:
            await self.conditional(side.exit, STOP, stop)
        if target is not None:
            await self.conditional(side.exit, TARGET, target)

    async def wallet(self) -> Decimal:
        return (await self.exchange.account()).wallet


def statuses(events: Sequence[AccountEvent]) -> list[OrderStatus]:
    """What was told of orders, in order."""
    return [event.report.status for event in events if isinstance(event, OrderUpdated)]


async def unread(subscription: Subscription[E]) -> list[E]:
    """What waits in a subscription by now; it stays open."""
    events: list[E] = []
    while True:
        reader = asyncio.ensure_future(anext(subscription))
        await settle()
        if not reader.done():
            reader.cancel()
            await settle()
            return events
        try:
            events.append(reader.result())
        except StopAsyncIteration:
            return events
