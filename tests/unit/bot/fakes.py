"""An exchange that answers as a test tells it to, a feed from a list, and values made short."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeVar

from cointrader.app.virtual_time import LoopClock, VirtualLoop
from cointrader.bot.holding import Holding
from cointrader.bot.keeper import PositionKeeper
from cointrader.bot.recovery import Recovery
from cointrader.domain.candle import Candle
from cointrader.domain.errors import OutcomeUnknown, Rejected
from cointrader.domain.events import (
    AccountEvent,
    CandleClosed,
    FeedEnded,
    FeedEvent,
    FundingSettled,
    OrderFilled,
)
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import (
    Fill,
    Leg,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    Side,
    client_order_id,
)
from cointrader.domain.ports import Account, BestPrices, Holdings, Quote
from cointrader.domain.position import Position
from cointrader.domain.records import (
    BotState,
    Decision,
    Intent,
    OrderSeen,
    PositionOpened,
    Record,
    RiskState,
    TradeClosed,
)
from cointrader.risk.manager import EntryRequest, Reservation, RiskManager
from cointrader.strategy.plan import Exits
from tests.unit.risk.fakes import Settings

XRP, BTC, ETH = "XRPUSDT", "BTCUSDT", "ETHUSDT"
BAR_MS = 900_000
T0 = 1_999_999 * BAR_MS  # bar 0 closes on the hour, when funding may be settled
LONG, SHORT = Side.LONG, Side.SHORT
BUY, SELL = OrderSide.BUY, OrderSide.SELL

R = TypeVar("R")


def in_virtual_time(main: Callable[[LoopClock], Coroutine[Any, Any, R]], now_ms: int = T0) -> R:
    """Run `main` with a clock at `now_ms`; waiting takes no time."""

    async def started() -> R:
        clock = LoopClock()
        clock.start_at(now_ms)
        return await main(clock)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(started())


def opens(bar: int) -> int:
    """Open time of bar number `bar`."""
    return T0 + bar * BAR_MS


def candle(symbol: str, bar: int, close: float = 100.0) -> Candle:
    return Candle(symbol, opens(bar), opens(bar + 1), close, close, close, close, 1.0)


def order_id(leg: Leg, bar: int = 0, attempt: int = 0) -> str:
    return client_order_id(XRP, opens(bar), leg, attempt)


def a_fill(
    trade_id: int,
    side: OrderSide = BUY,
    quantity: str = "50",
    price: str = "100",
    *,
    order: str | None = None,
    fee: str = "2",
    at_ms: int = T0 + BAR_MS,
) -> Fill:
    return Fill(
        symbol=XRP,
        trade_id=trade_id,
        client_order_id=order_id(Leg.ENTRY) if order is None else order,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        fee=Decimal(fee),
        at_ms=at_ms,
    )


def a_holding(side: Side = LONG) -> Holding:
    return Holding(XRP, side, order_id(Leg.ENTRY), BAR_MS)


@dataclass
class FakeJournal:
    """Records in lists: noted, and on disk after the next commit. `log` is shared with others."""

    log: list[str] = field(default_factory=list)
    queued: list[Record] = field(default_factory=list)
    on_disk: list[Record] = field(default_factory=list)

    def note(self, record: Record) -> None:
        self.queued.append(record)

    async def commit(self, *records: Record) -> None:
        await asyncio.sleep(0)
        self.on_disk += [*self.queued, *records]
        self.queued.clear()
        self.log += [f"intent {r.client_order_id}" for r in records if isinstance(r, Intent)]

    def intent(self, client_order_id: str) -> Intent | None:
        found = (r for r in self.on_disk if isinstance(r, Intent))
        return next((r for r in found if r.client_order_id == client_order_id), None)

    def open_position(self, symbol: str) -> PositionOpened | None:
        newest = next(reversed([r for r in self.on_disk if isinstance(r, PositionOpened)]), None)
        return None if newest is None or self.has_trade(newest.trade_id) else newest

    def last_order(self, client_order_id: str) -> OrderSeen | None:
        found = (r for r in self.written(OrderSeen) if r.report.client_order_id == client_order_id)
        return max(found, key=lambda seen: seen.report.updated_ms, default=None)

    def last_entry(self, symbol: str) -> Intent | None:
        opening = (Leg.ENTRY, Leg.ADOPTED)
        found = [r for r in self.on_disk if isinstance(r, Intent) and r.leg in opening]
        return found[-1] if found else None

    def last_bot_state(self, symbol: str, states: Collection[str]) -> BotState | None:
        found = [r for r in self.on_disk if isinstance(r, BotState) and r.state in states]
        return found[-1] if found else None

    def has_trade(self, trade_id: str) -> bool:
        closed = (r.trade for r in self.on_disk if isinstance(r, TradeClosed))
        return any(trade.trade_id == trade_id for trade in closed)

    def last_decided_bar(self, symbol: str) -> int | None:
        return None

    def first_started_ms(self) -> int | None:
        return None

    def risk_state(self) -> RiskState | None:
        states = [record for record in self.on_disk if isinstance(record, RiskState)]
        if not states:
            return None
        return RiskState(states[-1].at_ms, json.loads(json.dumps(states[-1].state)))

    def trades(self, symbol: str | None = None) -> list:
        return []

    def written(self, kind: type[R]) -> list[R]:
        return [record for record in [*self.on_disk, *self.queued] if isinstance(record, kind)]


class AnswerLost(OutcomeUnknown):
    """The order arrived, only its answer did not; any other `OutcomeUnknown` here never arrived."""


class CarriedOutLater(OutcomeUnknown):
    """The order is on its way for `carried_out_after_ms`, and seen `invisible_ms` after that."""


@dataclass
class FakeExchange:
    """One symbol at 100. `script` is what the next requests meet: an error, or None for success."""

    script: list[Exception | None] = field(default_factory=list)
    look_ups: list[Exception | None] = field(default_factory=list)
    looks: list[Exception | None] = field(default_factory=list)  # at the open orders
    cancels: list[Exception | None] = field(default_factory=list)
    position_looks: list[Exception | None] = field(default_factory=list)
    is_remote: bool = False
    funding_looks: list[Exception] = field(default_factory=list)  # raised, one after the other
    allows_one_close_position: bool = False  # of a kind, as the real exchange does
    invisible_look_ups: int = 0  # so many look-ups do not see an order yet
    carried_out_after_ms: int = 0
    invisible_ms: int = 0
    hides_fills: bool = False  # from who asks
    is_silent: bool = False  # tells of no fill; who asks is answered
    loses_stops: bool = False  # accepts them and forgets them
    shows_after_ms: int = 0  # an order is among the open ones only then
    answers_after_ms: int = 0  # an order was taken so long before its answer arrives
    looks_take_ms: int = 0  # a look at the open orders; it sees what is open at its end
    parts: list[str] = field(default_factory=list)  # so much of the next market orders fills
    expiring: set[str] = field(default_factory=set)  # orders that are accepted and never fill
    funded: list[FundingSettled] = field(default_factory=list)
    looked_ms: list[int] = field(default_factory=list)  # at the open orders
    log: list[str] = field(default_factory=list)
    placed: list[OrderRequest] = field(default_factory=list)
    known: dict[str, OrderReport] = field(default_factory=dict)
    resting: dict[str, OrderReport] = field(default_factory=dict)
    executions: list[Fill] = field(default_factory=list)
    held: Decimal = Decimal(0)
    price: Decimal = Decimal(100)
    now: Callable[[], int] = lambda: T0 + BAR_MS
    events: asyncio.Queue[AccountEvent] = field(default_factory=asyncio.Queue)

    async def place(self, request: OrderRequest) -> OrderReport:
        self.log.append(f"place {request.client_order_id}")
        error = self.script.pop(0) if self.script else None
        await asyncio.sleep(0)
        if isinstance(error, CarriedOutLater):
            loop = asyncio.get_running_loop()
            loop.call_later(self.carried_out_after_ms / 1000, self._take_unseen, request)
        if error is not None and not isinstance(error, AnswerLost):
            raise error
        report = self._take(request)
        if self.answers_after_ms:
            await asyncio.sleep(self.answers_after_ms / 1000)
        if error is not None:
            raise error
        return report

    def _take_unseen(self, request: OrderRequest) -> None:
        order_id = request.client_order_id
        self._take(request)
        report = self.known.pop(order_id)
        loop = asyncio.get_running_loop()
        loop.call_later(self.invisible_ms / 1000, self.known.__setitem__, order_id, report)

    def _take(self, request: OrderRequest) -> OrderReport:
        if request.client_order_id in self.resting:
            raise Rejected("an open order has this id already", code="-4116")
        if self.allows_one_close_position and request.close_position:
            kinds = [o.kind for o in self.resting.values() if o.close_position]
            if request.kind in kinds:
                raise Rejected("there is one of this kind", code="-4130")
        self.placed.append(request)
        report = OrderReport(
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            kind=request.kind,
            status=OrderStatus.NEW,
            updated_ms=self.now(),
            quantity=request.quantity,
            trigger_price=request.trigger_price,
            close_position=request.close_position,
            reduce_only=request.reduce_only,
        )
        if request.kind.is_conditional:
            if not (self.loses_stops and request.kind is OrderKind.STOP_MARKET):
                self.resting[request.client_order_id] = report
        elif request.client_order_id in self.expiring:
            report = replace(report, status=OrderStatus.EXPIRED)
        else:
            report = self._fill(report)
        self.known[request.client_order_id] = report
        return report

    def _fill(self, report: OrderReport) -> OrderReport:
        wanted = report.quantity or Decimal(0)
        quantity = Decimal(self.parts.pop(0)) if self.parts else wanted
        self.execute(report.client_order_id, report.side, quantity)
        status = OrderStatus.FILLED if quantity == wanted else OrderStatus.PARTIALLY_FILLED
        return replace(report, status=status, filled_quantity=quantity)

    def execute(self, client_order_id: str, side: OrderSide, quantity: Decimal | str) -> None:
        """An order of ours or anybody's trades at the price of this moment."""
        self.held += Decimal(quantity) * side.sign
        fill = Fill(
            XRP,
            len(self.executions) + 1,
            client_order_id,
            side,
            self.price,
            Decimal(quantity),
            Decimal(2),
            self.now(),
        )
        self.executions.append(fill)
        if not self.is_silent:
            self.events.put_nowait(OrderFilled(fill))

    def trigger(self, client_order_id: str) -> None:
        """A resting order is reached and closes the position at its level."""
        report = self.resting.pop(client_order_id)
        self.price = report.trigger_price or self.price
        quantity = abs(self.held)
        self.execute(client_order_id, report.side, quantity)
        self.known[client_order_id] = replace(
            report, status=OrderStatus.FILLED, filled_quantity=quantity
        )

    def drop(self, client_order_id: str, status: OrderStatus) -> None:
        """A resting order ends without effect."""
        self.known[client_order_id] = replace(self.resting.pop(client_order_id), status=status)

    def fund(self, at_ms: int, amount: str) -> FundingSettled:
        """Funding is booked at `at_ms`. Nobody is told; who asks is answered."""
        payment = FundingSettled(XRP, at_ms, Decimal("0.0001"), Decimal(amount))
        self.funded.append(payment)
        return payment

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        error = self.cancels.pop(0) if self.cancels else None
        if error is not None:
            raise error
        report = self.resting.pop(client_order_id, None)
        if report is None:
            return None
        self.log.append(f"cancel {client_order_id}")
        self.known[client_order_id] = replace(report, status=OrderStatus.CANCELED)
        return self.known[client_order_id]

    async def order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        self.log.append(f"look up {client_order_id}")
        error = self.look_ups.pop(0) if self.look_ups else None
        if error is not None:
            raise error
        if self.invisible_look_ups:
            self.invisible_look_ups -= 1
            return None
        return self.known.get(client_order_id)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        self.looked_ms.append(self.now())
        error = self.looks.pop(0) if self.looks else None
        if error is not None:
            raise error
        if self.looks_take_ms:
            await asyncio.sleep(self.looks_take_ms / 1000)
        known_ms = self.now() - self.shows_after_ms
        return [report for report in self.resting.values() if report.updated_ms <= known_ms]

    async def position(self, symbol: str) -> Position | None:
        error = self.position_looks.pop(0) if self.position_looks else None
        if error is not None:
            raise error
        side = Side.of_sign(int(self.held.compare(0)))
        if side is None:
            return None
        return Position(symbol, side, abs(self.held), self.price, self.now())

    async def holdings(self, symbol: str, *, since_ms: int | None = None) -> Holdings:
        del since_ms
        return Holdings(await self.position(symbol), await self.open_orders(symbol))

    def look_ahead(self) -> None:
        """Nothing to gain."""

    async def best_prices(self, symbol: str) -> BestPrices:
        return await self.quote(symbol)

    async def account(self) -> Account:
        return Account(Decimal(1000), Decimal(1000), Decimal(1000))

    async def quote(self, symbol: str) -> Quote:
        return Quote(self.price, self.price, self.price)

    async def instrument(self, symbol: str) -> Instrument:
        return Instrument(symbol)

    async def fills(self, symbol: str, *, since_ms: int) -> Sequence[Fill]:
        if self.hides_fills:
            return []
        return [fill for fill in self.executions if fill.at_ms >= since_ms]

    async def funding(self, symbol: str, *, since_ms: int) -> Sequence[FundingSettled]:
        if self.funding_looks:
            raise self.funding_looks.pop(0)
        return [payment for payment in self.funded if payment.at_ms >= since_ms]

    async def account_events(self, symbol: str) -> AsyncIterator[AccountEvent]:
        while True:
            yield await self.events.get()


