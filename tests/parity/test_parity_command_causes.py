"""Runs that did differ, for a reason: each difference has its cause, and none is left."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from cointrader.app.config import Config
from cointrader.app.parity.parity import Played, compare
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide
from cointrader.exchange.simulated.wire.faults import FaultPlan
from cointrader.journal.reader import JournalReader
from tests.campaign import stage
from tests.full import some
from tests.markets import BAR_MS, START_MS, Scripted, TableSource
from tests.parity import test_backtest_on_random_markets as random_markets
from tests.parity.mortal import Fate, Latency, World
from tests.parity.playing import founding, play
from tests.parity.test_restarts import SYMBOLS, WARM_UP, a_short_market

XRP, TRX = "XRPUSDT", "TRXUSDT"
CALM = (100.0, 100.0, 100.0, 100.0)


def at(bar):
    return START_MS + bar * BAR_MS


def compared(journal, config, source, rules, *, is_remote=True, **more):
    with JournalReader(journal) as reader:
        return compare(reader, Played(config, source, None, True, is_remote, rules=rules, **more))


def causes(report):
    assert report.unexplained == []
    return set(report.by_cause) - {"end-of-data"}


# ---------------------------------------------------------------------- nothing differs


@pytest.mark.parametrize("profile", ["founding", "default"])
@pytest.mark.parametrize("seed", some(range(5), 3))
def test_paper_on_random_markets_is_equal(seed, profile, tmp_path):
    rng = np.random.default_rng(seed)
    source = random_markets.a_market(rng, int(rng.integers(1, 5)))
    rules = random_markets.scripted(rng, source)
    given = {
        "profile": profile,
        "symbols": list(source.symbols()),
        "correlation_symbols": [],
        **random_markets.settings(rng, profile),
    }
    config = Config(overrides=given, environ={}, folder="/nonexistent")
    play(config, source, tmp_path / "j.db", rules=rules)

    report = compared(tmp_path / "j.db", config, source, rules, is_remote=False)

    assert report.verdict == "equal"
    assert report.whole is not None
    assert report.whole.equal_trades == report.trades


@pytest.mark.parametrize("seed", range(3))
def test_requests_that_take_their_time_and_restarts_within_a_bar_are_equal(seed, tmp_path):
    source, rules, _ = a_short_market(seed)
    config = founding(SYMBOLS, max_positions=1, max_same_direction=1)
    start_ms = START_MS + WARM_UP * BAR_MS
    world = World(
        config, source, tmp_path / "j.db", rules=rules, start_ms=start_ms, latency=Latency(seed)
    )
    world.run([Fate(30)] if seed else [])

    report = compared(tmp_path / "j.db", config, source, rules)

    assert not report.unexplained
    assert set(report.by_cause) <= {"mark-price"}


# ---------------------------------------------------------------------- over the wire, with faults

FAULTS = {
    "": set(),
    "margin-short:0.5": {"rejected"},
    "stop-vanishes:0.3": {"unprotected"},
    "manual-close:0.9": {"manual-order"},
    "manual-partial-close:0.9": {"manual-order"},
    "manual-limit:0.2": {"manual-order"},
    "deposit@9000": {"transfer"},
    "withdrawal@9000": {"transfer"},
    "filters-changed@9000": {"filter-change"},
    "commission-in-bnb": {"fee"},
    "funding-in-flight": {"funding-at-reversal"},
    "liquidation:0.9": {"liquidation"},
    "deleveraging(0.5):0.9": {"liquidation"},
    "sockets-silent(private):0.3": {"late-news"},
    "read-stale:0.5": {"stale"},
    "trigger-stuck:0.5": {"trigger-late"},
    "answer-late:0.5": {"unknown-result"},
    "banned:0.05": {"crash"},
    "symbol-settling@9000": {"rejected", "stale"},
    "funding-interval-changed(1)@3000": {"funding-record"},
}


@pytest.mark.parametrize("faults", some(list(FAULTS), 2))
def test_what_a_fault_did_is_explained(faults, tmp_path):
    scenario = stage.Scenario(1, faults, bars=40)
    config, source, rules = stage._made(scenario)
    plan = FaultPlan.parse(faults, 1) if faults else None
    start_ms, end_ms = scenario.market_start_ms, scenario.faults_end_ms
    play(
        config,
        source,
        tmp_path / "j.db",
        rules=rules,
        wire=True,
        faults=plan,
        start_ms=start_ms,
        end_ms=end_ms,
    )

    with JournalReader(tmp_path / "j.db") as reader:
        report = compare(reader, Played(config, source, end_ms, True, True, rules=rules))

    assert causes(report) >= FAULTS[faults]
    assert all(each.evidence for each in report.differences)


# ---------------------------------------------------------------------- persons, filters, fees


def a_world(tmp_path, script, stranger, **settings):
    config = founding(
        [XRP, TRX], exit_mode="pct", stop_loss_pct=0.02, take_profit_pct=0.04
    ).replace(**settings)
    rules = {XRP: Scripted(script), TRX: Scripted({at(307): 1})}
    source = TableSource({symbol: [CALM] * 330 for symbol in (XRP, TRX)})
    world = World(config, source, tmp_path / "j.db", rules=rules, stranger=stranger)
    world.run([])
    return world, config, source, rules


def a_market_order(name, side, quantity, **more):
    return OrderRequest(name, XRP, side, OrderKind.MARKET, quantity=Decimal(quantity), **more)


def test_a_position_that_its_owner_closes_is_a_manual_order(tmp_path):
    async def stranger(exchange, clock):
        await clock.sleep_until_ms(at(310) + 60_000)
        order = a_market_order("web_1", OrderSide.SELL, 25, reduce_only=True)
        position = await exchange.position(XRP)
        await exchange.place(replace(order, quantity=position.quantity))

    _, *case = a_world(tmp_path, {at(305): 1}, stranger)

    report = compared(tmp_path / "j.db", *case)

    assert causes(report) == {"manual-order"}
    (found,) = [each for each in report.differences if each.aspect == "exit"]
    assert found.evidence == "closed by the order web_1"


def test_a_strangers_position_explains_the_entry_that_was_not_made(tmp_path):
    async def stranger(exchange, clock):
        await clock.sleep_until_ms(at(303) + 60_000)
        await exchange.place(a_market_order("web_1", OrderSide.BUY, 3))
        await clock.sleep_until_ms(at(310) + 60_000)
        await exchange.place(a_market_order("web_2", OrderSide.SELL, 3, reduce_only=True))

    _, *case = a_world(tmp_path, {at(306): 1, at(312): 1}, stranger)

    report = compared(tmp_path / "j.db", *case)

    assert "manual-order" in causes(report)
    (gate,) = [each for each in report.differences if each.aspect == "gate"]
    assert (gate.bar_ms, gate.journal) == (at(306), "refused: foreign")


def test_a_flattened_position_is_a_command(tmp_path):
    async def somebody(exchange, clock):
        await clock.sleep_until_ms(at(308) + 60_000)
        bot = next(bot for bot in worlds[0].bots if bot.symbol == XRP)
        await bot.flatten()

    config = founding([XRP], exit_mode="pct", stop_loss_pct=0.02, take_profit_pct=0.04)
    source, rules = TableSource({XRP: [CALM] * 330}), {XRP: Scripted({at(305): 1})}
    worlds = [World(config, source, tmp_path / "j.db", rules=rules, stranger=somebody)]
    worlds[0].run([])

    assert causes(compared(tmp_path / "j.db", config, source, rules)) == {"command"}


def test_a_pause_explains_the_entries_that_were_not_made(tmp_path):
    async def somebody(exchange, clock):
        await clock.sleep_until_ms(at(304))
        worlds[0].bots[0].risk.pause()
        await clock.sleep_until_ms(at(308))
        worlds[0].bots[0].risk.resume()

    config = founding([XRP], exit_mode="pct", stop_loss_pct=0.02, take_profit_pct=0.04)
    source = TableSource({XRP: [CALM] * 330})
    rules = {XRP: Scripted({at(305): 1, at(310): 1})}
    worlds = [World(config, source, tmp_path / "j.db", rules=rules, stranger=somebody)]
    worlds[0].run([])

    report = compared(tmp_path / "j.db", config, source, rules)

    assert causes(report) == {"command"}
    assert report.trades == 1


def test_coarser_steps_explain_a_smaller_entry(tmp_path):
    fine = Instrument(XRP, tick_size=Decimal("0.01"), step_size=Decimal("0.1"))
    coarse = replace(fine, tick_size=Decimal("0.5"), step_size=Decimal(20))

    async def exchange_changes(exchange, clock):
        await clock.sleep_until_ms(at(301) + 60_000)
        exchange.change_instrument(coarse)

    config = founding([XRP], exit_mode="pct", stop_loss_pct=0.021, take_profit_pct=0.5)
    source = TableSource({XRP: [(99.99, 99.99, 99.99, 99.99)] * 320})
    rules = {XRP: Scripted({at(305): 1, at(308): -1})}
    World(config, source, tmp_path / "j.db", rules=rules, stranger=exchange_changes).run([])

    report = compared(tmp_path / "j.db", config, source, rules, instruments={XRP: fine})

    assert causes(report) == {"filter-change"}
    assert {each.aspect for each in report.differences} == {"size", "levels"}


def test_an_own_fee_and_a_worse_price_have_their_causes(tmp_path):
    config = founding([XRP], exit_mode="pct", taker_fee=0.0002, slippage_bps=3)
    rows = [(100.0, 101.0, 99.0, 100.0)] * 320
    source = TableSource({XRP: rows})
    rules = {XRP: Scripted({at(305): 1, at(308): -1})}
    World(config, source, tmp_path / "j.db", rules=rules, latency=Latency(3)).run([])

    expected = config.replace(taker_fee=0.0005, slippage_bps=2)
    report = compared(tmp_path / "j.db", expected, source, rules)

    assert causes(report) >= {"fee", "slippage"}


def test_of_a_run_in_process_no_such_cause_is_believed(tmp_path):
    """Nothing is late, refused or dearer where there is no way between."""
    config = founding([XRP], exit_mode="pct", taker_fee=0.0002, slippage_bps=3)
    source = TableSource({XRP: [(100.0, 101.0, 99.0, 100.0)] * 320})
    rules = {XRP: Scripted({at(305): 1, at(308): -1})}
    World(config, source, tmp_path / "j.db", rules=rules, latency=Latency(3)).run([])

    expected = config.replace(taker_fee=0.0005, slippage_bps=2)
    report = compared(tmp_path / "j.db", expected, source, rules, is_remote=False)

    assert {each.aspect for each in report.unexplained} >= {"fill", "fee"}


# ---------------------------------------------------------------------- nobody was there


class Rested(World):
    """Between two lives some time passes; each life says that it began."""

    rest_ms = 0

    async def _live(self, exchange, clock, fate):
        if self.lives:
            await clock.sleep_ms(self.rest_ms)
            self._rest_over_ms = clock.now_ms()
        return await super()._live(exchange, clock, fate)


def test_a_process_that_was_away_for_some_bars_explains_what_it_did_late(tmp_path):
    config = founding(
        [XRP], exit_mode="pct", stop_loss_pct=0.02, take_profit_pct=0.04, max_entry_delay=30
    )
    source = TableSource({XRP: [(100.0, 101.0, 99.0, 100.0)] * 330})
    script = {at(305): 1, at(308): -1, at(310): 1, at(315): -1}
    rules = {XRP: Scripted(script)}
    world = Rested(config, source, tmp_path / "j.db", rules=rules, start_ms=at(300))
    world.rest_ms = 5 * BAR_MS

    async def kill(exchange, clock):
        await clock.sleep_until_ms(at(307) + 60_000)
        fates[0].fatal_step = fates[0].steps + 1

    fates = [Fate()]
    world._stranger = kill
    world.run(fates)
    assert world.lives == 2
    with JournalReader(tmp_path / "j.db") as reader:
        first = next(reader.runs())
    from cointrader.journal.sqlite import SqliteJournal

    with SqliteJournal(tmp_path / "j.db", threaded=False) as journal:
        asyncio.run(journal.commit(replace(first, at_ms=world._rest_over_ms)))

    report = compared(tmp_path / "j.db", config, source, rules)

    assert causes(report) >= {"restart"}
    assert any("a process began at" in each.evidence for each in report.differences)
