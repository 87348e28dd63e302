"""What bots trade through on Binance, or on anything that speaks its protocol.

One session, one client for calls, one market feed and one user stream for any number of bots.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import aiohttp

from cointrader.app.alongside import alongside, until_up
from cointrader.domain.clock import Clock
from cointrader.domain.errors import ConfigError
from cointrader.domain.events import AccountEvent
from cointrader.exchange.binance.account_notices import AccountNotice, Transferred
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.api_socket import ApiSocket
from cointrader.exchange.binance.asset_prices import AssetPrices
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import LIVE, TESTNET, Endpoints
from cointrader.exchange.binance.input_ages import BinanceInputs, OldestInputs
from cointrader.exchange.binance.market_feed import MultiSymbolStream
from cointrader.exchange.binance.transfers import Transfers
from cointrader.exchange.binance.user_feed import PRIVATE_LIMITS, UserDataStream

QUOTE_ASSET = "USDT"
_ASKED_AT_ONCE = 8  # by three entries on one bar


class Place(StrEnum):
    """Which Binance."""

    LIVE = "live"
    TESTNET = "testnet"


class KeyConfig(Protocol):
    """The part of the configuration that holds keys."""

    @property
    def binance_api_key(self) -> str: ...
    @property
    def binance_api_secret(self) -> str: ...
    @property
    def binance_testnet_api_key(self) -> str: ...
    @property
    def binance_testnet_api_secret(self) -> str: ...


class DeskConfig(Protocol):
    """The part of the configuration that says what is listened to."""

    @property
    def symbols(self) -> Sequence[str]: ...
    @property
    def correlation_symbols(self) -> Sequence[str]: ...
    @property
    def interval(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Access:
    """How to get at one account: where it is and what opens it."""

    name: str  # "live", "testnet", or an address
    endpoints: Endpoints
    credentials: Credentials = field(repr=False)

    @staticmethod
    def of(config: KeyConfig, place: Place) -> Access:
        """The configured account. `ConfigError` when its key is not configured."""
        is_live = place is Place.LIVE
        prefix = "BINANCE_API" if is_live else "BINANCE_TESTNET_API"
        key, secret = (
            (config.binance_api_key, config.binance_api_secret)
            if is_live
            else (config.binance_testnet_api_key, config.binance_testnet_api_secret)
        )
        missing = [
            name
            for name, value in ((f"{prefix}_KEY", key), (f"{prefix}_SECRET", secret))
            if not value.strip()
        ]
        if missing:
            raise ConfigError(
                f"no API key for {place.value} trading",
                where=" and ".join(missing),
                found="not set",
                todo="put them into the environment, or into a .env file that only you can read",
            )
        return Access(place.value, LIVE if is_live else TESTNET, Credentials(key, secret))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long streams may be silent, and how old inputs may be."""

    market: StreamLimits | None = None
    account: StreamLimits = PRIVATE_LIMITS
    oldest: OldestInputs | None = None


@dataclass(frozen=True, slots=True)
class BinanceDesk:
    """The ports of one account. Streams run inside `opened`."""

    access: Access
    clock: Clock
    api: BinanceApi
    exchange: BinanceExchange
    feed: MultiSymbolStream
    user: UserDataStream
    inputs: BinanceInputs
    prices: AssetPrices
    oldest: OldestInputs  # that `inputs` may be

    @staticmethod
    @contextlib.asynccontextmanager
    async def opened(
        config: DeskConfig,
        access: Access,
        clock: Clock,
        *,
        symbols: Sequence[str] | None = None,
        on_notice: Callable[[AccountNotice], None] = lambda _notice: None,
        transfers_since_ms: int | None = None,
        transfers_before: Decimal = Decimal(0),
        patience: Patience | None = None,
    ) -> AsyncIterator[BinanceDesk]:
        """A desk whose streams are up, until the block ends.

        Parameters
        ----------
        symbols : traded and listened to, beside the correlation symbols; the configured by default
        on_notice : hears what happens to the account as a whole; must not block
        transfers_since_ms, transfers_before : from when deposits are counted, and what came before

        Raises `Unreachable` when the streams do not come up.
        """
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            desk = BinanceDesk._made(
                config,
                access,
                clock,
                session=session,
                symbols=list(config.symbols if symbols is None else symbols),
                on_notice=on_notice,
                transfers_since_ms=transfers_since_ms,
                transfers_before=transfers_before,
                patience=patience or Patience(),
            )
            stack.push_async_callback(desk.api.close)
            futures = desk.api.futures
            calls = ApiSocket(
                access.endpoints.ws_api, session=session, clock=clock, limiter=futures.limiter
            )
            futures.use(calls)
            streams = {
                "calls in a hurry": calls.run(),
                "account stream": desk.user.run(),
                "market streams": desk.feed.run(),
                "asset prices": desk.prices.run(),
                "exchange rules": desk.exchange.rules.run(),
            }
            await stack.enter_async_context(alongside(streams))
            await desk.ready()
            yield desk

    @staticmethod
    def _made(
        config: DeskConfig,
        access: Access,
        clock: Clock,
        *,
        session: aiohttp.ClientSession,
        symbols: Sequence[str],
        on_notice: Callable[[AccountNotice], None],
        transfers_since_ms: int | None,
        transfers_before: Decimal,
        patience: Patience,
    ) -> BinanceDesk:
        endpoints = access.endpoints
        api = BinanceApi.at(endpoints, clock, access.credentials)
        transfers = Transfers(
            api,
            asset=QUOTE_ASSET,
            since_ms=clock.now_ms() if transfers_since_ms is None else transfers_since_ms,
            before=transfers_before,
        )

        def account_events(symbol: str) -> AsyncIterator[AccountEvent]:
            return user.account_events(symbol)  # which is made below: each needs the other

        exchange = BinanceExchange(
            api,
            clock,
            interval=config.interval,
            account_events=account_events,
            transfers=transfers,
            quote_asset=QUOTE_ASSET,
        )
        prices = AssetPrices(api, clock, quote_asset=QUOTE_ASSET)

        def hear(notice: AccountNotice) -> None:
            if isinstance(notice, Transferred):
                transfers.announce(notice.asset, notice.amount, at_ms=notice.at_ms)
            on_notice(notice)

        user = UserDataStream(
            url=endpoints.ws,
            session=session,
            keys=api,
            history=exchange,
            clock=clock,
            on_notice=hear,
            price_of=prices.price_of,
            limits=patience.account,
        )
        feed = MultiSymbolStream(
            [*symbols, *config.correlation_symbols],
            config.interval,
            url=endpoints.ws,
            session=session,
            history=exchange,
            clock=clock,
            limits=patience.market,
        )
        oldest = patience.oldest or OldestInputs()
        inputs = BinanceInputs(
            market=feed,
            account=user,
            rules=exchange.rules,
            server_clock=api.futures.server_clock,
            oldest=oldest,
        )
        return BinanceDesk(access, clock, api, exchange, feed, user, inputs, prices, oldest)

    async def connect_ahead(self) -> None:
        """Entries that are asked for soon will wait for no connection. Raises `ExchangeError`."""
        await self.api.futures.connect_ahead(_ASKED_AT_ONCE)

    async def ready(self) -> None:
        """Return once every stream is up. `Unreachable` when that takes too long."""
        await until_up(self._down, self.clock, where=self.access.endpoints.ws)

    def _down(self) -> list[str]:
        down = [health.name for health in self.feed.health() if not health.is_up]
        return down if self.user.is_complete else [*down, "account"]
