"""Nearly every fault at once, for some hours: the server stands, and a seed repeats itself."""

from __future__ import annotations

import asyncio
import contextlib
import random

import aiohttp

from cointrader.app.virtual_time import VirtualLoop
from cointrader.exchange.simulated.wire.faults import FAULTS, FaultPlan
from tests.unit.exchange.simulated_fakes import Row
from tests.unit.exchange.wire.serving import KEY, SYMBOL, served
from tests.unit.exchange.wire_faults.faulty import BUY_10, SELL_10, STOP

BARS = 24
ENDS_TRADING = ("symbol-settling", "symbol-pending", "position-mode-changed", "banned")
KLINES = "/market/ws/xrpusdt@kline_15m"
UNWELL = (
    aiohttp.ClientError,
    TimeoutError,
    ValueError,
    TypeError,
    KeyError,
    AssertionError,
    OSError,
)


def a_walk() -> list[Row]:
    chance, price, rows = random.Random(1), 2.0, []
    for _ in range(BARS):
        after = round(price * (1 + chance.uniform(-0.02, 0.02)), 4)
        high, low = max(price, after) * 1.01, min(price, after) * 0.99
        rows.append((price, round(high, 4), round(low, 4), after))
        price = after
    return rows


async def quietly(call):
    """Whatever becomes of it."""
    with contextlib.suppress(*UNWELL):
        async with asyncio.timeout(10):
            await call


def nearly_everything() -> str:
    """Each fault with a chance; a small one where every call is an opportunity."""
    kinds = [kind for kind in FAULTS.values() if kind.name not in ENDS_TRADING]
    return ",".join(f"{kind.name}:{0.01 if _is_about_any(kind) else 0.2}" for kind in kinds)


def _is_about_any(kind):
    call = kind.parameters.get("call")
    return call is not None and call.default in ("any", "change")


async def trade(client, rows):
    """What a bot sends, bar after bar."""
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    for bar, (price, *_) in enumerate(rows):
        order = SELL_10 if bar % 3 == 2 else BUY_10
        await quietly(client.signed("POST", "/fapi/v1/order", **order, newClientOrderId=f"o{bar}"))
        stop = {**STOP, "triggerPrice": f"{price * 0.98:.4f}", "clientAlgoId": f"s{bar}"}
        await quietly(client.signed("POST", "/fapi/v1/algoOrder", **stop))
        for path in ("/fapi/v3/account", "/fapi/v2/positionRisk", "/fapi/v1/openAlgoOrders"):
            await quietly(client.signed("GET", path))
        asked = {"symbol": SYMBOL, "origClientOrderId": f"o{bar}"}
        await quietly(client.signed("GET", "/fapi/v1/order", **asked))
        await quietly(client.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId=f"s{bar - 1}"))
        for path in ("/fapi/v1/exchangeInfo", "/fapi/v1/fundingInfo", "/fapi/v1/premiumIndex"):
            await quietly(client.call("GET", path))
        await asyncio.sleep(max(0.0, started_s + (bar + 1) * 900 + 5 - loop.time()))


async def listen(client, path_of):
    """Hear a stream for as long as it lasts, and again."""
    while True:
        with contextlib.suppress(*UNWELL):
            path = await path_of()
            async with client.socket(path) as stream:
                await stream.raw.ping()
                async with asyncio.timeout(3600):
                    async for _ in stream.raw:
                        pass
        await asyncio.sleep(5)


async def user_stream(client):
    headers = {"X-MBX-APIKEY": KEY}
    reply = await client.call("POST", "/fapi/v1/listenKey", headers=headers)
    return f"/private/ws/{reply.body['listenKey']}"


async def bars_done(client):
    return (await client.call("GET", "/control/state")).body["bars_done"]


def injected_with(seed):
    """What was injected, and whether the market went on to the end of its walk."""

    async def play():
        rows = a_walk()
        plan = FaultPlan.parse(nearly_everything(), seed)
        async with served(*rows, faults=plan, pace=1.0) as client:

            async def market():
                return KLINES

            ears = [
                asyncio.ensure_future(listen(client, market)),
                asyncio.ensure_future(listen(client, lambda: user_stream(client))),
            ]
            await trade(client, rows)
            for ear in ears:
                ear.cancel()
            return client.server.faults.log.entries, await bars_done(client) >= BARS

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(play())


def test_the_server_stands_and_the_same_seed_repeats_itself():
    log, goes_on = injected_with(1)
    again, _ = injected_with(1)

    assert goes_on
    assert log == again
    assert len({entry.fault for entry in log}) > 30
