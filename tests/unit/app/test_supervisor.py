"""A bot's crash is its own; a broken invariant is everybody's."""

import asyncio

import pytest

from cointrader.app.supervisor import PAUSES_MS, Supervisor
from cointrader.app.virtual_time import LoopClock, VirtualLoop
from cointrader.domain.errors import InvariantBroken, Unreachable
from cointrader.domain.records import Alert, BotState


class MemoryJournal:
    """Keeps records in a list."""

    def __init__(self):
        self.records = []

    def note(self, record):
        self.records.append(record)

    async def commit(self, *records):
        self.records.extend(records)


class AlwaysFails:
    symbol = "XRPUSDT"

    def __init__(self):
        self.started_ms = []

    async def run(self):
        self.started_ms.append(round(asyncio.get_running_loop().time() * 1000))
        raise RuntimeError("no luck")


class Trades:
    symbol = "TRXUSDT"

    def __init__(self):
        self.bars = 0

    async def run(self):
        while self.bars < 100:
            await asyncio.sleep(900)
            self.bars += 1


class Breaks:
    symbol = "DOGEUSDT"

    async def run(self):
        await asyncio.sleep(3600)
        raise InvariantBroken("two longs in one slot")


def supervise(*bots):
    journal = MemoryJournal()

    async def main():
        supervisor = Supervisor(LoopClock(0), journal)
        await supervisor.run(bots)
        return supervisor

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main()), journal


def test_a_bot_that_always_fails_never_touches_another():
    failing, trading = AlwaysFails(), Trades()

    supervisor, _ = supervise(failing, trading)

    assert trading.bars == 100
    assert supervisor.quarantined == ["XRPUSDT"]


def test_restarts_come_with_growing_pauses_and_end_in_quarantine_and_an_alert():
    failing = AlwaysFails()

    supervisor, journal = supervise(failing)

    pauses = [b - a for a, b in zip(failing.started_ms, failing.started_ms[1:], strict=False)]
    assert pauses == list(PAUSES_MS)
    assert supervisor.restarts == {"XRPUSDT": len(PAUSES_MS)}
    levels = [record.level for record in journal.records if isinstance(record, Alert)]
    assert levels == ["warning"] * len(PAUSES_MS) + ["critical"]
    assert "keeps crashing (RuntimeError: no luck)" in journal.records[-1].text


def test_journal_tells_what_became_of_each_bot():
    _, journal = supervise(AlwaysFails(), Trades())

    states = [record for record in journal.records if isinstance(record, BotState)]
    of_xrp = [state.state for state in states if state.symbol == "XRPUSDT"]
    assert of_xrp == [*["running", "crashed"] * len(PAUSES_MS), "running", "quarantined"]
    assert [state.state for state in states if state.symbol == "TRXUSDT"] == ["running", "ended"]
    assert states[-1].state == "ended"
    assert {state.detail for state in states if state.state == "quarantined"} == {
        "RuntimeError: no luck"
    }


def test_a_bot_that_ran_for_a_day_is_forgiven_its_earlier_crashes():
    class FailsDaily(AlwaysFails):
        async def run(self):
            if len(self.started_ms) == 20:
                return
            self.started_ms.append(0)
            await asyncio.sleep(25 * 3600)
            raise RuntimeError("once a day")

    supervisor, _ = supervise(FailsDaily())

    assert supervisor.quarantined == []
    assert supervisor.restarts == {"XRPUSDT": 20}


def test_a_bot_that_cannot_reach_the_exchange_goes_on_trying():
    class Away(AlwaysFails):
        async def run(self):
            self.started_ms.append(0)
            if len(self.started_ms) < 50:
                raise Unreachable("no route")

    away = Away()
    supervisor, _ = supervise(away)

    assert len(away.started_ms) == 50
    assert supervisor.quarantined == []


def test_a_broken_invariant_stops_every_bot():
    trading = Trades()

    with pytest.raises(InvariantBroken, match="two longs"):
        supervise(Breaks(), trading)

    assert trading.bars == 4
