"""Never naked: a position whose stop cannot be seen resting is closed, and flat is verified."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from cointrader.bot.execution import Execution
from cointrader.bot.keeper import PositionKeeper
from cointrader.bot.protection import CONFIRMED_AFTER_MS, DEADLINE_MS, Placed, Protection
from cointrader.domain.errors import OutcomeUnknown, RateLimited, Rejected, Unreachable
from cointrader.domain.order import Leg, OrderKind, OrderReport, OrderStatus, leg_of
from cointrader.domain.records import Alert, Decision, PositionOpened, TradeClosed
from cointrader.risk.manager import EntryRequest, Reservation, RiskManager
from cointrader.strategy.plan import Exits, Levels
from cointrader.strategy.state import State
from tests.unit.bot.fakes import (
    BAR_MS,
    LONG,
    SELL,
    T0,
    XRP,
    AnswerLost,
    FakeExchange,
    FakeJournal,
    a_fill,
    a_holding,
    in_virtual_time,
    opens,
    order_id,
)
from tests.unit.risk.fakes import Settings

ENTRY, STOP, TARGET = order_id(Leg.ENTRY), order_id(Leg.STOP), order_id(Leg.TARGET)
EMERGENCY = order_id(Leg.EMERGENCY)
DOWN = Unreachable("no route")
LOST = OutcomeUnknown("the connection broke while waiting")
UNHEARD = AnswerLost("the connection broke after sending")
THROUGH = Rejected("the order would trigger at once", code="-2021")
EXITS = Exits(2.0, False, 4.0, False)
VERIFIED_MS = 500  # between two looks that show no position


@dataclass
class Entered:
    """A bot's position after its entry at 100, whatever became of it."""

    exchange: FakeExchange
    journal: FakeJournal = field(default_factory=FakeJournal)
    state: State = State.FLAT
    is_held: bool = False
    slots: dict = field(default_factory=dict)
    took_ms: int = 0

    @property
    def orders(self):
        ids = [request.client_order_id for request in self.exchange.placed]
        return [each for each in ids if leg_of(each) is not Leg.PROBE]

    @property
    def resting(self):
        return {each for each in self.exchange.resting if leg_of(each) is not Leg.PROBE}

    @property
    def reasons(self):
        return [closed.trade.reason.value for closed in self.journal.written(TradeClosed)]

    @property
    def alerts(self):
        return [(alert.level, alert.text) for alert in self.journal.written(Alert)]


def enter(script=(), then_s=0, **exchange) -> Entered:
    """Enter long with a stop 2 below and a target 4 above, on an exchange that does its worst."""
    entered = Entered(FakeExchange(script=[None, *script], **exchange))

    async def main(clock):
        fake, journal = entered.exchange, entered.journal
        fake.now = clock.now_ms
        risk = RiskManager(Settings(symbols=(XRP,)), clock=clock, journal=journal)
        await risk.start(fake)
        risk.join(XRP)
        keeper = PositionKeeper(
            XRP,
            risk=risk,
            exchange=fake,
            journal=journal,
            clock=clock,
            bar_ms=BAR_MS,
            slippage=Decimal(0),
        )
        await keeper.learn_filters()
        listener = asyncio.create_task(keeper.follow(fake.account_events(XRP)))
        wanted = EntryRequest(LONG, 100.0, 2.0, keeper.instrument)
        reservation = await risk.submit(opens(1), XRP, wanted)
        assert isinstance(reservation, Reservation)
        await keeper.enter(opens(0), reservation, EXITS, Decision(XRP, T0, "ENTER", LONG, 3, ()))
        entered.took_ms = clock.now_ms() - opens(1)
        await asyncio.sleep(then_s)
        await keeper.settled()
        entered.state, entered.is_held = keeper.state, keeper.held is not None
        entered.slots = dict(risk.open_positions)
        listener.cancel()

    in_virtual_time(main, opens(1))
    return entered


def assert_open_and_protected(entered):
    assert entered.orders[0] == ENTRY
    assert [leg_of(order) for order in entered.orders[1:]] == [Leg.STOP, Leg.TARGET]
    assert entered.resting == set(entered.orders[1:])
    assert (entered.state, entered.is_held, entered.slots) == (State.OPEN, True, {XRP: LONG})
    assert entered.alerts == []