@dataclass
class Life:
    """One process's keeper of the position, from its start to its death."""

    clock: LoopClock
    exchange: FakeExchange
    journal: FakeJournal
    risk: RiskManager
    keeper: PositionKeeper
    recovery: Recovery
    listener: asyncio.Task[None]

    async def enter(self, bar: int = 0, side: Side = LONG) -> str:
        """Open a position at the close of `bar`: a stop 2 behind the fill, a target 4 beyond."""
        await self.clock.sleep_until_ms(opens(bar + 1))
        await self.risk.begin_bar(opens(bar + 1))
        request = EntryRequest(side, float(self.exchange.price), 2.0, self.keeper.instrument)
        reservation = await self.risk.submit(opens(bar + 1), XRP, request)
        assert isinstance(reservation, Reservation)
        decision = Decision(XRP, opens(bar), "ENTER", side, 3, ())
        refused = await self.keeper.enter(
            opens(bar), reservation, Exits(2.0, False, 4.0, False), decision
        )
        return "" if refused is None else str(refused)

    async def recover(self) -> None:
        """As a bot does before its first bar."""
        self.recovery.claim()
        await self.recovery.finish()

    async def end(self) -> None:
        """The process is gone, and with it what it had only noted."""
        self.listener.cancel()
        await asyncio.wait([self.listener])
        self.journal.queued.clear()


