"""What the exchange allows: remembered for a day, or until it refuses what should be allowed."""

from __future__ import annotations

import asyncio
import contextlib

from cointrader.domain.clock import DAY_MS, MINUTE_MS, Clock
from cointrader.domain.errors import ExchangeError, RateLimited, Rejected, Unreachable
from cointrader.domain.instrument import Instrument
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.schemas import SymbolInfo
from cointrader.exchange.binance.translate import instrument, limits

_GOOD_FOR_MS = DAY_MS
_AGAIN_MS = MINUTE_MS  # after a reading that failed, and between two doubts


class Rules:
    """Filters and leverage brackets of all symbols."""

    def __init__(self, api: BinanceApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._symbols: dict[str, SymbolInfo] = {}
        self._instruments: dict[str, Instrument] = {}
        self._due_ms = 0
        self._read_ms: int | None = None
        self._reading = asyncio.Lock()

    async def run(self) -> None:
        """Read them again when that is due, until cancelled: daily, or soon after a doubt."""
        while True:
            await self._clock.sleep_ms(_AGAIN_MS)
            if self._symbols and self._clock.now_ms() >= self._due_ms:
                async with self._reading:
                    with contextlib.suppress(ExchangeError):  # the next minute is another try
                        await self._read(self._clock.now_ms())

    async def instrument(self, symbol: str) -> Instrument:
        """`Rejected` with code -1121 for a symbol the exchange does not have."""
        async with self._reading:  # one reads, the others wait for it
            info = await self._info(symbol)
            known = self._instruments.get(symbol)
            if known is None:
                brackets = await self._api.leverage_brackets(symbol)
                known = self._instruments[symbol] = instrument(info, brackets)
            return known

    async def is_trading(self, symbol: str) -> bool:
        """Whether the symbol is open for trading, as far as was known at the last reading."""
        async with self._reading:
            return (await self._info(symbol)).status == "TRADING"

    def known_status(self, symbol: str) -> str | None:
        """The exchange's word for whether `symbol` trades, at the last reading; None before one."""
        info = self._symbols.get(symbol)
        return None if info is None else info.status

    @property
    def age_ms(self) -> int | None:
        """How long ago they were read; None before the first time."""
        return None if self._read_ms is None else self._clock.now_ms() - self._read_ms

    def doubt(self) -> None:
        """An order was refused that kept the rules: read them again, once a minute at most."""
        if self._read_ms is not None:
            self._due_ms = min(self._due_ms, self._read_ms + _AGAIN_MS)

    async def _info(self, symbol: str) -> SymbolInfo:
        now_ms = self._clock.now_ms()
        if now_ms >= self._due_ms:
            try:
                await self._read(now_ms)
            except (Unreachable, RateLimited):
                if not self._symbols:
                    raise
                self._due_ms = now_ms + _AGAIN_MS  # yesterday's rules are better than none
        if symbol not in self._symbols:
            raise Rejected(
                f"the exchange has no symbol {symbol}",
                code="-1121",
                todo="check SYMBOLS for a typing error, or a delisting",
            )
        return self._symbols[symbol]

    async def _read(self, now_ms: int) -> None:
        info = await self._api.exchange_info()
        self._symbols = {each.symbol: each for each in info.symbols}
        self._instruments = {}
        self._api.futures.limiter.set_limits(limits(info))
        self._read_ms, self._due_ms = now_ms, now_ms + _GOOD_FOR_MS
