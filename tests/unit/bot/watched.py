"""A process that holds a position, and what can be said of it."""

from __future__ import annotations

from dataclasses import replace

from cointrader.bot.probe import BLOCKED
from cointrader.domain.events import OrderUpdated
from cointrader.domain.order import Leg, leg_of
from cointrader.domain.records import BotState, TradeClosed
from cointrader.strategy.state import State
from tests.unit.bot.fakes import (
    LONG,
    FakeExchange,
    FakeJournal,
    a_life,
    in_virtual_time,
    opens,
)


def play(scenario, **exchange):
    """Run `scenario` with a process that enters long at 100 at the close of bar 0."""

    async def main(clock):
        life = await a_life(clock, FakeExchange(**exchange), FakeJournal())
        await life.enter(0)
        result = await scenario(life)
        await life.end()
        return result

    return in_virtual_time(main, opens(1))


def tell(life, order, status):
    """The resting order ends, and the account's stream says so."""
    report = life.exchange.resting[order]
    life.exchange.drop(order, status)
    told = replace(report, status=status, updated_ms=life.clock.now_ms())
    life.exchange.events.put_nowait(OrderUpdated(told))


def legs(life):
    """Legs of the orders placed, probes left out."""
    found = [leg_of(request.client_order_id) for request in life.exchange.placed]
    return "".join(leg.value for leg in found if leg not in (None, Leg.PROBE))


def resting(life):
    return {each for each in life.exchange.resting if leg_of(each) is not Leg.PROBE}


def reasons(life):
    return [record.trade.reason.value for record in life.journal.written(TradeClosed)]


def is_blocked(life):
    return any(record.state == BLOCKED for record in life.journal.written(BotState))


def assert_open(life, *orders):
    assert (life.keeper.held, life.keeper.state) == (LONG, State.OPEN)
    assert resting(life) == set(orders)
    assert not is_blocked(life)


def assert_closed(life):
    assert (life.keeper.held, life.keeper.state) == (None, State.FLAT)
    assert life.exchange.held == 0
    assert resting(life) == set()
    assert life.risk.open_positions == {}
    assert reasons(life) == ["UNPROTECTED"]


def trail(life):
    return life.keeper.trail(103.0, opens(1), 0.01)


def a_moved_stop(scenario, **exchange):
    async def moved(life):
        await life.clock.sleep_until_ms(opens(2))
        await trail(life)
        return await scenario(life)

    return play(moved, **exchange)
