"""A second process that sees to one thing: no position without a live stop.

It shares the exchange with the bots and nothing else, so that whatever is wrong with them is not
wrong with it. What it does, and why, is judged in `ops.guard`; here it looks, acts and shouts.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from cointrader.app.guard.rules import LastKnownRules
from cointrader.domain.clock import Clock
from cointrader.domain.errors import CointraderError, Rejected, Unreachable
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
from cointrader.ops.guard import Deed, Seen, Watch, parts, stop_level, uncovered

_ROUND_S = 30.0
_LOOK_S = 5.0  # of it, for the orders of one symbol
_LOOKS_AT_ONCE = 20
_SEEN_AFTER_MS = 2_000  # an order may take that long to be listed
_REPEAT_MS = 60_000  # of a trouble that lasts
_CALM_MS = 30_000  # without it, and a trouble is over
_THROUGH = frozenset({"-2021", "-4142"})  # the price has passed the stop already
_NOT_GUARDED = (
    "is held in hedge mode and NOT guarded: "
    "close it yourself, or put a stop behind it, and set Position Mode to one-way"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One symbol with a position or orders, and its mark price.

    A hedged one has a position that is none in one-way mode: `position` is None.
    """

    symbol: str
    position: Position | None
    mark: Decimal
    is_hedged: bool = False


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
        self._instruments = LastKnownRules(account.instrument)
        self._turns = asyncio.Semaphore(_LOOKS_AT_ONCE)
        self._watch = Watch(rules.grace_ms)
        self._placed: set[str] = set()  # symbols that may have a stop of ours
        self._hedged: set[str] = set()  # symbols that cannot be guarded
        self._wrong_ms: dict[str, int] = {}  # what is wrong, and when it was so last
        self._told_ms: dict[str, int] = {}  # the same, and when it was told last

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._on_round(await self.round())
            await self._clock.sleep_ms(self._rules.every_ms)

    async def round(self) -> bool:
        """One look at everything. True when all of it could be seen and done."""
        troubles: dict[str, str] = {}
        try:
            async with asyncio.timeout(_ROUND_S):
                await self._round(troubles)
        except Exception as error:  # a guard that ends guards nothing
            troubles[""] = _words(error)
        self._complain(troubles)
        return not troubles and not self._hedged

    async def _round(self, troubles: dict[str, str]) -> None:
        """Look and act. What goes wrong with a symbol is noted in `troubles`."""
        standings = [each for each in await self._account.standings() if self._minds(each.symbol)]
        self._tell_hedged({each.symbol for each in standings if each.is_hedged})
        positions = [each.position for each in standings if each.position is not None]
        held = {each.symbol for each in positions}
        seen = await self._looks(positions, troubles)
        unseen = held - {each.position.symbol for each in seen}
        self._watch, deeds = self._watch.look(self._clock.now_ms(), seen, unseen)
        marks = {each.symbol: each.mark for each in standings}
        flat = (marks.keys() | self._placed) - held - self._hedged
        errands = [(each.position.symbol, self._withdraw(each)) for each in seen]
        errands += [(each.position.symbol, self._do(each, marks)) for each in deeds]
        errands += [(symbol, self._sweep(symbol)) for symbol in sorted(flat)]
        await _all_at_once(errands, troubles)
        await self._instruments.learn(held | set(self._rules.symbols))

    async def _looks(self, positions: Sequence[Position], troubles: dict[str, str]) -> list[Seen]:
        """What could be seen."""
        seen: list[Seen] = []

        async def look(position: Position) -> None:
            seen.append(Seen(position, await self._orders(position.symbol)))

        await _all_at_once([(each.symbol, look(each)) for each in positions], troubles)
        return seen

    async def _orders(self, symbol: str) -> Sequence[OrderReport]:
        async with self._turns:
            try:
                async with asyncio.timeout(_LOOK_S):
                    return await self._account.open_orders(symbol)
            except TimeoutError:
                what = f"its orders could not be seen within {_LOOK_S:g} s"
                raise Unreachable(what, where=symbol) from None

    def _minds(self, symbol: str) -> bool:
        return not self._rules.symbols or symbol in self._rules.symbols

    # -- deeds ------------------------------------------------------------------------------------

    async def _do(self, deed: Deed, marks: Mapping[str, Decimal]) -> None:
        position, mark = deed.position, marks[deed.position.symbol]
        bare = f"{position.symbol} {position.side} {position.quantity.normalize():f} had no stop"
        what = f"{bare} for {deed.naked_ms / 1000:.0f} s"
        if not deed.closes:
            self._watch = self._watch.tried(position.symbol)
        instrument = await self._instruments.of(position.symbol, mark)
        if deed.closes:
            await self._close(position, instrument, f"{what}, and none would stay")
            return
        level = stop_level(position, mark, self._rules.stop_ratio)
        trigger = instrument.stop_price(level, position=position.side)
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
            await self._close(position, instrument, f"{what}, and the price is past any")
            return
        seen = "it is NOT seen yet"
        try:
            if await self._is_there(request):
                seen = "it is there"
        finally:  # who ends the guard meanwhile is told too
            self._shout(position.symbol, f"{what}: a stop was put at {trigger:f}, {seen}")

    async def _is_there(self, request: OrderRequest) -> bool:
        await self._clock.sleep_ms(_SEEN_AFTER_MS)
        try:
            listed = await self._orders(request.symbol)
        except CointraderError:  # the next round looks again; that a stop was sent is told now
            return False
        return any(order.client_order_id == request.client_order_id for order in listed)

    async def _close(self, position: Position, instrument: Instrument, why: str) -> None:
        """At market; reduce-only, so that it can open nothing."""
        self._shout(position.symbol, f"{why}: it is closed at market")
        order_id = self._id(position.symbol)
        for part, quantity in enumerate(parts(position.quantity, instrument.max_quantity)):
            request = OrderRequest(
                client_order_id=f"{order_id}-{part}" if part else order_id,
                symbol=position.symbol,
                side=position.side.exit,
                kind=OrderKind.MARKET,
                quantity=quantity,
                reduce_only=True,
            )
            await self._account.place(request)

    async def _withdraw(self, seen: Seen) -> None:
        """A stop of ours is in the way of its bot's once others cover the whole position."""
        others = [o for o in seen.orders if not o.client_order_id.startswith(GUARD_PREFIX)]
        if len(others) == len(seen.orders) or uncovered(seen.position, others):
            return
        await self._cancel_ours(seen.position.symbol, seen.orders)

    async def _sweep(self, symbol: str) -> None:
        """A stop of ours that outlived its position would close the next one."""
        await self._cancel_ours(symbol, await self._orders(symbol))
        self._placed.discard(symbol)

    async def _cancel_ours(self, symbol: str, orders: Sequence[OrderReport]) -> None:
        for order in orders:
            if order.client_order_id.startswith(GUARD_PREFIX):
                await self._account.cancel(symbol, order.client_order_id)

    def _id(self, symbol: str) -> str:
        """At most 36 characters, with the number of a part, of what Binance allows in an id."""
        hashed = "h" + hashlib.sha256(symbol.encode()).hexdigest()[:12]
        name = symbol[:16] if symbol.isascii() else hashed
        return f"{GUARD_PREFIX}{name}-{self._clock.now_ms():x}"

    # -- words ------------------------------------------------------------------------------------

    def _complain(self, troubles: dict[str, str]) -> None:
        """Tell a trouble when it begins, now and then while it lasts, and when it is over.

        One that comes and goes lasts.
        """
        now_ms = self._clock.now_ms()
        for symbol, words in troubles.items():
            told_ms = self._told_ms.get(symbol)
            if told_ms is None or now_ms - told_ms >= _REPEAT_MS:
                level = "warning" if told_ms is None else "critical"
                self._tell(Alert(now_ms, level, symbol, f"the guard cannot do its work: {words}"))
                self._told_ms[symbol] = now_ms
            self._wrong_ms[symbol] = now_ms
        for symbol in [s for s, at_ms in self._wrong_ms.items() if now_ms - at_ms >= _CALM_MS]:
            self._tell(Alert(now_ms, "info", symbol, "the guard does its work again"))
            del self._wrong_ms[symbol], self._told_ms[symbol]

    def _tell_hedged(self, symbols: set[str]) -> None:
        """Once while it lasts: trying again changes nothing."""
        for symbol in sorted(symbols - self._hedged):
            self._shout(symbol, f"{symbol} {_NOT_GUARDED}")
        self._hedged = symbols

    def _shout(self, symbol: str, text: str) -> None:
        self._tell(Alert(self._clock.now_ms(), "critical", symbol, text))


async def _all_at_once(
    errands: Sequence[tuple[str, Coroutine[Any, Any, None]]], troubles: dict[str, str]
) -> None:
    """What hangs or fails for one symbol keeps nothing from the others."""
    ends = await asyncio.gather(*(errand for _, errand in errands), return_exceptions=True)
    for (symbol, _), end in zip(errands, ends, strict=True):
        if isinstance(end, Exception):
            troubles[symbol] = _words(end)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_ROUND_S:g} s"
    return error.what if isinstance(error, CointraderError) else type(error).__name__
