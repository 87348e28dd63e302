"""The account of a guard, as the wire tells it."""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

from cointrader.app.guard.account import BinanceAccount
from cointrader.app.guard.guard import Standing
from cointrader.app.live.wiring import Access
from cointrader.domain.order import Side
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at
from tests.unit.exchange.binance import payloads
from tests.unit.exchange.binance.scripted import KEY, SECRET, FakeClock, refusal, serving

RISK = "/fapi/v3/positionRisk"
ALGOS, PLAINS = "/fapi/v1/openAlgoOrders", "/fapi/v1/openOrders"


@asynccontextmanager
async def an_account():
    clock = FakeClock()
    async with serving(clock) as server:
        access = Access("here", endpoints_at(server.url), Credentials(KEY, SECRET))
        account = BinanceAccount(access, clock)
        try:
            yield server, account
        finally:
            await account.close()


def a_row(symbol, amount, side="BOTH"):
    return {
        "symbol": symbol,
        "positionSide": side,
        "positionAmt": amount,
        "entryPrice": "2",
        "markPrice": "2.10",
    }


async def test_positions_in_hedge_mode_hide_no_other():
    rows = [
        a_row("TRXUSDT", "5", "LONG"),
        a_row("TRXUSDT", "0", "SHORT"),
        a_row("XRPUSDT", "-10"),
    ]
    async with an_account() as (server, account):
        server.on("GET", RISK, rows)

        hedged, other_side, xrp = await account.standings()

    assert hedged == Standing("TRXUSDT", None, Decimal("2.10"), is_hedged=True)
    assert other_side == Standing("TRXUSDT", None, Decimal("2.10"))
    assert (xrp.position.side, xrp.position.quantity) == (Side.SHORT, 10)


async def test_looks_at_several_symbols_at_once_are_questions_of_their_own():
    async with an_account() as (server, account):
        server.on("GET", ALGOS, [])
        server.on("GET", PLAINS, [])

        await asyncio.gather(*map(account.open_orders, ("TRXUSDT", "XRPUSDT")))

        for path in (ALGOS, PLAINS):
            asked = [each.parameters for each in server.requests("GET", path)]
            assert sorted(each["symbol"] for each in asked) == ["TRXUSDT", "XRPUSDT"]


async def test_a_stop_that_was_seen_is_cancelled_where_stops_live():
    stop = {**payloads.ALGO, "clientAlgoId": "ctg-XRPUSDT-1"}
    async with an_account() as (server, account):
        server.on("GET", ALGOS, [stop])
        server.on("GET", PLAINS, [])
        server.on("DELETE", "/fapi/v1/algoOrder", refusal(-2011))
        await account.open_orders("XRPUSDT")

        await account.cancel("XRPUSDT", "ctg-XRPUSDT-1")

        assert len(server.requests("DELETE", "/fapi/v1/algoOrder")) == 1
        assert server.requests("DELETE", "/fapi/v1/order") == []
