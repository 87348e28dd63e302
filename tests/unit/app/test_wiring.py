"""Which account is opened, and a desk whose streams are up."""

import asyncio
import contextlib

import pytest

from cointrader.app.config import Config
from cointrader.app.live.wiring import Access, BinanceDesk, Place
from cointrader.app.virtual_time import LoopClock
from cointrader.domain.errors import CointraderError, ConfigError
from cointrader.domain.events import OrderFilled
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import LIVE, TESTNET, endpoints_at
from tests.unit.exchange.wire.serving import CALM, KEY, SECRET, SYMBOL, served


def a_config(**environ):
    given = {"symbols": [SYMBOL], "correlation_symbols": []}
    return Config(overrides=given, environ=environ, folder="/nonexistent")


def test_live_and_testnet_have_their_own_keys_and_hosts():
    config = a_config(
        BINANCE_API_KEY="live-key",
        BINANCE_API_SECRET="live-secret",
        BINANCE_TESTNET_API_KEY="test-key",
        BINANCE_TESTNET_API_SECRET="test-secret",
    )

    live, testnet = Access.of(config, Place.LIVE), Access.of(config, Place.TESTNET)

    assert (live.name, live.endpoints) == ("live", LIVE)
    assert (testnet.name, testnet.endpoints) == ("testnet", TESTNET)
    assert live.credentials.headers() == {"X-MBX-APIKEY": "live-key"}
    assert testnet.credentials.headers() == {"X-MBX-APIKEY": "test-key"}


@pytest.mark.parametrize(
    ("place", "given", "missing"),
    [
        (Place.LIVE, {}, "BINANCE_API_KEY and BINANCE_API_SECRET"),
        (Place.LIVE, {"BINANCE_API_KEY": "k"}, "BINANCE_API_SECRET"),
        (Place.TESTNET, {"BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s"}, "BINANCE_TESTNET_API"),
    ],
)
def test_a_missing_key_is_named_by_its_variable(place, given, missing):
    with pytest.raises(ConfigError, match="no API key") as refused:
        Access.of(a_config(**given), place)

    assert missing in str(refused.value)


def test_an_access_does_not_show_its_key():
    access = Access.of(a_config(BINANCE_API_KEY="kkkk", BINANCE_API_SECRET="ssss"), Place.LIVE)

    assert "kkkk" not in repr(access)
    assert "ssss" not in repr(access)


async def test_a_desk_hears_what_happens_to_its_account():
    async with served(CALM, pace=1.0) as client, a_desk(client) as desk:
        events = desk.exchange.account_events(SYMBOL)
        await client.market_order("BUY", "10", newClientOrderId="ct-by-hand")
        filled = await first_fill(events)
        position = await desk.exchange.position(SYMBOL)
        assert desk.inputs.too_old(SYMBOL) is None

    assert (filled.client_order_id, str(filled.quantity)) == ("ct-by-hand", "10")
    assert position is not None
    assert str(position.quantity) == "10"


async def test_a_desk_gives_candles_and_the_rules_of_the_exchange():
    async with served(CALM, CALM, CALM, start_bar=2, pace=1.0) as client, a_desk(client) as desk:
        before_ms = await client.now_ms()
        candles = await desk.feed.history(SYMBOL, before_ms=before_ms, limit=5)
        instrument = await desk.exchange.instrument(SYMBOL)

    assert [candle.close for candle in candles] == [2.0, 2.0]
    assert str(instrument.tick_size) == "0.0001"


async def test_what_goes_wrong_at_a_desk_comes_out_as_it_is():
    async with served(CALM, pace=1.0) as client:
        with pytest.raises(CointraderError, match="this went wrong"):
            async with a_desk(client):
                raise CointraderError("this went wrong")


async def first_fill(events):
    async with asyncio.timeout(3):
        async for event in events:
            if isinstance(event, OrderFilled):
                return event.fill
    raise AssertionError("the account's events ended")


@contextlib.asynccontextmanager
async def a_desk(client):
    access = Access(client.at.rest, endpoints_at(client.at.rest), Credentials(KEY, SECRET))
    clock = LoopClock()
    clock.start_at(await client.now_ms())
    async with BinanceDesk.opened(a_config(), access, clock) as desk:
        yield desk