async def a_life(
    clock: LoopClock,
    exchange: FakeExchange,
    journal: FakeJournal,
    *,
    max_entry_delay_ms: int | None = None,
) -> Life:
    """A process that has just started, and has not recovered yet."""
    exchange.now, exchange.events = clock.now_ms, asyncio.Queue()
    risk = RiskManager(Settings(symbols=(XRP,)), clock=clock, journal=journal)
    await risk.start(exchange)
    risk.join(XRP)
    keeper = PositionKeeper(
        XRP,
        risk=risk,
        exchange=exchange,
        journal=journal,
        clock=clock,
        bar_ms=BAR_MS,
        slippage=Decimal(0),
        max_entry_delay_ms=max_entry_delay_ms,
    )
    await keeper.learn_filters()
    recovery = Recovery(
        keeper,
        exchange=exchange,
        journal=journal,
        risk=risk,
        clock=clock,
        bar_ms=BAR_MS,
        max_entry_delay_ms=max_entry_delay_ms,
    )
    listener = asyncio.create_task(keeper.follow(exchange.account_events(XRP)))
    return Life(clock, exchange, journal, risk, keeper, recovery, listener)


@dataclass
class FakeFeed:
    """Stored candles by symbol, and the events that a test puts in."""

    stored: Mapping[str, Sequence[Candle]] = field(default_factory=dict)
    events: asyncio.Queue[FeedEvent] = field(default_factory=asyncio.Queue)
    asked: list[tuple[str, int, int]] = field(default_factory=list)  # symbol, before bar, limit

    async def history(self, symbol: str, *, before_ms: int, limit: int) -> Sequence[Candle]:
        self.asked.append((symbol, (before_ms - T0) // BAR_MS, limit))
        await asyncio.sleep(0)
        return [c for c in self.stored.get(symbol, ()) if c.open_time_ms < before_ms][-limit:]

    def candles(self, symbols: Sequence[str]) -> AsyncIterator[FeedEvent]:
        return _Told(self.events, symbols[0])

    def tell(self, *candles: Candle) -> None:
        for each in candles:
            self.events.put_nowait(CandleClosed(each))

    def end(self, symbol: str) -> None:
        self.events.put_nowait(FeedEnded(symbol, T0))


@dataclass
class _Told(AsyncIterator[FeedEvent]):
    """What a test puts into the queue, until `symbol` ends. Waiting may be cancelled."""

    events: asyncio.Queue[FeedEvent]
    symbol: str
    is_over: bool = False

    async def __anext__(self) -> FeedEvent:
        if self.is_over:
            raise StopAsyncIteration
        event = await self.events.get()
        self.is_over = isinstance(event, FeedEnded) and event.symbol == self.symbol
        return event
