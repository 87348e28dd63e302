"""The one position of a symbol: opened once, never without its stop, closed and booked once.

Everything here follows fills: a position is what its fills add up to, and it is closed when they
say so. The bot asks for an entry or a close; the account's events do the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import structlog

from cointrader.bot.execution import Execution
from cointrader.bot.holding import Holding
from cointrader.bot.protection import DEADLINE_MS as PROTECTION_DEADLINE_MS
from cointrader.bot.protection import Protection
from cointrader.domain.errors import (
    ExchangeError,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    StaleData,
    Unreachable,
)
from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Fill, Leg, Side, leg_of
from cointrader.domain.ports import Clock, Exchange, Journal
from cointrader.domain.position import CloseReason
from cointrader.domain.records import (
    Alert,
    Decision,
    FillSeen,
    FundingPaid,
    Intent,
    OrderSeen,
    PositionOpened,
    TradeClosed,
)
from cointrader.risk.manager import Reservation, RiskManager
from cointrader.strategy.plan import Exits, Levels, trailed_stop
from cointrader.strategy.state import State, Step, after

ASK_AGAIN_S = 1.0  # how long fills may stay away before they are asked for
FILL_PATIENCE = 10  # times
MOST_PARTS = 100  # orders that one close may take
_ANY = Decimal("1e-18")  # a quantity that any fill reaches

log = structlog.get_logger()


class PositionKeeper:
    """Carries out what the bot decides for one symbol."""

    def __init__(
        self,
        symbol: str,
        *,
        risk: RiskManager,
        exchange: Exchange,
        journal: Journal,
        clock: Clock,
        bar_ms: int,
        slippage: Decimal,
        max_entry_delay_ms: int | None = None,
    ) -> None:
        self.symbol = symbol
        self.state = State.FLAT
        self.holding: Holding | None = None
        self.saw_foreign = False  # a fill that was not ours, since somebody last asked
        self.execution = Execution(symbol, exchange, journal, clock, bar_ms)
        self.protection = Protection(symbol, exchange, self.execution, clock)
        self._risk = risk
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._bar_ms = bar_ms
        self._slippage = slippage
        self._max_entry_delay_ms = max_entry_delay_ms
        self._instrument = Instrument(symbol)
        self._entry_bar_ms = 0  # the bar whose close decided the entry: names the position's orders
        self._trail_bar_ms: int | None = None
        self._best_close: float | None = None
        self._kept: PositionOpened | None = None  # as the journal had it when this process started
        self._filled_ms = 0  # when the entry was known to be filled: protection is due from then
        self._changed = asyncio.Event()  # something about the holding moved
        self._booking = asyncio.Lock()  # a trade is being booked, which awaits in between

    @property
    def held(self) -> Side | None:
        return None if self.holding is None else self.holding.side

    @property
    def instrument(self) -> Instrument:
        return self._instrument

    async def learn_filters(self) -> None:
        """Learn what the exchange allows for this symbol; that may change while we run."""
        self._instrument = await self._exchange.instrument(self.symbol)

    async def listen(self, events: AsyncIterator[AccountEvent]) -> None:
        """Follow the account until cancelled."""
        async for event in events:
            await self.on_event(event)
        raise StaleData("the account's events ended", where=self.symbol, todo="subscribe again")

    async def on_event(self, event: AccountEvent) -> None:
        if isinstance(event, OrderFilled):
            await self.on_fill(event.fill)
        elif isinstance(event, FundingSettled):
            self.on_funding(event)
        else:
            self._journal.note(OrderSeen(event.report))

    async def on_fill(self, fill: Fill) -> None:
        """Count a fill; book the trade when it made the position flat."""
        holding = self.holding
        if holding is None or not _belongs(fill, holding):
            self.saw_foreign = True
            log.warning("fill.foreign", symbol=self.symbol, client_order_id=fill.client_order_id)
            return
        counted = holding.with_fill(fill)
        if counted is holding:
            return
        self._journal.note(FillSeen(fill))
        self.holding = counted
        if self.state is not State.ENTERING:
            if counted.is_closed:
                async with self._booking:
                    await self._book(counted)
            elif counted.bought > holding.bought:
                self._tell_size(counted)  # the rest of an entry that was filled in parts
        self._changed.set()

    @property
    def is_unsettled(self) -> bool:
        """Whether `settled` has something to wait for."""
        return self._booking.locked() or not (self.holding or self.protection.is_swept)

    async def settled(self) -> None:
        """Return once no trade is half booked and no order is left that could surprise us."""
        async with self._booking:
            if self.holding is None and not self.protection.is_swept:
                await self.protection.sweep()

    def on_funding(self, event: FundingSettled) -> None:
        if self.holding is None or not 0 < self.holding.entered_ms < event.at_ms:
            return  # told late: it was for the position before
        counted = self.holding.with_funding(event)
        if counted is not self.holding:
            self.holding = counted
            self._journal.note(FundingPaid(event.symbol, event.at_ms, event.rate, event.amount))

    # -- entry -------------------------------------------------------------------------------

    async def enter(
        self, bar_open_ms: int, reservation: Reservation, exits: Exits, decision: Decision
    ) -> Rejected | None:
        """Open the reserved position and protect it; the refusal when there will be none."""
        await self.settled()  # a sweep that is still under way must not see the new orders
        side = reservation.side
        intent = self.execution.market_intent(
            bar_open_ms, Leg.ENTRY, side.entry, reservation.quantity, exits.to_text()
        )
        self.begin(intent, side)
        try:
            await self.execution.carry_out(
                intent, decision=decision, not_after_ms=self.latest_entry_ms(bar_open_ms)
            )
        except Rejected as refused:
            self.abandon()
            reservation.release()
            return refused
        await self.entry_filled(reservation.quantity)
        levels = self._planned(exits)
        if self.holding is not None:
            reservation.commit(self.holding.bought, self.holding.entry_price, levels.stop)
            await self._protect_or_book(levels)
        return None

    def latest_entry_ms(self, bar_open_ms: int) -> int | None:
        """When the order of this bar's entry must have left at the latest."""
        if self._max_entry_delay_ms is None:
            return None
        return bar_open_ms + self._bar_ms + self._max_entry_delay_ms

    async def _protect_or_book(self, levels: Levels) -> None:
        holding = self.holding
        if holding is not None and holding.is_closed:  # somebody closed it while it was counted
            async with self._booking:
                await self._book(holding)
        else:
            await self.protect(levels)

    def begin(self, intent: Intent, side: Side) -> None:
        """An entry is under way."""
        self._step(Step.ENTRY_SENT)
        self._entry_bar_ms = intent.bar_open_ms
        self._trail_bar_ms = None
        self._best_close = None
        self.holding = Holding(self.symbol, side, intent.client_order_id, self._bar_ms)

    def abandon(self) -> None:
        """The entry under way did not happen."""
        self._step(Step.ENTRY_FAILED)
        self.holding = None

    async def entry_filled(self, quantity: Decimal) -> None:
        """Wait for the fills of the entry, and ask for them when they stay away.

        Raises `OutcomeUnknown` when nobody can say what became of the order.
        """
        for _ in range(FILL_PATIENCE):
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN_S):
                    while self._bought() < quantity:
                        self._changed.clear()
                        await self._changed.wait()
                    break
            with suppress(Unreachable, RateLimited):
                await self.catch_up()
            if self._bought():
                break
        else:
            raise OutcomeUnknown("an entry was accepted and never filled", where=self.symbol)
        self._filled_ms = self._clock.now_ms()
        self._step(Step.ENTRY_FILLED)

    async def catch_up(self) -> None:
        """Count funding and fills that the event stream may have missed.

        Funding first: the last fill books the trade.
        """
        if self.holding is not None and self.holding.entered_ms:
            await self._count_funding()
        await self._count_fills()

    async def _count_fills(self) -> None:
        if self.holding is not None:
            since_ms = self.holding.entered_ms or self._entry_bar_ms
            for fill in await self._exchange.fills(self.symbol, since_ms=since_ms):
                await self.on_fill(fill)

    async def _count_funding(self) -> None:
        if self.holding is not None:
            since_ms = self.holding.entered_ms
            for payment in await self._exchange.funding(self.symbol, since_ms=since_ms):
                self.on_funding(payment)

    async def protect(self, levels: Levels) -> None:
        """Put stop and target behind the position; close it when they cannot be confirmed."""
        holding = self.holding
        if holding is None or holding.is_closed:
            return
        self._note_position(holding, levels)
        deadline_ms = self._filled_ms + PROTECTION_DEADLINE_MS
        if leg_of(holding.trade_id) is Leg.ADOPTED:
            is_protected = await self.protection.take_over(
                holding,
                levels,
                self._entry_bar_ms,
                quantity=self._instrument.covering(holding.quantity),
                deadline_ms=deadline_ms,
            )
        else:
            is_protected = await self.protection.establish(
                holding, levels, self._entry_bar_ms, deadline_ms=deadline_ms
            )
        if is_protected:
            if self.state is State.UNPROTECTED:
                self._step(Step.PROTECTED)
            return
        await self._alert(f"protection of {self.symbol} was not confirmed: closing at market")
        await self.close(self._entry_bar_ms, Leg.EMERGENCY)

    def _planned(self, exits: Exits) -> Levels:
        """The levels that follow from the fill, put into the holding."""
        holding = self.holding
        assert holding is not None  # an entry that was filled
        levels = self._kept_levels(holding) or exits.levels(
            holding.side, holding.entry_price, self._instrument
        )
        self.holding = replace(holding, levels=levels)
        return levels

    def _kept_levels(self, holding: Holding) -> Levels | None:
        """Of a position from before a restart: its levels as they were last moved."""
        kept = self._kept
        if kept is None or kept.trade_id != holding.trade_id:
            return None
        # The entry price stands for "no close yet". Where it was one, nothing is lost: a stop that
        # it called for has been moved, and stops never move back.
        self._best_close = None if kept.best_close == float(kept.entry_price) else kept.best_close
        return Levels(kept.stop, kept.target)

    def _left(self) -> Decimal:
        return Decimal(0) if self.holding is None else self.holding.quantity

    def _bought(self) -> Decimal:
        return Decimal(0) if self.holding is None else self.holding.bought

    async def adopt(self, exits: Exits, bar_open_ms: int) -> bool:
        """Take over the position that somebody else opened: protect and manage it from now on.

        Its levels are counted from the price now, so that taking over closes nothing by itself.
        False: there is none any more, or it could not be protected and was closed.
        """
        mark = (await self._exchange.quote(self.symbol)).mark
        earlier = await self._exchange.fills(self.symbol, since_ms=self._bar_now_ms())
        position = await self._exchange.position(self.symbol)
        if position is None:
            return False
        intent = self.execution.market_intent(
            bar_open_ms,
            Leg.ADOPTED,
            position.side.entry,
            position.quantity,
            exits.to_text(),
            attempt=self._free_attempt(bar_open_ms),
        )
        self.begin(intent, position.side)
        taken = self._count_adopted(intent, position.entry_price)
        self.holding = replace(
            taken,
            levels=exits.levels(position.side, mark, self._instrument),
            seen=taken.seen | {fill.trade_id for fill in earlier},  # they made it what it is
        )
        self._tell_size(self.holding)
        await self._journal.commit(intent)
        self._filled_ms = self._clock.now_ms()
        self._step(Step.ENTRY_FILLED)
        assert self.holding.levels is not None
        await self._protect_or_book(self.holding.levels)
        return self.state is State.OPEN

    def _free_attempt(self, bar_open_ms: int) -> int:
        """Two positions may be taken over within one bar: the second has an id of its own."""
        attempt = 0
        while self._journal.has_trade(self.execution.order_id(bar_open_ms, Leg.ADOPTED, attempt)):
            attempt += 1
        return attempt

    def _bar_now_ms(self) -> int:
        return self._clock.now_ms() // self._bar_ms * self._bar_ms

    def _count_adopted(self, intent: Intent, entry_price: Decimal) -> Holding:
        """The holding begun for `intent`, with what was there when it was taken over.

        It counts from the open of its bar: exits may be stamped before our clock's time.
        """
        assert self.holding is not None
        return self.holding.with_fill(
            Fill(
                symbol=self.symbol,
                trade_id=-intent.at_ms,  # no execution of the exchange has such a number
                client_order_id=intent.client_order_id,
                side=intent.side,
                price=entry_price,
                quantity=intent.quantity or Decimal(0),
                fee=Decimal(0),
                at_ms=intent.at_ms // self._bar_ms * self._bar_ms,
            )
        )

    async def restore(self, entry: Intent) -> None:
        """After a restart: count what happened to the entry, then protect what is left."""
        kept = self._kept = self._journal.open_position(self.symbol)
        if entry.leg is Leg.ADOPTED and kept is not None:
            self.holding = self._count_adopted(entry, kept.entry_price)
        await self._count_fills()
        if self._bought():
            self._filled_ms = self._clock.now_ms()
            self._step(Step.ENTRY_FILLED)
        else:
            await self.entry_filled(_ANY)
        await self._count_funding()
        levels = self._planned(Exits.from_text(entry.exits))
        if self.holding is not None and not self.holding.is_closed:
            self._tell_size(self.holding)
        await self._protect_or_book(levels)

    def _tell_size(self, holding: Holding) -> None:
        """Let the risk manager and the journal know how large the position is."""
        if holding.levels is None:
            return
        self._risk.restore_position(
            self.symbol,
            holding.side,
            quantity=holding.quantity,
            entry_price=holding.entry_price,
            stop=holding.levels.stop,
        )
        self._note_position(holding, holding.levels)

    # -- exit --------------------------------------------------------------------------------

    async def close(self, bar_open_ms: int, leg: Leg = Leg.CLOSE) -> None:
        """Close at market and return once the position is flat, whoever closed it.

        A position above what one market order may be is closed in parts.
        """
        holding = self.holding
        if holding is None:
            return
        self._step(Step.EXIT_SENT)
        with suppress(ExchangeError):  # an exit goes by what is known, when asking fails
            await self.learn_filters()
        for part in range(MOST_PARTS):
            holding = self.holding
            if holding is None:
                break
            await self._close_part(holding, bar_open_ms, leg, part)
            if self._left() == holding.quantity:
                break  # nothing moved, and trying again would not move it
        await self.settled()  # flat is when the trade is booked and its orders are swept
        if self.holding is not None:
            self._step(Step.EXIT_FAILED)
            self._risk.result_unknown(self.symbol)
            raise OutcomeUnknown("a close was sent, the position is still open", where=self.symbol)

    async def _close_part(self, holding: Holding, bar_open_ms: int, leg: Leg, part: int) -> None:
        """Send one order of a close, and wait for its fills."""
        # On a step that became coarser the order covers the rest too: it can only reduce.
        quantity = self._instrument.covering(holding.quantity)
        if self._instrument.max_quantity is not None:
            quantity = min(quantity, self._instrument.max_quantity)
        intent = self.execution.market_intent(
            bar_open_ms, leg, holding.side.exit, quantity, attempt=part
        )
        try:
            await self.execution.carry_out(intent)
        except Rejected as refused:  # the stop or target was faster
            log.info("close.refused", symbol=self.symbol, code=refused.code)
            await self.catch_up()
        wanted = max(holding.quantity - quantity, Decimal(0))
        for _ in range(FILL_PATIENCE):
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN_S):
                    while self.holding is not None and (not wanted or self._left() > wanted):
                        self._changed.clear()
                        await self._changed.wait()
                    break
            with suppress(Unreachable, RateLimited):
                await self.catch_up()

    async def trail(self, close: float, bar_open_ms: int, trail_ratio: float) -> None:
        """After a bar's close: move the stop behind the best close since the fill."""
        holding = self.holding
        if holding is None or holding.levels is None or self.state is not State.OPEN:
            return
        sign = holding.side.sign
        best = max(self._best_close, close, key=lambda c: c * sign) if self._best_close else close
        self._best_close = best
        now = float(holding.levels.stop)
        with suppress(ExchangeError):
            await self.learn_filters()
        wanted = self._instrument.stop_price(
            trailed_stop(sign, now, best, trail_ratio), position=holding.side
        )
        if (wanted - holding.levels.stop) * sign <= 0:
            return
        levels = Levels(wanted, holding.levels.target)
        moved = await self.protection.move_stop(
            holding,
            levels,
            bar_open_ms,
            quantity=self._instrument.covering(holding.quantity),
            replaces_bar_ms=self._trail_bar_ms,
        )
        held_now = self.holding
        if not moved or held_now is None or held_now.trade_id != holding.trade_id:
            return  # nothing moved, or it was closed meanwhile
        self._trail_bar_ms = bar_open_ms
        self.holding = replace(held_now, levels=levels)
        self._note_position(self.holding, levels)
        self._risk.stop_moved(self.symbol, wanted)

    async def _book(self, holding: Holding) -> None:
        trade = holding.to_trade(self._slippage)
        self._step(Step.CLOSED)
        self.holding = None
        await self._risk.close_position(self.symbol, trade.net, at_ms=holding.exited_ms)
        await self._journal.commit(TradeClosed(trade))
        if trade.reason is CloseReason.LIQUIDATED:
            await self._alert(f"{self.symbol} was liquidated: {trade.net:.2f}")
        await self.protection.sweep()
        log.info("trade.closed", symbol=self.symbol, reason=trade.reason.value, net=str(trade.net))

    # -- shared ------------------------------------------------------------------------------

    def _step(self, step: Step) -> None:
        self.state = after(self.state, step)

    def _note_position(self, holding: Holding, levels: Levels) -> None:
        self._journal.note(
            PositionOpened(
                symbol=self.symbol,
                trade_id=holding.trade_id,
                side=holding.side,
                quantity=holding.quantity,
                entry_price=holding.entry_price,
                entry_bar_ms=holding.bar_of(holding.entered_ms),
                entry_fee=holding.entry_fee,
                stop=levels.stop,
                target=levels.target,
                best_close=self._best_close or float(holding.entry_price),
            )
        )

    async def _alert(self, text: str) -> None:
        log.error("bot.alert", symbol=self.symbol, text=text)
        await self._journal.commit(Alert(self._clock.now_ms(), "critical", self.symbol, text))


def _belongs(fill: Fill, holding: Holding) -> bool:
    """Entry fills belong by their order; whatever reduces the position belongs to it."""
    if fill.side is holding.side.entry:
        return fill.client_order_id == holding.trade_id
    return fill.at_ms >= holding.entered_ms > 0
