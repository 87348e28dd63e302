"""Somebody else trades on the same account: left alone, adopted, or refused, never mixed up."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from cointrader.bot.foreign import refuse_foreign
from cointrader.domain.errors import CointraderError
from cointrader.domain.events import OrderUpdated
from cointrader.domain.order import OWN_PREFIX, OrderKind, OrderRequest, OrderSide
from cointrader.domain.position import CloseReason
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from tests.full import some
from tests.markets import BAR_MS, START_MS, Scripted, TableSource
from tests.parity.mortal import Fate, World
from tests.parity.playing import founding
from tests.unit.bot.fakes import FakeExchange
from tests.unit.journal.examples import an_intent

XRP, TRX = "XRPUSDT", "TRXUSDT"
BUY, SELL = OrderSide.BUY, OrderSide.SELL
CALM = (100.0, 100.0, 100.0, 100.0)


def at(bar: int) -> int:
    return START_MS + bar * BAR_MS


def order(name, side, kind=OrderKind.MARKET, **more):
    return OrderRequest(name, XRP, side, kind, **more)


def a_world(tmp_path, rows, script, stranger, **settings):
    """XRP and a calm TRX, whose bot has nothing to do with it all."""
    config = founding(
        [XRP, TRX], exit_mode="pct", stop_loss_pct=0.02, take_profit_pct=0.04
    ).replace(**settings)
    rules = {XRP: Scripted(script), TRX: Scripted({at(307): 1})}
    source = TableSource({XRP: rows, TRX: [CALM] * len(rows)})
    return World(config, source, tmp_path / "j.db", rules=rules, stranger=stranger)


def told(tmp_path):
    with JournalReader(tmp_path / "j.db") as reader:
        trades = [record.trade for record in reader.trades(XRP)]
        refusals = [(d.bar_open_ms, d.refusal) for d in reader.decisions(XRP) if d.refusal]
    return trades, refusals


async def opens_and_closes(exchange, clock):
    """Long from bar 305 to 310, with a stop of his own."""
    await clock.sleep_until_ms(at(305) + 60_000)
    await exchange.place(order("web_1", BUY, quantity=Decimal(3)))
    await exchange.place(
        order("web_2", SELL, OrderKind.STOP_MARKET, trigger_price=Decimal(90), close_position=True)
    )
    await clock.sleep_until_ms(at(310) + 60_000)
    await exchange.cancel(XRP, "web_2")
    await exchange.place(order("web_3", SELL, quantity=Decimal(3), reduce_only=True))


def test_a_strangers_position_is_left_alone_and_its_symbol_not_traded_meanwhile(tmp_path):
    world = a_world(tmp_path, [CALM] * 330, {at(306): 1, at(312): 1}, opens_and_closes)
    world.run([])

    trades, refusals = told(tmp_path)
    assert refusals == [(at(306), "foreign")]
    assert [(trade.entry_time_ms, trade.reason) for trade in trades] == [(at(313), CloseReason.END)]
    of_stranger = [f.quantity for f in world.fill_log if not f.client_order_id.startswith("ct-")]
    assert of_stranger[:2] == [Decimal(3), Decimal(3)]
    with JournalReader(tmp_path / "j.db") as reader:
        assert [trade.trade.symbol for trade in reader.trades(TRX)] == [TRX]
        (alert,) = reader.alerts(XRP)
    assert alert.text == (
        "XRPUSDT is not traded: it has a long position of 3 at 100 and 1 order (web_2), "
        "which this program did not open"
    )


async def opens_before_a_rise(exchange, clock):
    await clock.sleep_until_ms(at(305) + 60_000)
    await exchange.place(order("web_1", BUY, quantity=Decimal(3)))
    await exchange.place(
        order("web_2", SELL, OrderKind.STOP_MARKET, trigger_price=Decimal(90), close_position=True)
    )


RISE = [*[CALM] * 310, (100.0, 106.0, 100.0, 105.0), *[(105.0, 105.0, 105.0, 105.0)] * 20]
FALL = [*[CALM] * 310, (100.0, 100.0, 94.0, 95.0), *[(95.0, 95.0, 95.0, 95.0)] * 20]


@pytest.mark.parametrize(
    ("rows", "reason", "price"),
    [(RISE, CloseReason.TARGET, "104"), (FALL, CloseReason.STOP, "98")],
    ids=["target", "stop"],
)
def test_an_adopted_position_gets_our_stop_and_target_instead_of_the_strangers(
    tmp_path, rows, reason, price
):
    world = a_world(tmp_path, rows, {}, opens_before_a_rise, foreign_positions="adopt")
    world.run([])

    (trade,), refusals = told(tmp_path)
    assert (trade.reason, trade.quantity, trade.entry_price) == (reason, Decimal(3), Decimal(100))
    assert trade.exit_price == Decimal(price)
    assert trade.entry_time_ms == at(306)  # when it was taken over
    assert refusals == []
    assert world.left_orders == []
    assert world.left_positions == []


class WakingFate(Fate):
    """Counts steps only while it is awake: those that matter, and not hundreds of calm bars."""

    is_awake = False

    def step(self) -> None:
        if self.is_awake:
            super().step()


def adopting(folder, fate):
    """A world in which `fate` is awake from before the stranger's position to after its end."""

    async def stranger(exchange, clock):
        await clock.sleep_until_ms(at(305))
        fate.is_awake = True
        await opens_before_a_rise(exchange, clock)
        await clock.sleep_until_ms(at(312))
        fate.is_awake = False

    folder.mkdir()
    return a_world(folder, RISE, {}, stranger, foreign_positions="adopt")


