"""One order per intent, whatever the network does, and the journal knows of it first."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from cointrader.bot.execution import Execution
from cointrader.domain.errors import OutcomeUnknown, RateLimited, Rejected, Unreachable
from cointrader.domain.order import Leg, OrderKind, OrderRequest, OrderSide, OrderStatus
from cointrader.domain.records import Decision, Intent, OrderSeen
from tests.unit.bot.fakes import (
    BAR_MS,
    BUY,
    SELL,
    T0,
    XRP,
    AnswerLost,
    CarriedOutLater,
    FakeExchange,
    FakeJournal,
    in_virtual_time,
    opens,
    order_id,
)

ENTRY, STOP, TARGET = order_id(Leg.ENTRY), order_id(Leg.STOP), order_id(Leg.TARGET)
DOWN = Unreachable("no route")
LOST = OutcomeUnknown("the connection broke while waiting")
UNHEARD = AnswerLost("the connection broke after sending")
LATE = CarriedOutLater("the answer did not come")
BUSY = RateLimited("too many requests", retry_after_ms=3_000)
NO = Rejected("not enough margin", code="-2019")


@dataclass
class Sent:
    """What one intent came to. `log` tells of the journal and the exchange in one order."""

    exchange: FakeExchange
    journal: FakeJournal
    log: list[str] = field(default_factory=list)
    took_ms: int = 0
    error: Exception | None = None

    @property
    def orders(self):
        return [request.client_order_id for request in self.exchange.placed]

    @property
    def seen(self):
        return [
            (r.report.client_order_id, r.report.status) for r in self.journal.written(OrderSeen)
        ]


def an_entry(execution, bar=0):
    return execution.market_intent(opens(bar), Leg.ENTRY, BUY, Decimal(50), "2.0 4.0")


def send(*legs, decision=None, restarted=None, times=1, script=(), **exchange):
    """Carry an entry out (or stop and target), once or `times` over."""
    log: list[str] = []
    sent = Sent(FakeExchange(script=list(script), log=log, **exchange), FakeJournal(log), log)

    async def main(clock):
        if restarted is not None:
            await restarted(sent)
        execution = Execution(XRP, sent.exchange, sent.journal, clock, BAR_MS)
        intents = [an_entry(execution)] if not legs else [
            execution.conditional_intent(opens(0), leg, SELL, Decimal(98)) for leg in legs
        ]  # fmt: skip
        started_ms = clock.now_ms()
        for _ in range(times):
            try:
                await execution.carry_out(*intents, decision=decision)
            except Exception as error:
                sent.error = error
        sent.took_ms = clock.now_ms() - started_ms

    in_virtual_time(main, opens(1))
    return sent


# ---------------------------------------------------------------------- the good day


def test_the_intent_is_on_disk_before_the_request_leaves():
    sent = send()

    assert sent.log == [f"intent {ENTRY}", f"place {ENTRY}"]
    assert sent.seen == [(ENTRY, OrderStatus.FILLED)]
    [intent] = sent.journal.written(Intent)
    assert (intent.quantity, intent.exits, intent.at_ms) == (50, "2.0 4.0", opens(1))


def test_the_decision_goes_to_disk_with_its_intent():
    bar = Decision(XRP, T0, "ENTER", None, 3, ())

    sent = send(decision=bar)

    assert [type(record) for record in sent.journal.on_disk] == [Decision, Intent]


def test_stop_and_target_are_one_commit_and_close_whatever_is_open():
    sent = send(Leg.STOP, Leg.TARGET)

    assert sent.log == [f"intent {STOP}", f"intent {TARGET}", f"place {STOP}", f"place {TARGET}"]
    stop, target = sent.exchange.placed
    assert [stop.kind, target.kind] == [OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET]
    for order in (stop, target):
        assert (order.close_position, order.quantity, order.side) == (True, None, OrderSide.SELL)


@pytest.mark.parametrize(
    ("leg", "reduces"), [(Leg.ENTRY, False), (Leg.CLOSE, True), (Leg.EMERGENCY, True)]
)
def test_only_closes_are_reduce_only(leg, reduces):
    async def main(clock):
        execution = Execution(XRP, FakeExchange(), FakeJournal(), clock, BAR_MS)
        return execution.request_for(execution.market_intent(T0, leg, SELL, Decimal(1)))

    assert in_virtual_time(main).reduce_only is reduces


# ---------------------------------------------------------------------- bad days

BAD_DAYS = {  # name: (what the requests meet, requests, look-ups, ms)
    "unreachable once": ([DOWN], 2, 0, 250),
    "unreachable four times": ([DOWN] * 4, 5, 0, 1_000),
    "told to wait": ([BUSY], 2, 0, 3_000),
    "told to wait twice": ([BUSY, BUSY], 3, 0, 6_000),
    "the answer was lost": ([UNHEARD], 1, 1, 0),
    "the request was lost": ([LOST], 2, 15, 7_000),
    "unreachable, then the answer was lost": ([DOWN, UNHEARD], 2, 1, 250),
    "the request was lost, then the answer": ([LOST, UNHEARD], 2, 16, 7_000),
    "the request was lost, then told to wait": ([LOST, BUSY], 3, 15, 10_000),
}


@pytest.mark.parametrize("name", BAD_DAYS)
def test_on_a_bad_day_there_is_exactly_one_order(name):
    script, requests, look_ups, took_ms = BAD_DAYS[name]

    sent = send(script=script)

    assert sent.error is None
    assert sent.orders == [ENTRY]
    assert sent.exchange.held == 50
    assert sent.log.count(f"place {ENTRY}") == requests
    assert sent.log.count(f"look up {ENTRY}") == look_ups
    assert sent.log[0] == f"intent {ENTRY}"
    assert sent.log.count(f"intent {ENTRY}") == 1
    assert sent.took_ms == took_ms
    assert sent.seen == [(ENTRY, OrderStatus.FILLED)]


def test_an_order_whose_answer_was_lost_may_take_a_while_to_be_seen():
    sent = send(script=[UNHEARD], invisible_look_ups=3)

    assert sent.orders == [ENTRY]
    assert sent.log.count(f"place {ENTRY}") == 1
    assert sent.took_ms == 1_500


def test_nothing_is_sent_again_while_nobody_can_be_asked():
    sent = send(script=[UNHEARD], look_ups=[DOWN] * 15)

    assert isinstance(sent.error, Unreachable)
    assert sent.orders == [ENTRY]
    assert sent.log.count(f"place {ENTRY}") == 1


def test_a_refusal_is_not_tried_again():
    sent = send(script=[NO])

    assert sent.error is NO
    assert sent.orders == []
    assert sent.log == [f"intent {ENTRY}", f"place {ENTRY}"]


@pytest.mark.parametrize("error", [DOWN, BUSY], ids=lambda error: type(error).__name__)
def test_an_exchange_that_stays_away_is_given_up_after_five_requests(error):
    sent = send(script=[error] * 9)

    assert sent.error is error
    assert sent.orders == []
    assert sent.log.count(f"place {ENTRY}") == 5


def test_requests_that_keep_getting_lost_are_given_up():
    sent = send(script=[LOST] * 9)

    assert isinstance(sent.error, OutcomeUnknown)
    assert sent.orders == []
    assert sent.log.count(f"place {ENTRY}") == 5


def test_a_stop_that_fails_keeps_the_target_from_being_sent_before_it():
    sent = send(Leg.STOP, Leg.TARGET, script=[DOWN])

    assert sent.orders == [STOP, TARGET]


def test_an_entry_that_is_late_to_be_carried_out_is_not_sent_again():
    """It is carried out at the end of its receive window, and cannot be found until later."""
    sent = send(script=[LATE], carried_out_after_ms=5_000, invisible_ms=2_000)

    assert sent.orders == [ENTRY]
    assert sent.log.count(f"place {ENTRY}") == 1
    assert sent.exchange.held == 50


@pytest.mark.parametrize("sign", ["a fill", "a position"])
def test_an_entry_that_no_look_up_finds_is_not_sent_again_where_it_left_traces(sign):
    sent = send(script=[UNHEARD], invisible_look_ups=99, hides_fills=sign == "a position")

    assert sent.error is None
    assert sent.orders == [ENTRY]
    assert sent.exchange.held == 50


def test_a_stop_whose_request_was_lost_goes_out_again_soon_as_the_next_attempt():
    sent = send(Leg.STOP, script=[LOST])

    assert sent.orders == [order_id(Leg.STOP, attempt=1)]
    assert sent.took_ms == 500
    assert sent.log == [
        f"intent {STOP}",
        f"place {STOP}",
        *[f"look up {STOP}"] * 2,
        f"intent {order_id(Leg.STOP, attempt=1)}",
        f"place {order_id(Leg.STOP, attempt=1)}",
    ]


def test_a_stop_does_not_wait_for_as_long_as_the_exchange_asks():
    assert send(Leg.STOP, script=[RateLimited("banned", retry_after_ms=60_000)]).took_ms == 1_000


def test_stops_that_keep_getting_lost_are_given_up():
    sent = send(Leg.STOP, script=[LOST] * 9)

    assert isinstance(sent.error, OutcomeUnknown)
    assert sent.orders == []
    assert len([line for line in sent.log if line.startswith("place")]) == 5


# ---------------------------------------------------------------------- again, and after a restart


def test_the_same_intent_again_is_looked_up_and_not_sent():
    sent = send(times=2)

    assert sent.orders == [ENTRY]
    assert sent.log == [f"intent {ENTRY}", f"place {ENTRY}", f"look up {ENTRY}"]


def test_the_same_intent_again_is_sent_when_the_first_one_never_arrived():
    sent = send(script=[DOWN] * 5, times=2)

    assert sent.orders == [ENTRY]
    assert sent.log.count(f"intent {ENTRY}") == 1


def before_the_restart(*, arrived):
    """The process before this one wrote the intent down; perhaps its request arrived."""
    of_entry = (ENTRY, XRP)

    async def happened(sent):
        intent = Intent(*of_entry, T0, Leg.ENTRY, BUY, OrderKind.MARKET, Decimal(50), None, T0)
        await sent.journal.commit(intent)
        if arrived:
            await sent.exchange.place(OrderRequest(*of_entry, BUY, OrderKind.MARKET, Decimal(50)))
        sent.log.clear()

    return happened


def test_an_intent_of_the_process_before_is_looked_up_first():
    sent = send(restarted=before_the_restart(arrived=True))

    assert sent.orders == [ENTRY]
    assert sent.log == [f"look up {ENTRY}"]


def test_an_intent_that_the_process_before_never_sent_is_sent_after_seven_seconds_of_looks():
    sent = send(restarted=before_the_restart(arrived=False))

    assert sent.orders == [ENTRY]
    assert sent.log == [f"look up {ENTRY}"] * 15 + [f"place {ENTRY}"]
    assert sent.took_ms == 7_000


def test_nothing_is_sent_after_a_restart_while_nobody_can_be_asked():
    sent = send(restarted=before_the_restart(arrived=True), look_ups=[DOWN] * 15)

    assert isinstance(sent.error, Unreachable)
    assert sent.log == [f"look up {ENTRY}"] * 15


# ---------------------------------------------------------------------- cancelling


def test_cancelling_an_order_that_is_gone_is_no_error_and_is_not_written_down():
    async def main(clock):
        exchange, journal = FakeExchange(), FakeJournal()
        execution = Execution(XRP, exchange, journal, clock, BAR_MS)
        stop = execution.conditional_intent(T0, Leg.STOP, SELL, Decimal(98))
        await execution.carry_out(stop)
        await execution.cancel(stop.client_order_id)
        await execution.cancel(stop.client_order_id)
        return [record.report.status for record in journal.written(OrderSeen)]

    assert in_virtual_time(main) == [OrderStatus.NEW, OrderStatus.CANCELED]


def test_each_leg_and_attempt_of_a_bar_has_its_own_id():
    async def main(clock):
        execution = Execution(XRP, FakeExchange(), FakeJournal(), clock, BAR_MS)
        return [
            execution.order_id(opens(bar), leg, attempt)
            for bar in (0, 1)
            for leg in Leg
            for attempt in (0, 1)
        ]

    ids = in_virtual_time(main)
    assert len(set(ids)) == 4 * len(Leg)
    assert all(len(each) <= 36 for each in ids)
