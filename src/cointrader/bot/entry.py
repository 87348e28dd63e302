"""How a position begins: opened by an order of ours, taken back after a restart, or taken over.

An entry is over when its stop is asked for. What it was filled at is known from fills, however
they become known; its stop does not wait for an answer to the order where the fill is there first.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

from cointrader.bot.booking import Booking
from cointrader.bot.execution import Execution
from cointrader.bot.holding import Holding
from cointrader.bot.watch import Watch
from cointrader.domain.errors import OutcomeUnknown, Rejected
from cointrader.domain.order import Fill, Leg
from cointrader.domain.ports import Clock, Exchange, Journal
from cointrader.domain.records import Decision, Intent, PositionOpened
from cointrader.risk.manager import Reservation
from cointrader.strategy.plan import Exits, Levels
from cointrader.strategy.state import State, Step

_SWEEPS, _SWEEP_AGAIN_MS = 4, 500  # before an entry, of what the position before left
_CLOCKS_DIFFER_MS = 1_000
_UNSWEPT = "unswept"  # our own refusal code
_ANSWER_AFTER_FILL_S = 0.5  # the answer to an order whose fill was told is not waited for longer


class Entry:
    """Begins positions of one symbol."""

    def __init__(
        self,
        booking: Booking,
        watch: Watch,
        execution: Execution,
        exchange: Exchange,
        journal: Journal,
        clock: Clock,
        *,
        max_entry_delay_ms: int | None,
    ) -> None:
        self._booking = booking
        self._watch = watch
        self._execution = execution
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._max_entry_delay_ms = max_entry_delay_ms
        self._kept: PositionOpened | None = None  # as the journal had it when this process started
        self._answer: asyncio.Timeout | None = None  # to the entry order under way
        booking.on_entry_fill = self._filled_before_answered

    # -- opened ------------------------------------------------------------------------------

    async def enter(
        self, bar_open_ms: int, reservation: Reservation, exits: Exits, decision: Decision
    ) -> Rejected | None:
        """Open the reserved position and protect it; the refusal when there will be none."""
        booking = self._booking
        if not await self._is_swept():
            reservation.release()
            return Rejected("orders of the position before may still rest", code=_UNSWEPT)
        side = reservation.side
        intent = self._execution.market_intent(
            bar_open_ms, Leg.ENTRY, side.entry, reservation.quantity, exits.to_text()
        )
        booking.begin(intent, side)
        try:
            await self._send(intent, decision)
        except Rejected as refused:
            if not booking.bought:
                booking.abandon()
                reservation.release()
                return refused
        await self._filled(reservation.quantity)
        levels = self._planned(exits)
        if booking.holding is not None:
            reservation.commit(booking.bought, booking.holding.entry_price, levels.stop)
            await self._protect_or_book(levels)
        return None

    async def _is_swept(self) -> bool:
        """Whether no order of the position before is left to close the new one, or to keep its
        stop from being placed."""
        for _ in range(_SWEEPS):
            await self._booking.settled()
            if not self._booking.is_unsettled:
                return True
            await self._clock.sleep_ms(_SWEEP_AGAIN_MS)
        return False

    async def _send(self, intent: Intent, decision: Decision) -> None:
        """Send the order. A fill that is told says that it arrived, whatever its answer does."""
        try:
            async with asyncio.timeout(None) as self._answer:
                await self._execution.carry_out(
                    intent,
                    decision=decision,
                    not_after_ms=self.latest_entry_ms(intent.bar_open_ms),
                )
        except TimeoutError:
            pass
        finally:
            self._answer = None

    def _filled_before_answered(self) -> None:
        if self._answer is not None and self._answer.when() is None:
            now_s = asyncio.get_running_loop().time()
            self._answer.reschedule(now_s + _ANSWER_AFTER_FILL_S)

    def latest_entry_ms(self, bar_open_ms: int) -> int | None:
        """When the order of this bar's entry must have left at the latest."""
        if self._max_entry_delay_ms is None:
            return None
        return bar_open_ms + self._booking.bar_ms + self._max_entry_delay_ms

    async def _filled(self, quantity: Decimal | None) -> None:
        """Wait for the fills of the entry, and ask for them when they stay away.

        Raises `OutcomeUnknown` when nobody can say what became of the order.
        """
        booking = self._booking
        booking.filled_ms = booking.filled_ms or self._clock.now_ms()
        is_known = await booking.until(
            lambda: bool(booking.bought) and (quantity is None or booking.bought >= quantity),
            or_at_last=lambda: bool(booking.bought),
        )
        if not is_known:
            raise OutcomeUnknown("an entry was accepted and never filled", where=booking.symbol)
        booking.step(Step.ENTRY_FILLED)

    async def _protect_or_book(self, levels: Levels, *, is_taken_over: bool = False) -> None:
        holding = self._booking.holding
        if holding is not None and holding.is_closed:  # somebody closed it while it was counted
            await self._booking.book_closed()
        else:
            await self._watch.protect(levels, is_taken_over=is_taken_over)

    def _planned(self, exits: Exits) -> Levels:
        """The levels that follow from the fill, put into the holding."""
        booking = self._booking
        holding = booking.holding
        assert holding is not None  # an entry that was filled
        levels = self._kept_levels(holding) or exits.levels(
            holding.side, holding.entry_price, booking.instrument
        )
        booking.holding = replace(holding, levels=levels)
        return levels

    # -- taken back --------------------------------------------------------------------------

    async def restore(self, entry: Intent) -> None:
        """After a restart: count what happened to the entry, then protect what is left."""
        booking = self._booking
        kept = self._kept = self._journal.open_position(booking.symbol)
        if entry.leg is Leg.ADOPTED and kept is not None:
            booking.holding = await self._counted_again(entry, kept.entry_price)
        await booking.count_fills()
        booking.filled_ms = self._clock.now_ms()
        if booking.bought:
            booking.step(Step.ENTRY_FILLED)
        else:
            await self._filled(None)
        await booking.count_funding()
        if booking.holding is None:  # its stop was filled meanwhile
            return
        levels = self._planned(Exits.from_text(entry.exits))
        if not booking.holding.is_closed:
            booking.tell_size()
        await self._protect_or_book(levels, is_taken_over=True)

    def _kept_levels(self, holding: Holding) -> Levels | None:
        """Of a position from before a restart: its levels as they were last moved."""
        kept = self._kept
        if kept is None or kept.trade_id != holding.trade_id:
            return None
        # The entry price stands for "no close yet". Where it was one, nothing is lost: a stop that
        # it called for has been moved, and stops never move back.
        self._booking.best_close = (
            None if kept.best_close == float(kept.entry_price) else kept.best_close
        )
        return Levels(kept.stop, kept.target)

    # -- taken over --------------------------------------------------------------------------

    async def adopt(self, exits: Exits, bar_open_ms: int) -> bool:
        """Take over the position that somebody else opened: protect and manage it from now on.

        Its levels are counted from the price now, so that taking over closes nothing by itself.
        False: there is none any more, or it could not be protected and was closed.
        """
        booking = self._booking
        mark = (await self._exchange.quote(booking.symbol)).mark
        earlier = await self._exchange.fills(booking.symbol, since_ms=booking.bar_now_ms())
        position = await self._exchange.position(booking.symbol)
        if position is None:
            return False
        await booking.settled()
        intent = self._execution.market_intent(
            bar_open_ms,
            Leg.ADOPTED,
            position.side.entry,
            position.quantity,
            exits.to_text(),
            attempt=self._free_attempt(bar_open_ms),
        )
        booking.begin(intent, position.side)
        taken = self._count_adopted(intent, position.entry_price)
        levels = exits.levels(position.side, mark, booking.instrument)
        booking.holding = replace(
            taken,
            levels=levels,
            seen=taken.seen | {fill.trade_id for fill in earlier},  # they made it what it is
        )
        booking.tell_size()
        await self._journal.commit(intent)
        booking.filled_ms = self._clock.now_ms()
        booking.step(Step.ENTRY_FILLED)
        await self._protect_or_book(levels, is_taken_over=True)
        return booking.state is State.OPEN

    async def _counted_again(self, entry: Intent, entry_price: Decimal) -> Holding:
        """After a restart: the holding taken over, without what had made it what it was."""
        taken = self._count_adopted(entry, entry_price)
        fills = await self._exchange.fills(entry.symbol, since_ms=taken.entered_ms)
        before = {fill.trade_id for fill in fills if fill.at_ms < entry.at_ms - _CLOCKS_DIFFER_MS}
        return replace(taken, seen=taken.seen | before)

    def _free_attempt(self, bar_open_ms: int) -> int:
        """Two positions may be taken over within one bar: the second has an id of its own."""
        attempt = 0
        while self._journal.has_trade(self._execution.order_id(bar_open_ms, Leg.ADOPTED, attempt)):
            attempt += 1
        return attempt

    def _count_adopted(self, intent: Intent, entry_price: Decimal) -> Holding:
        """The holding begun for `intent`, with what was there when it was taken over.

        It counts from the open of its bar: exits may be stamped before our clock's time.
        """
        holding, bar_ms = self._booking.holding, self._booking.bar_ms
        assert holding is not None  # it was begun
        return holding.with_fill(
            Fill(
                symbol=holding.symbol,
                trade_id=-intent.at_ms,  # no execution of the exchange has such a number
                client_order_id=intent.client_order_id,
                side=intent.side,
                price=entry_price,
                quantity=intent.quantity or Decimal(0),
                fee=Decimal(0),
                at_ms=intent.at_ms // bar_ms * bar_ms,
            )
        )
