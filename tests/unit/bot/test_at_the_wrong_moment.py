"""Two things at once, or in an order that nobody expects: no order is lost and none is doubled."""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal

import pytest

from cointrader import Config
from cointrader.app.supervisor import Supervisor
from cointrader.bot.bot import TradingBot
from cointrader.domain.errors import (
    ConfigError,
    OutcomeUnknown,
    Rejected,
    StaleData,
    Unreachable,
)
from cointrader.domain.events import OrderFilled
from cointrader.domain.order import Leg, OrderKind, OrderStatus, leg_of
from cointrader.domain.records import TradeClosed
from cointrader.risk.manager import RiskManager
from cointrader.strategy.plan import Exits
from cointrader.strategy.state import State
from tests.unit.bot.fakes import (
    BUY,
    LONG,
    SELL,
    SHORT,
    XRP,
    AnswerLost,
    FakeExchange,
    FakeFeed,
    FakeJournal,
    a_life,
    candle,
    in_virtual_time,
    opens,
    order_id,
)
from tests.unit.bot.watched import play, reasons, resting, tell

ENTRY, STOP, TARGET = order_id(Leg.ENTRY), order_id(Leg.STOP), order_id(Leg.TARGET)
DOWN = Unreachable("no route")
REFUSED = Rejected("unlisted", code="400")
OF_THE_NEXT = {order_id(Leg.STOP, 1), order_id(Leg.TARGET, 1)}


class Slow(FakeExchange):
    """The next answer of a kind takes so many seconds."""

    fills_take_s = 0.0
    funding_takes_s = 0.0
    position_takes_s = 0.0
    knows_rules = True

    async def fills(self, symbol, *, since_ms):
        found = await super().fills(symbol, since_ms=since_ms)
        taken_s, self.fills_take_s = self.fills_take_s, 0.0
        await asyncio.sleep(taken_s)
        return found

    async def funding(self, symbol, *, since_ms):
        taken_s, self.funding_takes_s = self.funding_takes_s, 0.0
        await asyncio.sleep(taken_s)
        return await super().funding(symbol, since_ms=since_ms)

    async def position(self, symbol):
        found = await super().position(symbol)
        taken_s, self.position_takes_s = self.position_takes_s, 0.0
        await asyncio.sleep(taken_s)
        return found

    async def instrument(self, symbol):
        if not self.knows_rules:
            raise DOWN
        return await super().instrument(symbol)


def play_slowly(scenario):
    """As `play`, with an exchange whose answers may take their time."""

    async def main(clock):
        life = await a_life(clock, Slow(is_remote=True), FakeJournal())
        await life.enter(0)
        result = await scenario(life)
        await life.end()
        return result

    return in_virtual_time(main, opens(1))


async def again(life, *, after_s=60.0):
    """The next process, not recovered yet."""
    await life.journal.commit()
    await life.end()
    await asyncio.sleep(after_s)
    return await a_life(life.clock, life.exchange, life.journal)


# ---------------------------------------------------------------------- an entry


@pytest.mark.parametrize("is_told", [True, False])
def test_a_question_that_is_refused_does_not_make_an_entry_a_refused_one(is_told):
    async def main(clock):
        life = await a_life(
            clock, FakeExchange(is_remote=True, is_silent=not is_told), FakeJournal()
        )
        life.exchange.script, life.exchange.look_ups = [AnswerLost("?")], [REFUSED]
        await life.enter(0)
        await asyncio.sleep(10)
        assert (life.keeper.state, resting(life)) == (State.OPEN, {STOP, TARGET})
        await life.end()

    in_virtual_time(main, opens(1))


class Behind(FakeExchange):
    """An entry is carried out and nobody can see it; it is told as it is sent again."""

    is_behind = True

    async def place(self, request):
        if leg_of(request.client_order_id) is Leg.ENTRY and self.executions:
            self.is_behind = False
            self.events.put_nowait(OrderFilled(self.executions[0]))
            await asyncio.sleep(0.01)
            raise Rejected("not enough margin", code="-2019")
        return await super().place(request)

    async def order(self, symbol, client_order_id):
        return None if self.is_behind else await super().order(symbol, client_order_id)

    async def fills(self, symbol, *, since_ms):
        return [] if self.is_behind else await super().fills(symbol, since_ms=since_ms)

    async def position(self, symbol):
        return None if self.is_behind else await super().position(symbol)


def test_an_entry_that_was_filled_is_not_given_up_because_it_is_refused_when_sent_again():
    async def main(clock):
        exchange = Behind(is_remote=True, is_silent=True, script=[AnswerLost("?")])
        life = await a_life(clock, exchange, FakeJournal())
        assert await life.enter(0) == ""
        exchange.is_silent = False
        await asyncio.sleep(10)
        assert (life.keeper.state, resting(life)) == (State.OPEN, {STOP, TARGET})
        life = await again(life)
        await life.recover()
        assert (life.keeper.state, resting(life)) == (State.OPEN, {STOP, TARGET})
        await life.end()

    in_virtual_time(main, opens(1))


