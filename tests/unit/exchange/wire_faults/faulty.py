"""A served exchange in which something goes wrong, and what its log says of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from cointrader.exchange.simulated.wire.faults import FaultPlan
from tests.unit.exchange.simulated_fakes import Row
from tests.unit.exchange.wire.serving import CALM, SYMBOL, Client, served

BUY_10 = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "10"}
SELL_10 = {**BUY_10, "side": "SELL", "reduceOnly": "true"}
STOP = {
    "algoType": "CONDITIONAL",
    "symbol": SYMBOL,
    "side": "SELL",
    "type": "STOP_MARKET",
    "triggerPrice": "1.9",
    "closePosition": "true",
    "clientAlgoId": "our-stop",
}
DOWN: Row = (2.0, 2.0, 1.86, 1.88)  # a bar in which the stop is reached


@contextlib.asynccontextmanager
async def faulty(spec: str, *rows: Row, seed: int = 1, **settings: Any) -> AsyncIterator[Client]:
    """A calm market with the faults of `spec`, moved by steps."""
    plan = FaultPlan.parse(spec, seed)
    async with served(*(rows or (CALM, CALM)), faults=plan, **settings) as client:
        yield client


def injected(client: Client) -> list[tuple[str, str]]:
    """Name and deed of every injection."""
    return [(entry.fault, entry.did) for entry in client.server.faults.log.entries]


def names(client: Client) -> list[str]:
    return [entry.fault for entry in client.server.faults.log.entries]


async def entered(client: Client) -> None:
    """A long position with its stop."""
    await client.market_order("BUY", "10")
    await client.ok("POST", "/fapi/v1/algoOrder", **STOP)


async def amount(client: Client) -> str:
    """Of our position, with its sign; 0 while flat."""
    rows = await client.ok("GET", "/fapi/v2/positionRisk", symbol=SYMBOL)
    return str(rows[0]["positionAmt"])


async def breaks(call: Any) -> bool:
    """Whether a call's connection breaks before its answer."""
    try:
        await call
    except aiohttp.ClientConnectionError:
        return True
    return False


async def stops_open(client: Client) -> list[str]:
    rows = await client.ok("GET", "/fapi/v1/openAlgoOrders", symbol=SYMBOL)
    return [row["clientAlgoId"] for row in rows]


def kinds(messages: list[Any]) -> list[str]:
    """What events are, in short."""
    return [_kind(message) for message in messages]


def _kind(message: Any) -> str:
    order = message.get("o", {})
    match message["e"]:
        case "ORDER_TRADE_UPDATE":
            return f"order {order['x']}"
        case "ALGO_UPDATE":
            return f"algo {order['X']}"
        case "ACCOUNT_UPDATE":
            return f"account {message['a']['m']}"
        case other:
            return str(other)
