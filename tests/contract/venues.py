"""One market behind every adapter: in process, and over Binance's protocol on loopback sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

import aiohttp

from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Fill, OrderStatus
from cointrader.domain.ports import Exchange, MarketFeed, Settlement
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.api_socket import ApiSocket
from cointrader.exchange.binance.credentials import Credentials as OurKey
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.exchange.binance.market_feed import MultiSymbolStream
from cointrader.exchange.binance.transfers import Transfers
from cointrader.exchange.binance.user_feed import UserDataStream
from cointrader.exchange.simulated import Costs, SimulatedExchange, known_instrument
from cointrader.exchange.simulated.wire import Credentials, ExchangeServer, SteppedClock
from tests.unit.exchange.simulated_fakes import M15, T0, Row, TableSource, settle

SYMBOL = "XRPUSDT"
CALM: Row = (2.0, 2.01, 1.99, 2.0)
PATIENCE_S = 5.0
_QUIET_S = 0.1  # nothing more is on its way over loopback after this
_KEY, _SECRET = "k" * 64, "s" * 64

Event = TypeVar("Event")


class Heard(Generic[Event]):
    """Reads a subscription from its start on and keeps what it said."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self.all: list[Event] = []
        self._news = asyncio.Condition()
        self._events = events

    async def listen(self) -> None:
        async for event in self._events:
            async with self._news:
                self.all.append(event)
                self._news.notify_all()

    async def until(self, is_there: Callable[[list[Event]], bool]) -> None:
        """Wait until what was heard is enough; `TimeoutError` when that takes too long."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: is_there(self.all))


class HeardOfAccount(Heard[AccountEvent]):
    """Account events of one symbol, sorted by what they tell."""

    @property
    def fills(self) -> list[Fill]:
        return [event.fill for event in self.all if isinstance(event, OrderFilled)]

    @property
    def funding(self) -> list[FundingSettled]:
        return [event for event in self.all if isinstance(event, FundingSettled)]

    def statuses(self, order_id: str) -> list[OrderStatus]:
        """What was told of one order, in order."""
        reports = [event.report for event in self.all if isinstance(event, OrderUpdated)]
        return [each.status for each in reports if each.client_order_id == order_id]

    async def status(self, order_id: str, status: OrderStatus) -> None:
        """Wait until the order is told to have this status."""
        await self.until(lambda _: status in self.statuses(order_id))

    async def filled(self, order_id: str) -> Fill:
        """Wait for the first fill of an order."""
        await self.until(lambda _: any(fill.client_order_id == order_id for fill in self.fills))
        return next(fill for fill in self.fills if fill.client_order_id == order_id)


@dataclass(frozen=True)
class Scene:
    """What is played, the same for every adapter: 1000 USDT, fee 0.05 %, slippage 0.05 %."""

    rows: Sequence[Row]
    settlements: Sequence[Settlement] = ()

    def exchange(self, clock: SteppedClock) -> SimulatedExchange:
        source = TableSource(
            {SYMBOL: [*self.rows, CALM, CALM]}, settlements={SYMBOL: self.settlements}
        )
        return SimulatedExchange(
            source,
            clock,
            symbols=[SYMBOL],
            balance=Decimal(1000),
            costs=Costs(taker_fee=Decimal("0.0005"), slippage=Decimal("0.0005")),
            leverage=10,
            instruments={SYMBOL: _instrument()},
            start_ms=T0,
        )


class Venue(ABC):
    """An adapter at the open of the first bar, its owner's hand on the market."""

    def __init__(self, exchange: Exchange, feed: MarketFeed) -> None:
        self.exchange = exchange
        self.feed = feed
        self.account = HeardOfAccount(exchange.account_events(SYMBOL))
        self.candles = Heard(feed.candles([SYMBOL]))

    @abstractmethod
    async def next_bar(self) -> None:
        """The open bar closes and the next one opens."""

    @abstractmethod
    async def deposit(self, amount: str) -> None:
        """Money comes in from outside."""

    @abstractmethod
    async def quiet(self) -> None:
        """Wait until whatever was to be told has arrived."""


