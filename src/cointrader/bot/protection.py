"""The stop and take-profit of a position: placed, confirmed, moved, swept.

Confirmed means seen among the open orders, not merely acknowledged.
"""

from __future__ import annotations

from cointrader.bot.execution import Execution
from cointrader.bot.holding import Holding
from cointrader.domain.errors import ExchangeError
from cointrader.domain.order import OWN_PREFIX, Leg
from cointrader.domain.ports import Clock, Exchange
from cointrader.strategy.plan import Levels

DEADLINE_MS = 5_000  # from the fill to the confirmed stop; then the position is closed
_LOOK_AGAIN_MS = 500


class Protection:
    """Conditional orders of one symbol."""

    def __init__(self, symbol: str, exchange: Exchange, execution: Execution, clock: Clock) -> None:
        self.symbol = symbol
        self._exchange = exchange
        self._execution = execution
        self._clock = clock

    async def establish(self, holding: Holding, levels: Levels, bar_open_ms: int) -> bool:
        """Place stop and target and see them resting; False if the stop is not confirmed in time.

        Orders that are there already, from before a restart, are found by their ids and not sent
        again.
        """
        side = holding.side.exit
        stop = self._execution.conditional_intent(bar_open_ms, Leg.STOP, side, levels.stop)
        target = self._execution.conditional_intent(bar_open_ms, Leg.TARGET, side, levels.target)
        try:
            await self._execution.carry_out(stop, target)
            return await self._confirmed(stop.client_order_id)
        except ExchangeError:
            return False

    async def move_stop(
        self, holding: Holding, levels: Levels, bar_open_ms: int, *, replaces_bar_ms: int | None
    ) -> bool:
        """Rest a nearer stop for the whole quantity, see it, then cancel the one it replaces.

        The outer closePosition stop stays where it is. False: the old protection still stands.
        """
        intent = self._execution.conditional_intent(
            bar_open_ms, Leg.TRAIL, holding.side.exit, levels.stop, quantity=holding.quantity
        )
        try:
            await self._execution.carry_out(intent)
            if not await self._confirmed(intent.client_order_id):
                return False
            if replaces_bar_ms is not None:
                await self._execution.cancel(self._execution.order_id(replaces_bar_ms, Leg.TRAIL))
        except ExchangeError:
            return False
        return True

    async def sweep(self) -> None:
        """Cancel our own orders that are left after the position is flat; nobody else's."""
        for order in await self._exchange.open_orders(self.symbol):
            if order.client_order_id.startswith(OWN_PREFIX) and order.kind.is_conditional:
                await self._execution.cancel(order.client_order_id)

    async def _confirmed(self, order_id: str) -> bool:
        deadline_ms = self._clock.now_ms() + DEADLINE_MS
        while True:
            resting = await self._exchange.open_orders(self.symbol)
            if any(order.client_order_id == order_id for order in resting):
                return True
            if self._clock.now_ms() + _LOOK_AGAIN_MS > deadline_ms:
                return False
            await self._clock.sleep_ms(_LOOK_AGAIN_MS)
