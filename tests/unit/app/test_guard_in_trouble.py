"""A guard whose exchange answers late, not at all, or not of everything. Time jumps."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from cointrader.app.guard.guard import Guard, GuardRules
from cointrader.app.virtual_time import LoopClock, VirtualLoop
from cointrader.domain.errors import Unreachable
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderKind, Side
from cointrader.domain.records import Alert
from tests.unit.app.exchange_fakes import (
    NOW_MS,
    TRX,
    XRP,
    FakeExchange,
    a_position,
    an_order,
)

DOGE, CHINESE = "DOGEUSDT", "币安人生USDT"
STOP, MARKET = OrderKind.STOP_MARKET, OrderKind.MARKET


async def for_ever():
    await asyncio.sleep(3600)


@dataclass
class Shaky(FakeExchange):
    """What is in a set hangs; `failing_look` is which of so many looks fails, 3 for every third."""

    hanging_looks: set[str] = field(default_factory=set)
    hanging_deeds: set[str] = field(default_factory=set)
    failing_look: int = 0
    looks: int = 0
    rules: str = "answer"  # or "hang", "fail", "crash"
    known: Instrument = field(default_factory=lambda: Instrument(XRP, tick_size=Decimal("0.01")))
    hedged: set[str] = field(default_factory=set)
    mark: Decimal = Decimal(2)

    async def open_orders(self, symbol):
        self.looks += 1
        if symbol in self.hanging_looks:
            await for_ever()
        if self.failing_look and self.looks % self.failing_look == 0:
            raise Unreachable("no answer")
        return await super().open_orders(symbol)

    async def place(self, request):
        if request.symbol in self.hanging_deeds:
            await for_ever()
        held = self.positions.get(request.symbol)
        report = await super().place(request)
        if request.kind is MARKET and held is not None and request.quantity < held.quantity:
            left = replace(held, quantity=held.quantity - request.quantity)
            self.positions[request.symbol] = left
        return report

    async def instrument(self, symbol):
        if self.rules == "hang":
            await for_ever()
        if self.rules == "fail":
            raise Unreachable("no rules")
        if self.rules == "crash":
            raise KeyError(symbol)
        return replace(self.known, symbol=symbol)

    async def standings(self):
        marked = [replace(each, mark=self.mark) for each in await super().standings()]
        return [
            replace(each, position=None, is_hedged=True) if each.symbol in self.hedged else each
            for each in marked
        ]

    def kinds(self, symbol=XRP):
        return [sent.kind for sent in self.placed if sent.symbol == symbol]


class Post:
    """A guard and what it said."""

    def __init__(self, exchange, **rules):
        self.clock = LoopClock(NOW_MS)
        self.alerts: list[Alert] = []
        self.took_s: list[float] = []
        self.guard = Guard(exchange, self.clock, GuardRules(**rules), tell=self.alerts.append)

    async def rounds(self, count):
        results = []
        for _ in range(count):
            began_ms = self.clock.now_ms()
            results.append(await self.guard.round())
            self.took_s.append((self.clock.now_ms() - began_ms) / 1000)
            await self.clock.sleep_ms(5_000)
        return results

    def told(self, level):
        return [each.text for each in self.alerts if each.level == level]


def after(rounds, exchange, **rules):
    """The post after so many rounds."""

    async def main():
        post = Post(exchange, **rules)
        await post.rounds(rounds)
        return post

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


# -- looks that fail ------------------------------------------------------------------------------


def test_a_naked_position_gets_its_stop_though_every_third_look_fails():
    exchange = Shaky(positions={XRP: a_position()}, failing_look=3)

    after(5, exchange)

    assert exchange.kinds() == [STOP]


def test_stops_that_vanish_end_in_a_close_though_every_third_look_fails():
    exchange = Shaky(positions={XRP: a_position()}, failing_look=3, loses=True)

    after(12, exchange)

    assert exchange.kinds()[:3] == [STOP, STOP, MARKET]


def test_a_guard_that_is_ended_before_its_stop_was_seen_has_told_of_it():
    exchange = Shaky(positions={XRP: a_position()})

    async def main():
        post = Post(exchange)
        watching = asyncio.create_task(post.rounds(5))
        while not exchange.placed:
            await asyncio.sleep(0.1)
        watching.cancel()
        await asyncio.wait([watching])
        return post.told("critical")

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        (told,) = runner.run(main())

    assert told.endswith("it is NOT seen yet")


def test_a_trouble_that_comes_and_goes_is_one_that_lasts():
    exchange = Shaky(
        positions={XRP: a_position()},
        orders={XRP: [an_order("ct-1", close_position=True)]},
        failing_look=3,
    )

    post = after(20, exchange)

    assert [each.level for each in post.alerts] == ["warning", "critical"]


def test_what_hangs_of_one_symbol_keeps_no_stop_from_another():
    exchange = Shaky(
        positions={each: a_position(each) for each in (DOGE, TRX, XRP)},
        hanging_looks={DOGE, TRX},
    )

    post = after(4, exchange)

    assert [sent.symbol for sent in exchange.placed] == [XRP]
    assert max(post.took_s) < 10
    assert (
        post.told("warning")
        == ["the guard cannot do its work: its orders could not be seen within 5 s"] * 2
    )


def test_fifty_symbols_that_hang_keep_no_stop_from_the_last():
    hanging = {f"A{number}USDT" for number in range(50)}
    exchange = Shaky(
        positions={each: a_position(each) for each in (*sorted(hanging), XRP)},
        hanging_looks=hanging,
    )

    after(3, exchange)

    assert [sent.symbol for sent in exchange.placed] == [XRP]


def test_an_order_that_hangs_keeps_no_stop_from_another_symbol():
    exchange = Shaky(
        positions={each: a_position(each) for each in (DOGE, XRP)}, hanging_deeds={DOGE}
    )

    after(3, exchange)

    assert [sent.symbol for sent in exchange.placed] == [XRP]


def test_a_stop_that_cannot_be_swept_keeps_no_stop_from_another_symbol():
    exchange = Shaky(
        positions={XRP: a_position()},
        orders={DOGE: [an_order("ctg-1", DOGE)]},
        hanging_looks={DOGE},
    )

    post = after(3, exchange)

    assert exchange.kinds() == [STOP]
    assert [each.symbol for each in post.alerts if each.level == "warning"] == [DOGE]


def test_that_a_stop_was_sent_is_told_also_when_the_look_after_it_fails():
    exchange = Shaky(positions={XRP: a_position()}, failing_look=2)

    post = after(1, exchange, grace_ms=0)

    assert exchange.kinds() == [STOP]
    assert post.told("critical") == [
        "XRPUSDT LONG 50 had no stop for 0 s: a stop was put at 1.96, it is NOT seen yet"
    ]


# -- rules that are not told ----------------------------------------------------------------------


@pytest.mark.parametrize("rules", ["hang", "fail", "crash"])
def test_a_stop_is_sent_by_the_rules_known_last(rules):
    exchange = Shaky(positions={XRP: a_position()}, known=Instrument(XRP, tick_size=Decimal("0.1")))

    async def main():
        post = Post(exchange)
        await post.rounds(1)
        exchange.rules = rules
        await post.rounds(2)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    (stop,) = exchange.placed
    assert stop.trigger_price == Decimal("2.0")  # 1.96, to the tick nearer the entry


@pytest.mark.parametrize("rules", ["hang", "fail", "crash"])
@pytest.mark.parametrize(
    ("mark", "side", "trigger"),
    [
        ("2.10312345", Side.LONG, "2.062"),
        ("2.10312345", Side.SHORT, "2.145"),
        ("63241.17263768", Side.LONG, "61980"),
        ("0.01234567", Side.LONG, "0.01210"),
        ("0.00001234", Side.SHORT, "0.00001258"),
    ],
)
def test_without_any_rules_a_stop_has_four_digits(rules, mark, side, trigger):
    exchange = Shaky(positions={XRP: a_position(side=side)}, rules=rules, mark=Decimal(mark))

    after(1, exchange, grace_ms=0)

    (stop,) = exchange.placed
    assert stop.trigger_price == Decimal(trigger)


@pytest.mark.parametrize("rules", ["hang", "fail", "crash"])
def test_stops_that_vanish_end_in_a_close_without_any_rules(rules):
    exchange = Shaky(positions={XRP: a_position()}, rules=rules, loses=True)

    post = after(5, exchange)

    assert exchange.kinds() == [STOP, STOP, MARKET]
    assert max(post.took_s) < 10


# -- closing --------------------------------------------------------------------------------------


def test_what_is_too_much_for_one_order_is_closed_in_parts():
    rules = Instrument(XRP, tick_size=Decimal("0.01"), max_quantity=Decimal(20))
    exchange = Shaky(positions={XRP: a_position()}, known=rules, loses=True)

    after(5, exchange)

    parts = [sent for sent in exchange.placed if sent.kind is MARKET]
    assert [each.quantity for each in parts] == [20, 20, 10]
    assert all(each.reduce_only for each in parts)
    assert len({each.client_order_id for each in parts}) == 3
    assert max(len(each.client_order_id) for each in parts) <= 36


@pytest.mark.parametrize(
    ("symbol", "named"),
    [
        (XRP, "ctg-XRPUSDT-"),
        ("BTCUSDT_261225", "ctg-BTCUSDT_261225-"),
        ("1000000MOGUSDT_261225", "ctg-1000000MOGUSDT_2-"),
        (CHINESE, "ctg-hc53092828601-"),
    ],
)
def test_every_symbol_has_ids_that_binance_takes(symbol, named):
    rules = Instrument(symbol, max_quantity=Decimal(1))
    exchange = Shaky(positions={symbol: a_position(symbol)}, known=rules, loses=True)

    after(5, exchange)

    ids = [sent.client_order_id for sent in exchange.placed]
    assert len(ids) == len(set(ids)) == 52
    assert all(each.startswith(named) for each in ids)
    assert all(re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", each) for each in ids)


# -- hedge mode -----------------------------------------------------------------------------------


def test_a_position_in_hedge_mode_is_told_once_and_the_others_are_guarded():
    exchange = Shaky(positions={each: a_position(each) for each in (DOGE, XRP)}, hedged={DOGE})

    async def main():
        post = Post(exchange)
        return post, await post.rounds(30)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        post, results = runner.run(main())
    assert [sent.symbol for sent in exchange.placed] == [XRP]
    assert results == [False] * 30  # not everything is guarded
    first, *_ = post.alerts
    assert (first.level, first.symbol) == ("critical", DOGE)
    assert first.text == (
        "DOGEUSDT is held in hedge mode and NOT guarded: close it yourself, or put a stop behind "
        "it, and set Position Mode to one-way"
    )
    assert [each for each in post.alerts if each.symbol == DOGE] == [first]


def test_a_position_in_hedge_mode_of_another_symbol_is_nobodys_business():
    exchange = Shaky(positions={each: a_position(each) for each in (DOGE, XRP)}, hedged={DOGE})

    post = after(3, exchange, symbols=(XRP,))

    assert [each.symbol for each in post.alerts] == [XRP]
