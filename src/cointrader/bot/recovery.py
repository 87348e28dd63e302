"""Every start is a recovery: the journal's memory, then the exchange's truth, then protection.

The journal says what was meant (the last entry intent that no booked trade has ended), the
exchange says what happened (its fills and funding). The position is the fold of those fills,
exactly as it would have been without the interruption.
"""

from __future__ import annotations

from cointrader.bot.keeper import PositionKeeper
from cointrader.domain.errors import Rejected
from cointrader.domain.order import Leg, Side
from cointrader.domain.ports import Clock, Exchange, Journal
from cointrader.domain.records import Intent
from cointrader.risk.manager import RiskManager

_FILTERS_WITHIN_S = 5.0  # a position waits for its stop, whose levels are in the journal


class Recovery:
    """Brings one bot's keeper up to date after a start."""

    def __init__(
        self,
        keeper: PositionKeeper,
        *,
        exchange: Exchange,
        journal: Journal,
        risk: RiskManager,
        clock: Clock,
        bar_ms: int,
        max_entry_delay_ms: int | None,
    ) -> None:
        self._keeper = keeper
        self._exchange = exchange
        self._journal = journal
        self._risk = risk
        self._clock = clock
        self._bar_ms = bar_ms
        self._max_entry_delay_ms = max_entry_delay_ms
        self._entry: Intent | None = None

    def claim(self) -> None:
        """Take back the slot of an entry that may exist. Awaits nothing, see `TradingBot.run`."""
        entry = self._journal.last_entry(self._keeper.symbol)
        if entry is None or self._has_ended(entry.client_order_id):
            return
        self._entry = entry
        side = _position_side(entry)
        self._keeper.begin(entry, side)
        self._risk.restore_position(self._keeper.symbol, side)

    def _has_ended(self, order_id: str) -> bool:
        """Whether the entry was refused, or became a trade that is booked."""
        seen = self._journal.last_order(order_id)
        if seen is not None and seen.report.status.is_final and not self._was_seen_filled(order_id):
            return True
        return self._journal.has_trade(order_id)

    async def finish(self) -> None:
        """Find out what became of that entry and put everything in order."""
        keeper = self._keeper
        if self._entry is None:
            await keeper.learn_filters()
            await self._begin_flat()
            return
        await keeper.refresh_filters(within_s=_FILTERS_WITHIN_S)
        if self._entry.leg is not Leg.ADOPTED and not await self._entry_exists(self._entry):
            keeper.abandon()
            await self._begin_flat()
            return
        await keeper.restore(self._entry)

    async def _begin_flat(self) -> None:
        """Nothing is open that this journal knows of.

        A position there is all the same may be ours, of a journal that was lost: the orders that
        protect it are not swept away.
        """
        self._risk.restore_flat(self._keeper.symbol)
        if await self._exchange.position(self._keeper.symbol) is None:
            await self._keeper.protection.sweep()

    async def _entry_exists(self, entry: Intent) -> bool:
        """Whether the entry is on the exchange; sent now if it is not and still fresh.

        What the journal has seen of it counts first: an exchange forgets old orders.
        """
        if self._was_seen_filled(entry.client_order_id):
            return True
        latest_ms = self._keeper.latest_entry_ms(entry.bar_open_ms)
        report = await self._keeper.execution.look_up_entry(entry, not_after_ms=latest_ms)
        if report is not None:
            return report.filled_quantity > 0 or not report.status.is_final
        if not self._is_fresh(entry):
            return False
        try:
            await self._keeper.execution.carry_out(entry, not_after_ms=latest_ms)
        except Rejected:
            return False
        return True

    def _was_seen_filled(self, order_id: str) -> bool:
        kept = self._journal.open_position(self._keeper.symbol)
        if kept is not None and kept.trade_id == order_id:
            return True
        seen = self._journal.last_order(order_id)
        return seen is not None and seen.report.filled_quantity > 0

    def _is_fresh(self, entry: Intent) -> bool:
        age_ms = self._clock.now_ms() - (entry.bar_open_ms + self._bar_ms)
        limit_ms = self._bar_ms if self._max_entry_delay_ms is None else self._max_entry_delay_ms
        return age_ms < limit_ms


def _position_side(entry: Intent) -> Side:
    return Side.LONG if entry.side is Side.LONG.entry else Side.SHORT
