"""Closing at market: in parts where it must be, once at a time, and verified where it counts.

Every order here is reduce-only: sent twice, or late, it can never open the other side.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal

import structlog

from cointrader.bot.booking import Booking
from cointrader.bot.execution import Execution
from cointrader.bot.holding import Holding
from cointrader.domain.errors import ExchangeError, OutcomeUnknown, Rejected, Unreachable
from cointrader.domain.order import Leg, Side
from cointrader.domain.ports import Clock, Exchange
from cointrader.domain.position import Position
from cointrader.strategy.state import Step

MOST_PARTS = 100  # orders that one close may take
_FLAT_LOOKS = 2  # so often running must the exchange show no position
_LOOK_AGAIN_MS = 500
_MOST_LOOKS = 20
_LOOK_TAKES_S = 5.0
_LATE_FILLS_S = 1.0  # a close for good does not wait longer to learn what else there is to close

log = structlog.get_logger()


class Closing:
    """Ends the position of one symbol."""

    def __init__(
        self, booking: Booking, execution: Execution, exchange: Exchange, clock: Clock
    ) -> None:
        self._booking = booking
        self._execution = execution
        self._exchange = exchange
        self._clock = clock
        self._unverified: tuple[Side, int, Leg] | None = None  # closed, and not seen to be flat
        self._lock = asyncio.Lock()  # who comes second finds the position closed

    async def close(self, bar_open_ms: int, leg: Leg = Leg.CLOSE) -> None:
        """Close at market and return once the position is flat, whoever closed it.

        A position above what one market order may be is closed in parts. Raises `OutcomeUnknown`
        and other `ExchangeError` where it may still be open: its state is UNPROTECTED then.
        """
        meant = self._booking.holding  # and no position that follows it while we wait
        async with self._lock:
            if meant is not None and self._booking.holds(meant):
                await self._close(meant, bar_open_ms, leg)

    async def close_for_good(self, meant: Holding, bar_open_ms: int, leg: Leg) -> None:
        """`close`, and the exchange itself shows that nothing is left, several times running.

        What is left all the same, an entry's late fill, is closed again. Raises as `close` does.
        A position that follows the one that is `meant` is left alone.
        """
        async with self._lock:
            if not self._booking.holds(meant):
                return
            with suppress(ExchangeError):  # fills of the entry that nobody has told yet
                await self._booking.catch_up(within_s=_LATE_FILLS_S)
            is_held = self._booking.holds(meant)
            if self._booking.holding is not None and not is_held:
                return
            self._unverified = meant.side, bar_open_ms, leg
            if is_held:
                await self._close(meant, bar_open_ms, leg)
            await self._verify_flat(meant.side, bar_open_ms, leg)

    async def verify_flat(self) -> None:
        """Go on with what `close_for_good` could not bring to its end. Raises as it does."""
        async with self._lock:
            if self._unverified is not None and self._booking.holding is None:
                await self._verify_flat(*self._unverified)

    def forget(self) -> None:
        """Another position began: whoever entered it saw that the one before was gone."""
        self._unverified = None

    async def _close(self, meant: Holding, bar_open_ms: int, leg: Leg) -> None:
        booking = self._booking
        booking.step(Step.EXIT_SENT)
        failure: ExchangeError | None = None
        try:
            try:
                await self._close_parts(meant, bar_open_ms, leg)
            except ExchangeError as error:
                failure = error
            await booking.settled()  # flat is when the trade is booked and its orders are swept
        finally:  # also where whoever asked for it has given up
            is_left = booking.holds(meant)
            if is_left:
                booking.step(Step.EXIT_FAILED)
                booking.result_unknown()
        if is_left:
            raise failure or OutcomeUnknown(
                "a close was sent, the position is still open", where=booking.symbol
            )

    async def _close_parts(self, meant: Holding, bar_open_ms: int, leg: Leg) -> None:
        booking = self._booking
        await booking.refresh_filters()
        for part in range(MOST_PARTS):
            holding = booking.holding
            if holding is None or not booking.holds(meant):
                return
            await self._close_part(holding, bar_open_ms, leg, part)
            if booking.left == holding.quantity:
                return  # nothing moved, and trying again would not move it

    async def _close_part(self, holding: Holding, bar_open_ms: int, leg: Leg, part: int) -> None:
        """Send one order of a close, and wait for its fills."""
        booking = self._booking
        # On a step that became coarser the order covers the rest too: it can only reduce.
        quantity = self._one_order(booking.instrument.covering(holding.quantity))
        intent = self._execution.market_intent(
            bar_open_ms, leg, holding.side.exit, quantity, attempt=part
        )
        try:
            await self._execution.carry_out(intent)
        except Rejected as refused:  # the stop or target was faster
            log.info("close.refused", symbol=booking.symbol, code=refused.code)
            await booking.catch_up()
        wanted = max(holding.quantity - quantity, Decimal(0))

        def is_filled() -> bool:
            return booking.holding is None or bool(wanted and booking.left <= wanted)

        await booking.until(is_filled, or_at_last=is_filled)

    async def _verify_flat(self, side: Side, bar_open_ms: int, leg: Leg) -> None:
        flat_looks = 0
        for _ in range(_MOST_LOOKS):
            position = await self._position()
            if self._booking.holding is not None:
                return  # the next position: its own affair
            if position is None or position.side is not side:
                flat_looks += 1
                if flat_looks == _FLAT_LOOKS:
                    self._unverified = None
                    return
            else:
                flat_looks = 0
                log.warning("close.left", symbol=position.symbol, quantity=str(position.quantity))
                quantity = self._one_order(position.quantity)
                with suppress(Rejected):  # it is gone meanwhile, or the next look says it is not
                    await self._execution.carry_out(
                        self._execution.market_intent(bar_open_ms, leg, side.exit, quantity)
                    )
            await self._clock.sleep_ms(_LOOK_AGAIN_MS)
        raise OutcomeUnknown("a position does not close", where=self._booking.symbol)

    async def _position(self) -> Position | None:
        try:
            async with asyncio.timeout(_LOOK_TAKES_S):
                return await self._exchange.position(self._booking.symbol)
        except TimeoutError:
            where = self._booking.symbol
            raise Unreachable("the position could not be seen", where=where) from None

    def _one_order(self, quantity: Decimal) -> Decimal:
        largest = self._booking.instrument.max_quantity
        return quantity if largest is None else min(quantity, largest)
