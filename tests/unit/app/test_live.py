"""A live run on a served exchange in the same loop: what is refused, set up, and written down."""

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
from cointrader.domain.clock import SystemClock
from cointrader.domain.errors import ConfigError, JournalError
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.exchange.simulated.wire import Credentials as ServedKey
from cointrader.exchange.simulated.wire import ExchangeServer, SteppedClock
from cointrader.journal.reader import JournalReader
from cointrader.signals.features import feature_names
from tests.contract.venues import CALM, SYMBOL, Scene
from tests.unit.model.making import constant, published


class Desk:
    """A served exchange at the open of its first bar, and runs on it."""

    def __init__(self, market, rest, folder):
        self.market_clock = MarketClock(market)
        self.path = folder / "rehearsal.db"
        endpoints = endpoints_at(rest)
        self.access = Access(rest, endpoints, Credentials("k" * 64, "s" * 64))
        self.clock = SystemClock()
        self.api = BinanceApi.at(endpoints, self.clock, self.access.credentials)
        self.exchange = BinanceExchange(
            self.api, self.clock, interval="15m", account_events=lambda _: pytest.fail("no stream")
        )
        config = Config(
            overrides={"symbols": SYMBOL, "correlation_symbols": []},
            environ={},
            folder="/nonexistent",
        )
        self.plan = LivePlan(config, self.access, self.path, locks=folder / "locks")

    async def started(self, **changes):
        """What a run says when it begins; it is ended then."""
        beginnings = asyncio.get_running_loop().create_future()
        plan = replace(self.plan, **changes)
        run = asyncio.create_task(trade_live(plan, self.market_clock, beginnings.set_result))
        await asyncio.wait([run, beginnings], return_when=asyncio.FIRST_COMPLETED)
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run
        return beginnings.result()


class MarketClock:
    """Right when the market stands at its first bar."""

    def __init__(self, market):
        self.market = market

    def now_ms(self):
        return self.market.now_ms()

    async def sleep_ms(self, duration_ms):
        await asyncio.sleep(duration_ms / 1000)

    async def sleep_until_ms(self, at_ms):
        await asyncio.sleep(3600)


@pytest.fixture
async def desk(tmp_path):
    stepped = SteppedClock()
    server = ExchangeServer(
        Scene([CALM, CALM]).exchange(stepped), stepped, ServedKey("k" * 64, "s" * 64)
    )
    async with server.serving() as at:
        made = Desk(stepped, at.rest, tmp_path)
        yield made
        await made.api.close()


async def test_leverage_is_set_and_the_accounts_own_fee_is_used(desk):
    await desk.exchange.set_leverage(SYMBOL, 20)

    ready = await desk.started()

    assert (await desk.exchange.symbol_settings(SYMBOL)).leverage == 10
    assert (ready.wallet, ready.fee_ratio, ready.starts) == (1000, Decimal("0.0005"), 1)
    with JournalReader(desk.path) as reader:
        run = reader.last_run()
    assert run is not None
    assert (run.mode, run.settings["TAKER_FEE"]) == ("rehearsal", "0.0005")
    assert run.base_balance == 1000
    assert not any("k" * 64 in text or "s" * 64 in text for text in run.settings.values())


async def test_without_a_model_it_starts_and_says_that_there_are_no_entries(desk):
    assert (await desk.started()).without_entries == [SYMBOL]

    meant = desk.plan.config.replace(no_ml_filter=True)
    assert (await desk.started(config=meant)).without_entries == []


@pytest.mark.parametrize(
    ("gate", "without"),
    [
        ({"verdict": "passed"}, []),
        ({"verdict": "failed", "forced_for_paper": True}, [SYMBOL]),
        ({"verdict": "not judged"}, [SYMBOL]),
    ],
)
async def test_only_a_model_that_the_gate_passed_makes_entries(desk, tmp_path, gate, without):
    names = feature_names(())
    onnx = constant(0.6, names)
    published(tmp_path / "models", onnx, symbol=SYMBOL, features=names, gate=gate)

    ready = await desk.started(models=tmp_path / "models")

    assert ready.without_entries == without
    told = [check for check in ready.checks if check.name == "model"]
    assert [check.verdict for check in told] == [Verdict.WARNING if without else Verdict.OK]
    with JournalReader(desk.path) as reader:
        run, alerts = reader.last_run(), list(reader.alerts())
    assert run is not None
    assert run.source["model"].startswith(f"{SYMBOL}=" + ("broken" if without else "lgbm:"))
    assert [alert.level for alert in alerts] == ["critical"] * len(without)


async def test_the_journal_goes_on_at_the_next_start(desk):
    await desk.started()

    assert (await desk.started()).starts == 2


async def test_an_order_of_an_unknown_instance_refuses_before_anything_is_sent(desk):
    await desk.exchange.set_leverage(SYMBOL, 20)
    await desk.exchange.place(
        OrderRequest(
            "ct-XRPUSDT-1-s0",
            SYMBOL,
            OrderSide.SELL,
            OrderKind.LIMIT,
            quantity=Decimal(100),
            price=Decimal("2.05"),
        )
    )

    with pytest.raises(PreflightRefused, match="the preflight failed") as refused:
        await desk.started()

    assert "ct-XRPUSDT-1-s0" in str(refused.value)
    assert (await desk.exchange.symbol_settings(SYMBOL)).leverage == 20
    with JournalReader(desk.path) as reader:
        assert reader.last_run() is None


async def test_a_wrong_key_is_refused_and_not_shown(desk):
    wrong = replace(desk.access, credentials=Credentials("w" * 64, "s" * 64))

    with pytest.raises(PreflightRefused) as refused:
        await desk.started(access=wrong)

    assert "www" not in str(refused.value)


async def test_a_journal_of_another_mode_is_refused(desk):
    await desk.started()

    live = replace(desk.access, name="live")
    with pytest.raises(JournalError, match="belongs to another account"):
        await desk.started(access=live)


async def test_a_setting_that_no_bot_can_use_is_told_before_anything_is_made(desk):
    unusable = desk.plan.config.replace(signal="mine.py:Rule")

    with pytest.raises(ConfigError):
        await desk.started(config=unusable)

    assert not desk.path.exists()
