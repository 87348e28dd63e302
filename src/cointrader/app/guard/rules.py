"""What the exchange allows, as far as it tells in a moment. No deed of a guard waits for more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from decimal import Decimal

from cointrader.domain.instrument import Instrument

_ASKED_S = 3.0
_DIGITS = 4  # of a price whose tick is not known: fewer than nearly every tick leaves it


class LastKnownRules:
    """The rules of symbols as they were told last.

    Parameters
    ----------
    ask : for those of one symbol
    """

    def __init__(self, ask: Callable[[str], Awaitable[Instrument]]) -> None:
        self._ask = ask
        self._known: dict[str, Instrument] = {}

    async def learn(self, symbols: Iterable[str]) -> None:
        """Ask for those that are not known yet, before there is any hurry."""
        await asyncio.gather(*(self._asked(each) for each in symbols if each not in self._known))

    async def of(self, symbol: str, mark: Decimal) -> Instrument:
        """Today's, else those known last, else what the mark price lets us guess. Never raises."""
        await self._asked(symbol)
        return self._known.get(symbol) or _guessed(symbol, mark)

    async def _asked(self, symbol: str) -> None:
        with suppress(Exception):  # whatever it is, a stop may be sent without
            async with asyncio.timeout(_ASKED_S):
                self._known[symbol] = await self._ask(symbol)


def _guessed(symbol: str, mark: Decimal) -> Instrument:
    """Binance does not ask for the tick in a trigger price, but it refuses too many decimals."""
    return Instrument(symbol, tick_size=Decimal(1).scaleb(mark.adjusted() + 1 - _DIGITS))
