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
from cointrader.domain.errors import OutcomeUnknown, RateLimited, Rejected, Unreachable
from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Fill, Leg, Side
from cointrader.domain.ports import Clock, Exchange, Journal
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
    ) -> None:
        self.symbol = symbol
        self.state = State.FLAT
        self.holding: Holding | None = None
        self.execution = Execution(symbol, exchange, journal, clock, bar_ms)
        self.protection = Protection(symbol, exchange, self.execution, clock)
        self._risk = risk
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._bar_ms = bar_ms
        self._slippage = slippage
        self._instrument = Instrument(symbol)
        self._entry_bar_ms = 0  # the bar whose close decided the entry: names the position's orders
        self._trail_bar_ms: int | None = None
        self._best_close: float | None = None
        self._filled_ms = 0  # when the entry was known to be filled: protection is due from then
        self._changed = asyncio.Event()  # something about the holding moved
        self._booking = asyncio.Lock()  # a trade is being booked, which awaits in between

    @property
    def held(self) -> Side | None:
        return None if self.holding is None else self.holding.side

    @property
    def instrument(self) -> Instrument:
        return self._instrument

    async def start(self) -> None:
        """Learn what the exchange allows for this symbol."""
        self._instrument = await self._exchange.instrument(self.symbol)

    async def listen(self, events: AsyncIterator[AccountEvent]) -> None:
        """Follow the account until cancelled."""
        async for event in events:
            await self.on_event(event)

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
            log.warning("fill.foreign", symbol=self.symbol, client_order_id=fill.client_order_id)
            return
        counted = holding.with_fill(fill)
        if counted is holding:
            return
        self._journal.note(FillSeen(fill))
        self.holding = counted
        if counted.is_closed and self.state is not State.ENTERING:
            async with self._booking:
                await self._book(counted)
        self._changed.set()

    async def settled(self) -> None:
        """Return once no trade is half booked and no order is left that could surprise us."""
        async with self._booking:
            if self.holding is None and not self.protection.is_swept:
                await self.protection.sweep()

    def on_funding(self, event: FundingSettled) -> None:
        if self.holding is None:
            return
        counted = self.holding.with_funding(event)
        if counted is not self.holding:
            self.holding = counted
            self._journal.note(FundingPaid(event.symbol, event.at_ms, event.rate, event.amount))

    # -- entry -------------------------------------------------------------------------------

    async def enter(
        self, bar_open_ms: int, reservation: Reservation, exits: Exits, decision: Decision
    ) -> str:
        """Open the reserved position and protect it.

        Returns the exchange's words when it refused the entry, else an empty string.
        """
        side = reservation.side
        intent = self.execution.market_intent(
            bar_open_ms, Leg.ENTRY, side.entry, reservation.quantity, exits.to_text()
        )
        self.begin(intent, side)
        try:
            await self.execution.carry_out(intent, decision=decision)
        except Rejected as refused:
            self.abandon()
            reservation.release()
            return str(refused)
        await self.entry_filled(reservation.quantity)
        levels = self._planned(exits)
        if levels is not None and self.holding is not None:
            reservation.commit(self.holding.quantity, self.holding.entry_price, levels.stop)
            await self.protect(levels)
        return ""

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
        """Count fills and funding that the event stream may have missed."""
        holding = self.holding
        if holding is None:
            return
        since_ms = holding.entered_ms or self._entry_bar_ms
        for payment in await self._exchange.funding(self.symbol, since_ms=since_ms):
            if payment.at_ms > since_ms:
                self.on_funding(payment)
        for fill in await self._exchange.fills(self.symbol, since_ms=since_ms):
            await self.on_fill(fill)

    async def protect(self, levels: Levels) -> None:
        """Put stop and target behind the position; close it when they cannot be confirmed."""
        holding = self.holding
        if holding is None or holding.is_closed:
            return
        self._note_position(holding, levels)
        deadline_ms = self._filled_ms + PROTECTION_DEADLINE_MS
        if await self.protection.establish(
            holding, levels, self._entry_bar_ms, deadline_ms=deadline_ms
        ):
            if self.state is State.UNPROTECTED:
                self._step(Step.PROTECTED)
            return
        await self._alert(f"stop of {self.symbol} was not confirmed: closing at market")
        await self.close(self._entry_bar_ms, Leg.EMERGENCY)

    def _planned(self, exits: Exits) -> Levels | None:
        """The levels that follow from the fill; None when the position is gone already."""
        holding = self.holding
        if holding is None or holding.is_closed:
            return None
        levels = exits.levels(holding.side, holding.entry_price, self._instrument)
        self.holding = replace(holding, levels=levels)
        return levels

    def _bought(self) -> Decimal:
        return Decimal(0) if self.holding is None else self.holding.bought

    async def restore(self, exits: Exits) -> None:
        """After a restart: count what happened to the entry, then protect what is left."""
        await self.catch_up()
        holding = self.holding
        if holding is not None and not holding.bought:
            await self.entry_filled(Decimal("1e-9"))
        else:
            self._filled_ms = self._clock.now_ms()
            self._step(Step.ENTRY_FILLED)
        holding = self.holding
        if holding is None:
            return
        kept = self._journal.open_position(self.symbol)
        levels = exits.levels(holding.side, holding.entry_price, self._instrument)
        if kept is not None and kept.trade_id == holding.trade_id:
            levels = Levels(kept.stop, kept.target)
            self._best_close = kept.best_close
        self.holding = holding = replace(holding, levels=levels)
        if holding.is_closed:
            async with self._booking:
                await self._book(holding)
            return
        self._risk.restore_position(
            self.symbol,
            holding.side,
            quantity=holding.quantity,
            entry_price=holding.entry_price,
            stop=levels.stop,
        )
        await self.protect(levels)

    # -- exit --------------------------------------------------------------------------------

    async def close(self, bar_open_ms: int, leg: Leg = Leg.CLOSE) -> None:
        """Close at market and return once the position is flat, whoever closed it."""
        holding = self.holding
        if holding is None:
            return
        self._step(Step.EXIT_SENT)
        intent = self.execution.market_intent(bar_open_ms, leg, holding.side.exit, holding.quantity)
        try:
            await self.execution.carry_out(intent)
        except Rejected as refused:  # the stop or target was faster
            log.info("close.refused", symbol=self.symbol, code=refused.code)
            await self.catch_up()
        for _ in range(FILL_PATIENCE):
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN_S):
                    while self.holding is not None:
                        self._changed.clear()
                        await self._changed.wait()
                    break
            with suppress(Unreachable, RateLimited):
                await self.catch_up()
        if self.holding is not None:
            self._step(Step.EXIT_FAILED)
            raise OutcomeUnknown("a close was sent, the position is still open", where=self.symbol)

    async def trail(self, close: float, bar_open_ms: int, trail_ratio: float) -> None:
        """After a bar's close: move the stop behind the best close since the fill."""
        holding = self.holding
        if holding is None or holding.levels is None or self.state is not State.OPEN:
            return
        sign = holding.side.sign
        best = max(self._best_close, close, key=lambda c: c * sign) if self._best_close else close
        self._best_close = best
        now = float(holding.levels.stop)
        wanted = self._instrument.stop_price(
            trailed_stop(sign, now, best, trail_ratio), position=holding.side
        )
        if (wanted - holding.levels.stop) * sign <= 0:
            return
        levels = Levels(wanted, holding.levels.target)
        if await self.protection.move_stop(
            holding, levels, bar_open_ms, replaces_bar_ms=self._trail_bar_ms
        ):
            self._trail_bar_ms = bar_open_ms
            self.holding = replace(self.holding or holding, levels=levels)
            self._note_position(self.holding, levels)
            self._risk.stop_moved(self.symbol, wanted)

    async def _book(self, holding: Holding) -> None:
        trade = holding.to_trade(self._slippage)
        self._step(Step.CLOSED)
        self.holding = None
        await self._risk.close_position(self.symbol, trade.net, at_ms=holding.exited_ms)
        await self._journal.commit(TradeClosed(trade))
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
