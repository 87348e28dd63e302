from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest
from structlog.testing import capture_logs

from cointrader.domain.clock import HOUR_MS, MINUTE_MS
from cointrader.domain.errors import ConfigError, DataError, Rejected, Unreachable
from cointrader.domain.events import FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.order import OrderStatus
from cointrader.exchange.binance.account_notices import Transferred
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.user_feed import CatchUpRules, UserDataStream
from tests.unit.exchange.binance_streams.fakes import (
    ENTRY_ID,
    QUICK,
    STOP_ID,
    T0,
    Books,
    JumpingClock,
    Keys,
    Notices,
    ScriptedExchange,
    a_child_fill,
    a_fill,
    a_stop,
    an_algo_update,
    an_exchange,
    an_order_update,
    hears_nothing,
    running,
    told,
    until,
)

RULES = CatchUpRules(
    hold_ms=60, first_pause_ms=20, keep_alive_again_ms=20, overlap_ms=5_000, books_lag_ms=40
)
PRIVATE = replace(QUICK, may_be_quiet=True)


class Setup:
    """An account's stream over a scripted exchange."""

    def __init__(
        self,
        exchange: ScriptedExchange,
        session: aiohttp.ClientSession,
        *,
        now_ms: int = T0,
        ahead_ms: int = 0,
        limits: StreamLimits = PRIVATE,
        rules: CatchUpRules = RULES,
    ) -> None:
        self.exchange = exchange
        self.clock = JumpingClock(now_ms)
        self.keys = Keys()
        self.books = Books(self.clock, ahead_ms=ahead_ms)
        self.notices: Notices = []
        self.stream = UserDataStream(
            url=exchange.url,
            session=session,
            keys=self.keys,
            history=self.books,
            clock=self.clock,
            on_notice=self.notices.append,
            limits=limits,
            rules=rules,
        )
        self.events = self.stream.account_events("XRPUSDT")

    def orders_asked(self):
        """About whose orders was asked; funding is asked for beside, whenever its turn comes."""
        return [each for each in self.books.asked if each[0] == "open_orders"]

    async def up(self, number: int = 1):
        """Connection `number`, once what may have been missed before it is told."""
        visit = await self.exchange.visit(number)
        await until(lambda: self.stream.is_complete)
        return visit


@asynccontextmanager
async def a_setup(**terms):
    async with an_exchange() as exchange, aiohttp.ClientSession() as session:
        setup = Setup(exchange, session, **terms)
        async with running(setup.stream.run()):
            yield setup


@asynccontextmanager
async def a_late_listener(*resting, failures: int = 0):
    """One who subscribes when the stream is up and `resting` orders are there, as bots do."""
    async with a_setup() as s:
        await s.events.aclose()
        visit = await s.up()
        s.books.orders = {report.client_order_id: report for report in resting}
        s.books.failures = failures
        s.events = s.stream.account_events("XRPUSDT")
        yield s, visit


def trade_ids(events) -> list[int]:
    return [event.fill.trade_id for event in events if isinstance(event, OrderFilled)]


async def test_events_are_told_to_the_bot_of_their_symbol():
    async with a_setup() as s:
        other = s.stream.account_events("BTCUSDT")
        visit = await s.up()
        await visit.say({"e": "TRADE_LITE", "E": T0, "s": "XRPUSDT", "t": 7001, "i": 9001})
        await visit.say(an_order_update(happened="NEW", status="NEW"))
        await visit.say(an_order_update())
        events = await told(s.events, 3)

        assert [type(event) for event in events] == [OrderUpdated, OrderFilled, OrderUpdated]
        assert await hears_nothing(other)
        assert (visit.path, visit.query) == ("/private/ws", {"listenKey": "key-1"})


async def test_fills_missed_while_reconnecting_are_told_before_what_came_after():
    async with a_setup() as s:
        visit = await s.up()
        await visit.say(an_algo_update("NEW"))
        await told(s.events, 1)
        await visit.cut()
        s.books.fill_rows = [a_fill(7001, ENTRY_ID)]
        s.books.gate.clear()
        second = await s.exchange.visit(2)
        await until(lambda: [what for what, _ in s.books.asked].count("fills") == 2)
        await second.say(an_order_update(trade_id=7002))
        await second.say(an_order_update())  # told by both
        assert await hears_nothing(s.events, for_s=0.03)
        s.books.gate.set()
        events = await told(s.events, 3)

        assert trade_ids(events) == [7001, 7002]
        assert await hears_nothing(s.events)
        assert s.keys.started == 2
        assert second.query == {"listenKey": "key-2"}