# ---------------------------------------------------------------------- the next position


def test_a_look_at_one_position_says_nothing_of_the_next_one():
    async def scenario(life):
        await life.clock.sleep_until_ms(opens(2) - 500)
        life.exchange.looks_take_ms = 1_500
        tell(life, TARGET, OrderStatus.CANCELED)
        await asyncio.sleep(0.05)
        life.exchange.looks_take_ms = 0
        life.exchange.trigger(STOP)
        life.exchange.price = Decimal(100)
        await life.enter(1)
        await asyncio.sleep(8)
        assert (life.keeper.held, life.keeper.state) == (LONG, State.OPEN)
        return resting(life)

    assert play(scenario, is_remote=True) == OF_THE_NEXT


def test_the_protection_of_a_position_does_not_wait_for_a_look_at_the_one_before():
    async def scenario(life):
        await life.clock.sleep_until_ms(opens(2) - 500)
        life.exchange.position_takes_s = 4.9
        tell(life, TARGET, OrderStatus.CANCELED)
        await asyncio.sleep(0.05)
        life.exchange.trigger(STOP)
        life.exchange.price = Decimal(100)
        await life.enter(1, SHORT)
        assert life.clock.now_ms() - opens(2) < 100
        await asyncio.sleep(10)
        assert life.keeper.state is State.OPEN
        return resting(life)

    assert play_slowly(scenario) == OF_THE_NEXT


@pytest.mark.parametrize("answers_after_ms", [0, 600])
def test_a_close_that_was_meant_for_one_position_leaves_the_next_one_alone(answers_after_ms):
    async def scenario(life):
        await life.clock.sleep_until_ms(opens(2) - 300)
        life.exchange.fills_take_s = 0.9
        tell(life, STOP, OrderStatus.REJECTED)
        await asyncio.sleep(0.1)
        life.exchange.trigger(TARGET)
        life.exchange.price = Decimal(100)
        life.exchange.answers_after_ms = answers_after_ms
        await life.enter(1)
        await asyncio.sleep(20)
        assert (life.keeper.held, life.keeper.state) == (LONG, State.OPEN)
        return reasons(life)

    assert play_slowly(scenario) == ["TP"]


# ---------------------------------------------------------------------- a close


def test_a_stop_that_goes_while_a_flatten_fails_leaves_nothing_to_chance():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.looks_take_ms = 1_900
        tell(life, STOP, OrderStatus.CANCELED)
        await asyncio.sleep(0.01)
        life.exchange.script = [DOWN] * 5
        with pytest.raises(Unreachable):
            await life.keeper.flatten()
        assert life.keeper.state is State.UNPROTECTED
        life.exchange.looks_take_ms = 0
        await asyncio.sleep(10)
        assert resting(life) == set()
        return life.exchange.held, life.keeper.state

    assert play(scenario, is_remote=True) == (0, State.FLAT)


@pytest.mark.parametrize("gives_up", [False, True])
def test_a_close_that_nobody_finished_is_finished_by_the_watch(gives_up):
    async def scenario(life):
        await asyncio.sleep(100)
        if gives_up:
            life.exchange.script = [DOWN] * 3
            flattening = asyncio.create_task(life.keeper.flatten())
            await asyncio.sleep(0.3)
            flattening.cancel()
            await asyncio.wait([flattening])
        else:
            life.exchange.script = [ConfigError("the key may not trade")]
            with pytest.raises(ConfigError):
                await life.keeper.flatten()
        assert life.keeper.state is State.UNPROTECTED
        await asyncio.sleep(10)
        assert resting(life) == set()
        return life.exchange.held, life.keeper.state

    assert play(scenario, is_remote=True) == (0, State.FLAT)


def test_what_is_left_of_a_position_that_ended_while_it_was_to_be_closed_is_closed_too():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.fills_take_s = 0.5
        life.exchange.position_looks = [None, DOWN]  # asked before the close; then nobody can say
        tell(life, STOP, OrderStatus.REJECTED)
        await asyncio.sleep(0.1)
        life.exchange.trigger(TARGET)
        life.exchange.held += 7  # a late fill of the entry that nobody told
        await asyncio.sleep(10)
        return life.exchange.held

    assert play_slowly(scenario) == 0


