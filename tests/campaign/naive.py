"""A bot as people write them: right as long as nothing goes wrong.

It sends again what was not answered, takes answers for facts and events for all there is to know,
books what the last fill of an order said, and never asks the exchange what is true.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp

from cointrader.app.config import Config
from cointrader.domain.order import Leg, client_order_id
from tests.campaign.stage import BALANCE, Booked, Stage

_TRIES = 3
_TIMEOUT_S = 10
_KEEP_ALIVE_S = 1_800
_MOST_LOST = Decimal("0.04") * BALANCE
_WORTH = BALANCE / 3 * Decimal("1.4")  # of one position
_DECIMALS = {"XRPUSDT": (4, 1), "TRXUSDT": (5, 0), "DOGEUSDT": (5, 0)}  # of price and quantity


@dataclass(slots=True)
class _Position:
    entry_id: str
    side: int
    paid: Decimal = Decimal(0)  # fees, less funding received
    price: Decimal | None = None
    filled: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Naive:
    """Trades the stage's signals with a small client of its own."""

    booked_trades: list[Booked] = field(default_factory=list)
    meant: dict[str, Decimal] = field(default_factory=dict)
    held: dict[str, _Position] = field(default_factory=dict)
    lost: Decimal = Decimal(0)
    flat: dict[str, asyncio.Event] = field(default_factory=dict)
    entering: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def booked(self) -> Sequence[Booked]:
        return self.booked_trades

    @property
    def intended(self) -> Mapping[str, Decimal]:
        return self.meant

    async def trade(self, stage: Stage, ready: Callable[[], None]) -> None:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            api = _Api(session, stage)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_account(api))
                group.create_task(self._follow_market(api, stage, group))
                group.create_task(_keep_alive(api))
                await asyncio.sleep(1)
                ready()

    # -- the market -----------------------------------------------------------------------------

    async def _follow_market(self, api: _Api, stage: Stage, group: asyncio.TaskGroup) -> None:
        names = "/".join(f"{symbol.lower()}@kline_15m" for symbol in stage.rules)
        async for message in api.messages(f"/market/stream?streams={names}"):
            kline = message["data"]["k"]
            if kline["x"]:
                group.create_task(self._on_bar(api, stage, kline))

    async def _on_bar(self, api: _Api, stage: Stage, kline: dict[str, Any]) -> None:
        symbol, rule = kline["s"], stage.rules[kline["s"]]
        side = rule.script.get(kline["t"], 0)
        if not side:
            return
        try:
            held = self.held.get(symbol)
            if held is not None and held.side != side:
                await self._close(api, symbol, held)
            async with self.entering:
                if symbol not in self.held and self._may_enter(stage.config, side):
                    price = Decimal(kline["c"])
                    distances = rule.stop_distance or 0.0, rule.target_distance or 0.0
                    await self._enter(api, symbol, side, kline["t"], price, distances)
        except Exception:  # it goes on, as such bots do
            self.flat.pop(symbol, None)

    def _may_enter(self, config: Config, side: int) -> bool:
        same = sum(position.side == side for position in self.held.values())
        is_full = len(self.held) >= config.max_positions or same >= config.max_same_direction
        return not is_full and self.lost < _MOST_LOST

    async def _enter(
        self,
        api: _Api,
        symbol: str,
        side: int,
        bar_ms: int,
        price: Decimal,
        distances: tuple[float, float],
    ) -> None:
        quantity = _rounded(_WORTH / price, _DECIMALS[symbol][1])
        entry_id = client_order_id(symbol, bar_ms, Leg.ENTRY)
        self.meant[entry_id] = quantity
        self.held[symbol] = _Position(entry_id, side)
        try:
            await api.call_again(
                "POST",
                "/fapi/v1/order",
                symbol=symbol,
                side="BUY" if side > 0 else "SELL",
                type="MARKET",
                quantity=quantity,
                newClientOrderId=entry_id,
            )
        except Exception:
            del self.held[symbol]  # it did not work, so there is no position
            raise
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                await self.held[symbol].filled.wait()
        filled = self.held[symbol].price or price
        for leg, kind, distance in (
            (Leg.STOP, "STOP_MARKET", -distances[0]),
            (Leg.TARGET, "TAKE_PROFIT_MARKET", distances[1]),
        ):
            level = filled + side * Decimal(str(distance))
            await api.call_again(
                "POST",
                "/fapi/v1/algoOrder",
                algoType="CONDITIONAL",
                symbol=symbol,
                side="SELL" if side > 0 else "BUY",
                type=kind,
                triggerPrice=_rounded(level, _DECIMALS[symbol][0]),
                closePosition="true",
                clientAlgoId=client_order_id(symbol, bar_ms, leg),
            )

    async def _close(self, api: _Api, symbol: str, held: _Position) -> None:
        flat = self.flat[symbol] = asyncio.Event()
        await api.call_again(
            "POST",
            "/fapi/v1/order",
            symbol=symbol,
            side="SELL" if held.side > 0 else "BUY",
            type="MARKET",
            quantity=self.meant[held.entry_id],
            reduceOnly="true",
            newClientOrderId=held.entry_id[:-2] + "c0",
        )
        async with asyncio.timeout(_TIMEOUT_S):
            await flat.wait()

    # -- the account ----------------------------------------------------------------------------

    async def _follow_account(self, api: _Api) -> None:
        while True:
            try:
                key = (await api.call("POST", "/fapi/v1/listenKey"))["listenKey"]
            except Exception:  # it goes on, as such bots do
                await asyncio.sleep(5)
                continue
            async for message in api.messages(f"/private/ws?listenKey={key}", reconnects=False):
                await self._on_event(api, message)
            await asyncio.sleep(5)

    async def _on_event(self, api: _Api, message: dict[str, Any]) -> None:
        if message["e"] == "ACCOUNT_UPDATE" and message["a"]["m"] == "FUNDING_FEE":
            held = self.held.get(message["a"]["P"][0]["s"])
            if held is not None:
                held.paid -= Decimal(message["a"]["B"][0]["bc"])
        if message["e"] != "ORDER_TRADE_UPDATE" or message["o"]["X"] != "FILLED":
            return
        order = message["o"]
        held = self.held.get(order["s"])
        if held is None:
            return
        if order["c"] == held.entry_id:
            held.paid += Decimal(order.get("n", 0))
            held.price = Decimal(order["L"])
            held.filled.set()
            return
        net = Decimal(order["rp"]) - Decimal(order.get("n", 0)) - held.paid
        self.booked_trades.append(Booked(order["s"], held.entry_id, net))
        self.lost -= net
        del self.held[order["s"]]
        if order["s"] in self.flat:
            self.flat.pop(order["s"]).set()
        with contextlib.suppress(Exception):
            await api.call("DELETE", "/fapi/v1/algoOpenOrders", symbol=order["s"])