async def test_order_that_ended_while_reconnecting_is_told():
    async with a_setup() as s:
        visit = await s.up()
        await visit.say(an_algo_update("NEW"))
        await told(s.events, 1)
        s.books.orders[STOP_ID] = a_stop(OrderStatus.EXPIRED)
        await visit.cut()

        assert await told(s.events, 1) == [OrderUpdated(a_stop(OrderStatus.EXPIRED))]


async def test_fill_that_is_booked_late_is_still_found_after_a_gap():
    async with a_setup() as s:
        visit = await s.up()
        await visit.say(an_algo_update("NEW"))
        await told(s.events, 1)
        s.books.orders[STOP_ID] = a_stop(OrderStatus.FILLED)
        await visit.cut()
        assert await told(s.events, 1) == [OrderUpdated(a_stop(OrderStatus.FILLED))]
        s.books.fill_rows = [a_fill(7001, STOP_ID)]

        assert trade_ids(await told(s.events, 1)) == [7001]


async def test_symbols_with_orders_of_ours_are_asked_about_first():
    async with a_setup() as s:
        others = [s.stream.account_events(f"S{number}USDT") for number in range(9)]
        visit = await s.up()
        message = an_algo_update("NEW")
        message["o"]["s"] = "S7USDT"
        await visit.say(message)
        await told(others[7], 1)
        s.books.asked.clear()
        await visit.cut()
        await until(lambda: ("open_orders", "XRPUSDT") in s.books.asked)
        asked = [symbol for what, symbol in s.books.asked if what == "open_orders"]

        assert asked[0] == "S7USDT"


async def test_order_that_was_placed_while_reconnecting_is_told():
    async with a_setup() as s:
        visit = await s.up()
        s.books.orders[STOP_ID] = a_stop(OrderStatus.NEW)
        await visit.cut()

        assert await told(s.events, 1) == [OrderUpdated(a_stop(OrderStatus.NEW))]


async def test_funding_is_asked_for_after_a_gap_only_when_an_hour_began_in_it():
    async with a_setup(now_ms=T0 + MINUTE_MS) as s:
        visit = await s.up()
        assert "funding" not in [what for what, _ in s.books.asked]
        payment = FundingSettled("XRPUSDT", T0 + HOUR_MS, Decimal("0.0001"), Decimal("-0.002"))
        s.books.payments = [payment]
        s.clock.jump_to(T0 + HOUR_MS + 100)
        await visit.cut()

        assert await told(s.events, 1) == [payment]


async def test_funding_that_cannot_be_had_keeps_neither_fill_nor_end_from_being_told():
    async with a_setup() as s:
        visit = await s.up()
        await visit.say(an_algo_update("NEW"))
        await told(s.events, 1)
        s.clock.jump_to(T0 + HOUR_MS + MINUTE_MS)
        s.books.funding_failure = Unreachable("income is down")
        s.books.fill_rows = [a_fill(7002, STOP_ID, at_ms=T0 + HOUR_MS)]
        s.books.orders[STOP_ID] = a_stop(OrderStatus.FILLED)
        await visit.cut()

        fill, end = await told(s.events, 2)
        assert trade_ids([fill]) == [7002]
        assert end == OrderUpdated(a_stop(OrderStatus.FILLED))
        await until(lambda: s.stream.is_complete)

        payment = FundingSettled("XRPUSDT", T0 + HOUR_MS, Decimal("0.0001"), Decimal("-0.002"))
        s.books.payments, s.books.funding_failure = [payment], None
        assert await told(s.events, 1) == [payment]
        assert await hears_nothing(s.events)


async def test_fills_are_told_while_open_orders_cannot_be_had():
    async with a_setup() as s:
        visit = await s.up()
        s.books.open_orders_failure = Unreachable("no answer")
        s.books.fill_rows = [a_fill(7001, ENTRY_ID)]
        await visit.cut()

        assert trade_ids(await told(s.events, 1)) == [7001]
        assert not s.stream.is_complete
        assert await hears_nothing(s.events)  # though it is asked for again and again


