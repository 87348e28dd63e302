"""Keeps an open position behind its stop, from the fill to the end.

A stop counts as confirmed when it was seen among the open orders and seen again three seconds
later. After that any sign that it is gone, and every now and then no sign at all, leads to a look.
A stop that is missing is placed again, if it can still be confirmed in time; else the position is
closed at market, and the exchange itself must show that it is. All of this runs beside the bot,
which answers its bars meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from cointrader.bot.booking import Booking
from cointrader.bot.closing import Closing
from cointrader.bot.holding import Holding
from cointrader.bot.protection import (
    CONFIRMED_AFTER_MS,
    DEADLINE_MS,
    NOTHING,
    Placed,
    Protection,
    Standing,
)
from cointrader.domain.errors import ExchangeError
from cointrader.domain.order import Leg, OrderReport, OrderStatus, leg_of
from cointrader.domain.ports import Clock, Exchange
from cointrader.strategy.plan import Levels
from cointrader.strategy.state import State, Step

LOOK_EVERY_MS = 30_000  # at the orders around an open position, where messages can get lost
_FIRST_PAUSE_MS = 1_000
_LONGEST_PAUSE_MS = 60_000
_LONGEST_NAKED_PAUSE_MS = 5_000  # while a position is open that should be closed
_LOOK_AGAIN_MS = 500
_ASKING_S = 5.0  # one question to the exchange, at the longest
_ASKING_IN_A_HURRY_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Unconfirmed:
    """A stop that was seen once: when it must be seen again, and by when at the latest."""

    again_ms: int
    by_ms: int


class Watch:
    """Looks after the protection of one symbol's position.

    `on_unprotected` hears that the exchange did not keep a stop.
    """

    def __init__(
        self,
        booking: Booking,
        protection: Protection,
        closing: Closing,
        exchange: Exchange,
        clock: Clock,
        *,
        on_unprotected: Callable[[str], None],
    ) -> None:
        self._booking = booking
        self._protection = protection
        self._closing = closing
        self._exchange = exchange
        self._clock = clock
        self._on_unprotected = on_unprotected
        self._every_ms = LOOK_EVERY_MS if exchange.is_remote else None
        self._due_ms: int | None = None  # when to look next
        self._unconfirmed: _Unconfirmed | None = None
        self._is_through = False  # the stop was refused at its trigger
        self._is_closing = False  # it was said that the position is being closed
        self._told_unknown = ""  # the position of which it was said that its end is not known
        self._pause_ms = _FIRST_PAUSE_MS
        self._woken = asyncio.Event()
        self._acting = asyncio.Lock()  # protection is being put in place, or looked at
        self._looking: asyncio.Timeout | None = None  # while it is looked at
        booking.on_unswept = self.look_later

    # -- first -------------------------------------------------------------------------------

    async def protect(self, levels: Levels, *, is_taken_over: bool = False) -> None:
        """Put stop and target behind the position; close it when the stop is not seen in time.

        `is_taken_over`: other orders may be around it, the guard's or those of whoever opened it.
        """
        if self._looking is not None and self._looking.when() is None:
            # At the position before, or at what it left: nothing that a new one could wait for.
            self._looking.reschedule(asyncio.get_running_loop().time())
        async with self._acting:
            holding = self._booking.holding
            if holding is None or holding.is_closed:
                return
            self._forget_the_one_before()
            self._booking.note_position()
            await self._establish(
                holding,
                levels,
                confirm_by_ms=self._booking.filled_ms + DEADLINE_MS,
                is_taken_over=is_taken_over,
            )

    def _forget_the_one_before(self) -> None:
        self._is_through, self._is_closing, self._unconfirmed = False, False, None
        self._pause_ms = _FIRST_PAUSE_MS
        self._closing.forget()

    async def _establish(
        self, holding: Holding, levels: Levels, *, confirm_by_ms: int, is_taken_over: bool
    ) -> None:
        booking, bar_ms = self._booking, self._booking.entry_bar_ms
        see_by_ms = confirm_by_ms - CONFIRMED_AFTER_MS
        if is_taken_over:
            placed = await self._protection.take_over(
                holding,
                levels,
                bar_ms,
                quantity=booking.instrument.covering(holding.quantity),
                see_by_ms=see_by_ms,
            )
        else:
            placed = await self._protection.establish(holding, levels, bar_ms, see_by_ms=see_by_ms)
        if not booking.holds(holding) or booking.state is State.EXITING:
            return  # somebody else ended it, or is about to
        if placed is Placed.SEEN:
            if booking.state is State.UNPROTECTED:
                booking.step(Step.PROTECTED)
            again_ms = self._clock.now_ms() + CONFIRMED_AFTER_MS
            self._unconfirmed = _Unconfirmed(again_ms, confirm_by_ms)
            self._look_at(again_ms)
            return
        await self._get_out(holding, is_through=placed is Placed.TOO_LATE)

    async def _get_out(self, holding: Holding, *, is_through: bool) -> None:
        """Close at market, verified; what fails is tried again until it is done.

        `is_through`: because of the price, or because it was to be closed anyway; the exchange
        keeps stops as ever.
        """
        booking, self._unconfirmed = self._booking, None
        bar_ms = booking.entry_bar_ms
        if booking.state is State.OPEN or not self._is_closing:
            self._is_closing = True
            text = f"protection of {booking.symbol} was not confirmed: closing at market"
            await booking.alert(text)
        if not is_through:
            self._on_unprotected("its stop was not confirmed in time")
        try:
            await self._closing.close_for_good(holding, bar_ms, Leg.EMERGENCY)
            self._is_closing = False
        except (ExchangeError, TimeoutError) as error:
            log.error("close.failed", symbol=booking.symbol, reason=_words(error))
            self.look_later()

    # -- later -------------------------------------------------------------------------------

    def hear(self, report: OrderReport) -> None:
        """An order changed. One of ours that ended without closing anything is looked for."""
        holding = self._booking.holding
        if holding is None or not report.status.is_final or report.status is OrderStatus.FILLED:
            return
        leg = leg_of(report.client_order_id)
        if leg not in (Leg.STOP, Leg.TRAIL, Leg.TARGET) or report.side is not holding.side.exit:
            return
        is_in_force = holding.levels is not None and report.trigger_price == holding.levels.stop
        if report.status is OrderStatus.REJECTED and is_in_force:
            self._is_through = True
        self.look_now()

    def confirm(self) -> None:
        """A stop was moved and seen: see it again."""
        self._look_at(self._clock.now_ms() + CONFIRMED_AFTER_MS)

    def look_now(self) -> None:
        """Something happened that may have taken the stop away."""
        self._look_at(self._clock.now_ms())

    def look_later(self) -> None:
        """Something could not be done: look again after a pause that grows.

        Nothing is put off: where a look is due sooner, that one is the next.
        """
        is_naked = self._booking.state is State.UNPROTECTED or self._unconfirmed is not None
        longest_ms = _LONGEST_NAKED_PAUSE_MS if is_naked else _LONGEST_PAUSE_MS
        pause_ms = min(self._pause_ms, longest_ms)
        if self._look_at(self._clock.now_ms() + pause_ms):
            self._pause_ms = 2 * pause_ms

    async def run(self) -> None:
        """Look whenever it is due, until cancelled."""
        while True:
            await self._wait()
            try:
                async with self._acting, asyncio.timeout(None) as self._looking:
                    await self._look()
            except (ExchangeError, TimeoutError) as error:
                log.warning("watch.failed", symbol=self._booking.symbol, reason=_words(error))
                self.look_later()
            finally:
                self._looking = None

    async def _wait(self) -> None:
        while True:
            self._woken.clear()
            now_ms = self._clock.now_ms()
            if self._due_ms is not None and self._due_ms <= now_ms:
                self._due_ms = None
                return
            left_s = None if self._due_ms is None else (self._due_ms - now_ms) / 1000
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._woken.wait()

    def _look_at(self, at_ms: int) -> bool:
        """Look at `at_ms`; False where a look was due no later already."""
        is_next = self._due_ms is None or at_ms < self._due_ms
        if is_next:
            self._due_ms = at_ms
            self._woken.set()
        return is_next

    async def _look(self) -> None:
        booking = self._booking
        holding = booking.holding
        if holding is None:
            await self._see_to_the_rest()
        elif booking.state is State.UNPROTECTED:
            await self._mend(holding, None, confirm_by_ms=None)
        elif booking.state is State.OPEN:
            try:
                await self._look_at_protection(holding)
            finally:
                self._see_again()

    async def _look_at_protection(self, holding: Holding) -> None:
        seen = self._unconfirmed
        counts = seen is None or self._clock.now_ms() >= seen.again_ms  # by when the look begins
        by_ms = None if seen is None else seen.by_ms
        standing = await self._standing(holding, by_ms)
        if counts and standing.has_stop:
            self._unconfirmed = None
        if not standing.is_whole or self._is_through:
            await self._mend(holding, standing, confirm_by_ms=by_ms)
        elif counts and (seen is not None or await self._is_still_open(holding)):
            self._is_as_it_should_be()  # a position that is gone may leave its orders behind

    def _see_again(self) -> None:
        """A stop that was seen once is due a second time, whatever came of this look."""
        seen, now_ms = self._unconfirmed, self._clock.now_ms()
        if seen is None:
            return
        if now_ms < max(seen.again_ms, seen.by_ms):
            self._look_at(max(seen.again_ms, now_ms + _LOOK_AGAIN_MS))
        else:
            self.look_later()

    def _is_as_it_should_be(self) -> None:
        self._pause_ms = _FIRST_PAUSE_MS
        if self._every_ms is not None:
            self._look_at(self._clock.now_ms() + self._every_ms)

    async def _see_to_the_rest(self) -> None:
        """The position is over: its orders must be, too."""
        self._is_through, self._unconfirmed = False, None
        await self._closing.verify_flat()
        await self._booking.settled()
        if self._protection.is_swept:
            self._pause_ms = _FIRST_PAUSE_MS
        else:
            self.look_later()

    async def _standing(self, holding: Holding, confirm_by_ms: int | None) -> Standing:
        """What protects the position; what nobody can say by a deadline counts as nothing."""
        while True:
            try:
                return await self._protection.standing(holding, self._booking.entry_bar_ms)
            except ExchangeError:
                if confirm_by_ms is None:
                    raise
                if self._clock.now_ms() >= confirm_by_ms:
                    return NOTHING
            await self._clock.sleep_ms(_LOOK_AGAIN_MS)

    # -- mended ------------------------------------------------------------------------------

    async def _mend(
        self, holding: Holding, standing: Standing | None, *, confirm_by_ms: int | None
    ) -> None:
        """Something is missing: place it again while there is time, else close.

        `standing` is None where a close or a protection did not succeed: it is tried again.
        """
        in_a_hurry = (
            standing is None
            or self._is_through
            or not (standing.has_stop or self._can_be_confirmed(confirm_by_ms))
        )
        if not await self._is_still_open(holding, in_a_hurry=in_a_hurry):
            return
        if standing is None or self._is_through or self._booking.state is State.UNPROTECTED:
            await self._get_out(holding, is_through=True)
        elif standing.has_stop:
            await self._complete(holding, standing)
        elif not self._can_be_confirmed(confirm_by_ms):
            await self._get_out(holding, is_through=False)
        else:
            log.warning("stop.lost", symbol=self._booking.symbol)
            self._booking.step(Step.STOP_LOST)
            assert holding.levels is not None  # it was protected
            by_ms = confirm_by_ms or self._clock.now_ms() + DEADLINE_MS
            await self._establish(holding, holding.levels, confirm_by_ms=by_ms, is_taken_over=True)

    def _can_be_confirmed(self, by_ms: int | None) -> bool:
        """Whether a stop that is placed now can be confirmed by then; None: there is no hurry."""
        return by_ms is None or self._clock.now_ms() + CONFIRMED_AFTER_MS <= by_ms

    async def _complete(self, holding: Holding, standing: Standing) -> None:
        """A stop is there, and something else is not: no reason to close, but to go on trying."""
        booking, levels = self._booking, holding.levels
        assert levels is not None  # it was protected
        now_ms = self._clock.now_ms()
        if standing.has_outer and standing.has_target:
            quantity = booking.instrument.covering(holding.quantity)
            placed = await self._protection.move_stop(
                holding, levels, booking.bar_now_ms() - booking.bar_ms, quantity=quantity
            )
        else:
            placed = await self._protection.establish(
                holding, levels, booking.entry_bar_ms, see_by_ms=now_ms + DEADLINE_MS
            )
        if not booking.holds(holding) or booking.state is not State.OPEN:
            return
        if placed is Placed.TOO_LATE:
            await self._get_out(holding, is_through=True)
        elif placed is Placed.SEEN:
            self._look_at(self._clock.now_ms() + CONFIRMED_AFTER_MS)
        else:
            self.look_later()

    async def _is_still_open(self, holding: Holding, *, in_a_hurry: bool = False) -> bool:
        """Whether the exchange shows the position; where it does not, its end is asked for.

        `in_a_hurry` to close it: what is not answered soon counts as open, for a close can only
        reduce.
        """
        booking = self._booking
        try:
            async with asyncio.timeout(_ASKING_IN_A_HURRY_S if in_a_hurry else _ASKING_S):
                position = await self._exchange.position(booking.symbol)
        except (ExchangeError, TimeoutError):
            if not in_a_hurry:
                raise
        else:
            if position is None or position.side is not holding.side:
                await self._learn_the_end(holding)
                return False
        return booking.holds(holding) and booking.state in (State.OPEN, State.UNPROTECTED)

    async def _learn_the_end(self, holding: Holding) -> None:
        """The position is gone, and its fills do not say so yet. No entry until they do."""
        booking = self._booking
        with suppress(ExchangeError):
            await booking.catch_up()
        if booking.holding is None or not booking.holds(holding) or booking.holding.is_closed:
            return
        booking.result_unknown()
        if self._told_unknown != holding.trade_id:
            self._told_unknown = holding.trade_id
            await booking.alert(
                f"{booking.symbol} is flat and its last fills are not known yet: no entries until "
                "they are"
            )
        self.look_later()


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
