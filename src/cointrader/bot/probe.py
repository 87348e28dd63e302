"""Does the exchange keep stops again? Asked with one that cannot trigger, before money is at risk.

A symbol whose stop was not confirmed gets no entry until a probe passes: a reduce-only stop of the
smallest quantity, far from the price and placed while flat, is seen, seen again as much later as a
stop is confirmed, cancelled, and seen to be gone. The block is in the journal, and outlives us.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import structlog

from cointrader.bot.booking import Booking
from cointrader.bot.execution import Execution
from cointrader.bot.protection import CONFIRMED_AFTER_MS, Placed, Protection
from cointrader.domain.errors import ExchangeError
from cointrader.domain.order import Leg, OrderSide, Side
from cointrader.domain.ports import Clock, Exchange, Journal
from cointrader.domain.records import BotState

BLOCKED, LIFTED = "unprotected", "protected"  # states of a bot in the journal
_SEEN_WITHIN_MS = 5_000
_FAR = 0.5  # of the mark price
_FIRST_PAUSE_MS = 1_000
_LONGEST_PAUSE_MS = 300_000

log = structlog.get_logger()


class Probe:
    """Blocks the entries of one symbol, and finds out when they may go on."""

    def __init__(
        self,
        booking: Booking,
        protection: Protection,
        execution: Execution,
        exchange: Exchange,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._booking = booking
        self._protection = protection
        self._execution = execution
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._attempt = 0
        self._blocked = asyncio.Event()
        last = journal.last_bot_state(booking.symbol, (BLOCKED, LIFTED))
        self.why_blocked = last.detail if last is not None and last.state == BLOCKED else ""
        if self.why_blocked:
            self._blocked.set()

    def block(self, why: str) -> None:
        """No entries from now on, until a probe passes."""
        if not self.why_blocked:
            self.why_blocked = why
            self._note(BLOCKED, why)
            self._blocked.set()

    async def run(self) -> None:
        """Probe whenever entries are blocked, until cancelled."""
        pause_ms = _FIRST_PAUSE_MS
        while True:
            await self._blocked.wait()
            if await self._passes():
                self.why_blocked = ""
                self._blocked.clear()
                self._note(LIFTED, "a probe order was kept")
                pause_ms = _FIRST_PAUSE_MS
                continue
            await self._clock.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, _LONGEST_PAUSE_MS)

    async def _passes(self) -> bool:
        if self._booking.holding is not None:
            return False
        has_passed = False
        try:
            has_passed = await self._try()
        except (ExchangeError, TimeoutError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            log.warning("probe.failed", symbol=self._booking.symbol, reason=reason)
        finally:
            self._protection.spared = ""
        await self._booking.settled()  # whatever is left of it is swept, by the watch if not here
        return has_passed

    async def _try(self) -> bool:
        bar_ms = self._booking.bar_now_ms()
        intent = self._execution.conditional_intent(
            bar_ms,
            Leg.PROBE,
            OrderSide.SELL,
            await self._trigger_price(),
            quantity=self._quantity(),
            attempt=self._attempt,
        )
        self._attempt += 1
        order_id = self._protection.spared = intent.client_order_id
        by_ms = self._clock.now_ms() + _SEEN_WITHIN_MS
        is_kept = False
        if await self._protection.place_and_see(intent, see_by_ms=by_ms) is Placed.SEEN:
            await self._clock.sleep_ms(CONFIRMED_AFTER_MS)
            is_kept = await self._protection.rests(order_id)
        is_gone = await self._protection.remove(order_id)
        return is_kept and is_gone

    async def _trigger_price(self) -> Decimal:
        await self._booking.learn_filters()
        mark = (await self._exchange.quote(self._booking.symbol)).mark
        return self._booking.instrument.stop_price(float(mark) * _FAR, position=Side.LONG)

    def _quantity(self) -> Decimal:
        instrument = self._booking.instrument
        return max(instrument.min_quantity, instrument.step_size or Decimal(0)) or Decimal(1)

    def _note(self, state: str, detail: str) -> None:
        self._journal.note(BotState(self._clock.now_ms(), self._booking.symbol, state, detail))
