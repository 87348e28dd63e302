"""The key to the account's stream."""

from __future__ import annotations

from cointrader.exchange.binance.api import BinanceApi


class AccountListenKey:
    """It belongs to the account, not to a process: who asks gets the one in use."""

    def __init__(self, api: BinanceApi) -> None:
        self._api = api

    async def start(self) -> str:
        """A key that is valid for another hour."""
        return await self._api.start_listen_key()

    async def keepalive(self) -> None:
        """Make it last another hour; `Rejected` with code -1125 when it is gone."""
        await self._api.keep_listen_key()
