"""What a process knows of itself: answers of a real risk manager, journal and event loop."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest

from cointrader.app.control import Controls
from cointrader.app.metrics.journal import TimedJournal
from cointrader.app.metrics.vitals import About, Sources, Vitals
from cointrader.domain.errors import UsageError
from cointrader.domain.records import BotState, FillSeen
from cointrader.model.drift import FeatureDrift
from cointrader.ops.control import Command
from cointrader.ops.metrics import Budget, StreamAge
from cointrader.ops.notifier import ChannelHealth
from cointrader.risk.manager import RiskManager
from tests.unit.app.exchange_fakes import NOW_MS, TRX, XRP, FakeExchange, JumpingClock, a_position
from tests.unit.ops.metered import a_fill
from tests.unit.risk.fakes import default_profile

KEYS = {
    "is_fine", "troubles", "mode", "market", "started_ms", "now_ms", "clock_speed", "pid", "bots",
    "streams", "weights", "event_loop", "journal", "versions", "channels", "drift", "is_paused",
}  # fmt: skip


BETWEEN_BARS_MS = NOW_MS + 60_000


class Heart:
    """Counts its beats."""

    def __init__(self):
        self.beats = 0

    def beat(self):
        self.beats += 1


class Process:
    """One that trades two symbols and takes commands."""

    def __init__(self, path, **sources):
        self.clock = JumpingClock(BETWEEN_BARS_MS)
        self.exchange = FakeExchange()
        self.vitals = Vitals(About("paper", "a test", path, (XRP, TRX), 900_000), self.clock)
        self.journal = TimedJournal(
            path, took=self.vitals.committed, threaded=False, listeners=[self.vitals.hear]
        )
        self.risk = RiskManager(default_profile(), clock=self.clock, journal=self.journal)
        self.vitals.attach(self.risk, Sources(**sources))
        self.controls = Controls(
            risk=self.risk, bots=[type("Bot", (), {"symbol": s})() for s in (XRP, TRX)],
            exchange=self.exchange, journal=self.journal, clock=self.clock, vitals=self.vitals,
        )  # fmt: skip

    async def asked(self, name, **arguments):
        return await self.controls.handle(Command(name, arguments, "alice"))


@pytest.fixture
def process(tmp_path):
    made = Process(
        tmp_path / "live.db",
        streams=lambda: [StreamAge("account", 300, 10_000, is_up=True)],
        budgets=lambda: [Budget("request weight per minute", 42, 2_400)],
        channels=lambda: (
            [ChannelHealth("telegram", False, 1, 0, 0)] * 2
            + [ChannelHealth("telegram-commands", True, silent_s=300.0)]
        ),
    )
    yield made
    made.journal.close()


async def test_health_is_plain_values_under_names_that_stay(process):
    await process.risk.start(process.exchange)
    await process.asked("pause")

    answer = await process.asked("health")

    assert answer.is_done
    health = json.loads(json.dumps(answer.values))
    assert set(health) == KEYS
    assert health["is_fine"] is True
    assert health["is_paused"] is True
    assert health["streams"][0]["age_ms"] == 300
    assert health["weights"] == [{"name": "request weight per minute", "used": 42, "limit": 2_400}]
    assert health["journal"]["size_bytes"] > 0
    assert health["journal"]["commits"] == 1
    assert health["journal"]["commit_ms_max"] > 0
    assert [bot["symbol"] for bot in health["bots"]] == [XRP, TRX]
    assert answer.lines == ("all is well",)


async def test_fills_of_before_the_start_are_no_bare_position(process):
    early, late = (replace(a_fill().fill, at_ms=process.clock.now_ms() + ms) for ms in (-1, 0))
    process.journal.note(FillSeen(early))
    assert (await process.asked("health")).values["is_fine"] is True

    process.journal.note(FillSeen(replace(late, symbol=TRX)))
    assert (await process.asked("health")).lines == ("TRXUSDT: its position has no live stop",)


async def test_drift_is_told_by_symbol_and_feature(tmp_path):
    seen = {XRP: {"rsi": FeatureDrift(rows=7, missing=1, outside=None)}}
    process = Process(tmp_path / "live.db", drift=lambda: seen)

    health = (await process.asked("health")).values
    process.journal.close()

    assert health["drift"] == {
        XRP: {"rows": 7, "features": {"rsi": {"missing": 1, "outside": None}}}
    }


async def test_what_is_wrong_is_said(process):
    process.journal.note(BotState(process.clock.now_ms(), XRP, "crashed", "RuntimeError: odd"))

    answer = await process.asked("health")

    assert answer.values["is_fine"] is False
    assert answer.lines == ("XRPUSDT: the bot is crashed",)


async def test_metrics_come_from_the_account_the_journal_and_whoever_is_asked(process):
    await process.risk.start(process.exchange)
    await process.asked("pause")

    text = (await process.asked("metrics")).values["text"]

    assert "cointrader_paused 1.0" in text
    assert "cointrader_max_daily_loss_ratio 0.05" in text
    assert 'cointrader_rest_used{pool="request weight per minute"} 42.0' in text
    assert 'cointrader_channel_waiting{channel="telegram"} 2.0' in text
    assert 'cointrader_channel_failing{channel="telegram-commands"} 1.0' in text
    assert 'cointrader_channel_silent_seconds{channel="telegram-commands"} 300.0' in text
    assert 'cointrader_channel_silent_seconds{channel="telegram"}' not in text
    assert "cointrader_journal_commit_seconds_count 1.0" in text
    assert 'cointrader_stream_max_age_seconds{stream="account"} 10.0' in text


@pytest.mark.parametrize(
    ("asked_ms", "answered_ms"),
    [(-400, -400), (-200, 2_000), (0, 2_000), (1_500, 2_000), (2_000, 2_000), (9_000, 9_000)],
)
async def test_metrics_are_not_put_together_while_a_bar_is_answered(process, asked_ms, answered_ms):
    process.clock.at_ms = NOW_MS + asked_ms

    await process.asked("metrics")

    assert process.clock.at_ms == NOW_MS + answered_ms


async def test_asking_is_not_written_down_and_commanding_is(process):
    await process.risk.start(process.exchange)
    for name in ("health", "metrics", "state", "positions", "pnl"):
        await process.asked(name)
    assert process.vitals.health()["journal"]["commits"] == 0

    await process.asked("pause")
    assert process.vitals.health()["journal"]["commits"] == 1


async def test_positions_are_told_with_their_result_and_whose_they_are(process):
    process.exchange.positions = {XRP: a_position(XRP)}

    answer = await process.asked("positions")

    held = answer.values["positions"][XRP]
    assert answer.lines[0].startswith(f"XRPUSDT {held['side']} {held['quantity']} at ")
    assert answer.lines[0].endswith("NOT OURS")
    assert (await process.asked("pnl")).lines[0] == "closed trades today: +0.00"


async def test_a_word_from_outside_becomes_a_warning_of_one_bounded_line(process):
    answer = await process.asked("warn", text="somebody\nwrote " + "x" * 2_000)

    assert answer.is_done
    text = (await process.asked("metrics")).values["text"]
    assert 'cointrader_alerts_total{level="warning"} 1.0' in text


async def test_a_process_without_vitals_says_what_it_knows(process):
    plain = Controls(risk=process.risk, bots=[], exchange=process.exchange,
                     journal=process.journal, clock=process.clock)  # fmt: skip

    with pytest.raises(UsageError, match="does not know") as refused:
        await plain.handle(Command("metrics"))
    assert "health" not in str(refused.value)


async def test_the_pulse_feels_how_late_the_loop_comes_and_beats_while_all_is_well(process):
    heart = Heart()
    pulse = asyncio.create_task(process.vitals.pulse(heart))
    await asyncio.sleep(0)
    time.sleep(0.6)  # nobody's turn
    until = time.monotonic() + 20
    while not heart.beats and time.monotonic() < until:
        await asyncio.sleep(0.05)
    pulse.cancel()

    assert heart.beats == 1
    assert process.vitals.health()["event_loop"]["max_lag_ms"] >= 300


async def test_the_heart_does_not_beat_while_something_is_wrong(process):
    heart = Heart()
    process.journal.note(BotState(process.clock.now_ms(), XRP, "quarantined"))
    pulse = asyncio.create_task(process.vitals.pulse(heart))
    await asyncio.sleep(0.6)
    pulse.cancel()

    assert heart.beats == 0
