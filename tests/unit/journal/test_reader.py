import pytest

from cointrader.domain.errors import JournalError
from cointrader.domain.records import Alert, RiskEvent
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from cointrader.journal.trouble import version_warning
from tests.unit.journal.examples import (
    BAR_MS,
    EVERY_KIND,
    T0,
    a_decision,
    a_fill,
    a_position,
    a_trade,
    an_equity,
    an_intent,
)


@pytest.fixture
def journal(tmp_path):
    with SqliteJournal(tmp_path / "journal.db", threaded=False) as journal:
        yield journal


@pytest.fixture
def reader(journal):
    with JournalReader(journal.path) as reader:
        yield reader


async def test_reader_sees_each_commit_of_an_active_writer(journal, reader):
    for bar in range(3):
        await journal.commit(a_decision(bar=bar))
        assert len(list(reader.decisions())) == bar + 1


async def test_reader_in_the_middle_of_its_answer_neither_waits_nor_changes(journal, reader):
    await journal.commit(a_decision(bar=0), a_decision(bar=1))
    answer = reader.decisions()
    first = next(answer)

    await journal.commit(a_decision(bar=2))

    assert [first, *answer] == [a_decision(bar=0), a_decision(bar=1)]


async def test_decisions_can_be_narrowed_by_symbol_time_action_and_refusal(journal, reader):
    hold, enter = a_decision(bar=0), a_decision(bar=1, action="ENTER")
    refused = a_decision(bar=2, action="ENTER", refusal="margin")
    other = a_decision("TRXUSDT", bar=1)
    await journal.commit(hold, enter, refused, other)

    assert list(reader.decisions()) == [hold, enter, other, refused]
    assert list(reader.decisions("XRPUSDT")) == [hold, enter, refused]
    assert list(reader.decisions(from_ms=T0 + BAR_MS, to_ms=T0 + 2 * BAR_MS)) == [enter, other]
    assert list(reader.decisions(action="ENTER")) == [enter, refused]
    assert list(reader.decisions(action="ENTER", refusal="")) == [enter]
    assert list(reader.decisions(refusal="margin")) == [refused]
    assert list(reader.decisions(last=2)) == [other, refused]
    assert list(reader.decisions("XRPUSDT", last=1)) == [refused]


async def test_actions_and_refusals_are_counted_most_frequent_first(journal, reader):
    await journal.commit(
        a_decision(bar=0),
        a_decision(bar=1),
        a_decision(bar=2, action="ENTER", refusal="filter"),
        a_decision(bar=3, action="ENTER", refusal="margin"),
        a_decision(bar=4, action="ENTER", refusal="margin"),
        a_decision("TRXUSDT", bar=4, action="EXIT"),
    )

    assert list(reader.count_actions().items()) == [("ENTER", 3), ("HOLD", 2), ("EXIT", 1)]
    assert list(reader.count_refusals().items()) == [("margin", 2), ("filter", 1)]
    assert reader.count_actions("TRXUSDT") == {"EXIT": 1}
    assert reader.count_refusals(from_ms=T0 + 4 * BAR_MS) == {"margin": 1}


async def test_every_kind_can_be_read_by_what_people_ask_for(journal, reader):
    await journal.commit(*EVERY_KIND, a_fill(2), an_intent("other"), an_equity(1))

    assert [fill.fill.trade_id for fill in reader.fills(client_order_id="ct-XRPUSDT-1-e0")] == [
        1,
        2,
    ]
    assert [fill.fill.trade_id for fill in reader.fills("XRPUSDT", last=1)] == [2]
    assert list(reader.intents(client_order_id="other")) == [an_intent("other")]
    assert list(reader.orders("XRPUSDT", client_order_id="ct-XRPUSDT-1-s0")) == [EVERY_KIND[3]]
    assert list(reader.orders("TRXUSDT")) == []
    assert list(reader.funding("XRPUSDT", from_ms=T0)) == [EVERY_KIND[5]]
    assert list(reader.positions(trade_id="ct-XRPUSDT-1-e0")) == [a_position()]
    assert list(reader.trades("XRPUSDT", to_ms=T0)) == []
    assert list(reader.equity(last=1)) == [an_equity(1)]
    assert reader.open_position("XRPUSDT") is None
    assert reader.risk_state() == EVERY_KIND[10]
    assert list(reader.runs()) == [reader.last_run()] == [EVERY_KIND[0]]


async def test_events_and_alerts_of_one_time_stay_as_written(journal, reader):
    events = [RiskEvent(T0, "paused"), RiskEvent(T0, "resumed"), RiskEvent(T0 - 1, "deposit")]
    alerts = [Alert(T0, "info", "", "a"), Alert(T0, "critical", "XRPUSDT", "b")]
    await journal.commit(*events, *alerts)

    assert [event.kind for event in reader.risk_events()] == ["deposit", "paused", "resumed"]
    assert list(reader.risk_events(kind="paused")) == [events[0]]
    assert list(reader.alerts()) == alerts
    assert list(reader.alerts(level="critical")) == list(reader.alerts("XRPUSDT")) == [alerts[1]]


def test_new_journal_is_empty_and_not_an_error(reader):
    assert reader.last_run() is None
    assert reader.risk_state() is None
    assert list(reader.trades()) == []
    assert reader.count_actions() == {}


async def test_journal_is_readable_after_its_writer_closed(journal):
    await journal.commit(a_trade())
    journal.close()

    with JournalReader(journal.path) as reader:
        assert list(reader.trades()) == [a_trade()]


def test_reader_cannot_write(reader):
    with pytest.raises(Exception, match="readonly"):
        reader._connection.execute("DELETE FROM alerts")


def test_journal_that_does_not_exist_is_told_and_not_made(tmp_path):
    with pytest.raises(JournalError, match="no such journal"):
        JournalReader(tmp_path / "none.db")

    assert list(tmp_path.iterdir()) == []


def test_file_without_tables_is_told(tmp_path):
    (tmp_path / "empty.db").touch()

    with pytest.raises(JournalError, match="empty journal"):
        JournalReader(tmp_path / "empty.db")


def test_sqlite_with_the_wal_fault_is_warned_of_and_a_mended_one_is_not():
    assert "3.40.1 is older than 3.51.3" in str(version_warning((3, 40, 1)))
    assert version_warning((3, 51, 3)) is None
    assert version_warning((4, 0, 0)) is None
