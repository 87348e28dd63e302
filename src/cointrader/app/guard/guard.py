"""A second process that sees to one thing: no position without a live stop.

It shares the exchange with the bots and nothing else, so that whatever is wrong with them is not
wrong with it. What it does, and why, is judged in `ops.guard`; here it looks, acts and shouts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from cointrader.domain.clock import Clock
from cointrader.domain.errors import CointraderError, Rejected
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import (
    GUARD_PREFIX,
    OrderKind,
    OrderReport,
    OrderRequest,
    PriceSource,
)
from cointrader.domain.position import Position
from cointrader.domain.records import Alert
from cointrader.ops.guard import Deed, Seen, Watch, stop_level, uncovered

_ROUND_S = 30.0
_SEEN_AFTER_MS = 2_000  # an order may take that long to be listed
_REPEAT_MS = 60_000  # of a trouble that lasts
_THROUGH = frozenset({"-2021", "-4142"})  # the price has passed the stop already


@dataclass(frozen=True, slots=True)
class Standing:
    """One symbol with a position or orders, and its mark price."""

    symbol: str
    position: Position | None
    mark: Decimal


class GuardedAccount(Protocol):
    """What a guard needs of an exchange. Raises what the `Exchange` port raises."""

    async def standings(self) -> Sequence[Standing]:
        """Every symbol that has a position, and maybe some that only have orders."""
        ...

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]: ...

    async def instrument(self, symbol: str) -> Instrument: ...

    async def place(self, request: OrderRequest) -> OrderReport: ...

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None: ...


@dataclass(frozen=True, slots=True)
class GuardRules:
    """`stop_ratio` is the distance of a stop from the mark price, a fraction."""

    every_ms: int = 5_000
    grace_ms: int = 10_000
    stop_ratio: float = 0.02
    symbols: Collection[str] = ()  # empty: all of the account


class Guard:
    """Looks, round after round, and survives whatever goes wrong in one.

    Parameters
    ----------
    tell : takes what a person should know; must not block
    on_round : called after every round, with whether everything was seen in it
    """

    def __init__(
        self,
        account: GuardedAccount,
        clock: Clock,
        rules: GuardRules,
        *,
        tell: Callable[[Alert], None],
        on_round: Callable[[bool], None] = lambda _ok: None,
    ) -> None:
        self._account = account
        self._clock = clock
        self._rules = rules
        self._tell = tell
        self._on_round = on_round
        self._watch = Watch(rules.grace_ms)
        self._placed: set[str] = set()  # symbols that may have a stop of ours
        self._troubles: dict[str, int] = {}  # what is wrong, and when it was told last

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._on_round(await self.round())
            await self._clock.sleep_ms(self._rules.every_ms)

    async def round(self) -> bool:
        """One look at everything. True when all of it could be seen and done."""
        try:
            async with asyncio.timeout(_ROUND_S):
                troubles = await self._round()
        except Exception as error:  # a guard that ends guards nothing
            troubles = {"": _words(error)}
        self._complain(troubles)
        return not troubles

    async def _round(self) -> dict[str, str]:
        """What went wrong, by symbol."""
        seen: list[Seen] = []
        troubles: dict[str, str] = {}
        standings = [each for each in await self._account.standings() if self._minds(each.symbol)]
        marks = {each.symbol: each.mark for each in standings}
        for each in standings:
            if each.position is not None:
                try:
                    orders = await self._account.open_orders(each.symbol)
                    seen.append(Seen(each.position, orders))
                    await self._withdraw(each.position, orders)
                except CointraderError as error:
                    troubles[each.symbol] = _words(error)
        self._watch, deeds = self._watch.look(self._clock.now_ms(), seen)
        for deed in deeds:
            try:
                await self._do(deed, marks[deed.position.symbol])
            except CointraderError as error:
                troubles[deed.position.symbol] = _words(error)
        held = {each.symbol for each in standings if each.position is not None}
        await self._sweep(({each.symbol for each in standings} | self._placed) - held)
        return troubles

    def _minds(self, symbol: str) -> bool:
        return not self._rules.symbols or symbol in self._rules.symbols

    # -- deeds ------------------------------------------------------------------------------------

    async def _do(self, deed: Deed, mark: Decimal) -> None:
        position = deed.position
        bare = f"{position.symbol} {position.side} {position.quantity.normalize():f} had no stop"
        what = f"{bare} for {deed.naked_ms / 1000:.0f} s"
        if deed.closes:
            await self._close(position, f"{what}, and none would stay")
            return
        instrument = await self._account.instrument(position.symbol)
        level = stop_level(position, mark, self._rules.stop_ratio)
        trigger = instrument.stop_price(level, position=position.side)
        self._watch = self._watch.tried(position.symbol)
        self._placed.add(position.symbol)
        request = OrderRequest(
            client_order_id=self._id(position.symbol),
            symbol=position.symbol,
            side=position.side.exit,
            kind=OrderKind.STOP_MARKET,
            trigger_price=trigger,
            close_position=True,
            triggered_by=PriceSource.MARK,
        )
        try:
            await self._account.place(request)
        except Rejected as refused:
            if refused.code not in _THROUGH:
                raise
            await self._close(position, f"{what}, and the price is past any")
            return
        await self._clock.sleep_ms(_SEEN_AFTER_MS)
        listed = await self._account.open_orders(position.symbol)
        is_there = any(order.client_order_id == request.client_order_id for order in listed)
        seen = "it is there" if is_there else "it is NOT seen yet"
        self._shout(position.symbol, f"{what}: a stop was put at {trigger}, {seen}")

    async def _close(self, position: Position, why: str) -> None:
        """At market; reduce-only, so that it can open nothing."""
        request = OrderRequest(
            client_order_id=self._id(position.symbol),
            symbol=position.symbol,
            side=position.side.exit,
            kind=OrderKind.MARKET,
            quantity=position.quantity,
            reduce_only=True,
        )
        self._shout(position.symbol, f"{why}: it is closed at market")
        await self._account.place(request)

    async def _withdraw(self, position: Position, orders: Sequence[OrderReport]) -> None:
        """A stop of ours is in the way of its bot's once others cover the whole position."""
        others = [o for o in orders if not o.client_order_id.startswith(GUARD_PREFIX)]
        if len(others) == len(orders) or uncovered(position, others):
            return
        for order in orders:
            if order.client_order_id.startswith(GUARD_PREFIX):
                await self._account.cancel(position.symbol, order.client_order_id)

    async def _sweep(self, flat: Collection[str]) -> None:
        """A stop of ours that outlived its position would close the next one."""
        for symbol in sorted(flat):
            for order in await self._account.open_orders(symbol):
                if order.client_order_id.startswith(GUARD_PREFIX):
                    await self._account.cancel(symbol, order.client_order_id)
            self._placed.discard(symbol)

    def _id(self, symbol: str) -> str:
        return f"{GUARD_PREFIX}{symbol[:16]}-{self._clock.now_ms():x}"

    # -- words ------------------------------------------------------------------------------------

    def _complain(self, troubles: dict[str, str]) -> None:
        """Tell a trouble when it begins, now and then while it lasts, and when it is over."""
        now_ms = self._clock.now_ms()
        for symbol, words in troubles.items():
            told_ms = self._troubles.get(symbol)
            if told_ms is None or now_ms - told_ms >= _REPEAT_MS:
                level = "warning" if told_ms is None else "critical"
                self._tell(Alert(now_ms, level, symbol, f"the guard cannot do its work: {words}"))
                self._troubles[symbol] = now_ms
        for symbol in self._troubles.keys() - troubles.keys():
            self._tell(Alert(now_ms, "info", symbol, "the guard does its work again"))
            del self._troubles[symbol]

    def _shout(self, symbol: str, text: str) -> None:
        self._tell(Alert(self._clock.now_ms(), "critical", symbol, text))


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_ROUND_S:g} s"
    return error.what if isinstance(error, CointraderError) else type(error).__name__
