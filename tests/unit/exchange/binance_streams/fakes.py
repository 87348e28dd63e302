"""A scripted exchange on a real socket, a clock that can jump, and short ways to say things."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from cointrader.domain.candle import Candle
from cointrader.domain.clock import MINUTE_MS
from cointrader.domain.errors import Unreachable
from cointrader.domain.events import AccountEvent, FeedEvent, FundingSettled
from cointrader.domain.order import Fill, OrderKind, OrderReport, OrderSide, OrderStatus
from cointrader.exchange.binance.account_notices import AccountNotice
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.subscriptions import Subscription

M15 = 15 * MINUTE_MS
T0 = 1_800_000_000_000  # on the 15-minute grid
E = TypeVar("E")

QUICK = StreamLimits(
    max_age_ms=3_600_000,
    renew_after_ms=86_400_000,
    connect_timeout_ms=1_000,
    ack_timeout_ms=300,
    ping_every_ms=60_000,
    first_pause_ms=10,
    longest_pause_ms=40,
)


class JumpingClock:
    """Real time from T0 on, except that it can be moved forward."""

    def __init__(self, now_ms: int = T0) -> None:
        self._offset_ms = now_ms - self._real_ms()
        self._jumped = asyncio.Event()

    @staticmethod
    def _real_ms() -> int:
        return int(asyncio.get_running_loop().time() * 1000)

    def now_ms(self) -> int:
        return self._real_ms() + self._offset_ms

    def jump_to(self, at_ms: int) -> None:
        self._offset_ms += at_ms - self.now_ms()
        self._jumped.set()
        self._jumped = asyncio.Event()

    async def sleep_ms(self, duration_ms: int) -> None:
        await self.sleep_until_ms(self.now_ms() + duration_ms)

    async def sleep_until_ms(self, at_ms: int) -> None:
        while (left_ms := at_ms - self.now_ms()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left_ms / 1000):
                    await self._jumped.wait()


class HandClock:
    """Time that stands until it is set."""

    def __init__(self, now_ms: int = T0) -> None:
        self.at_ms = now_ms

    def now_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.at_ms += duration_ms

    async def sleep_until_ms(self, at_ms: int) -> None:
        self.at_ms = max(self.at_ms, at_ms)


@dataclass(eq=False)
class Visit:
    """One connection as the server sees it."""

    path: str
    query: dict[str, str]
    socket: web.WebSocketResponse
    requests: list[dict[str, Any]] = field(default_factory=list)
    requested_s: list[float] = field(default_factory=list)

    @property
    def streams(self) -> list[str]:
        return [name for request in self.requests for name in request["params"]]

    async def say(self, message: dict[str, Any]) -> None:
        await self.socket.send_str(json.dumps(message))

    async def cut(self) -> None:
        """End the connection without a goodbye."""
        transport = self.socket._req.transport if self.socket._req is not None else None
        assert transport is not None
        transport.abort()


class ScriptedExchange:
    """Accepts connections, acknowledges subscriptions, and says what the test says."""

    def __init__(self) -> None:
        self.url = ""
        self.visits: list[Visit] = []
        self.acknowledges = True
        self.refusal: dict[str, Any] | None = None
        self.answers_pings = True
        self.refused_handshakes = 0  # how many connections to turn away
        self.greeting: Callable[[Visit], Awaitable[None]] | None = None
        self._changed = asyncio.Event()

    @property
    def open_visits(self) -> list[Visit]:
        return [visit for visit in self.visits if not visit.socket.closed]

    async def visit(self, number: int) -> Visit:
        """Connection number `number`, counted from 1, once it is there and has subscribed."""
        await until(lambda: len(self.visits) >= number)
        return self.visits[number - 1]

    async def subscribed(self, number: int) -> Visit:
        visit = await self.visit(number)
        await until(lambda: bool(visit.requests))
        return visit

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.refused_handshakes:
            self.refused_handshakes -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=self.answers_pings)
        await socket.prepare(request)
        visit = Visit(request.path, dict(request.query), socket)
        self.visits.append(visit)
        if self.greeting is not None and not request.path.endswith("/stream"):
            await self.greeting(visit)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._answer(visit, json.loads(message.data))
        return socket

    async def _answer(self, visit: Visit, request: dict[str, Any]) -> None:
        visit.requests.append(request)
        visit.requested_s.append(asyncio.get_running_loop().time())
        if self.refusal is not None:
            await visit.say({"error": self.refusal, "id": request["id"]})
        elif self.acknowledges:
            await visit.say({"result": None, "id": request["id"]})
            if self.greeting is not None:
                await self.greeting(visit)


@asynccontextmanager
async def an_exchange() -> AsyncIterator[ScriptedExchange]:
    exchange = ScriptedExchange()
    app = web.Application()
    app.router.add_get("/{path:.*}", exchange._serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    exchange.url = f"http://{host}:{port}"
    try:
        yield exchange
    finally:
        for visit in exchange.open_visits:
            with suppress(AssertionError):
                await visit.cut()
        await runner.cleanup()


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[asyncio.Task[None]]:
    """`work` as a task for the time of the block, then cancelled."""
    task = asyncio.ensure_future(work)
    assert isinstance(task, asyncio.Task)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(is_so: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.002)


async def told(subscription: Subscription[E], count: int) -> list[E]:
    """The next `count` events."""
    async with asyncio.timeout(5):
        return [await anext(subscription) for _ in range(count)]


async def hears_nothing(subscription: Subscription[Any], *, for_s: float = 0.05) -> bool:
    try:
        async with asyncio.timeout(for_s):
            await anext(subscription)
    except TimeoutError:
        return True
    return False


# -- market ----------------------------------------------------------------------------------------


def opens(bar: int) -> int:
    return T0 + bar * M15


def a_candle(symbol: str, bar: int, *, close: float = 100.5, volume: float = 7.0) -> Candle:
    return Candle(symbol, opens(bar), opens(bar + 1), 100.0, 101.0, 99.0, close, volume)


def a_kline(
    symbol: str, bar: int, *, is_final: bool = True, at_ms: int | None = None, **slots: str
) -> dict[str, Any]:
    """A combined frame of bar `bar`, equal to `a_candle`."""
    kline = {
        "t": opens(bar),
        "T": opens(bar + 1) - 1,
        "s": symbol,
        "i": "15m",
        "o": "100.0",
        "c": "100.5",
        "h": "101.0",
        "l": "99.0",
        "v": "7.0",
        "n": 3,
        "x": is_final,
        "q": "700.0",
        "st": 1,
        **slots,
    }
    event = {"e": "kline", "E": opens(bar + 1) if at_ms is None else at_ms, "s": symbol, "k": kline}
    return {"stream": f"{symbol.lower()}@kline_15m", "data": event}


class StoredCandles:
    """History from a table; fails as often as told to."""

    def __init__(self, candles: Sequence[Candle] = ()) -> None:
        self.candles = list(candles)
        self.failures = 0
        self.asked: list[tuple[str, int, int]] = []

    async def history(self, symbol: str, *, before_ms: int, limit: int) -> Sequence[Candle]:
        self.asked.append((symbol, before_ms, limit))
        if self.failures:
            self.failures -= 1
            raise Unreachable("no answer")
        found = [c for c in self.candles if c.symbol == symbol and c.open_time_ms < before_ms]
        return sorted(found, key=lambda c: c.open_time_ms)[-limit:]


async def open_times(subscription: Subscription[FeedEvent], count: int) -> list[int]:
    """Bar numbers of the next `count` candles."""
    events = await told(subscription, count)
    return [(event.candle.open_time_ms - T0) // M15 for event in events]  # type: ignore[union-attr]


# -- account ---------------------------------------------------------------------------------------

STOP_ID = "ct-XRPUSDT-abc-s0"
ENTRY_ID = "ct-XRPUSDT-abc-e0"


def an_order_update(
    *,
    order_id: int = 9001,
    client_order_id: str = ENTRY_ID,
    happened: str = "TRADE",
    status: str = "FILLED",
    trade_id: int = 7001,
    quantity: str = "10.0",
    filled: str | None = None,
    at_ms: int = T0,
    **slots: Any,
) -> dict[str, Any]:
    is_trade = happened in ("TRADE", "CALCULATED")
    order = {
        "s": "XRPUSDT",
        "c": client_order_id,
        "S": "BUY",
        "o": "MARKET",
        "f": "GTC",
        "q": "10.0",
        "p": "0",
        "ap": "2.1010" if is_trade else "0",
        "sp": "0",
        "x": happened,
        "X": status,
        "i": order_id,
        "l": quantity if is_trade else "0",
        "z": filled or (quantity if is_trade else "0"),
        "L": "2.1010" if is_trade else "0",
        "T": at_ms,
        "t": trade_id if is_trade else 0,
        "m": False,
        "R": False,
        "ot": "MARKET",
        "cp": False,
        "rp": "0",
        "er": "0",
    }
    if is_trade:
        order |= {"n": "0.0105", "N": "USDT"}
    return {"e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": at_ms, "o": order | slots}


def an_algo_update(
    status: str, *, client_order_id: str = STOP_ID, at_ms: int = T0, **slots: Any
) -> dict[str, Any]:
    order = {
        "caid": client_order_id,
        "aid": 3000000000001,
        "at": "CONDITIONAL",
        "o": "STOP_MARKET",
        "s": "XRPUSDT",
        "S": "SELL",
        "q": "0",
        "X": status,
        "tp": "2.0500",
        "cp": True,
        "R": True,
        "ia": False,
    }
    return {"e": "ALGO_UPDATE", "E": at_ms, "T": at_ms, "o": order | slots}


def a_child_fill(*, trade_id: int = 7002, **slots: Any) -> dict[str, Any]:
    """The fill of a stop's child, under an id of the exchange's own."""
    return an_order_update(
        order_id=9002, client_order_id="x-123", trade_id=trade_id, S="SELL", **slots
    )


def a_fill(trade_id: int, client_order_id: str, *, at_ms: int = T0) -> Fill:
    return Fill(
        "XRPUSDT",
        trade_id,
        client_order_id,
        OrderSide.BUY,
        Decimal("2.1010"),
        Decimal("10.0"),
        Decimal("0.0105"),
        at_ms,
    )


def a_stop(status: OrderStatus, **terms: Any) -> OrderReport:
    return OrderReport(
        STOP_ID,
        "XRPUSDT",
        OrderSide.SELL,
        OrderKind.STOP_MARKET,
        status,
        T0,
        trigger_price=Decimal("2.0500"),
        close_position=True,
        reduce_only=True,
        **terms,
    )


class Keys:
    """Listen keys, numbered."""

    def __init__(self) -> None:
        self.started = 0
        self.kept = 0
        self.failure: Exception | None = None
        self.start_failure: Exception | None = None

    async def start_listen_key(self) -> str:
        self.started += 1
        if self.start_failure is not None:
            raise self.start_failure
        return f"key-{self.started}"

    async def keep_listen_key(self) -> None:
        self.kept += 1
        if self.failure is not None:
            raise self.failure


class Books:
    """What the exchange answers about the account. Its clock may differ from ours."""

    def __init__(self, clock: JumpingClock, *, ahead_ms: int = 0) -> None:
        self._clock = clock
        self.ahead_ms = ahead_ms
        self.funding_failure: Exception | None = None
        self.open_orders_failure: Exception | None = None
        self.fill_rows: list[Fill] = []
        self.payments: list[FundingSettled] = []
        self.orders: dict[str, OrderReport] = {}
        self.failures = 0
        self.failure: Exception = Unreachable("no answer")
        self.asked: list[tuple[str, object]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def _answer(self, what: str, argument: object) -> None:
        self.asked.append((what, argument))
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise self.failure

    async def now_ms(self) -> int:
        return self._clock.now_ms() + self.ahead_ms

    async def fills(self, symbol: str, *, since_ms: int) -> Sequence[Fill]:
        await self._answer("fills", since_ms)
        return [fill for fill in self.fill_rows if fill.symbol == symbol and fill.at_ms >= since_ms]

    async def funding(self, symbol: str, *, since_ms: int) -> Sequence[FundingSettled]:
        await self._answer("funding", since_ms)
        if self.funding_failure is not None:
            raise self.funding_failure
        return [p for p in self.payments if p.symbol == symbol and p.at_ms >= since_ms]

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        await self._answer("open_orders", symbol)
        if self.open_orders_failure is not None:
            raise self.open_orders_failure
        return [r for r in self.orders.values() if r.symbol == symbol and not r.status.is_final]

    async def order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        await self._answer("order", client_order_id)
        return self.orders.get(client_order_id)


Notices = list[AccountNotice]
Events = list[AccountEvent]
