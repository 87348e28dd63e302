"""What the exchange allows: remembered for a day, or until it refuses what should be allowed.

What is known is answered at once: a close must not wait for a list of all symbols. They are read
again beside those who ask, and what was known before holds until it is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

import structlog

from cointrader.domain.clock import DAY_MS, MINUTE_MS, Clock
from cointrader.domain.errors import DataError, Rejected
from cointrader.domain.instrument import Instrument
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.failures import MAY_PASS, words_of
from cointrader.exchange.binance.schemas import ExchangeInfo, SymbolBrackets, SymbolInfo
from cointrader.exchange.binance.translate import instrument, limits

log = structlog.get_logger()

_GOOD_FOR_MS = DAY_MS
_AGAIN_MS = MINUTE_MS  # after a reading that failed, and between two doubts
_PATIENCE_S = 1.0  # from the start of a reading, of those whose order was refused


class Rules:
    """Filters and leverage brackets of all symbols."""

    def __init__(self, api: BinanceApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._symbols: dict[str, SymbolInfo] = {}
        self._brackets: dict[str, SymbolBrackets] = {}
        self._instruments: dict[str, Instrument] = {}
        self._unreadable: set[str] = set()  # symbols that were warned of
        self._doubted: set[str] = set()
        self._due_ms = self._tried_ms = 0
        self._read_ms: int | None = None
        self._reading: asyncio.Task[None] | None = None
        self._doubts_settled = asyncio.Event()  # in the reading under way
        self._patience_ends_s = 0.0  # by the loop's time
        self._learning = asyncio.Lock()

    async def run(self) -> None:
        """Read them again when that is due, until cancelled: daily, or soon after a doubt."""
        while True:
            await self._clock.sleep_ms(_AGAIN_MS)
            if self._symbols and self._is_due:
                await asyncio.shield(self._begun())

    async def instrument(self, symbol: str) -> Instrument:
        """`Rejected` with code -1121 for a symbol the exchange does not have."""
        info = await self._info(symbol)
        known = self._instruments.get(symbol)
        return await self._learned(info) if known is None else known

    async def is_trading(self, symbol: str) -> bool:
        """Whether the symbol is open for trading, as far as was known at the last reading."""
        return (await self._info(symbol)).status == "TRADING"

    def known_status(self, symbol: str) -> str | None:
        """The exchange's word for whether `symbol` trades, at the last reading; None before one."""
        info = self._symbols.get(symbol)
        return None if info is None else info.status

    @property
    def age_ms(self) -> int | None:
        """How long ago they were read; None before the first time."""
        return None if self._read_ms is None else self._clock.now_ms() - self._read_ms

    def doubt(self, symbol: str) -> None:
        """An order was refused that kept the rules: read them again, once a minute at most."""
        if self._read_ms is None:
            return
        self._doubted.add(symbol)
        self._due_ms = min(self._due_ms, self._tried_ms + _AGAIN_MS)
        if self._is_due:
            self._begun()

    @property
    def _is_due(self) -> bool:
        return self._clock.now_ms() >= self._due_ms

    async def _info(self, symbol: str) -> SymbolInfo:
        reading = self._begun() if self._is_due else self._reading
        if reading is not None:
            await self._await(reading, symbol)
        if symbol not in self._symbols:
            raise Rejected(
                f"the exchange has no symbol {symbol}",
                code="-1121",
                todo="check SYMBOLS for a typing error, or a delisting",
            )
        return self._symbols[symbol]

    async def _await(self, reading: asyncio.Task[None], symbol: str) -> None:
        """Wait for `reading` as far as what is known is not enough."""
        if not self._symbols:
            await asyncio.shield(reading)  # raises why there are none
        elif symbol not in self._symbols:
            await asyncio.wait({reading})
        elif symbol in self._doubted:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._patience_ends_s):
                    await self._doubts_settled.wait()

    async def _learned(self, info: SymbolInfo) -> Instrument:
        async with self._learning:  # one asks, the others wait for it
            known = self._instruments.get(info.symbol)
            if known is None:
                brackets = await self._api.leverage_brackets(info.symbol)
                info = self._symbols.get(info.symbol, info)  # may have been read again meanwhile
                known = self._keep(info, brackets)
            return known

    def _keep(self, info: SymbolInfo, brackets: SymbolBrackets) -> Instrument:
        known = self._instruments[info.symbol] = instrument(info, brackets)
        self._brackets[info.symbol] = brackets
        return known

    # -- reading ----------------------------------------------------------------------------------

    def _begun(self) -> asyncio.Task[None]:
        """The reading under way, which is begun where there is none."""
        if self._reading is None or self._reading.done():
            self._doubts_settled.clear()
            self._patience_ends_s = asyncio.get_running_loop().time() + _PATIENCE_S
            self._reading = self._api.begin(self._read(), name="rules")
        return self._reading

    async def _read(self) -> None:
        """Raises only where none are known: yesterday's rules are better than none."""
        self._tried_ms = self._clock.now_ms()
        doubted = frozenset(self._doubted)
        try:
            self._replace(await self._api.exchange_info())
            await self._read_brackets(doubted)
            self._doubted -= doubted
            self._doubts_settled.set()
            await self._read_brackets(self._brackets.keys() - doubted)
        except MAY_PASS as error:
            if not self._symbols:
                raise
            self._due_ms = self._clock.now_ms() + _AGAIN_MS
            log.warning("rules.not_read", reason=words_of(error))
        else:
            self._due_ms = self._tried_ms + (_AGAIN_MS if self._doubted else _GOOD_FOR_MS)
        finally:
            self._doubts_settled.set()

    def _replace(self, info: ExchangeInfo) -> None:
        """Of a symbol whose row cannot be read, what was known before stays."""
        for name in sorted(info.unreadable.keys() - self._unreadable):
            log.warning("rules.unreadable", symbol=name, reason=info.unreadable[name])
        self._unreadable = set(info.unreadable)
        kept = {name: row for name, row in self._symbols.items() if name in info.unreadable}
        self._symbols = kept | {row.symbol: row for row in info.symbols}
        self._brackets = {name: b for name, b in self._brackets.items() if name in self._symbols}
        self._instruments = {
            name: instrument(self._symbols[name], brackets)
            for name, brackets in self._brackets.items()
        }
        self._api.futures.limiter.set_limits(limits(info))
        self._read_ms = self._tried_ms

    async def _read_brackets(self, names: Iterable[str]) -> None:
        """Of those that were asked for before, one after the other: nobody waits for the rest."""
        for name in sorted(names):
            if name not in self._brackets:
                continue
            try:
                brackets = await self._api.leverage_brackets(name)
            except (Rejected, DataError) as error:  # its own affair
                log.warning("rules.brackets_not_read", symbol=name, reason=words_of(error))
                continue
            self._keep(self._symbols[name], brackets)
