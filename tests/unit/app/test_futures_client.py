"""The client of one symbol, for people who write scripts."""

from decimal import Decimal

import pytest

from cointrader import BinanceFuturesClient, Config
from cointrader.app.live.wiring import Access
from cointrader.app.virtual_time import LoopClock
from cointrader.domain.errors import ConfigError, Rejected
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide, OrderStatus
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at
from tests.unit.exchange.wire.serving import CALM, KEY, SECRET, SYMBOL, served


def a_config():
    return Config(environ={}, folder="/nonexistent")


async def a_client(served_exchange):
    clock = LoopClock()
    clock.start_at(await served_exchange.now_ms())
    at = served_exchange.at.rest
    access = Access(at, endpoints_at(at), Credentials(KEY, SECRET))
    return BinanceFuturesClient(a_config(), symbol="xrpusdt", access=access, clock=clock)


def an_order(**changes):
    order = {
        "client_order_id": "by-hand-1",
        "symbol": SYMBOL,
        "side": OrderSide.BUY,
        "kind": OrderKind.MARKET,
        "quantity": Decimal(10),
    }
    return OrderRequest(**{**order, **changes})


async def test_it_trades_one_symbol_from_order_to_stop():
    async with served(CALM, pace=1.0) as exchange, await a_client(exchange) as client:
        await client.place_order(an_order())
        position = await client.position()
        stop = an_order(
            client_order_id="by-hand-2",
            side=OrderSide.SELL,
            kind=OrderKind.STOP_MARKET,
            quantity=None,
            trigger_price=Decimal("1.9"),
            close_position=True,
        )
        await client.place_order(stop)
        resting = await client.open_orders()
        cancelled = await client.cancel_order("by-hand-2")
        (fill,) = await client.fills(since_ms=0)

    assert position is not None
    assert (position.quantity, fill.quantity, fill.price) == (10, 10, 2)
    assert [order.client_order_id for order in resting] == ["by-hand-2"]
    assert cancelled is not None
    assert cancelled.status is OrderStatus.CANCELED


async def test_a_refusal_says_what_the_exchange_said():
    async with served(CALM, pace=1.0) as exchange, await a_client(exchange) as client:
        with pytest.raises(Rejected) as refused:
            await client.place_order(an_order(quantity=Decimal(1)))

    assert refused.value.code == "-4164"
    assert "notional" in str(refused.value)


async def test_another_symbol_is_refused_before_anything_is_sent():
    client = BinanceFuturesClient(a_config(), symbol="TRXUSDT")

    with pytest.raises(ValueError, match="trades TRXUSDT, not XRPUSDT"):
        await client.place_order(an_order())


async def test_without_a_key_it_is_made_and_its_first_call_says_what_is_missing():
    client = BinanceFuturesClient(a_config(), symbol="XRPUSDT")

    with pytest.raises(ConfigError, match="no API key for testnet trading"):
        await client.account()


async def test_it_can_be_closed_before_and_after_use():
    client = BinanceFuturesClient(a_config(), symbol="XRPUSDT", place="live")

    await client.close()
    await client.close()
