"""One position from its entry to its booked trade, whatever happens at the same time."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from cointrader.domain.errors import OutcomeUnknown, RateLimited, Rejected, StaleData
from cointrader.domain.order import Leg, OrderStatus
from cointrader.domain.records import OrderSeen, PositionOpened, RiskState, TradeClosed
from cointrader.risk.manager import EntryRequest, Refusal, Reservation
from cointrader.strategy.state import State
from tests.unit.bot.fakes import (
    BUY,
    LONG,
    SELL,
    SHORT,
    XRP,
    FakeExchange,
    FakeJournal,
    a_life,
    in_virtual_time,
    opens,
    order_id,
)

ENTRY, STOP, TARGET = order_id(Leg.ENTRY), order_id(Leg.STOP), order_id(Leg.TARGET)
CLOSE = order_id(Leg.CLOSE, 1)
TRAIL_RATIO = 0.01


def play(scenario, *, max_entry_delay_ms=None, **exchange):
    """Run `scenario` with one process that starts flat, when bar 0 has closed."""

    async def main(clock):
        life = await a_life(
            clock,
            FakeExchange(**exchange),
            FakeJournal(),
            max_entry_delay_ms=max_entry_delay_ms,
        )
        result = await scenario(life)
        await life.end()
        return result

    return in_virtual_time(main, opens(1))


def trades(life):
    """Entry, reason and net of each booked trade."""
    closed = [record.trade for record in life.journal.written(TradeClosed)]
    return [(trade.trade_id, trade.reason.value, trade.net) for trade in closed]


def positions(life):
    """Quantity and stop of the position each time it was written down."""
    return [(p.quantity, p.stop) for p in life.journal.written(PositionOpened)]


def slots(life):
    """Quantity of each slot, as the risk manager wrote it down last."""
    rows = life.journal.written(RiskState)[-1].state["slots"]
    return {symbol: row["quantity"] for symbol, row in rows.items()}


def refusal(answer):
    assert isinstance(answer, Refusal)
    return answer.reason


async def asked(life, bar):
    """What the risk manager answers to an entry at the close of `bar`."""
    await life.clock.sleep_until_ms(opens(bar + 1))
    await life.risk.begin_bar(opens(bar + 1))
    wanted = EntryRequest(LONG, 100.0, 2.0, life.keeper.instrument)
    return await life.risk.submit(opens(bar + 1), XRP, wanted)


# ---------------------------------------------------------------------- reversed


@pytest.mark.parametrize("look_ms", [300, 1_500])
@pytest.mark.parametrize("is_stopped", [False, True], ids=["by us", "by its stop"])
def test_a_reversal_whose_old_orders_are_swept_slowly_keeps_its_own_stop_and_target(
    is_stopped, look_ms
):
    """A sweep that sees the new orders would take them for the old ones."""

    async def scenario(life):
        await life.enter(0)
        await life.clock.sleep_until_ms(opens(2))
        life.exchange.looks_take_ms = look_ms
        closing = asyncio.create_task(closed(life, is_stopped))
        await asyncio.sleep(0.1)
        assert life.keeper.holding is None  # booked, and being swept
        life.exchange.looks_take_ms = 300
        await closing
        await life.enter(1, SHORT)
        await life.clock.sleep_until_ms(opens(3))
        assert (life.keeper.held, life.keeper.state) == (SHORT, State.OPEN)
        assert life.risk.open_positions == {XRP: SHORT}
        return set(life.exchange.resting)

    async def closed(life, is_stopped):
        if is_stopped:
            life.exchange.trigger(STOP)
        else:
            await life.keeper.close(opens(1))

    assert play(scenario) == {order_id(Leg.STOP, 1), order_id(Leg.TARGET, 1)}


def test_a_reversal_books_the_old_trade_once_and_opens_the_new_one():
    async def scenario(life):
        await life.enter(0)
        await life.clock.sleep_until_ms(opens(2))
        life.exchange.price = Decimal(101)
        await life.keeper.close(opens(1))
        await life.enter(1, SHORT)
        return trades(life), life.exchange.held, life.exchange.log

    booked, held, log = play(scenario)

    assert booked == [(ENTRY, "REVERSE", Decimal(46))]  # 50 earned, 2 of fees each way
    assert held < 0
    assert log == [
        f"place {ENTRY}",
        f"place {STOP}",
        f"place {TARGET}",
        f"place {CLOSE}",
        f"cancel {STOP}",
        f"cancel {TARGET}",
        f"place {order_id(Leg.ENTRY, 1)}",
        f"place {order_id(Leg.STOP, 1)}",
        f"place {order_id(Leg.TARGET, 1)}",
    ]


# ---------------------------------------------------------------------- trailed


SLOW = {
    "the order": {"answers_after_ms": 300},
    "the look": {"looks_take_ms": 300},
}


def stopped_while_trailing(life, slow):
    """Trail at the close of bar 1; the old stop fills 100 ms later, while that is under way."""

    async def scenario():
        await life.enter(0)
        await life.clock.sleep_until_ms(opens(2))
        for name, value in slow.items():
            setattr(life.exchange, name, value)
        moving = asyncio.create_task(life.keeper.trail(103.0, opens(1), TRAIL_RATIO))
        await asyncio.sleep(0.1)
        life.exchange.trigger(STOP)
        await moving
        await life.keeper.settled()

    return scenario()


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW)
def test_a_stop_that_fills_while_it_is_moved_does_not_bring_the_position_back(slow):
    async def scenario(life):
        await stopped_while_trailing(life, slow)
        assert (life.keeper.held, life.keeper.state) == (None, State.FLAT)
        assert life.risk.open_positions == {}
        assert life.exchange.resting == {}
        kinds = (PositionOpened, TradeClosed)
        written = [*life.journal.on_disk, *life.journal.queued]
        return [type(record) for record in written if isinstance(record, kinds)], trades(life)

    written, booked = play(scenario)

    assert written == [PositionOpened, TradeClosed]
    assert booked == [(ENTRY, "SL", Decimal(-104))]


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW)
def test_the_signal_after_such_a_stop_is_an_ordinary_entry(slow):
    async def scenario(life):
        await stopped_while_trailing(life, slow)
        await life.enter(2, SHORT)
        assert (life.keeper.held, life.keeper.state) == (SHORT, State.OPEN)
        assert life.risk.open_positions == {XRP: SHORT}
        return set(life.exchange.resting)

    assert play(scenario) == {order_id(Leg.STOP, 2), order_id(Leg.TARGET, 2)}


def test_a_stop_that_is_moved_is_written_down_at_its_new_level():
    async def scenario(life):
        await life.enter(0)
        await life.clock.sleep_until_ms(opens(2))
        await life.keeper.trail(103.0, opens(1), TRAIL_RATIO)
        await life.keeper.trail(102.0, opens(2), TRAIL_RATIO)  # the best close is still 103
        assert set(life.exchange.resting) == {STOP, TARGET, order_id(Leg.TRAIL, 1)}
        return positions(life)

    assert play(scenario) == [(50, 98), (50, Decimal("101.97"))]


# ---------------------------------------------------------------------- filled in parts


def test_an_entry_that_is_filled_in_part_is_protected_at_once():
    async def scenario(life):
        await life.enter(0)
        assert life.clock.now_ms() <= opens(1) + 1_000
        assert (life.keeper.held, life.keeper.state) == (LONG, State.OPEN)
        assert set(life.exchange.resting) == {STOP, TARGET}
        return positions(life)

    assert play(scenario, parts=["30"]) == [(30, 98)]


def test_the_rest_of_an_entry_enlarges_slot_and_journal():
    async def scenario(life):
        await life.enter(0)
        life.exchange.execute(ENTRY, BUY, "15")
        life.exchange.execute(ENTRY, BUY, "5")
        await asyncio.sleep(0.01)
        assert life.keeper.state is State.OPEN
        return positions(life), slots(life)

    found = play(scenario, parts=["30"])

    assert found == ([(30, 98), (45, 98), (50, 98)], {XRP: 50.0})


def test_an_entry_filled_in_parts_is_closed_as_a_whole():
    async def scenario(life):
        await life.enter(0)
        life.exchange.execute(ENTRY, BUY, "20")
        await asyncio.sleep(0.01)
        life.exchange.trigger(STOP)
        await asyncio.sleep(0.01)
        await life.keeper.settled()
        assert life.risk.open_positions == {}
        return trades(life), life.exchange.held

    # 2 lost on each of 50, and 2 of fees for each of three fills
    assert play(scenario, parts=["30"]) == ([(ENTRY, "SL", Decimal(-106))], 0)


# ---------------------------------------------------------------------- closed by somebody else


@pytest.mark.parametrize("is_silent", [False, True], ids=["told", "asked for"])
def test_an_entry_that_somebody_closes_while_it_is_counted_is_booked(is_silent):
    async def scenario(life):
        entering = asyncio.create_task(life.enter(0))
        await asyncio.sleep(0.1)  # taken, and its answer is still on the way
        life.exchange.execute("web_1", SELL, "50")
        await entering
        await life.keeper.settled()
        assert (life.keeper.held, life.keeper.state) == (None, State.FLAT)
        assert life.risk.open_positions == {}
        assert life.exchange.resting == {}
        assert isinstance(await asked(life, 1), Reservation)  # its slot is free
        return trades(life)

    booked = play(scenario, answers_after_ms=200, is_silent=is_silent)

    assert booked == [(ENTRY, "MANUAL", Decimal(-4))]


def test_a_fill_of_somebody_elses_entry_is_not_ours():
    async def scenario(life):
        life.exchange.execute("web_1", BUY, "10")
        await life.enter(0)
        life.exchange.execute("web_2", BUY, "10")
        await asyncio.sleep(0.01)
        assert life.keeper.holding is not None
        return life.keeper.holding.quantity

    assert play(scenario) == 50


# ---------------------------------------------------------------------- not closed


async def close_that_expires(life):
    await life.enter(0)
    await life.clock.sleep_until_ms(opens(2))
    life.exchange.expiring.add(CLOSE)
    with pytest.raises(OutcomeUnknown, match="position is still open"):
        await life.keeper.close(opens(1))


def test_a_market_order_that_does_not_close_leaves_a_protected_position():
    async def scenario(life):
        await close_that_expires(life)
        assert life.keeper.held is LONG
        assert trades(life) == []
        return set(life.exchange.resting)

    assert play(scenario) == {STOP, TARGET}


def test_after_a_close_without_effect_no_entry_is_allowed_until_the_close_is_told():
    async def scenario(life):
        await close_that_expires(life)
        before = refusal(await asked(life, 2))
        life.exchange.trigger(STOP)
        await asyncio.sleep(0.01)
        await life.keeper.settled()
        assert (life.keeper.held, life.keeper.state) == (None, State.FLAT)
        assert trades(life) == [(ENTRY, "SL", Decimal(-104))]
        return before, await asked(life, 3)

    before, after = play(scenario)

    assert before == "unknown-result"
    assert isinstance(after, Reservation)


# ---------------------------------------------------------------------- not told, not sent


def test_account_events_that_end_are_no_quiet_end():
    async def nothing():
        return
        yield

    async def scenario(life):
        with pytest.raises(StaleData, match="the account's events ended"):
            await life.keeper.listen(nothing())

    play(scenario)


def test_an_entry_that_had_to_wait_too_long_is_not_sent():
    """The exchange asks to wait for a minute; the signal is good for half of one."""

    async def scenario(life):
        words = await life.enter(0)
        assert "too late to send this order" in words
        assert "late" in words.splitlines()[-1]  # the code
        assert life.exchange.placed == []
        assert (life.keeper.held, life.keeper.state) == (None, State.FLAT)
        assert life.risk.open_positions == {}
        [seen] = life.journal.written(OrderSeen)
        assert (seen.report.client_order_id, seen.report.status) == (ENTRY, OrderStatus.REJECTED)
        return await asked(life, 1)

    busy = RateLimited("too many requests", retry_after_ms=60_000)

    answer = play(scenario, max_entry_delay_ms=30_000, script=[busy])

    assert isinstance(answer, Reservation)


def test_an_entry_that_had_to_wait_is_sent_while_it_is_fresh():
    async def scenario(life):
        assert await life.enter(0) == ""
        return set(life.exchange.resting)

    busy = RateLimited("too many requests", retry_after_ms=29_000)

    assert play(scenario, max_entry_delay_ms=30_000, script=[busy]) == {STOP, TARGET}


def test_protection_that_was_refused_is_not_looked_for_for_ever():
    """Each look costs request weight; orders that can never appear need none."""

    async def scenario(life):
        life.exchange.script = [None, Rejected("would trigger at once", code="-2021")]
        await life.enter(0)
        assert life.keeper.held is None  # closed: it could not be protected
        await asyncio.sleep(61)
        await life.keeper.settled()
        life.exchange.log.clear()
        await life.keeper.settled()
        return life.exchange.log

    assert play(scenario) == []


def test_an_entry_that_is_refused_frees_its_slot():
    async def scenario(life):
        assert "not enough margin" in await life.enter(0)
        assert (life.keeper.held, life.keeper.state) == (None, State.FLAT)
        return await asked(life, 1)

    answer = play(scenario, script=[Rejected("not enough margin", code="-2019")])

    assert isinstance(answer, Reservation)