def assert_closed_unprotected(entered):
    assert entered.orders[0] == ENTRY
    assert [leg_of(order) for order in entered.orders].count(Leg.EMERGENCY) == 1
    assert leg_of(entered.orders[-1]) is Leg.EMERGENCY
    assert entered.exchange.held == 0
    assert entered.resting == set()
    assert (entered.state, entered.is_held, entered.slots) == (State.FLAT, False, {})
    assert entered.reasons == ["UNPROTECTED"]
    assert entered.alerts == [
        ("critical", "protection of XRPUSDT was not confirmed: closing at market"),
    ]


# ---------------------------------------------------------------------- in time


def test_a_stop_that_rests_at_once_makes_the_position_open():
    entered = enter()

    assert_open_and_protected(entered)
    assert entered.took_ms == 0
    assert entered.orders == [ENTRY, STOP, TARGET]
    assert [o.trigger_price for o in entered.exchange.placed] == [None, 98, 104]
    [position] = entered.journal.written(PositionOpened)
    assert (position.trade_id, position.stop, position.target) == (ENTRY, Decimal(98), Decimal(104))


@pytest.mark.parametrize("shown_after_ms", [500, 1_500, 2_000])
def test_a_stop_that_shows_soon_enough_to_be_seen_twice_is_enough(shown_after_ms):
    entered = enter(shows_after_ms=shown_after_ms)

    assert_open_and_protected(entered)
    assert entered.took_ms == shown_after_ms


@pytest.mark.parametrize(
    "script",
    [[DOWN], [DOWN, DOWN], [UNHEARD], [LOST], [None, DOWN], [None, UNHEARD]],
    ids=["stop down", "twice", "answer lost", "request lost", "target down", "its answer lost"],
)
def test_a_network_that_comes_back_in_time_leaves_one_stop_and_one_target(script):
    assert_open_and_protected(enter(script))


# ---------------------------------------------------------------------- not in time


def test_a_stop_that_is_lost_closes_the_position_at_market_within_five_seconds():
    entered = enter(loses_stops=True)

    assert_closed_unprotected(entered)
    assert entered.took_ms == DEADLINE_MS - CONFIRMED_AFTER_MS + VERIFIED_MS == 2_500
    assert entered.orders == [ENTRY, STOP, TARGET, EMERGENCY]
    [close] = [o for o in entered.exchange.placed if o.client_order_id == EMERGENCY]
    assert (close.kind, close.side, close.quantity) == (OrderKind.MARKET, SELL, Decimal(50))
    assert close.reduce_only


def test_a_stop_that_shows_too_late_to_be_confirmed_is_no_stop():
    entered = enter(shows_after_ms=2_001)

    assert entered.orders == [ENTRY, STOP, TARGET, EMERGENCY]
    assert entered.exchange.held == 0
    assert (entered.is_held, entered.reasons) == (False, ["UNPROTECTED"])


def test_a_stop_that_shows_after_the_deadline_is_swept_with_its_position():
    """Left behind, it would close a later position at a level that is not its own."""
    assert_closed_unprotected(enter(shows_after_ms=5_001))


def test_a_stop_that_is_refused_closes_the_position_at_once():
    entered = enter([THROUGH])

    assert_closed_unprotected(entered)
    assert entered.took_ms == VERIFIED_MS
    assert entered.orders == [ENTRY, EMERGENCY]


def test_an_exchange_that_takes_no_stop_in_time_closes_as_soon_as_it_answers():
    assert_closed_unprotected(enter([DOWN] * 8))


@pytest.mark.parametrize("trouble", [[DOWN], [UNHEARD], [LOST], [DOWN, LOST, UNHEARD]])
def test_the_closing_order_is_sent_once_whatever_the_network_does(trouble):
    """The first two answers are the stop's and the target's."""
    entered = enter([None, None, *trouble], loses_stops=True)

    assert_closed_unprotected(entered)


def test_a_close_that_is_refused_while_the_position_stands_is_sent_again():
    entered = enter([None, None, Rejected("no", code="-2022")], loses_stops=True, then_s=15)

    assert_closed_unprotected(entered)


def test_a_look_that_fails_is_repeated_until_the_deadline():
    assert_open_and_protected(enter(looks=[DOWN]))


