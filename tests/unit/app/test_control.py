"""Commands of a person, carried out on a real risk manager and a real journal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.app.control import Controls, commanded
from cointrader.bot.stream import BarStream
from cointrader.domain.errors import ConfigError, UsageError
from cointrader.domain.records import Alert
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from cointrader.ops.control import Command, socket_of
from cointrader.risk.manager import RiskManager
from tests.unit.app.exchange_fakes import TRX, XRP, FakeExchange, JumpingClock, a_position
from tests.unit.risk.fakes import default_profile


class FakeBot:
    """Flattens through its exchange, or says that it does not run."""

    def __init__(self, symbol, exchange, *, runs=True, closes=True):
        self.symbol = symbol
        self.stream = BarStream(symbol, (), 900_000)
        self.exchange = exchange
        self.runs = runs
        self.closes = closes
        self.asked = 0

    async def flatten(self):
        self.asked += 1
        if not self.runs:
            raise ConfigError("the bot is not running")
        if self.closes:
            self.exchange.positions.pop(self.symbol, None)


class Desk:
    """A process that takes commands."""

    def __init__(self, path, *, runs=True, closes=True):
        self.path = path
        self.clock = JumpingClock()
        self.exchange = FakeExchange()
        self.journal = SqliteJournal(path, threaded=False)
        self.risk = RiskManager(
            default_profile(kill_fast=True), clock=self.clock, journal=self.journal
        )
        self.bots = [
            FakeBot(symbol, self.exchange, runs=runs, closes=closes) for symbol in (XRP, TRX)
        ]
        self.controls = Controls(
            risk=self.risk,
            bots=self.bots,
            exchange=self.exchange,
            journal=self.journal,
            clock=self.clock,
        )

    async def does(self, name, **arguments):
        return await self.controls.handle(Command(name, arguments, "alice (process 7)"))

    def alerts(self):
        with JournalReader(self.path) as reader:
            return list(reader.alerts())


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path / "live.db")
    yield made
    made.journal.close()


async def test_pause_and_resume_are_in_force_and_written_down_with_who_asked(desk):
    await desk.risk.start(desk.exchange)

    assert (await desk.does("pause")).is_done
    assert desk.risk.is_paused
    assert await desk.risk.can_open_new_position(XRP, "LONG") is False
    assert (await desk.does("resume")).is_done
    assert not desk.risk.is_paused

    texts = [alert.text for alert in desk.alerts()]
    assert texts[0].startswith("pause, asked for by alice (process 7): entries are paused")
    assert texts[1].startswith("resume, asked for by alice")
    with JournalReader(desk.path) as reader:
        assert [event.kind for event in reader.risk_events()][-2:] == ["paused", "resumed"]


async def test_a_second_pause_says_so_and_changes_nothing(desk):
    await desk.does("pause")

    assert (await desk.does("pause")).lines == ("entries were paused already",)


async def test_a_pause_survives_the_process(desk):
    await desk.does("pause")
    desk.journal.close()

    again = Desk(desk.path)
    await again.risk.start(again.exchange)

    assert again.risk.is_paused
    again.journal.close()


async def test_flatten_pauses_first_and_has_every_bot_close_its_position(desk):
    desk.exchange.positions = {XRP: a_position(XRP), TRX: a_position(TRX)}

    answer = await desk.does("flatten")

    assert answer.is_done
    assert answer.lines == (
        "XRPUSDT: closed 50 at market",
        "TRXUSDT: closed 50 at market",
        "entries are paused until `cointrader resume`",
    )
    assert desk.risk.is_paused
    assert [bot.asked for bot in desk.bots] == [1, 1]
    assert [alert.level for alert in desk.alerts()] == ["warning"]


async def test_flatten_of_one_symbol_leaves_the_other(desk):
    desk.exchange.positions = {XRP: a_position(XRP), TRX: a_position(TRX)}

    await desk.does("flatten", symbols=["xrpusdt"])

    assert list(desk.exchange.positions) == [TRX]


@pytest.mark.parametrize("bot", [{"closes": False}, {"runs": False}], ids=["running", "gone"])
async def test_what_is_not_ours_is_closed_only_by_its_name(tmp_path, bot):
    desk = Desk(tmp_path / "live.db", **bot)
    desk.exchange.positions = {XRP: a_position(XRP)}

    answer = await desk.does("flatten")
    assert not answer.is_done
    assert "its position is not ours; `--symbols XRPUSDT` closes it" in answer.lines[0]
    assert desk.exchange.placed == []

    assert (await desk.does("flatten", symbols=[XRP])).is_done
    assert desk.exchange.positions == {}
    desk.journal.close()


async def test_flatten_closes_without_the_bot_where_it_does_not_run(tmp_path):
    desk = Desk(tmp_path / "live.db", runs=False)
    desk.exchange.positions = {XRP: a_position(XRP)}

    answer = await desk.does("flatten", symbols=[XRP])

    assert answer.is_done
    (sent,) = desk.exchange.placed
    assert sent.reduce_only
    assert sent.quantity == Decimal(50)
    desk.journal.close()


async def test_flatten_that_does_not_succeed_is_a_critical_alert(tmp_path):
    desk = Desk(tmp_path / "live.db", runs=False)
    desk.exchange.positions, desk.exchange.loses = {XRP: a_position(XRP)}, True

    answer = await desk.does("flatten", symbols=[XRP])

    assert not answer.is_done
    assert answer.lines[0] == "XRPUSDT: NOT seen flat: the position still shows"
    assert [alert.level for alert in desk.alerts()] == ["critical"]
    desk.journal.close()


async def test_a_tripped_switch_is_reset_and_others_are_left(desk):
    for _ in range(8):
        await desk.risk.close_position(XRP, -1)
    assert await desk.risk.can_open_new_position(XRP, "LONG") is False

    answer = await desk.does("reset-kill", symbols=[XRP])

    assert answer.lines == ("XRPUSDT: the kill switch is reset, its count starts anew",)
    assert await desk.risk.can_open_new_position(XRP, "LONG")
    assert (await desk.does("reset-kill")).lines == (
        "XRPUSDT: no kill switch had tripped",
        "TRXUSDT: no kill switch had tripped",
    )


async def test_a_drawdown_halt_is_lifted_only_where_there_is_one(desk):
    assert (await desk.does("reset-kill", drawdown=True)).lines == ("there was no drawdown halt",)


async def test_what_it_does_not_know_is_refused(desk):
    with pytest.raises(UsageError, match="does not know"):
        await desk.does("dance")
    assert desk.alerts() == []


@pytest.mark.parametrize("name", ["flatten", "reset-kill"])
async def test_a_command_that_was_refused_is_written_down_too(desk, name):
    with pytest.raises(UsageError, match="does not trade"):
        await desk.does(name, symbols=["DOGEUSDT"])

    (alert,) = desk.alerts()
    assert alert.level == "warning"
    assert alert.text == (
        f"{name}, asked for by alice (process 7): "
        "refused: this process does not trade that symbol: DOGEUSDT"
    )
    assert not desk.risk.is_paused


async def test_where_no_socket_can_be_an_alert_says_so_and_trading_goes_on(desk):
    socket_of(desk.path).write_text("in the way")

    async with commanded(desk.path, desk.controls, desk.journal, desk.clock):
        pass

    await desk.journal.commit()
    (alert,) = desk.alerts()
    assert isinstance(alert, Alert)
    assert alert.text.startswith("commands (pause, flatten, ...) are not possible")
