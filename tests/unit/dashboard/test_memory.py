"""What is kept of a journal is what a fresh look would tell, whatever is written meanwhile."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.app.dashboard.memory import Memory
from cointrader.domain.order import Side
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import EquityMarked, TradeClosed
from cointrader.journal.page_reader import PageReader
from cointrader.journal.sqlite import SqliteJournal

HOUR_MS = 3_600_000
T0 = 1_767_225_600_000


def a_mark(hour, equity):
    return EquityMarked(T0 + hour * HOUR_MS, Decimal(1000), Decimal(equity))


def a_trade(hour, net, symbol="XRPUSDT"):
    at_ms = T0 + hour * HOUR_MS
    return TradeClosed(
        Trade(symbol, Side.LONG, at_ms, at_ms, Decimal(1), Decimal(1), Decimal(1),
              CloseReason.STOP, Decimal(net), Decimal(0), Decimal(0), Decimal(net), f"ct-{hour}")
    )  # fmt: skip


def told(memory, path, most=10_000):
    with PageReader(path) as reader:
        return memory.nets(reader), memory.curve(reader, most)


def is_as_fresh(memory, path):
    kept, fresh = told(memory, path), told(Memory(), path)
    assert kept[1] == fresh[1]
    assert {symbol: count for symbol, (count, _) in kept[0].items()} == {
        symbol: count for symbol, (count, _) in fresh[0].items()
    }
    for symbol, (_, net) in fresh[0].items():
        assert kept[0][symbol][1] == pytest.approx(net)
    return True


async def test_memory_tells_what_a_fresh_look_tells_as_the_journal_grows(tmp_path):
    path, memory = tmp_path / "journal.db", Memory()
    async with SqliteJournal(path, threaded=False) as journal:
        for day in range(12):
            hours = range(day * 24, day * 24 + 24)
            await journal.commit(*[a_mark(hour, 1000 + hour % 7) for hour in hours])
            await journal.commit(a_trade(day * 24, day), a_trade(day * 24 + 1, -1, "TRXUSDT"))

            assert is_as_fresh(memory, path)


async def test_a_mark_and_a_trade_that_are_written_again_count_as_they_are_now(tmp_path):
    path, memory = tmp_path / "journal.db", Memory()
    async with SqliteJournal(path, threaded=False) as journal:
        await journal.commit(*[a_mark(hour, 1000) for hour in range(240)], a_trade(230, 5))
        told(memory, path)

        await journal.commit(a_mark(235, 7), a_trade(230, -2))

        assert is_as_fresh(memory, path)
        nets, (curve, count) = told(memory, path)
        assert nets["XRPUSDT"] == (1, -2.0)
        assert min(equity for _, equity, _ in curve) == 7
        assert count == 240


async def test_another_journal_in_its_place_is_noticed(tmp_path):
    path, memory = tmp_path / "journal.db", Memory()
    for name, hours in (("old.db", 300), ("new.db", 200)):
        async with SqliteJournal(tmp_path / name, threaded=False) as journal:
            await journal.commit(*[a_mark(hour, hours) for hour in range(hours)])
        (tmp_path / name).replace(path)

        _, (curve, count) = told(memory, path)
        assert count == hours
        assert {equity for _, equity, _ in curve} == {float(hours)}


async def test_a_long_curve_is_thinned(tmp_path):
    path = tmp_path / "journal.db"
    async with SqliteJournal(path, threaded=False) as journal:
        await journal.commit(*[a_mark(hour, hour % 50) for hour in range(2_000)])

    _, (curve, count) = told(Memory(), path, most=100)

    assert count == 2_000
    assert len(curve) <= 100
    assert (curve[0][0], curve[-1][0]) == (T0, T0 + 1_999 * HOUR_MS)


async def test_an_empty_journal_has_an_empty_curve(tmp_path):
    async with SqliteJournal(tmp_path / "journal.db", threaded=False):
        pass

    assert told(Memory(), tmp_path / "journal.db") == ({}, ([], 0))