async def test_order_from_before_its_listener_that_ends_in_a_gap_is_told():
    async with a_late_listener(a_stop(OrderStatus.NEW)) as (s, visit):
        assert await told(s.events, 1) == [OrderUpdated(a_stop(OrderStatus.NEW))]
        s.books.orders[STOP_ID] = a_stop(OrderStatus.EXPIRED)
        await visit.cut()

        assert await told(s.events, 1) == [OrderUpdated(a_stop(OrderStatus.EXPIRED))]
        assert await hears_nothing(s.events)


async def test_fill_of_an_order_from_before_its_listener_is_found_though_booked_late():
    async with a_late_listener(a_stop(OrderStatus.NEW)) as (s, visit):
        await told(s.events, 1)
        s.books.orders[STOP_ID] = a_stop(OrderStatus.FILLED)
        await visit.cut()
        assert await told(s.events, 1) == [OrderUpdated(a_stop(OrderStatus.FILLED))]
        s.books.fill_rows = [a_fill(7002, STOP_ID)]

        assert trade_ids(await told(s.events, 1)) == [7002]


async def test_listeners_that_come_at_once_are_asked_about_in_one_turn():
    async with a_setup() as s:
        await s.up()
        s.books.asked.clear()
        s.books.gate.clear()
        others = [s.stream.account_events(f"S{number}USDT") for number in range(9)]
        second = s.stream.account_events("S1USDT")
        await asyncio.sleep(0.05)

        wanted = [("open_orders", f"S{number}USDT") for number in range(9)]
        assert s.orders_asked() == wanted  # none waits for the answer about another
        s.books.gate.set()
        assert all([await hears_nothing(each, for_s=0.01) for each in (*others, second)])


async def test_symbol_that_has_a_listener_is_not_asked_about_for_another():
    async with a_setup() as s:
        await s.up()
        s.books.asked.clear()
        s.stream.account_events("XRPUSDT")
        await asyncio.sleep(0.05)

        assert s.orders_asked() == []


async def test_orders_of_a_new_listener_are_asked_for_until_the_exchange_answers():
    async with a_late_listener(a_stop(OrderStatus.NEW), failures=2) as (s, _):
        assert await told(s.events, 1) == [OrderUpdated(a_stop(OrderStatus.NEW))]


@pytest.mark.parametrize(
    "failure", [DataError("cannot be read"), ConfigError("there is nothing at this address")]
)
async def test_answer_that_makes_no_sense_once_is_a_look_that_failed(failure):
    async with a_setup() as s:
        visit = await s.up()
        s.books.fill_rows = [a_fill(7001, ENTRY_ID)]
        s.books.failures, s.books.failure = 2, failure
        await visit.cut()

        assert trade_ids(await told(s.events, 1)) == [7001]


async def test_answer_that_makes_no_sense_for_minutes_is_an_error_in_the_log():
    async with a_setup() as s:
        visit = await s.up()
        s.books.failures, s.books.failure = 1_000, DataError("cannot be read")
        with capture_logs() as logs:
            await visit.cut()
            await until(lambda: any(each["event"] == "account.gap" for each in logs))
            assert not [each for each in logs if each["log_level"] == "error"]
            s.clock.jump_to(s.clock.now_ms() + 5 * MINUTE_MS)
            await until(lambda: any(each["log_level"] == "error" for each in logs))


async def test_keep_alive_that_is_denied_once_is_tried_again():
    async with a_setup(rules=replace(RULES, keep_alive_ms=30)) as s:
        await s.up()
        s.keys.failure = ConfigError("key, IP address or permission is wrong")
        await until(lambda: s.keys.kept >= 2)
        s.keys.failure = None
        kept = s.keys.kept
        await until(lambda: s.keys.kept > kept)

        assert len(s.exchange.visits) == 1


async def test_key_that_is_wrong_at_the_start_is_an_error():
    async with an_exchange() as exchange, aiohttp.ClientSession() as session:
        setup = Setup(exchange, session)
        setup.keys.start_failure = ConfigError("key, IP address or permission is wrong")
        with pytest.RaisesGroup(ConfigError, flatten_subgroups=True):
            await setup.stream.run()


