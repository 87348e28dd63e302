"""What assets are worth that fees can be paid in: asked for now and then, not at each fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import structlog

from cointrader.domain.clock import MINUTE_MS, Clock
from cointrader.domain.errors import ExchangeError, Rejected
from cointrader.exchange.binance.api import BinanceApi

_AGAIN_MS = 10 * MINUTE_MS
_AT_PAR = ("USDT", "USDC", "FDUSD", "BUSD", "BFUSD", "LDUSDT")

log = structlog.get_logger()


class AssetPrices:
    """The newest price of each asset in the quote currency; nothing is asked for before `run`."""

    def __init__(
        self,
        api: BinanceApi,
        clock: Clock,
        *,
        assets: Sequence[str] = ("BNB",),
        quote_asset: str = "USDT",
    ) -> None:
        self._api = api
        self._clock = clock
        self._quote_asset = quote_asset
        self._pairs: Mapping[str, str] = {asset: f"{asset}{quote_asset}" for asset in assets}
        self._prices = dict.fromkeys((*_AT_PAR, quote_asset), Decimal(1))

    def price_of(self, asset: str) -> Decimal | None:
        """Of one unit, in quote currency; None while nobody knows."""
        return self._prices.get(asset)

    async def run(self) -> None:
        """Keep them fresh until cancelled. An asset without a market is asked for once."""
        wanted = dict(self._pairs)
        while wanted:
            for asset, pair in list(wanted.items()):
                try:
                    self._prices[asset] = (await self._api.premium_index(pair)).mark_price
                except Rejected:
                    del wanted[asset]
                except ExchangeError as error:
                    log.warning("asset_price.unknown", asset=asset, reason=error.what)
            await self._clock.sleep_ms(_AGAIN_MS)
