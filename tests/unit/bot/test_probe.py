"""After a stop that was not kept: no entry until the exchange has kept a harmless one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import pytest

from cointrader.app.virtual_time import LoopClock
from cointrader.domain.errors import Rejected, Unreachable
from cointrader.domain.order import Leg, OrderStatus, leg_of
from cointrader.domain.records import BotState, TradeClosed
from tests.unit.bot.fakes import FakeExchange, FakeJournal, a_life, in_virtual_time, opens

DOWN = Unreachable("no route")


@dataclass
class World:
    """One exchange and one journal, and one life after the other."""

    clock: LoopClock
    exchange: FakeExchange
    journal: FakeJournal

    async def a_life(self):
        life = await a_life(self.clock, self.exchange, self.journal)
        await life.recover()
        return life

    @property
    def probes(self):
        return [o for o in self.exchange.placed if leg_of(o.client_order_id) is Leg.PROBE]

    @property
    def states(self):
        return [record.state for record in self.journal.written(BotState)]


def play(scenario, **exchange):
    """A world in which an entry was just closed again because its stop was not kept."""

    async def main(clock):
        world = World(clock, FakeExchange(loses_stops=True, **exchange), FakeJournal())
        life = await world.a_life()
        await life.enter(0)
        assert [r.trade.reason.value for r in world.journal.written(TradeClosed)] == ["UNPROTECTED"]
        assert life.keeper.why_blocked
        assert world.states == ["unprotected"]
        return await scenario(world, life)

    return in_virtual_time(main, opens(1))


def test_a_probe_that_is_kept_and_goes_when_it_is_cancelled_lifts_the_block():
    async def scenario(world, life):
        world.exchange.loses_stops = False
        await asyncio.sleep(60)
        assert not life.keeper.why_blocked
        assert world.states == ["unprotected", "protected"]
        assert world.exchange.resting == {}
        return world.probes[-1]

    probe = play(scenario)

    assert (probe.reduce_only, probe.close_position, probe.quantity) == (True, False, 1)
    assert probe.trigger_price == Decimal(50)  # far from 100


def test_a_probe_takes_as_long_as_a_stop_takes_to_be_confirmed():
    async def scenario(world, life):
        await asyncio.sleep(60)
        world.exchange.loses_stops = False
        tried = len(world.probes)
        while len(world.probes) == tried:
            await asyncio.sleep(0.1)
        await asyncio.sleep(2.8)
        assert life.keeper.why_blocked
        await asyncio.sleep(0.4)
        return life.keeper.why_blocked

    assert play(scenario) == ""


def test_while_stops_are_lost_probes_are_sent_with_pauses_that_grow():
    async def scenario(world, life):
        await asyncio.sleep(3_600)
        assert life.keeper.why_blocked
        return len(world.probes)

    assert 10 < play(scenario) < 25


def test_a_probe_that_goes_before_it_was_seen_twice_has_not_passed():
    async def scenario(world, life):
        world.exchange.loses_stops = False
        while not world.exchange.resting:
            await asyncio.sleep(0.1)
        [probe] = world.exchange.resting
        world.exchange.drop(probe, OrderStatus.EXPIRED)
        await asyncio.sleep(3.5)
        assert life.keeper.why_blocked
        await asyncio.sleep(60)
        return life.keeper.why_blocked

    assert play(scenario) == ""


@pytest.mark.parametrize("error", [DOWN, Rejected("no", code="-4045")])
def test_a_probe_that_cannot_be_sent_is_sent_later(error):
    async def scenario(world, life):
        world.exchange.loses_stops = False
        world.exchange.script = [error] * 3
        await asyncio.sleep(120)
        return life.keeper.why_blocked

    assert play(scenario) == ""


def test_a_probe_that_could_not_be_cancelled_is_swept_long_before_the_next_one():
    async def scenario(world, life):
        await asyncio.sleep(200)  # pauses between probes have grown to minutes
        world.exchange.loses_stops = False
        while not world.exchange.resting:
            await asyncio.sleep(0.1)
        sent = len(world.probes)
        world.exchange.cancels = [DOWN] * 4
        await asyncio.sleep(20)
        assert world.exchange.cancels == []
        assert (world.exchange.resting, len(world.probes)) == ({}, sent)
        await asyncio.sleep(300)
        return life.keeper.why_blocked

    assert play(scenario) == ""


def test_the_block_outlives_the_process():
    async def scenario(world, life):
        await asyncio.sleep(10)
        await life.end()
        life = await world.a_life()
        assert life.keeper.why_blocked
        world.exchange.loses_stops = False
        await asyncio.sleep(60)
        assert not life.keeper.why_blocked
        await world.journal.commit()
        await life.end()
        return (await world.a_life()).keeper.why_blocked

    assert play(scenario) == ""


def test_a_process_that_ends_while_it_probes_leaves_an_order_that_the_next_one_takes_away():
    async def scenario(world, life):
        world.exchange.loses_stops = False
        while not world.exchange.resting:
            await asyncio.sleep(0.1)
        await life.end()
        assert len(world.exchange.resting) == 1
        world.exchange.loses_stops = True
        life = await world.a_life()
        assert world.exchange.resting == {}
        await life.end()

    play(scenario)


def test_sweeping_leaves_a_probe_alone():
    async def scenario(world, life):
        world.exchange.loses_stops = False
        while not world.exchange.resting:
            await asyncio.sleep(0.1)
        await life.keeper.protection.sweep()
        await asyncio.sleep(4)
        return life.keeper.why_blocked

    assert play(scenario) == ""
