"""An exchange whose answers get lost, come late, or never were: for bots in virtual time.

Stands between the bots and a simulated exchange. By chance a request is lost on its way, or held up
on its way for up to its receive window, or carried out without an answer; an order carried out
cannot be found for a while; a reading fails; the exchange asks to wait. `worst_naked_ms` is how
long a position was open without any stop of ours on the exchange.
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from cointrader.domain.errors import OutcomeUnknown, RateLimited, Rejected, Unreachable
from cointrader.domain.order import OrderKind, OrderReport, OrderRequest, is_ours

_ANSWERS_WITHIN_S = 4.0
_WINDOW_MS = 5_000
_INVISIBLE_S = 1.9
_CHANGES = ("place", "cancel")


class Faults:
    """What goes wrong, by chance, until `ends_ms`."""

    def __init__(self, seed: int, chance: float) -> None:
        self.chance = chance
        self.random = np.random.default_rng(seed)
        self.is_on = True
        self.told: list[str] = []

    def strikes(self, what: str) -> bool:
        if not self.is_on or self.random.random() >= self.chance:
            return False
        self.told.append(what)
        return True


class FaultyExchange:
    """The exchange through a bad network. Only what the bots use."""

    is_remote = True

    def __init__(self, exchange: Any, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._unseen: set[str] = set()
        self._under_way: set[asyncio.Task[None]] = set()

    def account_events(self, symbol: str) -> Any:
        return self._exchange.account_events(symbol)

    def candles(self, symbols: Any) -> Any:
        return self._exchange.candles(symbols)

    async def place(self, request: OrderRequest) -> OrderReport:
        faults = self._faults
        if faults.strikes("not sent"):
            raise Unreachable("no route")
        if faults.strikes("told to wait"):
            raise RateLimited("busy", retry_after_ms=int(faults.random.integers(1, 20_000)))
        if faults.strikes("lost"):
            await asyncio.sleep(_ANSWERS_WITHIN_S)
            raise OutcomeUnknown("no answer")
        if faults.strikes("held up"):
            delay_s = float(faults.random.uniform(0, _WINDOW_MS)) / 1000
            self._later(self._take_unseen(request, delay_s))
            await asyncio.sleep(float(faults.random.uniform(0, _ANSWERS_WITHIN_S)))
            raise OutcomeUnknown("no answer yet")
        report: OrderReport = await self._exchange.place(request)
        if faults.strikes("not answered"):
            self._hide(request.client_order_id)
            await asyncio.sleep(float(faults.random.uniform(0, _ANSWERS_WITHIN_S)))
            raise OutcomeUnknown("the answer was lost")
        return report

    async def _take_unseen(self, request: OrderRequest, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self._hide(request.client_order_id)
        try:
            await self._exchange.place(request)
        except Rejected:
            return

    def _hide(self, order_id: str) -> None:
        self._unseen.add(order_id)
        self._later(self._show(order_id, float(self._faults.random.uniform(0, _INVISIBLE_S))))

    async def _show(self, order_id: str, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self._unseen.discard(order_id)

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        self._read()
        if client_order_id in self._unseen:
            return None
        report: OrderReport | None = await self._exchange.order(symbol, client_order_id)
        return report

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        if self._faults.strikes("cancel not sent"):
            raise Unreachable("no route")
        report: OrderReport | None = await self._exchange.cancel(symbol, client_order_id)
        if self._faults.strikes("cancel not answered"):
            raise OutcomeUnknown("the answer was lost")
        return report

    def look_ahead(self) -> None:
        self._exchange.look_ahead()

    async def account(self) -> Any:
        return await self._exchange.account()

    def _read(self) -> None:
        if self._faults.strikes("not read"):
            raise Unreachable("no route")

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._exchange, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._read()
            return await method(*args, **kwargs)

        return call


async def longest_naked_ms(exchange: Any, clock: Any, symbols: Any, until_ms: int) -> int:
    """Look at the exchange itself, four times a second while a position is open, from now on: the
    longest time in which one had no stop of ours."""
    since: dict[str, int] = {}
    longest = 0
    while clock.now_ms() < until_ms:
        for symbol in symbols:
            if await exchange.position(symbol) is None or await _has_stop(exchange, symbol):
                since.pop(symbol, None)
            else:
                began_ms = since.setdefault(symbol, clock.now_ms())
                longest = max(longest, clock.now_ms() - began_ms)
        await clock.sleep_ms(250 if since or await _is_any_open(exchange, symbols) else 1_000)
    return longest


async def _is_any_open(exchange: Any, symbols: Any) -> bool:
    return any([await exchange.position(symbol) is not None for symbol in symbols])


async def _has_stop(exchange: Any, symbol: str) -> bool:
    return any(
        order.kind is OrderKind.STOP_MARKET and is_ours(order.client_order_id)
        for order in await exchange.open_orders(symbol)
    )
