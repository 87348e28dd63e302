"""Real money asks for a verdict: a live run on a served exchange that passes for Binance."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.app.config import Config
from cointrader.app.live.run import LivePlan, PreflightRefused, trade_live
from cointrader.app.live.wiring import Access
from cointrader.app.preflight.judge import Verdict
from cointrader.app.status import read_status
from cointrader.app.verdict.kept import default_path, keep_verdict
from cointrader.app.verdict.live import Asked, Override
from cointrader.app.verdict.subject import Identity
from cointrader.cli.inspect_output import status_lines
from cointrader.cli.main import main
from cointrader.domain.clock import DAY_MS, SystemClock
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide
from cointrader.domain.records import VerdictOverridden
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.exchange.simulated.wire import Credentials as ServedKey
from cointrader.exchange.simulated.wire import ExchangeServer, SteppedClock
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from tests.contract.venues import CALM, SYMBOL, Scene
from tests.unit.verdicts import an_edge

_KEY, _SECRET = "k" * 64, "s" * 64
WHY = "a small account to learn with"


class MarketClock:
    """Right when the market stands at its first bar."""

    def __init__(self, market):
        self._market = market

    def now_ms(self):
        return self._market.now_ms()

    async def sleep_ms(self, duration_ms):
        await asyncio.sleep(duration_ms / 1000)

    async def sleep_until_ms(self, at_ms):
        await asyncio.sleep(max(0.0, (at_ms - self.now_ms()) / 1000))


class Desk:
    """A served exchange at the open of its first bar, and live runs on it."""

    def __init__(self, market, rest, folder):
        self.clock = MarketClock(market)
        self.folder = folder
        config = Config(
            overrides={"symbols": SYMBOL, "correlation_symbols": [], "no_ml_filter": True},
            environ={},
            folder="/nonexistent",
        )
        access = Access("live", endpoints_at(rest), Credentials(_KEY, _SECRET))
        self.api = BinanceApi.at(access.endpoints, SystemClock(), access.credentials)
        self.exchange = BinanceExchange(
            self.api, SystemClock(), interval="15m", account_events=lambda _: pytest.fail("none")
        )
        self.plan = LivePlan(
            config,
            access,
            folder / "live.db",
            locks=folder / "locks",
            verdict=Asked(folder=folder / "verdicts"),
        )

    @property
    def now_ms(self):
        return self.clock.now_ms()

    async def started(self, *, override=None, plan=None):
        """What a run says when it begins; it is ended then."""
        beginnings = asyncio.get_running_loop().create_future()
        plan = plan or self.plan
        plan = replace(plan, verdict=replace(plan.verdict, override=override))
        run = asyncio.create_task(trade_live(plan, self.clock, beginnings.set_result))
        await asyncio.wait([run, beginnings], return_when=asyncio.FIRST_COMPLETED)
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run
        ready = beginnings.result()
        return next(check for check in ready.checks if check.name == "verdict")

    def judged(self, **changes):
        kept = an_edge(self.plan.config, end_ms=self.now_ms - DAY_MS, **changes)
        path = default_path(Identity.of(self.plan.config).hash, self.folder / "verdicts")
        keep_verdict(kept, path)

    def journal(self):
        return JournalReader(self.plan.journal_path)

    def overrides(self):
        with self.journal() as reader:
            return list(reader.verdict_overrides())

    def status(self):
        with self.journal() as reader:
            return "\n".join(status_lines(read_status(reader)))

    async def has_overridden(self, until_ms):
        """An override that was written down a week ago."""
        async with SqliteJournal(self.plan.journal_path, threaded=False) as journal:
            journal.ensure_same_account("live")
            identity = Identity.of(self.plan.config).hash
            began_ms = until_ms - 7 * DAY_MS
            await journal.commit(
                VerdictOverridden(began_ms, until_ms, identity, "", "there is none", WHY, "alice")
            )


@pytest.fixture
async def desk(tmp_path):
    stepped = SteppedClock()
    server = ExchangeServer(
        Scene([CALM, CALM]).exchange(stepped), stepped, ServedKey(_KEY, _SECRET)
    )
    async with server.serving() as at:
        made = Desk(stepped, at.rest, tmp_path)
        yield made
        await made.api.close()


async def test_without_a_verdict_real_money_is_not_traded(desk):
    with pytest.raises(PreflightRefused) as refused:
        await desk.started()

    assert [each.name for each in refused.value.checks if each.verdict is Verdict.FAILED] == [
        "verdict"
    ]
    assert "there is none on this configuration" in str(refused.value)
    with desk.journal() as reader:
        assert reader.last_run() is None


async def test_an_edge_lets_it_trade(desk):
    desk.judged()

    check = await desk.started()

    assert (check.verdict, check.todo) == (Verdict.OK, "")
    assert check.found.startswith("edge, on candles up to")
    assert desk.overrides() == []
    assert "verdict: edge, on candles up to" in desk.status()


async def test_no_edge_does_not(desk):
    desk.judged(profit_factor=0.9)

    with pytest.raises(PreflightRefused, match="the preflight failed") as refused:
        await desk.started()

    assert "the verdict is no edge" in str(refused.value)


async def test_an_override_is_written_down_once_and_told(desk):
    check = await desk.started(override=Override(WHY, 3, "alice"))
    again = await desk.started(override=Override(WHY, 3, "alice"))
    without = await desk.started()

    assert {check.verdict, again.verdict, without.verdict} == {Verdict.WARNING}
    (written,) = desk.overrides()
    assert (written.reason, written.who) == (WHY, "alice")
    assert written.until_ms - written.at_ms == 3 * DAY_MS
    assert "there is none on this configuration" in written.found
    assert "verdict: OVERRIDDEN until" in desk.status()
    assert WHY in desk.status()


async def test_an_override_that_has_ended_refuses_the_next_start(desk):
    await desk.has_overridden(desk.now_ms - 1)

    with pytest.raises(PreflightRefused) as refused:
        await desk.started(override=Override(WHY, 3))

    assert "overridden for this reason before" in str(refused.value)
    assert len(desk.overrides()) == 1


async def test_what_is_open_is_still_managed_when_the_override_has_ended(desk):
    await desk.has_overridden(desk.now_ms - 1)
    await desk.exchange.set_isolated(SYMBOL)
    await desk.exchange.set_leverage(SYMBOL, 10)
    await desk.exchange.place(
        OrderRequest("by-hand", SYMBOL, OrderSide.BUY, OrderKind.MARKET, quantity=Decimal(100))
    )

    check = await desk.started()

    assert check.verdict is Verdict.WARNING
    assert f"{SYMBOL} is managed and closed as ever" in check.found
    assert "verdict: NO ENTRIES" in desk.status()


async def test_the_end_of_an_override_is_told_while_it_runs(desk):
    until_ms = desk.now_ms + 400
    await desk.has_overridden(until_ms)
    told = asyncio.get_running_loop().create_future()

    def hear(record):
        if "NO ENTRIES from here on" in getattr(record, "text", "") and not told.done():
            told.set_result(record)

    plan = replace(desk.plan, listeners=[hear])
    run = asyncio.create_task(trade_live(plan, desk.clock, lambda _ready: None))
    try:
        alert = await asyncio.wait_for(told, 20)
    finally:
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run

    assert alert.level == "critical"
    assert "the override of the verdict ended" in alert.text


async def test_neither_a_rehearsal_nor_the_testnet_asks_for_one(desk):
    rehearsal = replace(desk.plan.access, name=desk.plan.access.endpoints.rest)
    plan = replace(desk.plan, access=rehearsal, journal_path=desk.folder / "rehearsal.db")
    beginnings = asyncio.get_running_loop().create_future()
    run = asyncio.create_task(trade_live(plan, desk.clock, beginnings.set_result))
    ready = await asyncio.wait_for(beginnings, 30)
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    assert "verdict" not in {check.name for check in ready.checks}

    testnet = replace(desk.plan.access, name="testnet")
    plan = replace(desk.plan, access=testnet, journal_path=desk.folder / "testnet.db")
    check = await desk.started(plan=plan)
    assert check.verdict is Verdict.OK
    assert "--live asks for an edge" in check.found


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--testnet", "--override-verdict", WHY, "--override-days", "3"], "only real money"),
        (["--live", "--override-verdict", WHY], "for some days"),
        (["--live", "--override-days", "3"], "for a reason"),
        (["--live", "--override-verdict", "yes", "--override-days", "3"], "no reason"),
        (["--live", "--override-verdict", WHY, "--override-days", "365"], "1 to 30"),
    ],
)
def test_an_override_is_given_deliberately_or_not_at_all(arguments, words, capsys, monkeypatch):
    monkeypatch.setenv("BINANCE_API_KEY", "k")
    monkeypatch.setenv("BINANCE_API_SECRET", "s")

    assert main(["run", *arguments]) == 2
    assert words in capsys.readouterr().err
