"""Bots that were given no ports: one account, opened by the first and closed by the last."""

import asyncio
import contextlib

from cointrader import Config, RiskManager, TradingBot
from cointrader.app.live.wiring import Access
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.journal.reader import JournalReader
from tests.unit.exchange.wire.serving import CALM, KEY, SECRET, served

OTHER = "TRXUSDT"


def a_config():
    given = {"symbols": ["XRPUSDT", OTHER], "correlation_symbols": [], "leverage": 10}
    return Config(overrides=given, environ={}, folder="/nonexistent")


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


async def test_two_bots_share_an_account_one_preflight_and_one_journal(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    journal, config = tmp_path / "journal.db", a_config()
    risk = RiskManager(config)
    others = {OTHER: [(0.2, 0.201, 0.199, 0.2)] * 3}
    async with served(CALM, pace=1.0, others=others) as client:
        access = Access(client.at.rest, endpoints_at(client.at.rest), Credentials(KEY, SECRET))
        bots = [
            TradingBot(config, symbol=symbol, risk=risk, access=access, journal_path=journal)
            for symbol in config.symbols
        ]
        running = [asyncio.create_task(bot.run()) for bot in bots]
        await until(lambda: risk.initial_balance == 1000 and _is_locked(journal))
        await asyncio.sleep(0.5)
        assert not any(task.done() for task in running)
        for task in running:
            task.cancel()
        for task in running:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    with JournalReader(journal) as reader:
        (run,) = reader.runs()
    assert (run.mode, run.symbols) == ("rehearsal", ("XRPUSDT", OTHER))
    assert run.base_balance == 1000
    assert not _is_locked(journal)


def _is_locked(journal):
    """Whether a process writes it, which leaves its number in the lock file."""
    from cointrader.app.status import writer_of

    return journal.exists() and writer_of(journal) is not None