async def test_key_that_is_denied_once_later_is_asked_for_again():
    async with a_setup() as s:
        visit = await s.up()
        s.keys.start_failure = ConfigError("key, IP address or permission is wrong")
        await visit.cut()
        await until(lambda: s.keys.started >= 3)
        s.keys.start_failure = None

        await s.up(2)


@pytest.mark.parametrize("ahead_ms", [-90_000, 90_000])
async def test_gap_is_asked_about_by_the_time_of_the_exchange(ahead_ms):
    async with a_setup(now_ms=T0 - ahead_ms, ahead_ms=ahead_ms) as s:
        visit = await s.up()
        s.books.fill_rows = [a_fill(7002, STOP_ID, at_ms=T0 + 10)]
        await visit.cut()

        assert trade_ids(await told(s.events, 1)) == [7002]
        asked = [since_ms for what, since_ms in s.books.asked if what == "fills"]
        assert all(T0 - RULES.overlap_ms <= since_ms < T0 for since_ms in asked)


async def test_gap_is_asked_about_until_the_exchange_answers():
    async with a_setup() as s:
        visit = await s.up()
        s.books.fill_rows = [a_fill(7001, ENTRY_ID)]
        s.books.failures = 3
        s.books.gate.clear()
        await visit.cut()
        await s.exchange.visit(2)
        assert not s.stream.is_complete
        s.books.gate.set()

        assert trade_ids(await told(s.events, 1)) == [7001]
        await until(lambda: s.stream.is_complete)


async def test_a_new_connection_never_counts_as_complete_before_its_gap_is_known():
    async with a_setup() as s:
        visit = await s.up()
        s.books.gate.clear()
        await visit.cut()
        await until(lambda: not s.stream.is_complete)
        was_complete, asked = [], len(s.books.asked)
        while len(s.books.asked) == asked:
            was_complete.append(s.stream.is_complete)
            await asyncio.sleep(0)

        assert not any(was_complete)


async def test_new_events_wait_no_longer_than_the_patience_for_a_gap():
    async with a_setup(rules=replace(RULES, timeout_ms=80)) as s:
        visit = await s.up()
        await visit.cut()
        s.books.gate.clear()
        second = await s.exchange.visit(2)
        await until(lambda: not s.stream.is_complete)
        await second.say(an_order_update())

        assert trade_ids(await told(s.events, 2)) == [7001]
        assert not s.stream.is_complete


async def test_listen_key_that_expired_is_replaced_with_its_connection():
    async with a_setup() as s:
        visit = await s.up()
        await visit.say({"e": "listenKeyExpired", "E": T0, "listenKey": "key-1"})
        second = await s.up(2)

        assert second.query == {"listenKey": "key-2"}
        await until(lambda: visit.socket.closed)


async def test_listen_key_is_kept_alive_and_replaced_when_the_exchange_forgot_it():
    async with a_setup(rules=replace(RULES, keep_alive_ms=30)) as s:
        await s.up()
        await until(lambda: s.keys.kept >= 2)
        assert s.keys.started == 1
        s.keys.failure = Rejected("This listenKey does not exist.", code="-1125")
        await until(lambda: s.keys.started == 2)
        s.keys.failure = None
        second = await s.up(2)

        assert second.query == {"listenKey": "key-2"}


async def test_keep_alive_that_fails_is_tried_again_soon_on_the_same_connection():
    async with a_setup() as s:
        await s.up()
        s.keys.failure = Unreachable("no answer")
        s.clock.jump_to(T0 + RULES.keep_alive_ms + 100)
        await until(lambda: s.keys.kept >= 3)

        assert s.keys.started == 1
        assert len(s.exchange.visits) == 1


async def test_fill_before_triggered_is_told_under_the_stop_when_the_stream_names_it():
    async with a_setup() as s:
        visit = await s.up()
        await visit.say(an_algo_update("NEW"))
        await visit.say(a_child_fill())
        await visit.say(an_algo_update("TRIGGERED", ai="9002"))
        events = await told(s.events, 4)

        assert [e.fill.client_order_id for e in events if isinstance(e, OrderFilled)] == [STOP_ID]
        await asyncio.sleep(0.1)
        assert [what for what, _ in s.books.asked].count("fills") == 1