def test_the_five_seconds_begin_with_the_fill():
    """The exchange asks to wait for a minute before it takes the stop."""
    entered = enter([RateLimited("too many requests", retry_after_ms=60_000)])

    assert entered.took_ms <= DEADLINE_MS + 1_000


def test_fills_that_nobody_tells_are_asked_for():
    """A lagging account stream: the entry is protected all the same."""
    assert_open_and_protected(enter(is_silent=True))


def test_fills_that_nobody_tells_leave_no_position_naked_for_longer_than_five_seconds():
    assert enter(is_silent=True).took_ms <= DEADLINE_MS


# ---------------------------------------------------------------------- moved and swept


@dataclass
class Rig:
    exchange: FakeExchange
    protection: Protection


def with_protection(scenario, **exchange):
    """Run `scenario` on a long from 100 with its stop at 98 and its target at 104."""
    rig_exchange = FakeExchange(**exchange)
    journal = FakeJournal()
    held = replace(a_holding().with_fill(a_fill(1)), levels=Levels(Decimal(98), Decimal(104)))

    async def main(clock):
        rig_exchange.now = clock.now_ms

        def started():
            execution = Execution(XRP, rig_exchange, journal, clock, BAR_MS)
            return Protection(XRP, rig_exchange, execution, clock)

        assert held.levels is not None
        assert await established(started(), held, clock.now_ms())
        rig_exchange.log.clear()
        return await scenario(Rig(rig_exchange, started()), held)

    return in_virtual_time(main, opens(1))


async def established(protection, held, now_ms):
    """Protection asked for just after the fill."""
    placed = await protection.establish(held, held.levels, opens(0), see_by_ms=now_ms + DEADLINE_MS)
    return placed is Placed.SEEN


def trailed(bar):
    return order_id(Leg.TRAIL, bar)


def test_protection_that_is_there_from_before_a_restart_is_not_sent_again():
    async def scenario(rig, held):
        assert await established(rig.protection, held, rig.exchange.now())
        return rig.exchange.log

    assert with_protection(scenario) == [f"look up {STOP}", f"look up {TARGET}"]


def test_protection_that_a_look_up_does_not_see_yet_is_protection_all_the_same():
    """Restarted a moment after the stop was placed: it is sent again, and refused as a double."""

    async def scenario(rig, held):
        rig.exchange.invisible_look_ups = 1
        return await established(rig.protection, held, rig.exchange.now())

    assert with_protection(scenario)


def test_the_stop_is_moved_by_resting_the_new_one_before_the_old_one_goes():
    async def scenario(rig, held):
        for bar, stop in ((1, 99), (2, 101)):
            levels = Levels(Decimal(stop), Decimal(104))
            placed = await rig.protection.move_stop(held, levels, opens(bar), quantity=Decimal(50))
            assert placed is Placed.SEEN
        last = rig.exchange.placed[-1]
        assert (last.trigger_price, last.quantity, last.reduce_only) == (101, 50, True)
        return rig.exchange.log, set(rig.exchange.resting)

    log, resting = with_protection(scenario)

    assert log == [f"place {trailed(1)}", f"place {trailed(2)}", f"cancel {trailed(1)}"]
    assert resting == {STOP, TARGET, trailed(2)}


def test_a_stop_that_cannot_be_moved_leaves_the_old_one_where_it_is():
    async def scenario(rig, held):
        rig.exchange.script = [THROUGH]
        levels = Levels(Decimal(101), Decimal(104))
        moved = await rig.protection.move_stop(held, levels, opens(2), quantity=Decimal(50))
        return moved, set(rig.exchange.resting), rig.exchange.log

    moved, resting, log = with_protection(scenario)

    assert moved is Placed.TOO_LATE
    assert resting == {STOP, TARGET}
    assert log == [f"place {trailed(2)}"]


def test_a_sweep_cancels_our_conditional_orders_and_nobody_elses():
    async def scenario(rig, held):
        for name in ("web_123", "x-other-bot"):
            rig.exchange.resting[name] = OrderReport(
                name, XRP, SELL, OrderKind.STOP_MARKET, OrderStatus.NEW, opens(1)
            )
        await rig.protection.sweep()
        return set(rig.exchange.resting)

    assert with_protection(scenario) == {"web_123", "x-other-bot"}
