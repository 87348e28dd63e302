"""An open position keeps its stop: seen twice at first, looked after later, mended or closed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from cointrader.domain.errors import RateLimited, Rejected, Unreachable
from cointrader.domain.order import Leg, OrderKind, OrderReport, OrderStatus, leg_of
from cointrader.domain.records import Alert, TradeClosed
from cointrader.risk.manager import EntryRequest, Refusal, Reservation
from cointrader.strategy.state import State
from tests.unit.bot.fakes import (
    LONG,
    SELL,
    XRP,
    opens,
    order_id,
)
from tests.unit.bot.watched import (
    a_moved_stop,
    assert_closed,
    assert_open,
    is_blocked,
    legs,
    play,
    reasons,
    resting,
    tell,
)

ENTRY, STOP, TARGET = order_id(Leg.ENTRY), order_id(Leg.STOP), order_id(Leg.TARGET)
STOP_AGAIN, TARGET_AGAIN = order_id(Leg.STOP, attempt=1), order_id(Leg.TARGET, attempt=1)
TRAIL = order_id(Leg.TRAIL, 1)
THROUGH = Rejected("the order would trigger at once", code="-2021")
DOWN = Unreachable("no route")


# ---------------------------------------------------------------------- seen twice


def looks_of(life):
    """How often the open orders were looked at, by counting in the fake."""
    return life.exchange.looked_ms


def test_a_stop_is_looked_for_again_three_seconds_after_it_was_seen():
    async def scenario(life):
        await asyncio.sleep(600)
        assert_open(life, STOP, TARGET)
        return [at_ms - opens(1) for at_ms in looks_of(life)]

    assert play(scenario) == [0, 3_000]


def test_where_messages_can_get_lost_it_is_looked_for_every_thirty_seconds():
    async def scenario(life):
        await asyncio.sleep(70)
        return [at_ms - opens(1) for at_ms in looks_of(life)]

    assert play(scenario, is_remote=True) == [0, 3_000, 33_000, 63_000]


def test_a_stop_that_is_not_there_three_seconds_later_cannot_be_confirmed_in_time():
    async def scenario(life):
        await asyncio.sleep(1)
        life.exchange.drop(STOP, OrderStatus.EXPIRED)
        await asyncio.sleep(5)
        assert_closed(life)
        assert is_blocked(life)
        return legs(life), life.journal.written(TradeClosed)[0].trade.trade_id

    assert play(scenario) == ("estx", ENTRY)


def test_a_stop_that_goes_soon_enough_is_placed_again_and_confirmed():
    async def scenario(life):
        await asyncio.sleep(1)
        tell(life, STOP, OrderStatus.CANCELED)
        await asyncio.sleep(10)
        assert_open(life, STOP_AGAIN, TARGET)
        return [at_ms - opens(1) for at_ms in looks_of(life)]

    # the look that misses it, the guard's orders, the new one seen, and seen again
    assert play(scenario) == [0, 1_000, 1_000, 1_000, 4_000]


def test_a_look_that_comes_too_soon_confirms_nothing():
    async def scenario(life):
        await asyncio.sleep(1)
        tell(life, TARGET, OrderStatus.CANCELED)
        await asyncio.sleep(0.5)
        life.exchange.drop(STOP, OrderStatus.EXPIRED)
        await asyncio.sleep(2)
        assert life.exchange.held == 0  # missed at 3 s, too late to be confirmed by 5 s
        await asyncio.sleep(1)
        assert_closed(life)

    play(scenario)


def test_a_look_that_comes_too_soon_and_sees_nothing_does_not_put_off_the_one_that_counts():
    async def scenario(life):
        await asyncio.sleep(1)
        life.exchange.shows_after_ms = 60_000  # of an older state
        life.exchange.position_looks = [DOWN]
        tell(life, TARGET, OrderStatus.CANCELED)
        await asyncio.sleep(0.5)
        assert life.exchange.position_looks == []
        life.exchange.shows_after_ms = 0
        await asyncio.sleep(1)  # looked at again meanwhile: the stop is there
        life.exchange.drop(STOP, OrderStatus.EXPIRED)
        await asyncio.sleep(2)
        assert_closed(life)

    play(scenario)


def test_a_stop_that_nobody_could_look_for_again_is_not_confirmed():
    async def scenario(life):
        life.exchange.looks = [DOWN] * 5
        await asyncio.sleep(7)
        assert_closed(life)

    play(scenario)


def test_a_second_look_that_fails_once_is_repeated():
    async def scenario(life):
        life.exchange.looks = [DOWN, RateLimited("busy", retry_after_ms=60_000)]
        await asyncio.sleep(10)
        assert_open(life, STOP, TARGET)

    play(scenario)


def test_a_second_look_that_finds_nothing_at_all_is_repeated_while_there_is_time():
    async def scenario(life):
        await asyncio.sleep(2.9)
        held, life.exchange.held = life.exchange.held, Decimal(0)  # of an older state
        life.exchange.shows_after_ms = 60_000
        await asyncio.sleep(0.2)
        life.exchange.held, life.exchange.shows_after_ms = held, 0
        await asyncio.sleep(1)
        assert_open(life, STOP, TARGET)
        return [at_ms - opens(1) for at_ms in looks_of(life)]

    assert play(scenario) == [0, 3_000, 3_500]


def test_the_bot_goes_on_while_its_stop_is_being_confirmed():
    async def scenario(life):
        assert life.keeper.state is State.OPEN
        assert life.clock.now_ms() == opens(1)  # nothing was waited for

    play(scenario)


# ---------------------------------------------------------------------- later


GONE = [OrderStatus.CANCELED, OrderStatus.EXPIRED]


@pytest.mark.parametrize("status", GONE)
@pytest.mark.parametrize("is_told", [True, False])
def test_a_stop_that_is_gone_later_is_placed_again(status, is_told):
    async def scenario(life):
        await asyncio.sleep(100)
        if is_told:
            tell(life, STOP, status)
            await asyncio.sleep(0.01)
        else:
            life.exchange.drop(STOP, status)
            await asyncio.sleep(30)
        assert_open(life, STOP_AGAIN, TARGET)
        assert life.exchange.resting[STOP_AGAIN].trigger_price == 98
        await asyncio.sleep(100)
        assert_open(life, STOP_AGAIN, TARGET)

    play(scenario, is_remote=True)


def test_a_target_that_is_gone_is_placed_again_as_well():
    async def scenario(life):
        await asyncio.sleep(100)
        tell(life, TARGET, OrderStatus.CANCELED)
        await asyncio.sleep(1)
        assert_open(life, STOP, TARGET_AGAIN)

    play(scenario)


def test_a_stop_that_goes_and_cannot_be_placed_again_closes_the_position():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.loses_stops = True
        tell(life, STOP, OrderStatus.CANCELED)
        await asyncio.sleep(DEADLINE_S)
        assert_closed(life)
        assert is_blocked(life)
        return [alert.text for alert in life.journal.written(Alert)]

    DEADLINE_S = 5
    assert play(scenario) == ["protection of XRPUSDT was not confirmed: closing at market"]


@pytest.mark.parametrize("how", ["rejected at its trigger", "it would trigger at once"])
def test_a_price_that_is_beyond_the_stop_closes_the_position_at_once(how):
    async def scenario(life):
        await asyncio.sleep(100)
        if how == "rejected at its trigger":
            tell(life, STOP, OrderStatus.REJECTED)
        else:
            life.exchange.script = [THROUGH]
            tell(life, STOP, OrderStatus.CANCELED)
        await asyncio.sleep(0.01)
        assert life.exchange.held == 0
        await asyncio.sleep(1)
        assert_closed(life)
        assert not is_blocked(life)  # the exchange keeps stops as ever
        return legs(life)

    assert play(scenario) == "estx"


def test_a_stop_that_was_filled_in_part_is_placed_again_for_the_rest():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.execute(STOP, SELL, "20")
        tell(life, STOP, OrderStatus.EXPIRED)
        await asyncio.sleep(1)
        assert_open(life, STOP_AGAIN, TARGET)
        assert life.keeper.holding is not None
        return life.keeper.holding.quantity

    assert play(scenario) == 30


def test_a_close_that_cannot_be_sent_is_tried_until_it_is():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.script = [DOWN] * 40
        tell(life, STOP, OrderStatus.REJECTED)
        await asyncio.sleep(120)
        assert_closed(life)
        return len(life.journal.written(Alert))

    assert play(scenario) == 1


def test_what_a_close_left_open_is_closed_again_and_never_more_than_that():
    """Somebody added to the position by hand; none of it may stay without a stop."""

    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.held += 7
        tell(life, STOP, OrderStatus.REJECTED)
        await asyncio.sleep(3)
        assert life.exchange.held == 0
        closes = [o for o in life.exchange.placed if leg_of(o.client_order_id) is Leg.EMERGENCY]
        return [(o.quantity, o.reduce_only) for o in closes]

    assert play(scenario) == [(50, True), (7, True)]


def test_a_close_that_could_not_be_verified_is_verified_later():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.held += 7
        life.exchange.position_looks = [None, DOWN, DOWN]
        tell(life, STOP, OrderStatus.REJECTED)
        await asyncio.sleep(0.5)
        assert life.keeper.held is None
        assert life.exchange.held == 7
        await asyncio.sleep(10)
        return life.exchange.held

    assert play(scenario) == 0


# ---------------------------------------------------------------------- its end unknown


def test_a_position_that_is_gone_without_a_word_is_asked_for_until_its_result_is_known():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.is_silent = life.exchange.hides_fills = True
        life.exchange.trigger(STOP)
        await asyncio.sleep(60)
        assert life.keeper.held is LONG
        before = await asked(life, 1)
        assert isinstance(before, Refusal)
        assert before.reason == "unknown-result"
        life.exchange.hides_fills = False
        await asyncio.sleep(60)
        assert life.risk.open_positions == {}
        assert reasons(life) == ["SL"]
        assert resting(life) == set()
        assert isinstance(await asked(life, 2), Reservation)
        return legs(life)

    assert play(scenario, is_remote=True) == "est"  # nothing was sent blindly


def test_a_position_that_ended_without_a_word_while_its_stop_rests_is_found_out_by_the_next_look():
    async def scenario(life):
        await asyncio.sleep(40)
        life.exchange.is_silent = True
        life.exchange.execute("web_1", SELL, life.keeper.holding.quantity)
        assert resting(life) == {STOP, TARGET}
        await asyncio.sleep(30)
        assert life.risk.open_positions == {}
        return resting(life), legs(life)

    assert play(scenario, is_remote=True) == (set(), "est")


async def asked(life, bar):
    await life.clock.sleep_until_ms(opens(bar + 1))
    await life.risk.begin_bar(opens(bar + 1))
    wanted = EntryRequest(LONG, 100.0, 2.0, life.keeper.instrument)
    return await life.risk.submit(opens(bar + 1), XRP, wanted)


def left_around_the_stop_that_closed(
    *, looks: Sequence[Exception | None] = (), cancels: Sequence[Exception | None] = ()
) -> tuple[set[str], set[str]]:
    """Orders that rest at once after a stop has closed the position, and two seconds later."""

    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.looks, life.exchange.cancels = list(looks), list(cancels)
        life.exchange.trigger(STOP)
        await asyncio.sleep(0.01)
        assert life.keeper.held is None
        at_once = resting(life)
        await asyncio.sleep(2)
        return at_once, resting(life)

    found: tuple[set[str], set[str]] = play(scenario)
    return found


def test_orders_that_could_not_be_swept_are_swept_later():
    assert left_around_the_stop_that_closed(cancels=[DOWN, DOWN]) == ({TARGET}, set())


def test_an_order_that_is_known_is_swept_though_nobody_can_see_what_is_open():
    assert left_around_the_stop_that_closed(looks=[DOWN]) == (set(), set())


def test_a_cancel_that_fails_keeps_no_other_order_from_being_swept():
    assert left_around_the_stop_that_closed(cancels=[DOWN]) == (set(), set())


# ---------------------------------------------------------------------- moved


def test_a_moved_stop_that_is_gone_is_placed_again_at_its_level():
    async def scenario(life):
        await asyncio.sleep(100)
        tell(life, TRAIL, OrderStatus.CANCELED)
        await asyncio.sleep(1)
        prices = {each: life.exchange.resting[each].trigger_price for each in resting(life)}
        assert (life.keeper.held, life.keeper.state) == (LONG, State.OPEN)
        return sorted(prices.values())

    assert a_moved_stop(scenario) == [98, Decimal("101.97"), 104]


def test_a_moved_stop_that_is_beyond_the_price_when_it_is_placed_again_closes():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.script = [THROUGH]
        tell(life, TRAIL, OrderStatus.CANCELED)
        await asyncio.sleep(1)
        assert_closed(life)

    a_moved_stop(scenario)


def test_while_the_outer_stop_rests_a_moved_one_that_cannot_be_placed_again_closes_nothing():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.script = [DOWN] * 200
        tell(life, TRAIL, OrderStatus.CANCELED)
        await asyncio.sleep(20)
        assert resting(life) == {STOP, TARGET}
        life.exchange.script = []
        await asyncio.sleep(60)
        assert (life.keeper.held, life.keeper.state) == (LONG, State.OPEN)
        return len(resting(life))

    assert a_moved_stop(scenario) == 3


# ---------------------------------------------------------------------- cancelled


@pytest.mark.parametrize("after_s", [0.0, 0.3, 1.5, 3.0, 3.2, 50.0])
def test_a_bot_that_is_stopped_at_any_moment_sends_nothing_and_leaves_its_orders(after_s):
    async def scenario(life):
        await asyncio.sleep(after_s)
        life.listener.cancel()
        await asyncio.wait([life.listener])
        placed = len(life.exchange.log)
        await asyncio.sleep(300)
        assert len(life.exchange.log) == placed
        return set(life.exchange.resting)

    assert play(scenario, is_remote=True) == {STOP, TARGET}


def test_orders_of_others_are_no_protection_and_are_not_touched():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.resting["web_1"] = OrderReport(
            "web_1", XRP, SELL, OrderKind.STOP_MARKET, OrderStatus.NEW, opens(1),
            quantity=Decimal(50), trigger_price=Decimal(99),
        )  # fmt: skip
        tell(life, STOP, OrderStatus.CANCELED)
        await asyncio.sleep(1)
        return resting(life)

    assert play(scenario) == {STOP_AGAIN, TARGET, "web_1"}


# ---------------------------------------------------------------------- what it was paid for


def test_a_trade_is_booked_once_the_exchange_says_what_funding_it_paid():
    async def scenario(life):
        life.exchange.fund(opens(1) + 30_000, "-7")  # nobody tells the bot
        await life.clock.sleep_until_ms(opens(1) + 60_000)
        life.exchange.funding_looks = [DOWN, RateLimited("busy", retry_after_ms=9), DOWN]
        life.exchange.trigger(STOP)
        await asyncio.sleep(1)
        while_unknown = (
            life.journal.written(TradeClosed),
            [*life.exchange.resting],
            reason_of(await life.risk.reserve("DOGEUSDT", LONG)),
        )
        await asyncio.sleep(10)
        [closed] = life.journal.written(TradeClosed)
        reservation = await life.risk.reserve("DOGEUSDT", LONG)
        return while_unknown, closed.trade.funding, bool(reservation)

    assert play(scenario, is_remote=True) == (([], [], "unknown-result"), -7, True)


def test_a_person_is_told_once_that_funding_stays_unknown():
    async def scenario(life):
        life.exchange.funding_looks = [DOWN] * 20
        life.exchange.trigger(STOP)
        await asyncio.sleep(3_600)
        alerts = [a.text for a in life.journal.written(Alert) if "funding" in a.text]
        return len(alerts), len(life.journal.written(TradeClosed))

    assert play(scenario, is_remote=True) == (1, 1)


def reason_of(answer):
    return getattr(answer, "reason", "")
