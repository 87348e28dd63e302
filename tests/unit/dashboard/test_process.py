"""What a running process tells beside its journal: real commands, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.app.control import Controls
from cointrader.app.dashboard.process import RunningProcess
from cointrader.app.dashboard.site import JournalSite
from cointrader.bot.stream import BarStream
from cointrader.dashboard.query import Query
from cointrader.dashboard.routes import ROUTES
from cointrader.domain.candle import Candle
from cointrader.domain.order import Side
from cointrader.domain.ports import Quote
from cointrader.domain.records import RiskState, TradeClosed
from cointrader.journal.sqlite import SqliteJournal
from cointrader.ops.control import Answer, listening
from cointrader.risk.book import Slot
from cointrader.risk.manager import RiskManager
from cointrader.risk.standing import Standing
from cointrader.risk.state import StateWriter
from tests.unit.app.exchange_fakes import TRX, XRP, FakeExchange, JumpingClock, a_position
from tests.unit.dashboard.test_pages import BAR_MS, T0, a_run
from tests.unit.dashboard.test_pages import a_position as opened
from tests.unit.journal.examples import a_trade
from tests.unit.risk.fakes import default_profile

PARAMS = {route.name: route.params for route in ROUTES}
NOW_MS = T0 + 10 * BAR_MS + 60_000
CALM_MS = T0 + 60_000  # long after a bar's close


class Bot:
    """A bot as far as questions know it, with candles of its own."""

    def __init__(self, symbol, bars=0):
        self.symbol = symbol
        self.stream = BarStream(symbol, (), BAR_MS)
        for n in range(bars):
            at_ms = T0 + n * BAR_MS
            self.stream.own.append(
                Candle(symbol, at_ms, at_ms + BAR_MS, 2.0, 2.1, 1.9, 2.0 + n % 10 / 100, 10.0 + n)
            )

    async def flatten(self):
        raise AssertionError("nobody asked for that")


class PricedExchange(FakeExchange):
    """Its prices are told by the test, and it counts who asks for them."""

    def __init__(self, **marks):
        super().__init__()
        self.marks = {symbol: Decimal(mark) for symbol, mark in marks.items()}
        self.asked = 0

    async def quote(self, symbol):
        self.asked += 1
        mark = self.marks[symbol]
        return Quote(mark, mark, mark)


class Vitals:
    """What a process says of its bots."""

    def __init__(self, **protected):
        self.bots = [{"symbol": s, "is_protected": is_so} for s, is_so in protected.items()]

    async def metrics(self):
        return ""

    def health(self):
        return {"bots": self.bots}


@contextlib.asynccontextmanager
async def a_process(path, *records, exchange, bots=None, vitals=None):
    """One that trades with the journal `path` and takes commands."""
    clock = JumpingClock(NOW_MS)
    async with SqliteJournal(path, threaded=False) as journal:
        await journal.commit(a_run(), *records)
        risk = RiskManager(default_profile(), clock=clock)
        controls = Controls(
            risk=risk,
            bots=bots or [Bot(XRP), Bot(TRX)],
            exchange=exchange,
            journal=journal,
            clock=clock,
            vitals=vitals,
        )
        async with listening(path, controls.handle):
            yield journal


def a_site(path, now_ms=CALM_MS):
    return JournalSite(path, data=path.parent / "no-data", now_ms=lambda: now_ms)


async def shown(site, name, *path, **given):
    answer = getattr(site, name)
    return await asyncio.to_thread(lambda: answer(*path, Query(PARAMS[name], given)))


async def overview_where(site, is_so):
    """The overview as soon as it is so: what the exchange says comes beside it."""
    end_s = time.monotonic() + 30
    while not is_so(told := await shown(site, "overview")):
        assert time.monotonic() < end_s, told
        await asyncio.sleep(0.01)
    return told


def is_priced(overview):
    """Whether the exchange's price has come."""
    return overview.positions[0].mark == 2.04


def a_slot(symbol, **more):
    """The risk manager's state with one open slot."""
    slot = Slot(Side.LONG, is_open=True, quantity=50.0, mark=2.0, **more)
    return RiskState(T0, StateWriter().state(Standing(), {symbol: slot}))


# -- candles


async def test_a_chart_has_the_candles_of_the_running_bot(tmp_path):
    path = tmp_path / "live.db"
    async with a_process(path, exchange=FakeExchange(), bots=[Bot(XRP, bars=9), Bot(TRX)]):
        site = a_site(path)
        told = await shown(site, "symbol", XRP, bars="20", to=str(T0 + 9 * BAR_MS))
        empty = await shown(site, "symbol", TRX)

    assert told.candles_from == "the running process"
    in_span = [T0 + n * BAR_MS for n in range(9) if told.from_ms <= T0 + n * BAR_MS < told.to_ms]
    assert [candle.open_ms for candle in told.candles] == in_span != []
    first = told.candles[0]
    assert (first.open, first.high, first.low, first.close) == (2.0, 2.1, 1.9, 2.0)
    assert first.volume == 10.0
    assert empty.candles == []
    assert "cointrader fetch --symbol TRXUSDT" in empty.why_no_candles


