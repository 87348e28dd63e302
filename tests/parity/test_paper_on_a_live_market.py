"""The market as it happens, told by our own exchange server, against the same candles played."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from cointrader.app.config import Config
from cointrader.app.paper.live_plan import live_market_plan
from cointrader.app.paper.market import PaperMarket, synthetic_market
from cointrader.app.paper.run import PaperPlan, run_paper
from cointrader.app.virtual_time import VirtualLoop
from cointrader.domain.clock import HOUR_MS
from cointrader.domain.position import CloseReason, Trade
from tests.parity.playing import summary_of
from tests.served_market import served_market

DAY_START_MS = 1_767_225_600_000  # 2026-01-01
BALANCE = Decimal(1000)
LAST_ANSWERS_MS = 1_000


def an_active_config() -> Config:
    given = {
        "symbols": ["XRPUSDT", "TRXUSDT"],
        "correlation_symbols": [],
        "interval": "5m",
        "slippage_bps": 0,
        "signal_threshold": 1,
    }
    return Config(overrides=given, environ={}, folder="/nonexistent")


def in_process(config: Config, market: PaperMarket, journal) -> list[Trade]:
    plan = PaperPlan(
        config, market.source, journal, BALANCE, start_ms=market.start_ms, end_ms=market.end_ms
    )
    run_paper(plan, lambda progress: None)
    return list(summary_of(journal, config.symbols).trades)


def as_it_happens(config: Config, market: PaperMarket, journal) -> list[Trade]:
    async def course() -> None:
        start_ms, end_ms = market.start_ms, market.end_ms
        assert start_ms is not None
        async with served_market(config, market.source, start_ms=start_ms, end_ms=end_ms) as served:
            plan = live_market_plan(config, balance=BALANCE, journal_path=journal, url=served.url)
            async with served.traded(plan):
                await served.over.wait()
                await served.clock.sleep_ms(LAST_ANSWERS_MS)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(course())
    return list(summary_of(journal, config.symbols).trades)


def test_live_market_gives_the_trades_of_the_same_candles_in_process_to_the_last_digit(tmp_path):
    config = an_active_config()
    start_ms, end_ms = DAY_START_MS + 6 * HOUR_MS, DAY_START_MS + 9 * HOUR_MS
    market = synthetic_market(config, 5, start_ms, end_ms)

    recorded = in_process(config, market, tmp_path / "recorded.db")
    happened = as_it_happens(config, market, tmp_path / "happened.db")

    # Recorded candles end, and close what is open; the market goes on.
    assert happened == [trade for trade in recorded if trade.reason is not CloseReason.END]
    reasons = {trade.reason for trade in happened}
    assert reasons == {CloseReason.STOP, CloseReason.TARGET, CloseReason.REVERSE}
    assert any(trade.funding for trade in happened)
