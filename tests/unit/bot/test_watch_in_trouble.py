"""An exchange that answers late, not at all or of an older state: the position stays watched."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from cointrader.domain.errors import Rejected, Unreachable
from cointrader.domain.events import OrderUpdated
from cointrader.domain.order import Leg, OrderKind, OrderReport, OrderStatus
from cointrader.strategy.state import State
from tests.unit.bot.fakes import LONG, SELL, XRP, opens, order_id
from tests.unit.bot.watched import (
    a_moved_stop,
    assert_closed,
    assert_open,
    play,
    reasons,
    resting,
    tell,
)

STOP, TARGET = order_id(Leg.STOP), order_id(Leg.TARGET)
STOP_AGAIN, TRAIL = order_id(Leg.STOP, attempt=1), order_id(Leg.TRAIL, 1)
DOWN = Unreachable("no route")
THROUGH = Rejected("the order would trigger at once", code="-2021")


def since_fill_ms(life):
    return life.clock.now_ms() - opens(1)


async def closed_ms(life):
    """How long after the fill the position is gone."""
    while life.exchange.held:
        await asyncio.sleep(0.05)
    return since_fill_ms(life)


async def until_state(life, state):
    while life.keeper.state is not state:
        await asyncio.sleep(0.01)


def tell_that_an_older_stop_ended(life):
    """As when a moved stop has been replaced: a reason to look."""
    ended = OrderReport(
        TRAIL, XRP, SELL, OrderKind.STOP_MARKET, OrderStatus.CANCELED, 0,
        quantity=Decimal(50), trigger_price=Decimal(97),
    )  # fmt: skip
    life.exchange.events.put_nowait(OrderUpdated(ended))


# ---------------------------------------------------------------------- before it is confirmed


def test_a_look_that_began_too_soon_and_is_answered_too_late_is_not_the_last_one():
    async def scenario(life):
        await asyncio.sleep(2.9)
        life.exchange.looks_take_ms = 2_300
        tell_that_an_older_stop_ended(life)
        await asyncio.sleep(0.05)
        life.exchange.looks_take_ms = 0
        await asyncio.sleep(60)
        life.exchange.drop(STOP, OrderStatus.EXPIRED)  # without a word
        await asyncio.sleep(32)
        assert_open(life, STOP_AGAIN, TARGET)

    play(scenario, is_remote=True)


@pytest.mark.parametrize(("shown_again_ms", "closed_by_ms"), [(4_700, 5_100), (5_300, 10_100)])
def test_a_stop_that_is_gone_closes_a_position_that_is_not_shown_for_a_while(
    shown_again_ms, closed_by_ms
):
    async def scenario(life):
        await asyncio.sleep(2.5)
        life.exchange.drop(STOP, OrderStatus.EXPIRED)
        held, life.exchange.held = life.exchange.held, Decimal(0)  # of an older state
        await asyncio.sleep((shown_again_ms - since_fill_ms(life)) / 1000)
        life.exchange.held = held
        return await closed_ms(life)

    assert shown_again_ms < play(scenario, is_remote=True) <= closed_by_ms


def test_a_position_without_a_stop_is_closed_though_nobody_says_that_it_is_open():
    async def scenario(life):
        await asyncio.sleep(1)
        life.exchange.drop(STOP, OrderStatus.EXPIRED)
        life.exchange.position_looks = [DOWN]
        gone_ms = await closed_ms(life)
        await asyncio.sleep(2)
        assert_closed(life)
        return gone_ms

    assert play(scenario) <= 3_100


# ---------------------------------------------------------------------- naked


def test_a_close_that_fails_is_tried_again_soon_however_long_other_things_have_failed():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.script = [DOWN] * 10_000
        tell(life, TRAIL, OrderStatus.CANCELED)  # cannot be placed again, and nothing hurries
        await asyncio.sleep(400)
        tell(life, STOP, OrderStatus.CANCELED)
        await until_state(life, State.EXITING)
        await until_state(life, State.UNPROTECTED)
        failed_ms, life.exchange.script = since_fill_ms(life), []
        return await closed_ms(life) - failed_ms

    assert a_moved_stop(scenario, is_remote=True) <= 5_100


# ---------------------------------------------------------------------- the next position


def test_a_stop_that_was_refused_at_its_trigger_is_no_reason_to_close_the_next_position():
    async def scenario(life):
        await asyncio.sleep(100)
        tell(life, STOP, OrderStatus.REJECTED)
        await asyncio.sleep(2)
        assert_closed(life)
        await life.enter(1)
        await asyncio.sleep(60)
        return life.keeper.held, life.keeper.state

    assert play(scenario) == (LONG, State.OPEN)


def test_what_others_open_is_not_closed_for_a_position_that_nobody_could_see_closed():
    async def scenario(life):
        await life.clock.sleep_until_ms(opens(2) - 1_000)
        life.exchange.position_looks = [None, DOWN]  # open; and closed, which nobody can see
        life.exchange.script = [THROUGH]
        tell(life, STOP, OrderStatus.CANCELED)
        await asyncio.sleep(0.9)
        life.exchange.position_looks = [DOWN] * 100
        await life.enter(1)
        life.exchange.position_looks = []
        await asyncio.sleep(60)
        assert (life.keeper.held, life.keeper.state) == (LONG, State.OPEN)
        life.exchange.cancels = [DOWN] * 2  # a reason to look once more
        life.exchange.trigger(order_id(Leg.STOP, 1))
        life.exchange.held = Decimal(9)
        await asyncio.sleep(60)
        assert resting(life) == set()
        return life.exchange.held

    assert play(scenario) == 9


@pytest.mark.parametrize("left", [STOP, TARGET])
def test_there_is_no_entry_while_an_order_of_the_position_before_rests(left):
    async def scenario(life):
        await life.clock.sleep_until_ms(opens(2) - 2_000)
        life.exchange.cancels = [DOWN] * 100
        life.exchange.trigger(STOP if left == TARGET else TARGET)
        await asyncio.sleep(1)
        life.exchange.price = Decimal(100)
        assert resting(life) == {left}
        refused = await life.enter(1)
        assert life.risk.open_positions == {}
        assert (life.exchange.held, resting(life)) == (0, {left})
        life.exchange.cancels = []
        await asyncio.sleep(60)
        assert resting(life) == set()
        await life.enter(2)
        return refused.splitlines()[0], life.keeper.state

    found = play(scenario, is_remote=True, allows_one_close_position=True)
    assert found == ("orders of the position before may still rest", State.OPEN)


def test_an_entry_waits_a_moment_for_the_orders_of_the_position_before_to_go():
    async def scenario(life):
        await life.clock.sleep_until_ms(opens(2) - 100)
        life.exchange.cancels = [DOWN] * 4
        life.exchange.trigger(STOP)
        life.exchange.price = Decimal(100)
        assert await life.enter(1) == ""
        return resting(life)

    stop, target = order_id(Leg.STOP, 1), order_id(Leg.TARGET, 1)
    assert play(scenario, is_remote=True) == {stop, target}


# ---------------------------------------------------------------------- left over


def test_orders_that_cannot_be_swept_are_tried_again_after_pauses_that_double():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.cancels = [DOWN] * 1_000
        life.exchange.trigger(STOP)
        tried_s, left = [], 1_000
        await asyncio.sleep(0.5)
        for second in range(60):
            if len(life.exchange.cancels) < left:
                tried_s.append(second)
                left = len(life.exchange.cancels)
            await asyncio.sleep(1)
        return tried_s

    assert play(scenario) == [0, 1, 3, 7, 15, 31]


def test_orders_are_swept_while_the_funding_of_their_trade_is_not_known():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.funding_looks = [DOWN] * 1_000
        life.exchange.cancels = [DOWN] * 4
        life.exchange.trigger(STOP)
        await asyncio.sleep(30)
        assert reasons(life) == []
        return resting(life)

    assert play(scenario, is_remote=True) == set()


def test_a_sweep_does_not_cancel_what_is_placed_while_it_looks():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.looks_take_ms = 1_000  # and shows what is open at its end
        sweeping = asyncio.create_task(life.keeper.protection.sweep())
        await asyncio.sleep(0.5)
        execution = life.keeper.execution
        stop = execution.conditional_intent(opens(5), Leg.STOP, SELL, Decimal(98))
        await execution.carry_out(stop)
        life.exchange.looks_take_ms = 0
        await sweeping
        return resting(life)

    assert play(scenario) == {order_id(Leg.STOP, 5)}
