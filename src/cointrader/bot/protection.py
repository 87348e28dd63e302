"""The stop and take-profit of a position: placed, seen, looked at again, moved, swept.

Acknowledged is not there: an order counts once it was seen among the open ones. `bot.watch` looks
for it again, and decides what follows where it is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from cointrader.bot.execution import Execution
from cointrader.bot.holding import Holding
from cointrader.domain.errors import (
    ExchangeError,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unreachable,
)
from cointrader.domain.order import (
    GUARD_PREFIX,
    OWN_PREFIX,
    Leg,
    OrderKind,
    OrderReport,
    OrderStatus,
    is_ours,
    is_same_intent,
    leg_of,
)
from cointrader.domain.ports import Clock, Exchange
from cointrader.domain.records import Intent
from cointrader.strategy.plan import Levels

DEADLINE_MS = 5_000  # from the fill to the confirmed stop; then the position is closed
CONFIRMED_AFTER_MS = 3_000  # a stop that was seen is seen again so much later
THROUGH = "-2021"  # the exchange's code: the price is beyond this trigger already

_LOOK_AGAIN_MS = 500
_LOOK_TAKES_MS = 2_000  # one look at the open orders, at the longest
_LOOKS_FOR_GONE = 4
_LAST_LOOK_MS = 500  # when the time to see it is over already
_ANSWER_MS = 1_000  # of a request; then it is looked for among the open orders
_FORGET_AFTER_MS = 60_000


class Placed(Enum):
    """What became of an order that was to protect."""

    SEEN = auto()  # among the open orders
    NOT_SEEN = auto()  # not in time
    TOO_LATE = auto()  # the price is through already: it would have triggered at once


@dataclass(frozen=True, slots=True)
class Standing:
    """What protects a position, as one look at the open orders showed it."""

    has_stop: bool  # some stop of ours closes all of it
    has_outer: bool  # the closePosition stop is there
    is_near: bool  # a stop rests at the level in force, or nearer
    has_target: bool

    @property
    def is_whole(self) -> bool:
        return self.has_outer and self.is_near and self.has_target


NOTHING = Standing(has_stop=False, has_outer=False, is_near=False, has_target=False)


class Protection:
    """Conditional orders of one symbol.

    `spared` is the id of an order that sweeps leave alone.
    """

    def __init__(self, symbol: str, exchange: Exchange, execution: Execution, clock: Clock) -> None:
        self.symbol = symbol
        self.spared = ""
        self._is_unsure = False  # a sweep began and did not end
        self._exchange = exchange
        self._execution = execution
        self._clock = clock

    # -- placed ------------------------------------------------------------------------------

    async def establish(
        self, holding: Holding, levels: Levels, bar_open_ms: int, *, see_by_ms: int
    ) -> Placed:
        """Place stop and target and see the stop resting, by `see_by_ms` at the latest.

        Orders that are there already, from before a restart, are found by their ids and not sent
        again; one that ended without effect is sent again under the next attempt.
        """
        side = holding.side.exit
        stop = self._execution.conditional_intent(bar_open_ms, Leg.STOP, side, levels.stop)
        target = self._execution.conditional_intent(bar_open_ms, Leg.TARGET, side, levels.target)
        return await self.place_and_see(stop, target, see_by_ms=see_by_ms)

    async def take_over(
        self,
        holding: Holding,
        levels: Levels,
        bar_open_ms: int,
        *,
        quantity: Decimal,
        see_by_ms: int,
    ) -> Placed:
        """`establish`, where other orders may be around the position: those of the guard, or of
        whoever opened it. They end once a stop of ours rests.

        That first stop has a quantity, because there may be one closePosition stop only.
        """
        try:
            resting = await self._exchange.open_orders(self.symbol)
        except (Unreachable, RateLimited, OutcomeUnknown):
            resting = ()
        others = [order for order in resting if self._is_others(order, holding, bar_open_ms)]
        if not others:
            return await self.establish(holding, levels, bar_open_ms, see_by_ms=see_by_ms)
        bridge = ""
        if not any(o.kind is OrderKind.STOP_MARKET for o in resting if o not in others):
            stop = self._execution.conditional_intent(
                bar_open_ms, Leg.TRAIL, holding.side.exit, levels.stop, quantity=quantity
            )
            placed = await self.place_and_see(stop, see_by_ms=see_by_ms)
            if placed is not Placed.SEEN:
                return placed
            bridge = stop.client_order_id
        for order in others:
            await self._exchange.cancel(self.symbol, order.client_order_id)
        placed = await self.establish(holding, levels, bar_open_ms, see_by_ms=see_by_ms)
        if placed is Placed.SEEN and bridge:
            with suppress(ExchangeError):  # the sweep finds it
                bridges = [o.client_order_id for o in await self._look() if is_same(o, bridge)]
                await self._cancel_all(bridges)
        return placed

    def _is_others(self, order: OrderReport, holding: Holding, bar_open_ms: int) -> bool:
        """Whether an order must make way for those of this position.

        The guard's must, and of one taken over everybody's. A closePosition order of an older
        position of ours, whose journal was lost, would keep the new one from being placed.
        """
        order_id = order.client_order_id
        if order_id.startswith(OWN_PREFIX):
            stop_id = self._execution.order_id(bar_open_ms, Leg.STOP)
            of_bar = order_id.rsplit("-", 1)[0] == stop_id.rsplit("-", 1)[0]
            return order.close_position and not of_bar
        return order_id.startswith(GUARD_PREFIX) or leg_of(holding.trade_id) is Leg.ADOPTED

    async def move_stop(
        self, holding: Holding, levels: Levels, bar_open_ms: int, *, quantity: Decimal
    ) -> Placed:
        """Rest a nearer stop for the whole `quantity`, see it, then cancel those it replaces.

        The outer closePosition stop stays where it is. Unless SEEN, the old protection stands.
        """
        intent = self._execution.conditional_intent(
            bar_open_ms, Leg.TRAIL, holding.side.exit, levels.stop, quantity=quantity
        )
        see_by_ms = self._clock.now_ms() + DEADLINE_MS
        placed = await self.place_and_see(intent, see_by_ms=see_by_ms)
        if placed is Placed.SEEN:
            with suppress(ExchangeError):  # the next move, or the sweep, finds them
                seen = [o for o in await self._look() if leg_of(o.client_order_id) is Leg.TRAIL]
                older = [o for o in seen if not is_same(o, intent.client_order_id)]
                await self._cancel_all(o.client_order_id for o in older)
        return placed

    # -- looked at ---------------------------------------------------------------------------

    async def standing(self, holding: Holding, bar_open_ms: int) -> Standing:
        """What protects `holding`, its orders named by `bar_open_ms`. One look, which may fail."""
        assert holding.levels is not None  # a position that was protected before
        resting, sign = await self._look(), holding.side.sign
        stop_id = self._execution.order_id(bar_open_ms, Leg.STOP)
        target_id = self._execution.order_id(bar_open_ms, Leg.TARGET)
        stops = [
            order
            for order in resting
            if order.kind is OrderKind.STOP_MARKET
            and order.status is not OrderStatus.TRIGGERED  # it acts now, or never
            and order.side is holding.side.exit
            and leg_of(order.client_order_id) in (Leg.STOP, Leg.TRAIL)
            and (order.close_position or (order.quantity or 0) >= holding.quantity)
        ]
        level = holding.levels.stop
        return Standing(
            has_stop=bool(stops),
            has_outer=any(is_same(order, stop_id) for order in stops),
            is_near=any(((o.trigger_price or 0) - level) * sign >= 0 for o in stops),
            has_target=any(is_same(order, target_id) for order in resting),
        )

    async def _look(self, look_ms: int = _LOOK_TAKES_MS) -> Sequence[OrderReport]:
        try:
            async with asyncio.timeout(look_ms / 1000):
                return await self._exchange.open_orders(self.symbol)
        except TimeoutError:
            raise Unreachable("the open orders could not be seen", where=self.symbol) from None

    # -- swept -------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Cancel our own orders that are left after the position is flat; nobody else's.

        Those that rest, and those that may yet: an order may show up after it was given up. What
        still rests afterwards, or cannot be asked for, is tried again at the next sweep.

        What is known is cancelled though nobody can see what is open. Raises `ExchangeError`.
        """
        self._is_unsure = True
        may_rest = self._execution.may_rest
        meant = set(may_rest)  # as of now: what is placed while we look is none of our business
        try:
            resting = await self._own_resting()
        except ExchangeError:
            await self._cancel_all(meant - {self.spared})
            raise
        for order in resting:
            if order.client_order_id not in may_rest:
                may_rest[order.client_order_id] = self._clock.now_ms()
                meant.add(order.client_order_id)
        if await self._cancel_all(meant - {self.spared}):
            for order in await self._own_resting():  # acknowledged is not gone
                if order.client_order_id in meant:
                    may_rest.setdefault(order.client_order_id, self._clock.now_ms())
        self._is_unsure = False

    async def _own_resting(self) -> list[OrderReport]:
        resting = await self._exchange.open_orders(self.symbol)
        return [
            order
            for order in resting
            if is_ours(order.client_order_id)
            and order.kind.is_conditional
            and order.client_order_id != self.spared
        ]

    @property
    def is_swept(self) -> bool:
        """Whether no order of ours can still appear."""
        may_rest = self._execution.may_rest
        return not (self._is_unsure or (may_rest and may_rest.keys() - {self.spared}))

    async def _cancel_all(self, order_ids: Iterable[str]) -> bool:
        """Cancel orders; whether any of them certainly is not open any more.

        A failure keeps no other from being cancelled; the last one is raised in the end.
        """
        is_any_gone, failure = False, None
        for order_id in sorted(order_ids):
            try:
                is_any_gone |= await self._cancel(order_id)
            except ExchangeError as error:
                failure = error
        if failure is not None:
            raise failure
        return is_any_gone

    async def _cancel(self, order_id: str) -> bool:
        """Cancel an order; whether it certainly is not open any more."""
        is_gone = await self._execution.cancel(order_id)
        since_ms = self._execution.may_rest.get(order_id, 0)
        if is_gone or self._clock.now_ms() - since_ms > _FORGET_AFTER_MS:
            self._execution.may_rest.pop(order_id, None)  # unseen for so long it never existed
        return is_gone

    async def remove(self, order_id: str) -> bool:
        """Cancel all attempts at an order, seen or not; whether none of them is seen any more."""
        await self._cancel_all(o for o in self._execution.may_rest if is_same_intent(o, order_id))
        seen = [o.client_order_id for o in await self._look() if is_same(o, order_id)]
        await self._cancel_all(seen)
        for _ in range(_LOOKS_FOR_GONE):
            if not any(is_same(order, order_id) for order in await self._look()):
                return True
            await self._clock.sleep_ms(_LOOK_AGAIN_MS)
        return False

    # -- seen --------------------------------------------------------------------------------

    async def place_and_see(self, *intents: Intent, see_by_ms: int) -> Placed:
        """Place these orders and see the first of them resting."""
        wanted = intents[0].client_order_id
        try:
            async with asyncio.timeout(max(0, see_by_ms - self._clock.now_ms()) / 1000):
                await self._place(*intents)
                while not await self.rests(wanted):
                    await self._clock.sleep_ms(_LOOK_AGAIN_MS)
        except TimeoutError:
            is_there = await self.rests(wanted, look_ms=_LAST_LOOK_MS)
            return Placed.SEEN if is_there else Placed.NOT_SEEN
        except Rejected as refused:
            return Placed.TOO_LATE if refused.code == THROUGH else Placed.NOT_SEEN
        except ExchangeError:
            return Placed.NOT_SEEN
        return Placed.SEEN

    async def _place(self, *intents: Intent) -> None:
        """Carry them out; one whose answer stays away may have arrived, and is looked for."""
        while True:
            try:
                async with asyncio.timeout(_ANSWER_MS / 1000):
                    await self._execution.carry_out(*intents)
                return
            except TimeoutError:
                if await self.rests(intents[0].client_order_id):
                    return

    async def rests(self, order_id: str, *, look_ms: int = _LOOK_TAKES_MS) -> bool:
        """Whether the order, or another attempt at it, is seen among the open ones.

        A look that fails sees nothing.
        """
        try:
            resting = await self._look(look_ms)
        except (Unreachable, RateLimited, OutcomeUnknown):
            return False
        return any(is_same(order, order_id) for order in resting)


def is_same(order: OrderReport, order_id: str) -> bool:
    """Whether `order` is an attempt at what `order_id` names."""
    own = order.client_order_id
    return own == order_id or (own.startswith(OWN_PREFIX) and is_same_intent(own, order_id))