def test_a_close_that_expires_again_and_again_is_sent_for_hours_and_asked_about_once():
    class Halted(FakeExchange):
        def _take(self, request):
            if request.kind is OrderKind.MARKET and request.reduce_only:
                self.expiring.add(request.client_order_id)
            return super()._take(request)

    async def main(clock):
        life = await a_life(clock, Halted(is_remote=True), FakeJournal())
        await life.enter(0)
        life.exchange.loses_stops = True
        tell(life, STOP, OrderStatus.CANCELED)
        await asyncio.sleep(3 * 3_600)
        asked, tried = len(life.exchange.log), len(life.exchange.placed)
        await asyncio.sleep(60)
        assert not life.listener.done()
        assert len(life.exchange.placed) > tried
        await life.end()
        return len(life.exchange.log) - asked

    assert in_virtual_time(main, opens(1)) < 60


def test_a_close_does_not_wait_to_learn_what_the_exchange_allows():
    async def scenario(life):
        await asyncio.sleep(100)
        life.exchange.knows_rules = False
        await life.keeper.flatten()
        return life.exchange.held

    assert play_slowly(scenario) == 0


# ---------------------------------------------------------------------- a restart


def test_a_restart_places_a_stop_though_nobody_says_what_the_exchange_allows():
    async def scenario(life):
        await asyncio.sleep(10)
        life.exchange.drop(STOP, OrderStatus.EXPIRED)
        life = await again(life)
        life.exchange.knows_rules = False
        await life.recover()
        assert life.keeper.state is State.OPEN
        left = resting(life)
        await life.end()
        return left

    assert play_slowly(scenario) == {order_id(Leg.STOP, attempt=1), TARGET}


def test_a_stop_that_is_filled_while_a_restart_asks_for_funding_ends_the_trade():
    async def scenario(life):
        await asyncio.sleep(10)
        life = await again(life)
        life.exchange.funding_takes_s = 1.0
        recovering = asyncio.create_task(life.recover())
        await asyncio.sleep(0.5)
        life.exchange.trigger(STOP)
        await recovering
        await asyncio.sleep(5)
        found = reasons(life), life.keeper.state, resting(life)
        await life.end()
        return found

    assert play_slowly(scenario) == (["SL"], State.FLAT, set())


def test_what_made_a_position_that_was_taken_over_is_not_counted_after_a_restart():
    async def main(clock):
        exchange, journal = FakeExchange(is_remote=True), FakeJournal()
        life = await a_life(clock, exchange, journal)
        await life.recover()
        await asyncio.sleep(100)
        exchange.execute("web_1", BUY, "100")
        await asyncio.sleep(100)
        exchange.execute("web_2", SELL, "60")
        await asyncio.sleep(100)
        assert await life.keeper.adopt(Exits(2.0, False, 4.0, False), opens(0))
        before = resting(life)
        life = await again(life)
        await life.recover()
        assert life.keeper.holding is not None
        found = life.keeper.holding.quantity, resting(life) == before, len(before)
        exchange.execute("web_3", SELL, "10")
        await asyncio.sleep(1)
        assert journal.written(TradeClosed) == []
        assert life.keeper.holding.quantity == 30
        await life.end()
        return found

    assert in_virtual_time(main, opens(1)) == (40, True, 2)


def test_a_flatten_ends_with_the_run_it_was_asked_of_and_no_trade_is_booked_twice():
    class Breaking(Slow):
        is_broken = False

        async def account_events(self, symbol):
            async for event in super().account_events(symbol):
                if self.is_broken:
                    self.is_broken = False
                    raise StaleData("too many unread")
                yield event

    async def main(clock):
        exchange, journal = Breaking(is_remote=True), FakeJournal()
        life = await a_life(clock, exchange, journal)
        await life.enter(0)
        await asyncio.sleep(10)
        await journal.commit()
        await life.end()
        exchange.events = asyncio.Queue()
        told = {"symbols": [XRP], "correlation_symbols": [], "no_ml_filter": True}
        config = Config(overrides=told, environ={}, folder=os.devnull)
        risk = RiskManager(config, clock=clock, journal=journal)
        await risk.start(exchange)
        candles = {XRP: [candle(XRP, bar) for bar in range(-400, 1)]}
        bot = TradingBot(
            config,
            symbol=XRP,
            risk=risk,
            exchange=exchange,
            feed=FakeFeed(candles),
            journal=journal,
            clock=clock,
        )
        running = asyncio.create_task(Supervisor(clock, journal).run([bot]))
        await asyncio.sleep(20)
        exchange.is_silent = True
        flattening = asyncio.create_task(bot.flatten())
        await asyncio.sleep(0.2)
        exchange.is_broken = True
        exchange.events.put_nowait(OrderFilled(exchange.executions[0]))
        await asyncio.wait([flattening])
        assert isinstance(flattening.exception(), OutcomeUnknown)
        await asyncio.sleep(60)
        booked = [record.trade.net for record in journal.written(TradeClosed)]
        assert [risk.daily_pnl] == [float(net) for net in booked]
        assert exchange.held == 0
        running.cancel()
        await asyncio.wait([running])
        return len(booked)

    assert in_virtual_time(main, opens(1)) == 1