class InProcess(Venue):
    """The simulated exchange itself, run on a clock that is moved by hand."""

    def __init__(self, simulated: SimulatedExchange, clock: SteppedClock) -> None:
        super().__init__(simulated, simulated)
        self._simulated = simulated
        self._clock = clock
        self._opens_ms = T0

    async def begin(self) -> None:
        self._clock.move_to(self._opens_ms)
        await settle()

    async def next_bar(self) -> None:
        self._opens_ms += M15
        for at_ms in (self._opens_ms - 1, self._opens_ms):
            self._clock.move_to(at_ms)
            await settle()

    async def deposit(self, amount: str) -> None:
        self._simulated.deposit(Decimal(amount))

    async def quiet(self) -> None:
        await settle()


class OverTheWire(Venue):
    """Our client of Binance, in front of a server that plays the same market."""

    def __init__(
        self,
        exchange: Exchange,
        feed: MarketFeed,
        session: aiohttp.ClientSession,
        control: str,
    ) -> None:
        super().__init__(exchange, feed)
        self._session = session
        self._control_url = control

    async def next_bar(self) -> None:
        await self._control("step")

    async def deposit(self, amount: str) -> None:
        await self._control("deposit", amount=amount)

    async def quiet(self) -> None:
        await asyncio.sleep(_QUIET_S)

    async def _control(self, name: str, **parameters: str) -> None:
        async with self._session.post(f"{self._control_url}/{name}", json=parameters) as answer:
            assert answer.status == 200, await answer.text()


@contextlib.asynccontextmanager
async def in_process(scene: Scene) -> AsyncIterator[Venue]:
    clock = SteppedClock()
    simulated = scene.exchange(clock)
    venue = InProcess(simulated, clock)
    async with _running(simulated.run(), venue.account.listen(), venue.candles.listen()):
        await venue.begin()
        yield venue


@contextlib.asynccontextmanager
async def over_the_wire(scene: Scene, *, with_socket: bool = False) -> AsyncIterator[Venue]:
    """`with_socket`: calls in a hurry go over the WebSocket API, as those of a run do."""
    stepped = SteppedClock()
    server = ExchangeServer(scene.exchange(stepped), stepped, Credentials(_KEY, _SECRET))
    async with contextlib.AsyncExitStack() as stack:
        at = await stack.enter_async_context(server.serving())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        clock = _OwnClock(stepped)
        api = BinanceApi.at(endpoints_at(at.rest), clock, OurKey(_KEY, _SECRET))
        stack.push_async_callback(api.close)
        exchange = BinanceExchange(
            api,
            clock,
            interval="15m",
            account_events=lambda symbol: user.account_events(symbol),
            transfers=Transfers(api, asset="USDT", since_ms=T0),
        )
        user = UserDataStream(
            url=at.ws,
            keys=api,
            session=session,
            history=exchange,
            clock=clock,
            on_notice=lambda _: None,
        )
        feed = MultiSymbolStream(
            [SYMBOL], "15m", url=at.ws, session=session, history=exchange, clock=clock
        )
        venue = OverTheWire(exchange, feed, session, at.control)
        limiter = api.futures.limiter
        socket = ApiSocket(at.ws_api, session=session, clock=clock, limiter=limiter)
        work = [user.run(), feed.run(), venue.account.listen(), venue.candles.listen()]
        if with_socket:
            api.futures.use(socket)
            work.append(socket.run())
        await stack.enter_async_context(_running(*work))
        async with asyncio.timeout(PATIENCE_S):
            while not (
                user.is_complete
                and all(line.is_up for line in feed.health())
                and socket.is_up is with_socket
            ):
                await asyncio.sleep(0.01)
        yield venue


class _OwnClock:
    """A client's clock: right when a bar begins, going on while the market stands."""

    def __init__(self, market: SteppedClock) -> None:
        self._market = market
        self._began_ms, self._began_s = market.now_ms(), time.monotonic()

    def now_ms(self) -> int:
        if self._market.now_ms() != self._began_ms:
            self._began_ms, self._began_s = self._market.now_ms(), time.monotonic()
        return self._began_ms + int((time.monotonic() - self._began_s) * 1000)

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)

    async def sleep_until_ms(self, at_ms: int) -> None:
        while self.now_ms() < at_ms:
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """These coroutines run inside the block; one that fails fails the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _instrument() -> Instrument:
    known = known_instrument(SYMBOL)
    assert known is not None, "the table of instruments has it"
    return known
