"""A guard at work: it looks, puts stops, closes, sweeps, shouts, and survives."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest

from cointrader.app.guard.guard import Guard, GuardRules
from cointrader.domain.errors import OutcomeUnknown, Rejected, Unreachable
from cointrader.domain.order import OrderKind, OrderSide, PriceSource
from cointrader.domain.records import Alert
from tests.unit.app.exchange_fakes import (
    TRX,
    XRP,
    FakeExchange,
    JumpingClock,
    a_position,
    an_order,
)


class Post:
    """A guard and what it said."""

    def __init__(self, exchange, **rules):
        self.exchange = exchange
        self.clock = JumpingClock()
        self.alerts: list[Alert] = []
        self.guard = Guard(exchange, self.clock, GuardRules(**rules), tell=self.alerts.append)

    async def rounds(self, count):
        results = []
        for _ in range(count):
            results.append(await self.guard.round())
            self.clock.at_ms += 5_000
        return results


async def test_a_naked_position_gets_a_stop_after_the_grace_and_everybody_is_told():
    post = Post(FakeExchange(positions={XRP: a_position()}))

    await post.rounds(2)
    assert post.exchange.placed == []
    await post.rounds(1)

    (stop,) = post.exchange.placed
    assert stop.client_order_id.startswith("ctg-XRPUSDT-")
    assert (stop.kind, stop.side) == (OrderKind.STOP_MARKET, OrderSide.SELL)
    assert (stop.trigger_price, stop.close_position) == (Decimal("1.96"), True)
    assert stop.triggered_by is PriceSource.MARK
    (alert,) = post.alerts
    assert alert.level == "critical"
    assert alert.text == (
        "XRPUSDT LONG 50 had no stop for 10 s: a stop was put at 1.96, it is there"
    )
    await post.rounds(5)
    assert len(post.exchange.placed) == 1


async def test_a_protected_position_and_other_symbols_are_left_alone():
    exchange = FakeExchange(
        positions={XRP: a_position(XRP), TRX: a_position(TRX)},
        orders={XRP: [an_order("ct-1", close_position=True)]},
    )
    post = Post(exchange, symbols=(XRP,))

    assert await post.rounds(5) == [True] * 5
    assert exchange.placed == []


async def test_a_stop_that_would_trigger_at_once_becomes_a_close_at_market():
    exchange = FakeExchange(
        positions={XRP: a_position()}, refusals=[Rejected("through", code="-2021")]
    )
    post = Post(exchange)

    await post.rounds(3)

    assert [sent.kind for sent in exchange.placed] == [OrderKind.STOP_MARKET, OrderKind.MARKET]
    assert exchange.placed[1].reduce_only
    assert "the price is past any: it is closed at market" in post.alerts[-1].text


async def test_stops_that_vanish_end_in_a_close_at_market():
    exchange = FakeExchange(positions={XRP: a_position()}, loses=True)
    post = Post(exchange)

    await post.rounds(5)

    kinds = [sent.kind for sent in exchange.placed]
    assert kinds == [OrderKind.STOP_MARKET, OrderKind.STOP_MARKET, OrderKind.MARKET]
    assert len({sent.client_order_id for sent in exchange.placed}) == 3
    assert "it is NOT seen yet" in post.alerts[0].text


async def test_a_stop_whose_fate_is_unknown_is_looked_for_in_the_next_round():
    exchange = FakeExchange(positions={XRP: a_position()}, refusals=[OutcomeUnknown("no answer")])
    post = Post(exchange)

    assert await post.rounds(4) == [True, True, False, True]
    assert [sent.kind for sent in exchange.placed] == [OrderKind.STOP_MARKET] * 2
    assert exchange.ids(XRP) == [exchange.placed[1].client_order_id]


async def test_its_own_stop_gives_way_to_one_of_the_bot_that_covers_everything():
    part = an_order("ct-1", quantity="20", reduce_only=True)
    whole = an_order("ct-2", quantity="50", reduce_only=True)
    guards = an_order("ctg-XRPUSDT-1", close_position=True)
    exchange = FakeExchange(positions={XRP: a_position()}, orders={XRP: [guards, part]})
    post = Post(exchange)

    await post.rounds(1)
    assert exchange.ids(XRP) == ["ctg-XRPUSDT-1", "ct-1"]

    exchange.orders[XRP].append(whole)
    await post.rounds(1)
    assert exchange.ids(XRP) == ["ct-1", "ct-2"]


async def test_its_own_stop_goes_with_the_position_and_nobody_elses_does():
    exchange = FakeExchange(orders={XRP: [an_order("ctg-XRPUSDT-1"), an_order("ct-1")]})

    await Post(exchange).rounds(1)

    assert exchange.ids(XRP) == ["ct-1"]


async def test_whatever_goes_wrong_it_goes_on_and_says_so_once_and_again_when_it_lasts():
    exchange = FakeExchange()
    exchange.silences = [Unreachable("away"), *[RuntimeError("a bug") for _ in range(14)]]
    post = Post(exchange)

    results = await post.rounds(20)
    assert results == [False] * 15 + [True] * 5
    told = [(alert.level, alert.text) for alert in post.alerts]
    assert told == [
        ("warning", "the guard cannot do its work: away"),
        ("critical", "the guard cannot do its work: RuntimeError"),
    ]

    await post.rounds(5)
    (_, _, over) = post.alerts
    assert (over.level, over.text) == ("info", "the guard does its work again")


async def test_it_runs_until_it_is_cancelled_and_reports_every_round():
    post = Post(FakeExchange())
    rounds = []

    class Enough(Exception):
        pass

    def on_round(is_fine):
        rounds.append(is_fine)
        if len(rounds) == 3:
            raise Enough

    guard = Guard(
        post.exchange, post.clock, GuardRules(), tell=post.alerts.append, on_round=on_round
    )
    with pytest.raises(Enough):
        await guard.run()

    assert rounds == [True] * 3


def test_it_shares_nothing_with_the_bots_but_the_exchange():
    code = "import cointrader.cli.guard, sys; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    loaded = {name for name in shown.stdout.split() if name.startswith("cointrader.")}
    assert {name.split(".")[1] for name in loaded} == {"app", "cli", "domain", "exchange", "ops"}
