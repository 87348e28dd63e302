"""What the fills and payments of one symbol add up to: the position, and the trade it becomes.

A position is what its fills add up to, and it is closed when they say so, whoever closed it. Fills
may be told twice, in parts, late or not at all: each counts once, and who waits for one asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import structlog

from cointrader.bot.holding import Holding
from cointrader.bot.protection import Protection
from cointrader.domain.clock import HOUR_MS, MINUTE_MS
from cointrader.domain.errors import CointraderError, ExchangeError, RateLimited, Unreachable
from cointrader.domain.events import FundingSettled
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Fill, Side
from cointrader.domain.ports import Clock, Exchange, Journal
from cointrader.domain.position import CloseReason
from cointrader.domain.records import (
    Alert,
    FillSeen,
    FundingPaid,
    Intent,
    PositionOpened,
    TradeClosed,
)
from cointrader.risk.manager import RiskManager
from cointrader.strategy.plan import Levels
from cointrader.strategy.state import State, Step, after

ASK_AGAIN_S = 1.0  # how long fills may stay away before they are asked for
FILL_PATIENCE = 10  # times
_REFRESHING_S = 0.5  # what the exchange allows, where something is known already
_ASKING_S = 5.0  # one question to the exchange, at the longest
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = 500, 32_000  # before funding is asked for again
_SETTLES_WITHIN_MS = MINUTE_MS  # of the full hour: so late may a payment be booked

log = structlog.get_logger()


class Booking:
    """The books of one symbol. `holding` is its position, None while flat.

    `entry_bar_ms` is the bar whose close decided the entry: it names the position's orders.
    `filled_ms` is when the entry was known to be filled; protection is due from then.
    """

    def __init__(
        self,
        symbol: str,
        *,
        risk: RiskManager,
        exchange: Exchange,
        journal: Journal,
        clock: Clock,
        protection: Protection,
        bar_ms: int,
        slippage: Decimal,
    ) -> None:
        self.symbol = symbol
        self.state = State.FLAT
        self.holding: Holding | None = None
        self.instrument = Instrument(symbol)
        self.saw_foreign = False  # a fill that was not ours, since somebody last asked
        self.entry_bar_ms = 0
        self.filled_ms = 0
        self.best_close: float | None = None
        self.bar_ms = bar_ms
        self.on_entry_fill: Callable[[], None] = _nobody
        self.on_unswept: Callable[[], None] = _nobody
        self._risk = risk
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._protection = protection
        self._slippage = slippage
        self._before: Holding | None = None  # the position that was booked last
        self._told_unknown = ""  # the trade whose funding a person was told to be unknown
        self._changed = asyncio.Event()  # something about the holding moved
        self._booking = asyncio.Lock()  # a trade is being booked, which awaits in between

    # -- the position ------------------------------------------------------------------------

    @property
    def held(self) -> Side | None:
        return None if self.holding is None else self.holding.side

    @property
    def left(self) -> Decimal:
        return Decimal(0) if self.holding is None else self.holding.quantity

    @property
    def bought(self) -> Decimal:
        return Decimal(0) if self.holding is None else self.holding.bought

    def holds(self, holding: Holding) -> bool:
        """Whether this very position is still there, and no later one."""
        return self.holding is not None and self.holding.trade_id == holding.trade_id

    def step(self, step: Step) -> None:
        self.state = after(self.state, step)

    def begin(self, intent: Intent, side: Side) -> None:
        """An entry is under way."""
        self.step(Step.ENTRY_SENT)
        self.entry_bar_ms = intent.bar_open_ms
        self.filled_ms = 0
        self.best_close = None
        self.holding = Holding(self.symbol, side, intent.client_order_id, self.bar_ms)

    def abandon(self) -> None:
        """The entry under way did not happen."""
        self.step(Step.ENTRY_FAILED)
        self.holding = None

    async def learn_filters(self) -> None:
        """Learn what the exchange allows for this symbol; that may change while we run."""
        self.instrument = await self._exchange.instrument(self.symbol)

    async def refresh_filters(self, *, within_s: float = _REFRESHING_S) -> None:
        """`learn_filters` for what must not wait: it goes by what is known where asking fails."""
        with suppress(CointraderError, TimeoutError):
            async with asyncio.timeout(within_s):
                await self.learn_filters()

    def bar_now_ms(self) -> int:
        return self._clock.now_ms() // self.bar_ms * self.bar_ms

    # -- fills -------------------------------------------------------------------------------

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
                await self.book_closed()
            elif counted.bought > holding.bought:
                self.tell_size()  # the rest of an entry that was filled in parts
        elif counted.bought > holding.bought:
            self.filled_ms = self.filled_ms or self._clock.now_ms()
            self.on_entry_fill()
        self._changed.set()

    async def until(self, is_so: Callable[[], bool], *, or_at_last: Callable[[], bool]) -> bool:
        """Wait for fills that make it so, and ask for them when they stay away.

        `or_at_last` is what must be so once they were asked for. False: patience ended.
        """
        for _ in range(FILL_PATIENCE):
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN_S):
                    while not is_so():
                        self._changed.clear()
                        await self._changed.wait()
                return True
            with suppress(Unreachable, RateLimited):
                await self.catch_up()
            if or_at_last():
                return True
        return False

    async def catch_up(self, *, within_s: float = _ASKING_S) -> None:
        """Count fills that the event stream may have missed, and funding before them: the last
        fill books the trade. A remote exchange is asked for funding then, and no fill waits for it.

        `Unreachable` when the answers stay away.
        """
        try:
            async with asyncio.timeout(within_s):
                is_held = self.holding is not None and self.holding.entered_ms
                if is_held and not self._exchange.is_remote:
                    await self.count_funding()
                fills = await self._fills_so_far()
        except TimeoutError:
            raise Unreachable("fills could not be asked for", where=self.symbol) from None
        for fill in fills:  # beyond the deadline: the last one books the trade
            await self.on_fill(fill)

    async def count_fills(self) -> None:
        for fill in await self._fills_so_far():
            await self.on_fill(fill)

    async def _fills_so_far(self) -> Sequence[Fill]:
        if self.holding is None:
            return ()
        since_ms = self.holding.entered_ms or self.entry_bar_ms
        return await self._exchange.fills(self.symbol, since_ms=since_ms)

    # -- funding -----------------------------------------------------------------------------

    async def count_funding(self) -> None:
        if self.holding is not None:
            since_ms = self.holding.entered_ms
            for payment in await self._exchange.funding(self.symbol, since_ms=since_ms):
                self.on_funding(payment)

    def on_funding(self, event: FundingSettled) -> None:
        holding = self.holding
        if holding is None or not self._is_for(event, holding):
            return  # told late: it was for the position before
        counted = holding.with_funding(event)
        if counted is not holding:
            self.holding = counted
            self._journal.note(FundingPaid(event.symbol, event.at_ms, event.rate, event.amount))

    def _is_for(self, event: FundingSettled, holding: Holding) -> bool:
        """Whether a payment belongs to this position: to whoever held at the settlement.

        It may be booked seconds later. A position opened in between did not hold then, unless
        nobody did before it: then only it can have been charged.
        """
        if not 0 < holding.entered_ms <= event.at_ms:
            return False
        late_ms = event.at_ms % HOUR_MS
        settled_ms = event.at_ms - late_ms if late_ms <= _SETTLES_WITHIN_MS else event.at_ms
        before = self._before
        if before is not None and event.at_ms in before.settled:
            return False
        if holding.entered_ms == event.at_ms:
            # Who enters on the very hour pays nothing; a moment later nobody else is known.
            return late_ms > 0 if before is None else before.exited_ms < event.at_ms
        return holding.entered_ms < settled_ms or before is None or before.exited_ms <= settled_ms

    # -- booked ------------------------------------------------------------------------------

    async def book_closed(self) -> None:
        """Book the trade of a position that is flat by its fills."""
        async with self._booking:
            if self.holding is None or not self.holding.is_closed:
                return
            if self._exchange.is_remote:
                await self._learn_last_funding()
            await self._book(self.holding)

    async def _learn_last_funding(self) -> None:
        """A payment just before the end is told after it, and would be nobody's then.

        A trade is not booked by a guess: while the exchange does not say what was paid, the
        result is unknown, and no symbol gets an entry.
        """
        pause_ms = _FIRST_PAUSE_MS
        while not await self._knows_funding():
            self.result_unknown()
            if pause_ms == _FIRST_PAUSE_MS or not self._protection.is_swept:
                await self._sweep()  # what protected the position waits for no payment
            if pause_ms == _LONGEST_PAUSE_MS:
                await self._tell_unknown()
            await self._clock.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, _LONGEST_PAUSE_MS)

    async def _knows_funding(self) -> bool:
        try:
            async with asyncio.timeout(_ASKING_S):
                await self.count_funding()
        except (ExchangeError, TimeoutError):
            return False
        return True

    async def _tell_unknown(self) -> None:
        holding = self.holding
        if holding is not None and holding.trade_id != self._told_unknown:
            self._told_unknown = holding.trade_id
            await self.alert(
                f"{self.symbol} is flat, and the exchange does not say what funding it paid: "
                "no entries until it does"
            )

    async def _book(self, holding: Holding) -> None:
        trade = holding.to_trade(self._slippage)
        self.step(Step.CLOSED)
        self.holding, self._before = None, holding
        await self._risk.close_position(self.symbol, trade.net, at_ms=holding.exited_ms)
        await self._journal.commit(TradeClosed(trade))
        if trade.reason is CloseReason.LIQUIDATED:
            await self.alert(f"{self.symbol} was liquidated: {trade.net:.2f}")
        log.info("trade.closed", symbol=self.symbol, reason=trade.reason.value, net=str(trade.net))
        await self._sweep()

    async def _sweep(self) -> None:
        try:
            await self._protection.sweep()
        except ExchangeError as error:  # it is tried again until nothing is left
            log.warning("sweep.failed", symbol=self.symbol, reason=error.what)
        if not self._protection.is_swept:
            self.on_unswept()

    @property
    def is_unsettled(self) -> bool:
        """Whether `settled` has something to wait for."""
        return self._booking.locked() or not (self.holding or self._protection.is_swept)

    async def settled(self) -> None:
        """Return once no trade is half booked and no order is left that could surprise us."""
        async with self._booking:
            if self.holding is None and not self._protection.is_swept:
                await self._sweep()

    def result_unknown(self) -> None:
        """The position is gone and its fills are not known: no entries until they are."""
        self._risk.result_unknown(self.symbol)

    # -- told --------------------------------------------------------------------------------

    def tell_size(self) -> None:
        """Let the risk manager and the journal know how large the position is."""
        holding = self.holding
        if holding is None or holding.levels is None:
            return
        self._risk.restore_position(
            self.symbol,
            holding.side,
            quantity=holding.quantity,
            entry_price=holding.entry_price,
            stop=holding.levels.stop,
        )
        self.note_position()

    def stop_moved(self, levels: Levels) -> None:
        """The position is protected at other levels from now on."""
        assert self.holding is not None  # whoever moved it looked
        self.holding = replace(self.holding, levels=levels)
        self.note_position()
        self._risk.stop_moved(self.symbol, levels.stop)

    def note_position(self) -> None:
        """Write the position down as a restart must find it."""
        holding = self.holding
        if holding is None or holding.levels is None:
            return
        self._journal.note(
            PositionOpened(
                symbol=self.symbol,
                trade_id=holding.trade_id,
                side=holding.side,
                quantity=holding.quantity,
                entry_price=holding.entry_price,
                entry_bar_ms=holding.bar_of(holding.entered_ms),
                entry_fee=holding.entry_fee,
                stop=holding.levels.stop,
                target=holding.levels.target,
                best_close=self.best_close or float(holding.entry_price),
            )
        )

    async def alert(self, text: str) -> None:
        log.error("bot.alert", symbol=self.symbol, text=text)
        await self._journal.commit(Alert(self._clock.now_ms(), "critical", self.symbol, text))


def _nobody() -> None:
    """Nobody wants to know."""


def _belongs(fill: Fill, holding: Holding) -> bool:
    """Entry fills belong by their order; whatever reduces the position belongs to it."""
    if fill.side is holding.side.entry:
        return fill.client_order_id == holding.trade_id
    return fill.at_ms >= holding.entered_ms > 0
