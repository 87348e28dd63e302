"""A person closes a position, or an input is too old: entries stop, exits and books go on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from cointrader.domain.errors import ConfigError
from cointrader.domain.order import Leg, leg_of
from cointrader.domain.position import CloseReason
from cointrader.journal.reader import JournalReader
from tests.markets import BAR_MS, START_MS, Scripted, TableSource
from tests.parity.mortal import Latency, World
from tests.parity.playing import founding

XRP, TRX = "XRPUSDT", "TRXUSDT"
CALM = (100.0, 100.0, 100.0, 100.0)


def at(bar: int) -> int:
    return START_MS + bar * BAR_MS


def a_world(tmp_path, script, **plan):
    config = founding([XRP, TRX], exit_mode="pct", stop_loss_pct=0.02, take_profit_pct=0.04)
    rules = {XRP: Scripted(script), TRX: Scripted({at(307): 1})}
    source = TableSource({symbol: [CALM] * 330 for symbol in (XRP, TRX)})
    return World(config, source, tmp_path / "j.db", rules=rules, **plan)


def told(tmp_path):
    with JournalReader(tmp_path / "j.db") as reader:
        trades = [record.trade for record in reader.trades(XRP)]
        refusals = [
            (d.bar_open_ms, d.refusal, d.detail) for d in reader.decisions(XRP) if d.refusal
        ]
        others = [record.trade.reason for record in reader.trades(TRX)]
    assert others == [CloseReason.END]
    return trades, refusals


# ---------------------------------------------------------------------- flattened


@pytest.mark.parametrize("after_ms", [-BAR_MS // 2, *range(40, 300, 50), 3_000, 60_000])
def test_a_position_is_flattened_whatever_its_bot_is_doing(after_ms, tmp_path):
    """The entry of bar 305 is sent when bar 306 opens; requests take up to 50 ms each way."""
    seen: dict[str, object] = {}

    async def somebody(exchange, clock):
        await clock.sleep_until_ms(at(306) + after_ms)
        bot = next(bot for bot in world.bots if bot.symbol == XRP)
        await bot.flatten()
        seen["position"] = await exchange.position(XRP)
        seen["orders"] = await exchange.open_orders(XRP)

    world = a_world(tmp_path, {at(305): 1, at(310): 1}, stranger=somebody, latency=Latency(1))
    world.run([])

    assert seen == {"position": None, "orders": []}
    trades, _ = told(tmp_path)
    reasons = [trade.reason for trade in trades]
    if after_ms < 0:  # before the entry: nothing to close
        assert reasons == [CloseReason.END]
    else:
        assert reasons == [CloseReason.MANUAL, CloseReason.END]
    legs = [leg_of(fill.client_order_id) for fill in world.fill_log if fill.symbol == XRP]
    assert legs.count(Leg.FLATTEN) == (after_ms >= 0)
    assert world.left_positions == []
    assert world.left_orders == []
    with JournalReader(tmp_path / "j.db") as reader:
        earned = 1000 + sum(record.trade.net for record in reader.trades())
    assert abs(world.final_wallet - earned) < Decimal("1e-15")


def test_flattened_twice_at_once_a_position_is_closed_once(tmp_path):
    async def somebody(exchange, clock):
        await clock.sleep_until_ms(at(306) + 60_000)
        bot = next(bot for bot in world.bots if bot.symbol == XRP)
        await asyncio.gather(bot.flatten(), bot.flatten())

    world = a_world(tmp_path, {at(305): 1}, stranger=somebody, latency=Latency(2))
    world.run([])

    trades, _ = told(tmp_path)
    assert [trade.reason for trade in trades] == [CloseReason.MANUAL]
    assert len([fill for fill in world.fill_log if fill.symbol == XRP]) == 2


def test_a_bot_that_does_not_run_says_so(tmp_path):
    async def somebody(exchange, clock):
        await clock.sleep_until_ms(at(306))

    world = a_world(tmp_path, {}, stranger=somebody)
    world.run([])

    with pytest.raises(ConfigError, match="is not running"):
        asyncio.run(world.bots[0].flatten())


# ---------------------------------------------------------------------- too old


@dataclass
class Ages:
    """Inputs of one symbol that are too old until told otherwise."""

    old: dict[str, str] = field(default_factory=dict)

    def too_old(self, symbol: str) -> str | None:
        return self.old.get(symbol)


def test_an_input_that_is_too_old_refuses_the_entry_in_words_and_closes_go_on(tmp_path):
    ages = Ages()

    async def somebody(exchange, clock):
        await clock.sleep_until_ms(at(308))
        ages.old[XRP] = "the mark price is 12 s old"
        await clock.sleep_until_ms(at(320))
        ages.old.clear()

    script = {at(305): 1, at(310): -1, at(312): 1, at(322): 1}
    world = a_world(tmp_path, script, stranger=somebody, inputs=ages)
    world.run([])

    trades, refusals = told(tmp_path)
    words = "the mark price is 12 s old"
    assert refusals == [(at(310), "stale", words), (at(312), "stale", words)]
    assert [(t.entry_time_ms, t.exit_time_ms, t.reason) for t in trades] == [
        (at(306), at(311), CloseReason.REVERSE),
        (at(323), at(329), CloseReason.END),
    ]
