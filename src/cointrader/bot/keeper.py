"""The one position of a symbol: opened once, never without its stop, closed and booked once.

Everything here follows fills: a position is what its fills add up to, and it is closed when they
say so. The bot asks for an entry or a close; the account's events do the rest. The parts are
`entry`, `watch` (its stop), `closing`, `booking` (its fills and the trade) and `probe`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

from cointrader.bot.booking import Booking
from cointrader.bot.closing import Closing
from cointrader.bot.entry import Entry
from cointrader.bot.execution import Execution
from cointrader.bot.holding import Holding
from cointrader.bot.probe import Probe
from cointrader.bot.protection import Placed, Protection
from cointrader.bot.watch import Watch
from cointrader.domain.errors import OutcomeUnknown, Rejected, StaleData
from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Leg, Side
from cointrader.domain.ports import Clock, Exchange, Journal
from cointrader.domain.records import Decision, Intent, OrderSeen
from cointrader.risk.manager import Reservation, RiskManager
from cointrader.strategy.plan import Exits, Levels, trailed_stop
from cointrader.strategy.state import State


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
        self._events: AsyncIterator[AccountEvent] | None = None  # while it listens
        self.execution = Execution(symbol, exchange, journal, clock, bar_ms)
        self.protection = Protection(symbol, exchange, self.execution, clock)
        self._journal = journal
        self._booking = Booking(
            symbol,
            risk=risk,
            exchange=exchange,
            journal=journal,
            clock=clock,
            protection=self.protection,
            bar_ms=bar_ms,
            slippage=slippage,
        )
        self._closing = Closing(self._booking, self.execution, exchange, clock)
        self._probe = Probe(
            self._booking, self.protection, self.execution, exchange, journal, clock
        )
        self._watch = Watch(
            self._booking,
            self.protection,
            self._closing,
            exchange,
            clock,
            on_unprotected=self._probe.block,
        )
        self._entry = Entry(
            self._booking,
            self._watch,
            self.execution,
            exchange,
            journal,
            clock,
            max_entry_delay_ms=max_entry_delay_ms,
        )

    # -- what there is -----------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self._booking.state

    @property
    def holding(self) -> Holding | None:
        return self._booking.holding

    @property
    def held(self) -> Side | None:
        return self._booking.held

    @property
    def instrument(self) -> Instrument:
        return self._booking.instrument

    @property
    def why_blocked(self) -> str:
        """Why there may be no entry until the exchange keeps stops again; empty: there may."""
        return self._probe.why_blocked

    @property
    def saw_foreign(self) -> bool:
        """A fill that was not ours, since `foreign_seen_to`."""
        return self._booking.saw_foreign

    def foreign_seen_to(self) -> None:
        self._booking.saw_foreign = False

    async def learn_filters(self) -> None:
        """Learn what the exchange allows for this symbol; that may change while we run."""
        await self._booking.learn_filters()

    async def refresh_filters(self, *, within_s: float) -> None:
        """`learn_filters` for what must not wait; see `Booking.refresh_filters`."""
        await self._booking.refresh_filters(within_s=within_s)

    # -- beside the bot ----------------------------------------------------------------------

    async def follow(self, events: AsyncIterator[AccountEvent]) -> None:
        """Follow the account and keep the position safe, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.listen(events), name=f"account:{self.symbol}")
            group.create_task(self._watch.run(), name=f"watch:{self.symbol}")
            group.create_task(self._probe.run(), name=f"probe:{self.symbol}")

    async def listen(self, events: AsyncIterator[AccountEvent]) -> None:
        """Follow the account until cancelled."""
        self._events = events
        async for event in events:
            await self.on_event(event)
        raise StaleData("the account's events ended", where=self.symbol, todo="subscribe again")

    async def on_event(self, event: AccountEvent) -> None:
        if isinstance(event, OrderFilled):
            await self._booking.on_fill(event.fill)
        elif isinstance(event, FundingSettled):
            self._booking.on_funding(event)
        else:
            self._journal.note(OrderSeen(event.report))
            self._watch.hear(event.report)

    @property
    def is_at_rest(self) -> bool:
        """Whether all that was told is counted; where nobody can say, it may not be."""
        return not (getattr(self._events, "has_unread", True) or self.is_unsettled)

    @property
    def is_unsettled(self) -> bool:
        """Whether `settled` has something to wait for."""
        return self._booking.is_unsettled

    async def settled(self) -> None:
        """Return once no trade is half booked and no order is left that could surprise us."""
        await self._booking.settled()

    # -- a position begins -------------------------------------------------------------------

    async def enter(
        self, bar_open_ms: int, reservation: Reservation, exits: Exits, decision: Decision
    ) -> Rejected | None:
        """Open the reserved position and protect it; the refusal when there will be none."""
        return await self._entry.enter(bar_open_ms, reservation, exits, decision)

    async def adopt(self, exits: Exits, bar_open_ms: int) -> bool:
        """Take over the position that somebody else opened; see `Entry.adopt`."""
        return await self._entry.adopt(exits, bar_open_ms)

    def begin(self, entry: Intent, side: Side) -> None:
        """An entry of an earlier process may exist."""
        self._booking.begin(entry, side)

    def abandon(self) -> None:
        """The entry under way did not happen."""
        self._booking.abandon()

    async def restore(self, entry: Intent) -> None:
        """After a restart: count what happened to the entry, then protect what is left."""
        await self._entry.restore(entry)

    def latest_entry_ms(self, bar_open_ms: int) -> int | None:
        """When the order of this bar's entry must have left at the latest."""
        return self._entry.latest_entry_ms(bar_open_ms)

    # -- and ends ----------------------------------------------------------------------------

    async def close(self, bar_open_ms: int, leg: Leg = Leg.CLOSE) -> None:
        """Close at market and return once the position is flat, whoever closed it."""
        await self._closing.close(bar_open_ms, leg)

    async def flatten(self) -> None:
        """Close at market because somebody said so, and see that the exchange shows nothing.

        Raises an `ExchangeError` where that could not be done yet: it is tried again by itself.
        """
        holding = self._booking.holding
        if holding is not None:
            await self._flatten(holding)
        await self._booking.settled()

    async def _flatten(self, holding: Holding) -> None:
        if self.state is State.ENTERING:  # whoever sent it ended before it was known
            raise OutcomeUnknown("an entry is under way and not known yet", where=self.symbol)
        try:
            await self._closing.close_for_good(holding, self._booking.bar_now_ms(), Leg.FLATTEN)
        except BaseException:  # whoever asked may have given up: the watch does not
            self._watch.look_later()
            raise

    async def trail(self, close: float, bar_open_ms: int, trail_ratio: float) -> None:
        """After a bar's close: move the stop behind the best close since the fill.

        A price that is past it already cannot wait for it: the position is closed at market.
        """
        booking = self._booking
        holding = booking.holding
        if holding is None or holding.levels is None or booking.state is not State.OPEN:
            return
        sign = holding.side.sign
        known = booking.best_close
        best = max(known, close, key=lambda c: c * sign) if known else close
        booking.best_close = best
        now = float(holding.levels.stop)
        await booking.refresh_filters()
        wanted = booking.instrument.stop_price(
            trailed_stop(sign, now, best, trail_ratio), position=holding.side
        )
        if (wanted - holding.levels.stop) * sign <= 0:
            return
        levels = Levels(wanted, holding.levels.target)
        placed = await self.protection.move_stop(
            holding,
            levels,
            bar_open_ms,
            quantity=booking.instrument.covering(holding.quantity),
        )
        if not booking.holds(holding):
            return  # it was closed meanwhile
        if placed is Placed.SEEN:
            booking.stop_moved(levels)
            self._watch.confirm()
        elif placed is Placed.TOO_LATE:
            booking.stop_moved(levels)  # by which the close is judged
            await self._closing.close(bar_open_ms, Leg.PASSED)