async def test_candles_are_told_of_a_span_and_of_one_symbol(tmp_path):
    path = tmp_path / "live.db"
    async with a_process(path, exchange=FakeExchange(), bots=[Bot(XRP, bars=9), Bot(TRX)]):
        process = RunningProcess(path, lambda: CALM_MS)

        async def asked(**arguments) -> Answer:
            return await asyncio.to_thread(process.ask, "candles", arguments, timeout_s=20)

        span = {"from_ms": T0 + 2 * BAR_MS, "to_ms": T0 + 4 * BAR_MS}
        told = await asked(symbols=[XRP], **span)
        refused = [await asked(symbols=[]), await asked(symbols=[XRP, TRX]),
                   await asked(symbols=["ABCUSDT"]),
                   await asked(symbols=[XRP], from_ms="yesterday")]  # fmt: skip

    assert [row[0] for row in told.values["candles"]] == [T0 + 2 * BAR_MS, T0 + 3 * BAR_MS]
    assert told.values["candles"][0] == [T0 + 2 * BAR_MS, 2.0, 2.1, 1.9, 2.02, 12.0]
    assert [answer.is_done for answer in refused] == [False] * 4
    assert "one symbol at a time" in refused[0].lines[0]
    assert "does not trade" in refused[2].lines[0]


# -- positions


async def test_every_position_has_the_price_and_the_liquidation_of_the_exchange(tmp_path):
    path = tmp_path / "live.db"
    exchange = PricedExchange(XRPUSDT="2.04", TRXUSDT="1.9")
    exchange.positions = {
        XRP: a_position(XRP, quantity="100", liquidation="1.82"),
        TRX: a_position(TRX, Side.SHORT, "100"),
    }
    records = opened(XRP), opened(TRX, Side.SHORT)
    vitals = Vitals(XRPUSDT=True, TRXUSDT=False)
    async with a_process(path, *records, exchange=exchange, vitals=vitals):
        told = await overview_where(a_site(path), is_priced)

    xrp, trx = told.positions
    assert (xrp.mark, xrp.mark_ms, trx.mark) == (2.04, NOW_MS, 1.9)
    assert (xrp.unrealised, trx.unrealised) == (pytest.approx(4), pytest.approx(10))
    assert (xrp.liquidation_price, xrp.is_liquidation_told) == (1.82, True)
    assert xrp.liquidation_distance == pytest.approx(0.22 / 2.04)
    assert not trx.is_liquidation_told
    assert (xrp.is_protected, trx.is_protected) == (True, False)
    assert told.without_levels == []


async def test_the_exchange_is_asked_again_only_after_a_while(tmp_path):
    path = tmp_path / "live.db"
    exchange = PricedExchange(XRPUSDT="2.04")
    exchange.positions = {XRP: a_position(XRP)}
    async with a_process(path, opened(XRP), exchange=exchange):
        site = a_site(path)
        await overview_where(site, is_priced)
        for _ in range(20):
            await shown(site, "overview")

    assert exchange.asked == 1


async def test_nobody_is_asked_while_a_bar_is_answered(tmp_path):
    path = tmp_path / "live.db"
    exchange = PricedExchange(XRPUSDT="2.04")
    exchange.positions = {XRP: a_position(XRP)}
    async with a_process(path, opened(XRP), exchange=exchange):
        told = await shown(a_site(path, now_ms=T0 + 500), "overview")

    assert exchange.asked == 0
    assert not is_priced(told)


async def test_a_price_of_a_process_that_is_gone_is_not_shown(tmp_path):
    path = tmp_path / "live.db"
    exchange = PricedExchange(XRPUSDT="2.04")
    exchange.positions = {XRP: a_position(XRP)}
    site = a_site(path)
    async with a_process(path, opened(XRP), exchange=exchange):
        await overview_where(site, is_priced)

    assert not is_priced(await shown(site, "overview"))


# -- positions without levels


async def test_a_position_that_nobody_knows_levels_of_is_shown_with_a_warning(tmp_path):
    path = tmp_path / "live.db"
    exchange = PricedExchange(XRPUSDT="2.04")
    exchange.positions = {XRP: a_position(XRP, liquidation="1.82")}
    async with a_process(path, exchange=exchange):
        told = await overview_where(a_site(path), lambda told: told.without_levels)

    (row,) = told.without_levels
    assert (row.symbol, row.side, row.quantity, row.entry_price) == (XRP, "long", 50.0, 2.0)
    assert (row.mark, row.mark_ms) == (2.04, NOW_MS)
    assert row.unrealised == pytest.approx(2)
    assert row.liquidation_price == 1.82
    assert not row.is_ours
    assert "did not open it" in row.text


async def test_an_entry_without_protection_is_shown_also_when_nobody_answers(tmp_path):
    path = tmp_path / "live.db"
    async with SqliteJournal(path, threaded=False) as journal:
        await journal.commit(a_run(), a_slot(XRP))

    told = await shown(a_site(path), "overview")

    (row,) = told.without_levels
    assert (row.symbol, row.side, row.quantity, row.mark) == (XRP, "long", 50.0, 2.0)
    assert row.is_ours
    assert "nothing limits its loss" in row.text


async def test_a_position_with_levels_is_never_listed_as_one_without(tmp_path):
    path = tmp_path / "live.db"
    async with SqliteJournal(path, threaded=False) as journal:
        await journal.commit(a_run(), a_slot(XRP, stop=1.9), opened(XRP))

    assert (await shown(a_site(path), "overview")).without_levels == []


async def test_what_was_closed_since_the_exchange_was_asked_is_not_shown_as_bare(tmp_path):
    path = tmp_path / "live.db"
    exchange = PricedExchange(XRPUSDT="2.04")
    exchange.positions = {XRP: a_position(XRP)}
    async with a_process(path, opened(XRP), exchange=exchange) as journal:
        site = a_site(path)
        await overview_where(site, is_priced)
        held = opened(XRP)
        trade = replace(
            a_trade().trade, symbol=XRP, trade_id=held.trade_id, exit_time_ms=T0 + BAR_MS
        )
        exchange.positions.clear()
        await journal.commit(TradeClosed(trade))

        assert (await shown(site, "overview")).without_levels == []
