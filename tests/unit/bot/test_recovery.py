"""A restart finds out what is true: nothing is sent twice, nothing is left unprotected."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.bot.foreign import find_foreign
from cointrader.domain.clock import HOUR_MS
from cointrader.domain.errors import RateLimited, Rejected, Unreachable
from cointrader.domain.order import (
    GUARD_PREFIX,
    Leg,
    OrderKind,
    OrderReport,
    OrderStatus,
    Side,
    leg_of,
)
from cointrader.domain.records import Decision, FundingPaid, TradeClosed
from cointrader.risk.manager import EntryRequest, Reservation
from cointrader.strategy.state import State
from tests.unit.bot.fakes import (
    BAR_MS,
    BUY,
    LONG,
    SELL,
    T0,
    XRP,
    FakeExchange,
    FakeJournal,
    a_life,
    in_virtual_time,
    opens,
    order_id,
)

ENTRY, STOP, TARGET = order_id(Leg.ENTRY), order_id(Leg.STOP), order_id(Leg.TARGET)
STOP_AGAIN = order_id(Leg.STOP, attempt=1)
EMERGENCY, EMERGENCY_AGAIN = order_id(Leg.EMERGENCY), order_id(Leg.EMERGENCY, attempt=1)
NO = Rejected("not enough margin", code="-2019")
DELAY_MS = 30_000


class World:
    """One exchange, one journal, and one life after the other."""

    def __init__(self, clock, **exchange):
        self.clock = clock
        self.exchange = FakeExchange(**exchange)
        self.journal = FakeJournal()

    async def a_life(self):
        return await a_life(self.clock, self.exchange, self.journal, max_entry_delay_ms=DELAY_MS)

    async def restarted(self, life, *, after_ms=60_000):
        """The life that follows `life`, recovered."""
        await life.end()
        await self.clock.sleep_ms(after_ms)
        self.exchange.log.clear()
        following = await self.a_life()
        await following.recover()
        return following

    @property
    def orders(self):
        return [request.client_order_id for request in self.exchange.placed]


def play(scenario, **exchange):
    """Run `scenario` on a world whose bar 0 has just closed."""

    async def main(clock):
        return await scenario(World(clock, **exchange))

    return in_virtual_time(main, opens(1))


async def an_entry_that_was_only_meant(world):
    """Its intent is on disk, and the process died before the request left."""
    life = await world.a_life()
    await life.risk.begin_bar(opens(1))
    wanted = EntryRequest(LONG, 100.0, 2.0, life.keeper.instrument)
    assert isinstance(await life.risk.submit(opens(1), XRP, wanted), Reservation)
    intent = life.keeper.execution.market_intent(opens(0), Leg.ENTRY, BUY, Decimal(50), "2.0 4.0")
    await world.journal.commit(Decision(XRP, T0, "ENTER", LONG, 3, ()), intent)
    return life


async def can_enter(life, bar):
    await life.clock.sleep_until_ms(opens(bar + 1))
    wanted = EntryRequest(LONG, 100.0, 2.0, life.keeper.instrument)
    return isinstance(await life.risk.submit(opens(bar + 1), XRP, wanted), Reservation)


def assert_flat(life):
    assert (life.keeper.held, life.keeper.state) == (None, State.FLAT)
    assert life.risk.open_positions == {}
    assert life.exchange.resting == {}


def assert_open(life, *orders):
    assert (life.keeper.held, life.keeper.state) == (LONG, State.OPEN)
    assert life.risk.open_positions == {XRP: LONG}
    assert set(life.exchange.resting) == set(orders)


# ---------------------------------------------------------------------- nothing happened


def test_a_first_start_finds_nothing_and_sends_nothing():
    async def scenario(world):
        life = await world.a_life()
        await life.recover()
        assert_flat(life)
        return world.exchange.log

    assert play(scenario) == []


def test_an_entry_that_was_refused_is_not_sent_again_and_takes_no_slot():
    async def scenario(world):
        life = await world.a_life()
        assert await life.enter(0)
        life = await world.restarted(life, after_ms=1_000)  # it would still be fresh
        assert_flat(life)
        assert world.exchange.log == []  # not even asked for
        return await can_enter(life, 1)

    assert play(scenario, script=[NO])


def test_an_entry_that_never_left_is_sent_once_while_it_is_fresh():
    async def scenario(world):
        life = await world.restarted(await an_entry_that_was_only_meant(world), after_ms=1_000)
        assert_open(life, STOP, TARGET)
        life = await world.restarted(life, after_ms=1_000)
        assert_open(life, STOP, TARGET)
        return world.orders

    assert play(scenario) == [ENTRY, STOP, TARGET]


@pytest.mark.parametrize("after_ms", [DELAY_MS, 4 * 3_600_000])
def test_an_entry_that_never_left_is_given_up_when_it_is_old(after_ms):
    async def scenario(world):
        life = await an_entry_that_was_only_meant(world)
        life = await world.restarted(life, after_ms=after_ms)
        assert_flat(life)
        assert world.orders == []
        return await can_enter(life, 20)

    assert play(scenario)


def test_an_entry_that_is_refused_when_it_is_sent_late_is_given_up():
    async def scenario(world):
        life = await an_entry_that_was_only_meant(world)
        world.exchange.script = [NO]
        life = await world.restarted(life, after_ms=1_000)
        assert_flat(life)
        life = await world.restarted(life, after_ms=1_000)
        assert_flat(life)
        return world.exchange.log

    assert play(scenario) == []  # the second restart knows that it was refused


def test_an_entry_sent_by_a_recovery_is_not_sent_later_than_an_entry_may_be():
    """Fresh when the recovery began; then the exchange asks to wait for a minute."""

    async def scenario(world):
        life = await an_entry_that_was_only_meant(world)
        world.exchange.script = [RateLimited("too many requests", retry_after_ms=60_000)]
        await world.restarted(life, after_ms=1_000)
        return world.orders

    assert play(scenario) == []


# ---------------------------------------------------------------------- while it was away


def test_a_position_is_taken_back_as_it_was():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        life = await world.restarted(life)
        assert_open(life, STOP, TARGET)
        return world.orders

    assert play(scenario) == [ENTRY, STOP, TARGET]


def test_a_stop_that_filled_meanwhile_is_booked_once():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        await life.end()
        world.exchange.trigger(STOP)
        life = await world.restarted(life)
        assert_flat(life)
        life = await world.restarted(life)
        assert_flat(life)
        [closed] = world.journal.written(TradeClosed)
        return closed.trade.reason.value, closed.trade.net

    assert play(scenario) == ("SL", Decimal(-104))


@pytest.mark.parametrize("ended", [OrderStatus.CANCELED, OrderStatus.EXPIRED])
def test_a_stop_that_ended_meanwhile_is_placed_again_under_another_id(ended):
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        world.exchange.drop(STOP, ended)
        life = await world.restarted(life)
        assert_open(life, STOP_AGAIN, TARGET)
        assert world.exchange.resting[STOP_AGAIN].trigger_price == 98
        life = await world.restarted(life)  # and only once
        assert_open(life, STOP_AGAIN, TARGET)
        return world.orders

    assert play(scenario) == [ENTRY, STOP, TARGET, STOP_AGAIN]


def test_a_stop_that_was_placed_again_is_swept_with_its_position():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        world.exchange.drop(STOP, OrderStatus.EXPIRED)
        life = await world.restarted(life)
        world.exchange.trigger(TARGET)
        await asyncio.sleep(0.01)
        await life.keeper.settled()
        assert_flat(life)
        [closed] = world.journal.written(TradeClosed)
        return closed.trade.reason.value

    assert play(scenario) == "TP"


@pytest.mark.parametrize("is_restarted", [False, True])
def test_an_emergency_close_that_expired_is_sent_again_under_another_id(is_restarted):
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        assert world.exchange.held == 50
        if is_restarted:
            life = await world.restarted(life)
        await asyncio.sleep(15)
        assert_flat(life)
        assert world.exchange.held == 0
        [closed] = world.journal.written(TradeClosed)
        assert (closed.trade.trade_id, closed.trade.reason.value) == (ENTRY, "UNPROTECTED")
        return [order for order in world.orders if leg_of(order) in (Leg.ENTRY, Leg.EMERGENCY)]

    found = play(scenario, loses_stops=True, expiring={EMERGENCY})

    assert found == [ENTRY, EMERGENCY, EMERGENCY_AGAIN]


# ---------------------------------------------------------------------- trailed


def resting_stops(world):
    """Trigger prices of the stops, the outer one first."""
    stops = [r for r in world.exchange.resting.values() if r.kind is OrderKind.STOP_MARKET]
    return sorted(report.trigger_price for report in stops)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_first_stop_after_a_restart_trails_the_closes_and_not_the_entry(is_restarted):
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        if is_restarted:
            life = await world.restarted(life)
        await world.clock.sleep_until_ms(opens(2))
        await life.keeper.trail(99.5, opens(1), 0.01)
        return resting_stops(world)

    assert play(scenario) == [98, Decimal("98.505")]


def test_a_stop_that_was_trailed_is_never_moved_back_by_a_restart():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        await world.clock.sleep_until_ms(opens(2))
        await life.keeper.trail(103.0, opens(1), 0.01)
        await world.journal.commit()
        life = await world.restarted(life)
        await world.clock.sleep_until_ms(opens(3))
        await life.keeper.trail(102.0, opens(2), 0.01)
        return resting_stops(world)

    assert play(scenario) == [98, Decimal("101.97")]


def test_a_trailing_stop_that_never_left_is_made_good_after_a_restart():
    """Its bar was not answered, so the bot answers it again."""

    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        await world.clock.sleep_until_ms(opens(2))
        world.exchange.script = [Unreachable("no route")]
        moving = asyncio.create_task(life.keeper.trail(103.0, opens(1), 0.01))
        await asyncio.sleep(0.1)
        moving.cancel()
        assert world.journal.intent(order_id(Leg.TRAIL, 1)) is not None
        life = await world.restarted(life)
        await life.keeper.trail(103.0, opens(1), 0.01)
        await life.keeper.trail(102.0, opens(2), 0.01)
        return resting_stops(world)[-1]

    assert play(scenario) == Decimal("101.97")


# ---------------------------------------------------------------------- funding


async def paid_for(world, life):
    """Close by hand; what the trade says of funding, and how often it was written down."""
    world.exchange.execute("web_1", SELL, "50")
    await asyncio.sleep(0.01)
    await life.keeper.settled()
    [closed] = world.journal.written(TradeClosed)
    written = [record.at_ms - opens(1) for record in world.journal.written(FundingPaid)]
    return closed.trade.funding, written


def test_funding_at_the_moment_of_the_entry_went_to_the_position_before():
    async def scenario(world):
        world.exchange.fund(opens(1), "-7")
        life = await world.a_life()
        await life.enter(0)
        life = await world.restarted(life)
        return await paid_for(world, life)

    assert play(scenario) == (0, [])


def test_funding_at_the_moment_of_an_entry_off_the_hour_is_its_own():
    async def scenario(world):
        world.exchange.fund(opens(2), "-7")
        life = await world.a_life()
        await life.enter(1)
        life = await world.restarted(life)
        return await paid_for(world, life)

    assert play(scenario) == (-7, [BAR_MS])


def test_funding_at_the_moment_of_an_entry_just_after_the_hour_is_its_own():
    """Nobody is known to have held before it, and the hour itself is over."""

    async def scenario(world):
        life = await world.a_life()
        await world.clock.sleep_until_ms(opens(1) + 125)
        await life.enter(0)
        world.exchange.events.put_nowait(world.exchange.fund(opens(1) + 125, "-7"))
        await asyncio.sleep(0.01)
        return await paid_for(world, life)

    assert play(scenario) == (-7, [125])


def test_funding_after_the_entry_is_counted_once_however_often_it_is_heard_of():
    async def scenario(world):
        world.exchange.fund(opens(1), "-7")
        life = await world.a_life()
        await life.enter(0)
        world.exchange.fund(opens(1) + 30_000, "-3")
        life = await world.restarted(life)
        told = world.exchange.fund(opens(1) + 90_000, "2")
        world.exchange.events.put_nowait(told)
        world.exchange.events.put_nowait(replace(told))
        life = await world.restarted(life)
        return await paid_for(world, life)

    funding, _ = play(scenario)

    assert funding == -1


def test_funding_of_the_position_before_is_not_counted_when_it_is_told_late():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        world.exchange.events.put_nowait(world.exchange.fund(opens(1), "-7"))
        await asyncio.sleep(0.01)
        return await paid_for(world, life)

    assert play(scenario) == (0, [])


# ---------------------------------------------------------------------- trouble while recovering


def test_a_recovery_that_cannot_ask_for_the_entry_keeps_its_slot_and_says_so():
    async def scenario(world):
        life = await an_entry_that_was_only_meant(world)
        world.exchange.look_ups = [Unreachable("no route")] * 15
        with pytest.raises(Unreachable):
            await world.restarted(life, after_ms=1_000)
        life = await world.a_life()
        life.recovery.claim()
        assert life.risk.open_positions == {XRP: LONG}  # whoever asks before it has recovered
        return world.orders

    assert play(scenario) == []


def test_an_entry_that_the_exchange_has_forgotten_is_known_from_the_journal():
    """Exchanges remember ended orders for a while only; a trailing stop ends one at every move."""

    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        world.exchange.known.clear()
        following = await world.restarted(life)
        assert_open(following, STOP, TARGET)
        return world.orders

    assert play(scenario) == [ENTRY, STOP, TARGET]


def test_a_payment_booked_after_the_entry_was_for_whoever_held_at_the_settlement():
    """The settlement of the full hour is booked seconds later, when a reversal has happened."""

    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        hour_ms = HOUR_MS * (opens(1) // HOUR_MS + 1)
        await world.clock.sleep_until_ms(hour_ms + 300)
        world.exchange.execute("web_1", SELL, "50")
        await asyncio.sleep(0.3)
        bar = (hour_ms - T0) // BAR_MS - 1
        await life.enter(bar, Side.SHORT)
        world.exchange.events.put_nowait(world.exchange.fund(hour_ms + 5_000, "-7"))
        await asyncio.sleep(0.01)
        assert life.keeper.holding is not None
        return life.keeper.holding.funding

    assert play(scenario) == 0


def test_a_payment_booked_after_an_entry_that_nobody_held_before_is_its_own():
    async def scenario(world):
        life = await world.a_life()
        hour_ms = HOUR_MS * (opens(1) // HOUR_MS + 1)
        await world.clock.sleep_until_ms(hour_ms + 600)
        await life.enter((hour_ms - T0) // BAR_MS - 1)
        world.exchange.events.put_nowait(world.exchange.fund(hour_ms + 5_000, "-7"))
        await asyncio.sleep(0.01)
        assert life.keeper.holding is not None
        return life.keeper.holding.funding

    assert play(scenario) == -7


# ---------------------------------------------------------------------- guarded meanwhile


GUARD = f"{GUARD_PREFIX}1"


def a_guards_stop(world, price="97"):
    """A second program has put a stop behind the position that it found alone."""
    world.exchange.resting[GUARD] = OrderReport(
        GUARD, XRP, SELL, OrderKind.STOP_MARKET, OrderStatus.NEW, world.clock.now_ms(),
        trigger_price=Decimal(price), close_position=True, reduce_only=True,
    )  # fmt: skip


def test_a_guards_stop_is_replaced_without_a_naked_moment():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        world.exchange.drop(STOP, OrderStatus.CANCELED)
        a_guards_stop(world)
        world.exchange.allows_one_close_position = True
        life = await world.restarted(life)
        assert_open(life, STOP_AGAIN, TARGET)
        return world.exchange.log

    bridge = order_id(Leg.TRAIL)

    log = [line for line in play(scenario) if not line.startswith("look up")]
    assert log == [
        f"place {bridge}",
        f"cancel {GUARD}",
        f"place {STOP_AGAIN}",
        f"cancel {bridge}",
    ]


def test_a_guards_stop_beside_our_own_is_taken_away():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        a_guards_stop(world)
        life = await world.restarted(life)
        assert_open(life, STOP, TARGET)
        return [line for line in world.exchange.log if not line.startswith("look up")]

    assert play(scenario) == [f"cancel {GUARD}"]


def test_a_guards_stop_that_closed_the_position_is_a_stop():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        await life.end()
        a_guards_stop(world, price="98")
        world.exchange.trigger(GUARD)
        life = await world.restarted(life)
        assert_flat(life)
        [closed] = world.journal.written(TradeClosed)
        return closed.trade.reason.value

    assert play(scenario) == "SL"


def test_a_guards_stop_left_behind_a_closed_position_is_swept_and_not_foreign():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        await life.end()
        a_guards_stop(world)
        assert await find_foreign(world.exchange, XRP) is not None  # the position is
        world.exchange.trigger(STOP)
        assert await find_foreign(world.exchange, XRP) is None
        life = await world.restarted(life)
        assert_flat(life)

    play(scenario)


# ---------------------------------------------------------------------- the stop move, step by step


@pytest.mark.parametrize("steps", range(12))
def test_a_move_of_the_stop_that_dies_at_any_step_is_finished_by_the_next_move(steps):
    """Before each step of the second move the process dies; then the same bar is answered again."""

    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        await world.clock.sleep_until_ms(opens(2))
        await life.keeper.trail(103.0, opens(1), 0.01)
        await world.journal.commit()
        await world.clock.sleep_until_ms(opens(3))
        moving = asyncio.create_task(life.keeper.trail(105.0, opens(2), 0.01))
        for _ in range(steps):
            await asyncio.sleep(0)
        moving.cancel()
        await asyncio.wait([moving])
        assert max(resting_stops(world)) >= Decimal("101.97")  # never further away than it was
        life = await world.restarted(life)
        assert max(resting_stops(world)) >= Decimal("101.97")
        await life.keeper.trail(105.0, opens(2), 0.01)
        return resting_stops(world)

    assert play(scenario) == [98, Decimal("103.95")]


def test_after_a_restart_the_old_moved_stop_goes_when_the_next_one_rests():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        await world.clock.sleep_until_ms(opens(2))
        await life.keeper.trail(103.0, opens(1), 0.01)
        await world.journal.commit()
        life = await world.restarted(life)
        await world.clock.sleep_until_ms(opens(3))
        await life.keeper.trail(105.0, opens(2), 0.01)
        return resting_stops(world)

    assert play(scenario) == [98, Decimal("103.95")]


def test_a_moved_stop_that_is_gone_after_a_restart_is_placed_again():
    async def scenario(world):
        life = await world.a_life()
        await life.enter(0)
        await world.clock.sleep_until_ms(opens(2))
        await life.keeper.trail(103.0, opens(1), 0.01)
        await world.journal.commit()
        world.exchange.drop(order_id(Leg.TRAIL, 1), OrderStatus.CANCELED)
        await world.restarted(life)
        await asyncio.sleep(10)
        return resting_stops(world)

    assert play(scenario) == [98, Decimal("101.97")]
