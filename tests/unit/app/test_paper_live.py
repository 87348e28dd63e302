"""Paper on the market as it happens: how a run begins, is stopped, and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cointrader.app.config import Config
from cointrader.app.paper.live import run_paper_live
from cointrader.app.paper.live_plan import live_market_plan, resumed_live_market_plan
from cointrader.app.paper.run import PaperOutcome, PaperPlan
from cointrader.app.status import read_status
from cointrader.app.virtual_time import VirtualLoop
from cointrader.domain.errors import JournalError, MissingCandles, Rejected, Unreachable
from cointrader.domain.position import CloseReason
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from tests.markets import BAR_MS, START_MS, Row, Scripted, TableSource
from tests.served_market import ServedMarket, served_market

SYMBOL = "XRPUSDT"
CALM: Row = (100.0, 100.5, 99.5, 100.0)
DROP: Row = (100.0, 100.5, 97.0, 100.0)
FIRST = 302  # the bar whose close signals; those before it warm up
BUYS = Scripted({START_MS + FIRST * BAR_MS: 1}, stop_distance=0.7, target_distance=5.0)


def opens(bar: int) -> int:
    return START_MS + bar * BAR_MS


def a_config(**settings) -> Config:
    given = {"symbols": [SYMBOL], "correlation_symbols": [], "slippage_bps": 0}
    return Config(overrides=given | settings, environ={}, folder="/nonexistent")


@asynccontextmanager
async def a_market(folder: Path, *rows: Row) -> AsyncIterator[tuple[ServedMarket, PaperPlan]]:
    """Calm up to the signal, then `rows`, then calm again; it begins with the signal's bar."""
    source = TableSource({SYMBOL: [*[CALM] * (FIRST + 1), *rows, *[CALM] * 8]})
    async with served_market(a_config(), source, start_ms=opens(FIRST)) as served:
        plan = live_market_plan(
            a_config(), balance=Decimal(1000), journal_path=folder / "live.db", url=served.url
        )
        yield served, replace(plan, rules={SYMBOL: BUYS})


def resumed(folder: Path) -> PaperPlan:
    plan = resumed_live_market_plan(folder / "live.db")
    assert plan is not None
    return replace(plan, rules={SYMBOL: BUYS})


def in_virtual_time(course: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(course)


def test_ctrl_c_leaves_the_position_open_and_a_resumed_run_fills_the_stop_touched_meanwhile(
    tmp_path,
):
    async def course() -> None:
        async with a_market(tmp_path, CALM, DROP) as (served, plan):
            async with served.traded(plan) as outcomes:
                await served.clock.sleep_until_ms(opens(FIRST + 1) + 60_000)
            assert not outcomes[0].finished
            with JournalReader(plan.journal_path) as reader:
                assert reader.open_position(SYMBOL) is not None
                assert not list(reader.trades())
                assert read_status(reader).phase == "resumable"

            await served.clock.sleep_until_ms(opens(FIRST + 4) + 60_000)
            async with served.traded(resumed(tmp_path)):
                await served.clock.sleep_ms(30_000)

    in_virtual_time(course())

    with JournalReader(tmp_path / "live.db") as reader:
        (closed,) = reader.trades()
        assert len(list(reader.runs())) == 2
    trade = closed.trade
    assert (trade.reason, trade.entry_price, trade.exit_price) == (
        CloseReason.STOP,
        Decimal("100.00000"),
        Decimal("99.3000"),
    )
    assert (trade.entry_time_ms, trade.exit_time_ms) == (opens(FIRST + 1), opens(FIRST + 2))


def test_position_that_nothing_touched_is_managed_on_after_a_resume(tmp_path):
    async def course() -> None:
        async with a_market(tmp_path, CALM, CALM, DROP) as (served, plan):
            async with served.traded(plan):
                await served.clock.sleep_until_ms(opens(FIRST + 1) + 60_000)
            async with served.traded(resumed(tmp_path)):
                await served.clock.sleep_until_ms(opens(FIRST + 4) + 60_000)

    in_virtual_time(course())

    with JournalReader(tmp_path / "live.db") as reader:
        (closed,) = reader.trades()
    assert closed.trade.reason is CloseReason.STOP
    assert closed.trade.exit_time_ms == opens(FIRST + 3)


def test_outcome_tells_the_wallet_and_the_time_it_traded(tmp_path):
    found: list[PaperOutcome] = []

    async def course() -> None:
        async with a_market(tmp_path) as (served, plan):
            async with served.traded(plan) as outcomes:
                await served.clock.sleep_until_ms(opens(FIRST + 1) + 60_000)
            found.extend(outcomes)

    in_virtual_time(course())

    (outcome,) = found
    assert Decimal(997) < outcome.final_wallet < Decimal(1000)  # the entry's fee
    assert outcome.from_ms // BAR_MS * BAR_MS == opens(FIRST)
    assert outcome.to_ms // BAR_MS * BAR_MS == opens(FIRST + 1)


def test_run_that_was_stopped_too_long_ago_is_refused_and_its_journal_stays(tmp_path):
    async def course() -> None:
        async with a_market(tmp_path) as (served, plan):
            async with served.traded(plan):
                await served.clock.sleep_until_ms(opens(FIRST + 1) + 60_000)
            left = resumed(tmp_path)
            assert left.resumed is not None
            long_ago = {**left.resumed, "resume_ms": opens(FIRST - 1_100)}
            before = plan.journal_path.read_bytes()
            with pytest.raises(MissingCandles, match="too long ago"):
                async with served.traded(replace(left, resumed=long_ago)):
                    await served.clock.sleep_ms(5_000)
            assert plan.journal_path.read_bytes() == before

    in_virtual_time(course())


def test_journal_that_another_process_writes_is_refused(tmp_path):
    async def course() -> None:
        async with a_market(tmp_path) as (served, plan):
            with SqliteJournal(plan.journal_path, threaded=False), pytest.raises(JournalError):
                async with served.traded(plan):
                    await served.clock.sleep_ms(5_000)

    in_virtual_time(course())


def test_symbol_that_the_market_does_not_have_is_refused_before_anything_is_made(tmp_path):
    async def course() -> None:
        async with a_market(tmp_path) as (served, plan):
            other = replace(plan, config=a_config(symbols=["NOSUCHUSDT"]))
            with pytest.raises(Rejected, match="NOSUCHUSDT"):
                async with served.traded(other):
                    await served.clock.sleep_ms(5_000)

    in_virtual_time(course())

    assert not (tmp_path / "live.db").exists()


def test_market_that_nobody_serves_is_unreachable_and_nothing_is_made(tmp_path):
    plan = live_market_plan(
        a_config(),
        balance=Decimal(1000),
        journal_path=tmp_path / "live.db",
        url="http://127.0.0.1:9",
    )

    with pytest.raises(Unreachable):
        run_paper_live(plan, lambda progress: None)

    assert not (tmp_path / "live.db").exists()


def test_journal_of_another_market_is_no_run_on_the_live_one(tmp_path):
    assert resumed_live_market_plan(tmp_path / "nothing.db") is None