async def test_fill_whose_trigger_is_never_told_is_looked_up():
    async with a_setup() as s:
        visit = await s.up()
        s.books.orders[STOP_ID] = a_stop(OrderStatus.TRIGGERED)
        s.books.failures = 1
        await visit.say(a_child_fill(trade_id=7002))
        await until(lambda: not s.books.failures)
        assert await hears_nothing(s.events, for_s=0.01)
        s.books.fill_rows = [a_fill(7002, STOP_ID)]
        events = await told(s.events, 3)

        assert [e.fill.client_order_id for e in events if isinstance(e, OrderFilled)] == [STOP_ID]


async def test_fill_of_the_owner_s_own_order_is_told_under_its_id_after_the_look_up():
    async with a_setup() as s:
        visit = await s.up()
        s.books.fill_rows = [a_fill(7001, "web_1")]
        await visit.say(an_order_update(client_order_id="web_1"))
        events = await told(s.events, 2)

        assert [e.fill.client_order_id for e in events if isinstance(e, OrderFilled)] == ["web_1"]


async def test_fill_that_is_never_booked_is_told_under_its_own_id_in_the_end():
    async with a_setup(rules=replace(RULES, hold_ms=10, tries=2)) as s:
        visit = await s.up()
        await visit.say(a_child_fill())
        events = await told(s.events, 2)

        assert [e.fill.client_order_id for e in events if isinstance(e, OrderFilled)] == ["x-123"]


async def test_resting_order_of_the_owner_is_told_without_a_look_up():
    async with a_setup() as s:
        visit = await s.up()
        await visit.say(an_order_update(client_order_id="web_1", happened="NEW", status="NEW"))
        (event,) = await told(s.events, 1)

        assert isinstance(event, OrderUpdated)
        assert [what for what, _ in s.books.asked].count("fills") == 1


async def test_funding_is_told_as_the_exchange_books_it():
    async with a_setup() as s:
        visit = await s.up()
        message = {
            "e": "ACCOUNT_UPDATE",
            "E": T0 + 50,
            "T": T0 + 20,
            "a": {
                "m": "FUNDING_FEE",
                "S": "XRPUSDT",
                "B": [{"a": "USDT", "wb": "999", "cw": "999", "bc": "-0.002"}],
                "P": [],
            },
        }
        await visit.say(message)
        await until(lambda: "funding" in [what for what, _ in s.books.asked])
        payment = FundingSettled("XRPUSDT", T0, Decimal("0.0001"), Decimal("-0.002"))
        s.books.payments = [payment]  # the books lag behind the message
        await visit.say(message)

        assert await told(s.events, 1) == [payment]
        assert await hears_nothing(s.events)
        assert s.notices == []


async def test_transfers_are_told_as_notices():
    async with a_setup() as s:
        visit = await s.up()
        balance = {"a": "USDT", "wb": "1100", "cw": "1100", "bc": "100"}
        account = {"m": "DEPOSIT", "B": [balance], "P": []}
        await visit.say({"e": "ACCOUNT_UPDATE", "E": T0, "T": T0, "a": account})
        await until(lambda: bool(s.notices))

        assert s.notices == [Transferred("USDT", Decimal(100), "DEPOSIT", T0)]


async def test_two_connections_that_overlap_tell_everything_once():
    async with a_setup(limits=replace(PRIVATE, renew_after_ms=150)) as s:

        async def both_tell(visit) -> None:
            for other in s.exchange.open_visits:
                await other.say(an_order_update(at_ms=s.clock.now_ms()))

        s.exchange.greeting = both_tell
        await s.exchange.visit(3)

        assert trade_ids(await told(s.events, 2)) == [7001]
        assert await hears_nothing(s.events)
        assert s.stream.health().faults == 0


async def test_quiet_account_is_renewed_and_caught_up_with():
    async with a_setup(limits=replace(PRIVATE, max_age_ms=100)) as s:
        await s.up()
        s.books.fill_rows = [a_fill(7001, ENTRY_ID)]  # and the stream says nothing

        assert trade_ids(await told(s.events, 1)) == [7001]
        assert s.stream.health().faults == 0


