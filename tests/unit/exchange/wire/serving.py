"""A served exchange for tests: real sockets on a free port, a table of candles, one client."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import Costs, SimulatedExchange, known_instrument
from cointrader.exchange.simulated.wire import (
    Addresses,
    Credentials,
    ExchangeServer,
    PacedClock,
    Passage,
    ServerSettings,
    SteppedClock,
)
from cointrader.exchange.simulated.wire.faults import FaultPlan
from tests.unit.exchange.simulated_fakes import M15, T0, Row, TableSource

KEY, SECRET = "k" * 64, "s" * 64
SYMBOL = "XRPUSDT"
CALM: Row = (2.0, 2.01, 1.99, 2.0)


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> int:
        return int(self.body["code"])


class Client:
    """Speaks to the server as any client of Binance does, and with its control endpoint."""

    def __init__(
        self, session: aiohttp.ClientSession, at: Addresses, server: ExchangeServer
    ) -> None:
        self.session = session
        self.at = at
        self.server = server

    async def call(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, **options: Any
    ) -> Reply:
        """Any request as it is."""
        url = URL(self.at.rest + path, encoded=True)  # what was signed is sent as it is
        async with self.session.request(method, url, params=params, **options) as answer:
            text = await answer.text()
            return Reply(answer.status, json.loads(text), answer.headers)

    async def get(self, path: str, **params: Any) -> Any:
        """A public call that must succeed."""
        reply = await self.call("GET", path, params)
        assert reply.status == 200, reply
        return reply.body

    async def signed(self, method: str, path: str, **params: Any) -> Reply:
        """A signed call, its parameters in the query."""
        return await self.send(method, path, signed_query(await self.now_ms(), params))

    async def signed_in_body(self, method: str, path: str, **params: Any) -> Reply:
        """The same, its parameters in a form."""
        query = signed_query(await self.now_ms(), params)
        return await self.send(method, path, query, in_body=True)

    async def send(self, method: str, path: str, query: str, *, in_body: bool = False) -> Reply:
        """A call with this very query or body."""
        headers = {"X-MBX-APIKEY": KEY}
        if in_body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return await self.call(method, path, headers=headers, data=query)
        return await self.call(method, f"{path}?{query}", headers=headers)

    async def ok(self, method: str, path: str, **params: Any) -> Any:
        """A signed call that must succeed."""
        reply = await self.signed(method, path, **params)
        assert reply.status == 200, reply
        return reply.body

    async def now_ms(self) -> int:
        return int((await self.get("/fapi/v1/time"))["serverTime"])

    async def control(self, name: str, **params: Any) -> Any:
        reply = await self.call("POST", f"/control/{name}", json=params)
        assert reply.status == 200, reply
        return reply.body

    async def step(self, bars: int = 1) -> None:
        for _ in range(bars):
            await self.control("step")

    async def market_order(self, side: str, quantity: str, **params: Any) -> Any:
        return await self.ok(
            "POST",
            "/fapi/v1/order",
            symbol=SYMBOL,
            side=side,
            type="MARKET",
            quantity=quantity,
            newOrderRespType="RESULT",
            **params,
        )

    async def algo_order(self, side: str, kind: str, trigger: str, **params: Any) -> Any:
        return await self.ok(
            "POST",
            "/fapi/v1/algoOrder",
            algoType="CONDITIONAL",
            symbol=SYMBOL,
            side=side,
            type=kind,
            triggerPrice=trigger,
            **params,
        )

    async def listen_key(self) -> str:
        reply = await self.call("POST", "/fapi/v1/listenKey", headers={"X-MBX-APIKEY": KEY})
        return str(reply.body["listenKey"])

    @contextlib.asynccontextmanager
    async def socket(self, path: str) -> AsyncIterator[Listener]:
        async with self.session.ws_connect(self.at.ws + path) as socket:
            yield Listener(socket)


class Listener:
    """One end of a WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket

    async def next(self, timeout_s: float = 3.0) -> Any:
        """The next message."""
        return json.loads(await self.raw.receive_str(timeout=timeout_s))

    async def all_now(self) -> list[Any]:
        """What has arrived, and arrives within a moment."""
        messages = []
        with contextlib.suppress(TimeoutError):
            while True:
                messages.append(await self.next(0.1))
        return messages

    async def ask(self, method: str, params: Sequence[Any] = (), number: Any = 1) -> Any:
        """Send a control frame; its answer, whatever comes in between."""
        await self.raw.send_json({"method": method, "params": list(params), "id": number})
        while True:
            message = await self.next()
            if "id" in message and message["id"] == number:
                return message


def signature_of(payload: str) -> str:
    return hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()


def signed_query(now_ms: int, params: Mapping[str, Any]) -> str:
    query = urlencode({**params, "timestamp": now_ms})
    return f"{query}&signature={signature_of(query)}"


@contextlib.asynccontextmanager
async def served(
    *rows: Row,
    others: Mapping[str, Sequence[Row]] | None = None,
    pace: float | None = None,
    start_bar: int = 0,
    settlements: Sequence[Settlement] = (),
    open_interest: Sequence[tuple[int, float]] = (),
    settings: ServerSettings | None = None,
    passage: Passage | None = None,
    faults: FaultPlan | None = None,
    balance: str = "1000",
    credentials: Credentials | None = None,
    **exchange_settings: Any,
) -> AsyncIterator[Client]:
    """A market of `rows`, of XRPUSDT unless told otherwise; it moves by steps without a pace."""
    table = {SYMBOL: [*rows, CALM, CALM], **(others or {})}
    source = TableSource(
        table, settlements={SYMBOL: settlements}, open_interest={SYMBOL: open_interest}
    )
    clock = SteppedClock() if pace is None else PacedClock(pace)
    instruments = {symbol: known_instrument(symbol) for symbol in table}
    exchange = SimulatedExchange(
        source,
        clock,
        symbols=list(table),
        balance=Decimal(balance),
        costs=Costs(taker_fee=Decimal("0.0005"), slippage=Decimal(0)),
        leverage=10,
        instruments={s: replace(each) for s, each in instruments.items() if each is not None},
        start_ms=T0 + start_bar * M15,
        **exchange_settings,
    )
    known = credentials or Credentials(KEY, SECRET)
    server = ExchangeServer(exchange, clock, known, settings, passage, faults)
    async with server.serving() as at, aiohttp.ClientSession() as session:
        yield Client(session, at, server)
        await asyncio.sleep(0)
