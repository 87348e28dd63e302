"""The exchange changes its filters while bots trade: entries obey, exits are always possible."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cointrader.domain.instrument import Instrument
from cointrader.domain.position import CloseReason
from cointrader.journal.reader import JournalReader
from tests.markets import BAR_MS, START_MS, Scripted, TableSource
from tests.parity.mortal import World
from tests.parity.playing import founding

XRP = "XRPUSDT"
CALM = (100.0, 100.0, 100.0, 100.0)
FINE = Instrument(XRP, tick_size=Decimal("0.01"), step_size=Decimal("0.1"))
COARSE = replace(FINE, tick_size=Decimal("0.5"), step_size=Decimal(20))


def at(bar: int) -> int:
    return START_MS + bar * BAR_MS


def played(tmp_path, script, changes, *, rows=(CALM,) * 320, **settings):
    """One symbol; `changes` is what its filters are from a bar on."""

    async def stranger(exchange, clock):
        for bar, instrument in changes:
            await clock.sleep_until_ms(at(bar) + 60_000)
            exchange.change_instrument(instrument)

    config = founding([XRP], exit_mode="pct", stop_loss_pct=0.02, take_profit_pct=0.5, **settings)
    source = TableSource({XRP: rows})
    world = World(
        config, source, tmp_path / "j.db", rules={XRP: Scripted(script)}, stranger=stranger
    )
    world.run([])
    with JournalReader(tmp_path / "j.db") as reader:
        trades = [record.trade for record in reader.trades()]
        stops = [position.stop for position in reader.positions()]
        refusals = [decision.refusal for decision in reader.decisions() if decision.refusal]
    return world, trades, stops, refusals


def test_the_next_entry_is_on_the_new_grid(tmp_path):
    _, (first, second), stops, _ = played(
        tmp_path, {at(305): 1, at(308): -1}, [(301, FINE), (306, COARSE)]
    )

    assert first.quantity == Decimal("50.0")  # 1000 x 0.5 x 10 / 100
    assert second.quantity == Decimal(40)  # 998 x 0.5 x 10 / 100, down to a multiple of 20
    assert stops[0] == Decimal("98.00")
    assert stops[1] == Decimal("102.0")


def test_a_position_that_is_on_no_step_any_more_is_closed_whole(tmp_path):
    world, trades, _, _ = played(tmp_path, {at(305): 1, at(308): -1}, [(306, COARSE)])

    first = trades[0]
    assert (first.quantity, first.reason) == (Decimal("50"), CloseReason.REVERSE)
    assert world.left_positions == []


def test_a_position_above_the_largest_market_order_is_closed_in_parts(tmp_path):
    small = replace(FINE, max_quantity=Decimal(20))

    world, trades, _, _ = played(tmp_path, {at(305): 1, at(308): -1}, [(301, FINE), (306, small)])

    first = trades[0]
    assert (first.quantity, first.reason) == (Decimal("50.0"), CloseReason.REVERSE)
    closing = [fill.quantity for fill in world.fill_log if "-c" in fill.client_order_id]
    assert closing == [Decimal(20), Decimal(20), Decimal(10)]
    assert trades[1].quantity == Decimal(20)  # and the next entry is no larger than it may be


def test_a_trailing_stop_moves_on_where_the_step_became_coarser(tmp_path):
    rows = [*[CALM] * 307, *[(p, p + 1.0, p, p + 1.0) for p in map(float, range(100, 105))]]

    _, _, stops, _ = played(
        tmp_path,
        {at(305): 1},
        [(301, FINE), (306, replace(COARSE, tick_size=Decimal("0.01")))],
        rows=[*rows, *[(105.0, 105.0, 105.0, 105.0)] * 8],
        trailing_stop_pct=0.01,
    )

    assert stops[0] == Decimal("98.00")
    assert stops[-1] == Decimal("103.95")


def test_a_minimum_that_rises_above_the_next_entry_refuses_it(tmp_path):
    rich = replace(FINE, min_notional=Decimal(50_000))

    _, trades, _, refusals = played(tmp_path, {at(305): 1, at(308): -1}, [(306, rich)])

    assert [trade.reason for trade in trades] == [CloseReason.REVERSE]
    assert refusals == ["min-notional"]


def test_a_symbol_that_settles_takes_the_exit_and_no_entry(tmp_path):
    async def stranger(exchange, clock):
        await clock.sleep_until_ms(at(306) + 60_000)
        exchange.close_symbol(XRP)

    config = founding([XRP], exit_mode="pct", stop_loss_pct=0.02, take_profit_pct=0.5)
    world = World(
        config,
        TableSource({XRP: [CALM] * 320}),
        tmp_path / "j.db",
        rules={XRP: Scripted({at(305): 1, at(308): -1})},
        stranger=stranger,
    )
    world.run([])

    with JournalReader(tmp_path / "j.db") as reader:
        assert [record.trade.reason for record in reader.trades()] == [CloseReason.REVERSE]
        assert [d.refusal for d in reader.decisions() if d.refusal] == ["rejected"]
    assert world.left_positions == []