async def test_message_that_cannot_be_read_is_asked_about():
    async with a_setup() as s:
        visit = await s.up()
        s.books.fill_rows = [a_fill(7001, ENTRY_ID)]
        await visit.say(an_order_update(z="not a number"))

        assert trade_ids(await told(s.events, 1)) == [7001]
        assert len(s.exchange.visits) == 1


async def test_forced_close_without_a_trade_id_is_asked_about():
    async with a_setup() as s:
        visit = await s.up()
        s.books.fill_rows = [a_fill(7009, "autoclose-1")]
        await visit.say(
            an_order_update(client_order_id="autoclose-1", happened="CALCULATED", trade_id=0)
        )

        assert trade_ids(await told(s.events, 2)) == [7009]


async def test_fill_without_its_fee_is_asked_about():
    message = an_order_update()
    del message["o"]["n"], message["o"]["N"]
    async with a_setup() as s:
        visit = await s.up()
        s.books.fill_rows = [a_fill(7001, ENTRY_ID)]
        await visit.say(message)

        assert trade_ids(await told(s.events, 2)) == [7001]


def a_position_change(*, at_ms: int = T0) -> dict:
    balance = {"a": "USDT", "wb": "1000", "cw": "1000", "bc": "0"}
    account = {"m": "ORDER", "B": [balance], "P": [{"s": "XRPUSDT", "pa": "10"}]}
    return {"e": "ACCOUNT_UPDATE", "E": at_ms, "T": at_ms, "a": account}


async def test_position_that_changed_without_a_fill_being_told_is_asked_about():
    async with a_setup() as s:
        visit = await s.up()
        s.books.fill_rows = [a_fill(7001, ENTRY_ID)]
        await visit.say(a_position_change())

        assert trade_ids(await told(s.events, 1)) == [7001]


@pytest.mark.parametrize("is_fill_first", [True, False])
async def test_position_whose_fill_is_told_before_or_after_it_is_not_asked_about(is_fill_first):
    async with a_setup() as s:
        visit = await s.up()
        asked = len(s.books.asked)
        messages = an_order_update(), a_position_change()
        for message in messages if is_fill_first else messages[::-1]:
            await visit.say(message)

        assert trade_ids(await told(s.events, 2)) == [7001]
        assert await hears_nothing(s.events, for_s=2 * RULES.hold_ms / 1000)
        assert len(s.books.asked) == asked


async def test_fill_without_its_fee_that_is_booked_a_moment_late_is_told():
    message = an_order_update()
    del message["o"]["n"], message["o"]["N"]
    async with a_setup() as s:
        visit = await s.up()
        await visit.say(message)
        await told(s.events, 1)
        await until(lambda: [what for what, _ in s.books.asked].count("open_orders") == 2)
        s.books.fill_rows = [a_fill(7001, ENTRY_ID)]

        assert trade_ids(await told(s.events, 1)) == [7001]
        await until(lambda: s.stream.is_complete)


async def test_messages_of_unknown_kinds_are_ignored():
    async with a_setup() as s:
        visit = await s.up()
        await visit.say({"e": "SOMETHING_NEW", "E": T0})
        await visit.say(an_order_update())

        assert trade_ids(await told(s.events, 2)) == [7001]


async def test_listen_key_that_cannot_be_had_is_asked_for_again():
    async with an_exchange() as exchange, aiohttp.ClientSession() as session:
        setup = Setup(exchange, session)
        exchange.refused_handshakes = 2
        async with running(setup.stream.run()):
            await setup.up()

        assert setup.keys.started == 3


async def test_cancelled_stream_leaves_no_task_and_no_socket_and_can_run_again():
    before = asyncio.all_tasks()
    async with an_exchange() as exchange, aiohttp.ClientSession() as session:
        setup = Setup(exchange, session)
        async with running(setup.stream.run()):
            visit = await setup.up()
            setup.books.gate.clear()
            await visit.say(a_child_fill())
            await visit.cut()
            await until(lambda: not setup.stream.is_complete)
        await until(lambda: not exchange.open_visits)
        setup.books.gate.set()
        setup.books.fill_rows = [a_fill(7001, ENTRY_ID)]
        async with running(setup.stream.run()):
            assert trade_ids(await told(setup.events, 1)) == [7001]
            await until(lambda: setup.stream.is_complete)
    await until(lambda: asyncio.all_tasks() == before)
