"""The stop and take-profit of a position: placed, confirmed, moved, swept.

Confirmed means seen among the open orders, not merely acknowledged.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal

from cointrader.bot.execution import Execution
from cointrader.bot.holding import Holding
from cointrader.domain.errors import ExchangeError, OutcomeUnknown, RateLimited, Unreachable
from cointrader.domain.order import OWN_PREFIX, Leg, OrderKind, OrderReport
from cointrader.domain.ports import Clock, Exchange
from cointrader.domain.records import Intent
from cointrader.strategy.plan import Levels

DEADLINE_MS = 5_000  # from the fill to the confirmed stop; then the position is closed
_LOOK_AGAIN_MS = 500
_FORGET_AFTER_MS = 60_000


class Protection:
    """Conditional orders of one symbol."""

    def __init__(self, symbol: str, exchange: Exchange, execution: Execution, clock: Clock) -> None:
        self.symbol = symbol
        self._exchange = exchange
        self._execution = execution
        self._clock = clock
        self._meant: dict[str, int] = {}  # ids that may rest, seen or not, and since when

    async def establish(
        self, holding: Holding, levels: Levels, bar_open_ms: int, *, deadline_ms: int
    ) -> bool:
        """Place stop and target and see the stop resting; False if it is not seen in time.

        Orders that are there already, from before a restart, are found by their ids and not sent
        again.
        """
        side = holding.side.exit
        stop = self._execution.conditional_intent(bar_open_ms, Leg.STOP, side, levels.stop)
        target = self._execution.conditional_intent(bar_open_ms, Leg.TARGET, side, levels.target)
        self._mean(stop.client_order_id, target.client_order_id)
        return await self._place_and_see(stop, target, deadline_ms=deadline_ms)

    async def take_over(
        self,
        holding: Holding,
        levels: Levels,
        bar_open_ms: int,
        *,
        quantity: Decimal,
        deadline_ms: int,
    ) -> bool:
        """`establish`, where other orders are around the position: they end once a stop of ours
        rests.

        That first stop has a quantity, because there may be one closePosition stop only.
        """
        resting = await self._exchange.open_orders(self.symbol)
        others = [order for order in resting if not self._is_ours(order, bar_open_ms)]
        has_stop = any(o.kind is OrderKind.STOP_MARKET for o in resting if o not in others)
        if others and not has_stop:
            stop = self._execution.conditional_intent(
                bar_open_ms, Leg.TRAIL, holding.side.exit, levels.stop, quantity=quantity
            )
            self._mean(stop.client_order_id)
            if not await self._place_and_see(stop, deadline_ms=deadline_ms):
                return False
        for order in others:
            await self._exchange.cancel(self.symbol, order.client_order_id)
        return await self.establish(holding, levels, bar_open_ms, deadline_ms=deadline_ms)

    def _is_ours(self, order: OrderReport, bar_open_ms: int) -> bool:
        """Whether an order belongs to the position taken over at this bar.

        A closePosition order of an older position of ours, whose journal was lost, does not: it
        would keep the new one from being placed.
        """
        if not order.client_order_id.startswith(OWN_PREFIX):
            return False
        stem, of_bar = (
            order_id.rsplit("-", 1)[0]
            for order_id in (
                order.client_order_id,
                self._execution.order_id(bar_open_ms, Leg.STOP),
            )
        )
        return not order.close_position or stem == of_bar

    async def move_stop(
        self,
        holding: Holding,
        levels: Levels,
        bar_open_ms: int,
        *,
        quantity: Decimal,
        replaces_bar_ms: int | None,
    ) -> bool:
        """Rest a nearer stop for the whole `quantity`, see it, then cancel the one it replaces.

        The outer closePosition stop stays where it is. False: the old protection still stands.
        """
        intent = self._execution.conditional_intent(
            bar_open_ms, Leg.TRAIL, holding.side.exit, levels.stop, quantity=quantity
        )
        self._mean(intent.client_order_id)
        if not await self._place_and_see(intent, deadline_ms=self._clock.now_ms() + DEADLINE_MS):
            return False
        if replaces_bar_ms is not None:
            with suppress(ExchangeError):  # the sweep will find it
                await self._cancel(self._execution.order_id(replaces_bar_ms, Leg.TRAIL))
        return True

    async def sweep(self) -> None:
        """Cancel our own orders that are left after the position is flat; nobody else's.

        Those that rest, and those that were meant to: an order may show up after it was given up.
        What cannot be cleared now is tried again at the next sweep.
        """
        meant = set(self._meant)  # as of now: what is placed while we look is none of our business
        resting = await self._exchange.open_orders(self.symbol)
        own = {
            order.client_order_id
            for order in resting
            if order.client_order_id.startswith(OWN_PREFIX) and order.kind.is_conditional
        }
        for order_id in sorted(own | meant):
            await self._cancel(order_id)

    @property
    def is_swept(self) -> bool:
        """Whether no order of ours can still appear."""
        return not self._meant

    def _mean(self, *order_ids: str) -> None:
        for order_id in order_ids:
            self._meant.setdefault(order_id, self._clock.now_ms())

    async def _cancel(self, order_id: str) -> None:
        is_gone = await self._execution.cancel(order_id)
        age_ms = self._clock.now_ms() - self._meant.get(order_id, 0)
        if is_gone or age_ms > _FORGET_AFTER_MS:  # an order unseen for so long never existed
            self._meant.pop(order_id, None)

    async def _place_and_see(self, *intents: Intent, deadline_ms: int) -> bool:
        left_ms = max(0, deadline_ms - self._clock.now_ms())
        wanted = intents[0].client_order_id
        try:
            async with asyncio.timeout(left_ms / 1000):
                carried_out = await self._execution.carry_out(*intents)
                self._mean(*carried_out)
                wanted = carried_out[0]
                while not await self._rests(wanted):
                    await self._clock.sleep_ms(_LOOK_AGAIN_MS)
        except TimeoutError:
            return await self._rests(wanted)
        except ExchangeError:
            return False
        return True

    async def _rests(self, order_id: str) -> bool:
        """Whether the order is seen among the open ones; a look that fails sees nothing."""
        try:
            async with asyncio.timeout(_LOOK_AGAIN_MS / 1000):
                resting = await self._exchange.open_orders(self.symbol)
        except (Unreachable, RateLimited, OutcomeUnknown, TimeoutError):
            return False
        return any(order.client_order_id == order_id for order in resting)
