"""Questions about single symbols that are asked in one moment, put to the exchange as one.

When a bar closes, every bot that wants to enter asks what its symbol has. One answer about all
symbols costs more of the rate limit than one about each of a few, and a fraction of the time. It
may even be asked for ahead, while the bots still make up their minds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from cointrader.domain.clock import Clock
from cointrader.domain.errors import ExchangeError


class OfSymbol(Protocol):
    @property
    def symbol(self) -> str: ...


Row = TypeVar("Row", bound=OfSymbol)
Answer = TypeVar("Answer")


class Begin(Protocol[Answer]):
    def __call__(
        self, asking: Coroutine[Any, Any, Answer], *, name: str
    ) -> asyncio.Task[Answer]: ...


class Together(Generic[Row]):
    """Rows of symbols.

    Parameters
    ----------
    ask : for the rows of one symbol, or of all where it is None
    begin : lets a question be asked beside its callers; some of them may be gone by the answer
    """

    def __init__(
        self,
        ask: Callable[[str | None], Awaitable[Sequence[Row]]],
        clock: Clock,
        *,
        begin: Begin[Sequence[Row]],
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._begin = begin
        self._joining: set[str] = set()  # those that the next request is about
        self._request: asyncio.Task[Sequence[Row]] | None = None  # not sent yet
        self._ahead: tuple[int, asyncio.Task[Sequence[Row]]] | None = None  # sent then, about all

    async def of(self, symbol: str, *, since_ms: int | None = None) -> Sequence[Row]:
        """The rows of `symbol`. Raises what `ask` raises.

        As of a moment after this call, or, where `since_ms` is given, of any since then.
        """
        if since_ms is not None and self._ahead is not None and self._ahead[0] >= since_ms:
            with suppress(ExchangeError):  # then it is asked for as if nobody had looked ahead
                return _of(symbol, await asyncio.shield(self._ahead[1]))
        self._joining.add(symbol)
        if self._request is None or self._request.done():
            self._request = self._begin(self._asked(), name="together")
        # One that gives up does not take the answer from the others.
        return _of(symbol, await asyncio.shield(self._request))

    def look_ahead(self, good_for_ms: int) -> None:
        """Ask for all symbols, unless that was done less than `good_for_ms` ago."""
        now_ms = self._clock.now_ms()
        if self._ahead is None or self._ahead[0] + good_for_ms <= now_ms:
            self._ahead = now_ms, self._begin(self._ask_all(), name="ahead")

    async def _ask_all(self) -> Sequence[Row]:
        return await self._ask(None)

    async def _asked(self) -> Sequence[Row]:
        """Begins a turn of the loop after it was made: all that asked in that turn have joined."""
        symbols, self._joining, self._request = self._joining, set(), None
        return await self._ask(symbols.pop() if len(symbols) == 1 else None)


def _of(symbol: str, rows: Sequence[Row]) -> Sequence[Row]:
    return [row for row in rows if row.symbol == symbol]