def test_an_adopted_position_survives_a_kill_at_every_step(tmp_path):
    fate = WakingFate()
    adopting(tmp_path / "whole", fate).run([fate])
    expected, _ = told(tmp_path / "whole")
    assert fate.steps > 20

    for step in some(range(1, fate.steps + 1), 3):
        folder, fatal = tmp_path / str(step), WakingFate(step)
        world = adopting(folder, fatal)
        world.run([fatal])

        trades, _ = told(folder)
        assert world.lives == 2, step
        assert [(t.reason, t.exit_price, t.net) for t in trades] == [
            (t.reason, t.exit_price, t.net) for t in expected
        ], step
        assert world.left_orders == [], step


def test_an_adopted_position_is_never_without_a_stop_however_often_its_bot_is_killed(tmp_path):
    fates = [WakingFate(step) for step in (9, 25, 30, 40, 45)]
    heard = []

    async def stranger(exchange, clock):
        async def listen():
            async for event in exchange.account_events(XRP):
                heard.append(event)  # noqa: PERF401 - until it is cancelled

        listening = asyncio.create_task(listen())
        await clock.sleep_until_ms(at(305))
        for fate in fates:
            fate.is_awake = True
        await opens_before_a_rise(exchange, clock)
        await clock.sleep_until_ms(at(325))
        listening.cancel()

    world = a_world(tmp_path, [CALM] * 330, {}, stranger, foreign_positions="adopt")
    world.run(fates)

    stops: set[str] = set()
    counts = []
    for event in heard:
        if isinstance(event, OrderUpdated) and event.report.kind is OrderKind.STOP_MARKET:
            order_id = event.report.client_order_id
            (stops.discard if event.report.status.is_final else stops.add)(order_id)
            counts.append(len(stops))
    assert world.lives > 3
    assert "web_2" not in stops  # the stranger's was replaced
    assert min(counts) == 1


def test_an_adopted_position_that_ends_in_the_same_bar_is_booked(tmp_path):
    async def closes_at_once(exchange, clock):
        await clock.sleep_until_ms(at(305) + 60_000)
        await exchange.place(order("web_1", BUY, quantity=Decimal(3)))
        await clock.sleep_until_ms(at(306) + 60_000)
        await exchange.place(order("web_2", SELL, quantity=Decimal(3), reduce_only=True))

    world = a_world(tmp_path, [CALM] * 330, {at(310): 1}, closes_at_once, foreign_positions="adopt")
    world.run([])

    trades, refusals = told(tmp_path)
    assert [trade.reason for trade in trades] == [CloseReason.MANUAL, CloseReason.END]
    assert refusals == []
    assert world.left_orders == []


def test_nothing_of_a_stranger_is_cancelled_when_our_own_position_ends(tmp_path):
    async def adds_to_ours(exchange, clock):
        await clock.sleep_until_ms(at(308))
        await exchange.place(order("web_1", BUY, quantity=Decimal(1)))
        await exchange.place(
            order(
                "web_2",
                SELL,
                OrderKind.STOP_MARKET,
                quantity=Decimal(1),
                trigger_price=Decimal(90),
                reduce_only=True,
            )
        )

    world = a_world(tmp_path, [CALM] * 330, {at(306): 1, at(312): -1}, adds_to_ours)
    world.run([])

    trades, refusals = told(tmp_path)
    assert [trade.reason for trade in trades] == [CloseReason.REVERSE]
    assert refusals == [(at(312), "foreign")]  # closed, and not opened the other way
    cancelled = [report for report in world.left_orders if report.client_order_id == "web_2"]
    assert cancelled == []  # it ended with the symbol, not by us


async def test_to_refuse_is_to_say_what_is_there_before_anything_is_traded(tmp_path):
    exchange = FakeExchange(held=Decimal("-2"))
    with (
        SqliteJournal(tmp_path / "j.db", threaded=False) as journal,
        pytest.raises(CointraderError) as refused,
    ):
        await refuse_foreign(exchange, journal, [XRP])

    assert "a short position of 2 at 100" in str(refused.value)
    assert "FOREIGN_POSITIONS" in str(refused.value)


async def test_to_refuse_allows_what_our_own_journal_knows_of(tmp_path):
    exchange = FakeExchange(held=Decimal("120.5"))
    with SqliteJournal(tmp_path / "j.db", threaded=False) as journal:
        await journal.commit(an_intent(f"{OWN_PREFIX}XRPUSDT-1-e0"))
        await refuse_foreign(exchange, journal, [XRP])