async def _keep_alive(api: _Api) -> None:
    while True:
        await asyncio.sleep(_KEEP_ALIVE_S)
        with contextlib.suppress(Exception):
            await api.call("PUT", "/fapi/v1/listenKey")


def _rounded(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)


class _Api:
    """Signs a call and sends it."""

    def __init__(self, session: aiohttp.ClientSession, stage: Stage) -> None:
        self._session = session
        self._stage = stage

    async def call(self, method: str, path: str, **params: Any) -> Any:
        keys = self._stage.keys
        query = urlencode({**params, "timestamp": self._stage.clock.now_ms()})
        signature = hmac.new(keys.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        async with self._session.request(
            method,
            f"{self._stage.at.rest}{path}?{query}&signature={signature}",
            headers={"X-MBX-APIKEY": keys.key},
        ) as response:
            response.raise_for_status()
            return await response.json()

    async def call_again(self, method: str, path: str, **params: Any) -> Any:
        """Send it, and send it again when that did not work."""
        for left in reversed(range(_TRIES)):
            try:
                return await self.call(method, path, **params)
            except Exception:
                if not left:
                    raise
                await asyncio.sleep(0.5)
        raise AssertionError("the last try returns or raises")

    async def messages(self, path: str, *, reconnects: bool = True) -> AsyncIterator[Any]:
        """What a socket says; a market socket that closes is opened again."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with self._session.ws_connect(self._stage.at.ws + path) as socket:
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            yield json.loads(message.data)
            if not reconnects:
                return
            await asyncio.sleep(5)
