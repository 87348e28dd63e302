"""One suite for both ways to write: on a thread of its own, and in the caller's."""

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.domain.errors import JournalError
from cointrader.domain.order import Leg
from cointrader.domain.ports import Journal
from cointrader.domain.records import Alert, FundingPaid, Record, RiskState
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
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


@pytest.fixture(params=[False, True], ids=["inline", "threaded"])
def threaded(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path, threaded):
    with SqliteJournal(path, threaded=threaded) as journal:
        yield journal


def on_disk(path) -> list[Record]:
    """Decisions, fills, alerts and equity that a second process would see now."""
    with JournalReader(path) as reader:
        return [*reader.decisions(), *reader.fills(), *reader.alerts(), *reader.equity()]


def test_journal_is_the_port(journal):
    port: Journal = journal
    assert port is journal


async def test_commit_writes_every_kind_of_record(journal, path):
    await journal.commit(*EVERY_KIND)

    with JournalReader(path) as reader:
        assert reader.last_run() == EVERY_KIND[0]
        assert list(reader.orders()) == [EVERY_KIND[3]]
        assert list(reader.risk_events()) == [EVERY_KIND[9]]


async def test_note_is_on_disk_only_after_the_next_commit(journal, path):
    told = Alert(T0, "info", "", "noted")
    journal.note(told)
    assert on_disk(path) == []

    await journal.commit()
    assert on_disk(path) == [told]


async def test_a_hold_does_not_hold_up_the_orders_of_its_bar(journal, path):
    held, later = a_decision(), a_decision(bar=1)
    journal.note(held)
    await journal.commit(Alert(T0, "info", "", "an intent, say"))
    assert held not in on_disk(path)

    journal.note(later)
    await journal.commit()
    assert held in on_disk(path)
    assert later not in on_disk(path)

    journal.close()
    assert later in on_disk(path)


async def test_commit_keeps_what_was_noted_before_its_own_records(journal, path):
    journal.note(Alert(T0, "info", "", "first"))
    await journal.commit(Alert(T0, "info", "", "second"))

    with JournalReader(path) as reader:
        assert [alert.text for alert in reader.alerts()] == ["first", "second"]


async def test_commit_with_nothing_to_write_leaves_the_file_alone(journal, path):
    wal = path.with_name("journal.db-wal")
    await journal.commit(a_decision())
    before = wal.read_bytes()

    await journal.commit()

    assert wal.read_bytes() == before


async def test_many_bots_committing_at_once_all_have_their_records_on_disk(journal, path):
    async def bot(number: int) -> None:
        await journal.commit(a_decision(f"S{number:03}"))
        with JournalReader(path) as reader:
            assert len(list(reader.decisions(f"S{number:03}"))) == 1

    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(bot(number))


async def test_close_commits_what_was_noted(path, threaded):
    async with SqliteJournal(path, threaded=threaded) as journal:
        journal.note(a_decision())

    assert on_disk(path) == [a_decision()]


async def test_closed_journal_refuses_and_closing_twice_is_fine(path, threaded):
    journal = SqliteJournal(path, threaded=threaded)
    await journal.aclose()
    await journal.aclose()
    journal.close()

    with pytest.raises(JournalError, match="closed"):
        journal.note(a_decision())
    with pytest.raises(JournalError, match="closed"):
        await journal.commit(a_decision())
    with pytest.raises(JournalError, match="closed"):
        journal.risk_state()


async def test_memory_journal_needs_no_file(threaded):
    async with SqliteJournal(":memory:", threaded=threaded) as journal:
        await journal.commit(a_trade())
        assert journal.trades() == [a_trade()]


# -- doubles


async def test_bar_decided_anew_replaces_its_decision(journal, path):
    await journal.commit(a_decision(action="ENTER"))
    await journal.commit(a_decision(action="HOLD"))

    assert on_disk(path) == [a_decision(action="HOLD")]


async def test_fill_seen_twice_is_kept_once_as_first_seen(journal, path):
    await journal.commit(a_fill(7, price="0.61"), a_fill(7, price="0.62"))
    await journal.commit(a_fill(7, price="0.63"))

    assert on_disk(path) == [a_fill(7, price="0.61")]


async def test_funding_told_twice_is_paid_once(journal, path):
    paid = FundingPaid("XRPUSDT", T0, Decimal("0.0001"), Decimal(-1))
    await journal.commit(paid, paid, replace(paid, symbol="TRXUSDT"))

    with JournalReader(path) as reader:
        assert list(reader.funding("XRPUSDT")) == [paid]
        assert len(list(reader.funding())) == 2


async def test_intent_journaled_again_after_a_crash_is_one_intent(journal, path):
    await journal.commit(an_intent())
    again = replace(an_intent(), at_ms=an_intent().at_ms + 1_000)
    await journal.commit(again)

    assert journal.intent(again.client_order_id) == again
    with JournalReader(path) as reader:
        assert list(reader.intents()) == [again]


async def test_trade_closed_twice_is_one_trade(journal):
    await journal.commit(a_trade(net="3.19"))
    await journal.commit(a_trade(net="3.18"))

    assert journal.trades() == [a_trade(net="3.18")]


async def test_equity_of_one_bar_is_kept_once(journal, path):
    await journal.commit(an_equity(equity="1000.1"), an_equity(equity="1000.2"))

    assert on_disk(path) == [an_equity(equity="1000.2")]


# -- recovery


async def test_open_position_is_the_last_one_written_until_its_trade_closed(journal):
    assert journal.open_position("XRPUSDT") is None

    await journal.commit(a_position(stop="0.60"), a_position(stop="0.61"))
    assert journal.open_position("XRPUSDT") == a_position(stop="0.61")
    assert journal.open_position("TRXUSDT") is None

    await journal.commit(a_trade())
    assert journal.open_position("XRPUSDT") is None

    await journal.commit(a_position("ct-XRPUSDT-2-e0", bar=9))
    assert journal.open_position("XRPUSDT") == a_position("ct-XRPUSDT-2-e0", bar=9)


async def test_position_of_a_reused_id_is_open_though_an_earlier_trade_had_it(journal):
    await journal.commit(a_position("", bar=1), a_trade("", exit_bar=5), a_position("", bar=9))

    assert journal.open_position("XRPUSDT") == a_position("", bar=9)


async def test_reading_sees_what_was_noted_and_not_yet_committed(journal, path):
    journal.note(a_position())
    journal.note(a_decision(bar=3))

    assert journal.open_position("XRPUSDT") == a_position()
    assert journal.last_decided_bar("XRPUSDT") == T0 + 3 * BAR_MS
    assert on_disk(path) == [a_decision(bar=3)]


async def test_last_decided_bar_is_the_latest_of_its_symbol(journal):
    await journal.commit(a_decision(bar=2), a_decision(bar=1), a_decision("TRXUSDT", bar=5))

    assert journal.last_decided_bar("XRPUSDT") == T0 + 2 * BAR_MS
    assert journal.last_decided_bar("DOGEUSDT") is None


async def test_intent_is_found_by_its_client_order_id(journal):
    await journal.commit(an_intent("a"), an_intent("b", bar=1))

    assert journal.intent("b") == an_intent("b", bar=1)
    assert journal.intent("c") is None


async def test_last_entry_is_the_newest_intent_to_open_a_position(journal):
    assert journal.last_entry("XRPUSDT") is None

    stop = replace(an_intent("stop", bar=2), leg=Leg.STOP)
    other = replace(an_intent("other", bar=3), symbol="TRXUSDT")
    await journal.commit(an_intent("late", bar=2), an_intent("early", bar=1), stop, other)

    assert journal.last_entry("XRPUSDT") == an_intent("late", bar=2)


async def test_has_trade_tells_whether_a_position_was_closed_and_booked(journal):
    await journal.commit(a_trade("ct-XRPUSDT-1-e0"))

    assert journal.has_trade("ct-XRPUSDT-1-e0")
    assert not journal.has_trade("ct-XRPUSDT-2-e0")


async def test_last_risk_state_counts(journal):
    assert journal.risk_state() is None

    await journal.commit(RiskState(1, {"day": 1}), RiskState(2, {"day": 2}))

    assert journal.risk_state() == RiskState(2, {"day": 2})


async def test_trades_come_by_exit_time_and_by_symbol(journal):
    late, early, other = (
        a_trade("a", exit_bar=9),
        a_trade("b", exit_bar=7),
        a_trade("c", "TRXUSDT", exit_bar=8),
    )
    await journal.commit(late, early, other)

    assert journal.trades() == [early, other, late]
    assert journal.trades("XRPUSDT") == [early, late]


# -- failure


async def test_commit_of_a_record_that_cannot_be_written_writes_nothing(journal, path):
    await journal.commit(a_decision(bar=0))
    beyond_64_bits = replace(an_equity(), at_ms=2**70)

    with pytest.raises(JournalError, match="cannot be written down"):
        await journal.commit(a_decision(bar=1), beyond_64_bits, a_decision(bar=2))

    assert on_disk(path) == [a_decision(bar=0)]


async def test_commit_of_an_incomplete_record_is_refused_and_never_skipped(journal, path):
    numberless = replace(a_position(), best_close=float("nan"))

    with pytest.raises(JournalError, match="not complete"):
        await journal.commit(a_decision(), numberless)

    assert on_disk(path) == []


async def test_full_disk_is_told_loses_nothing_before_it_and_stops_the_journal(journal, path):
    await journal.commit(a_decision(bar=0))
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(JournalError, match="disk is full") as caught:
        await journal.commit(*(a_decision(bar=bar) for bar in range(1, 1000)))
    assert str(path) in str(caught.value)
    assert "free some space" in str(caught.value)

    journal._connection.execute("PRAGMA max_page_count = 1000000")  # space again: still no trust
    with pytest.raises(JournalError, match="an earlier commit failed"):
        await journal.commit(a_decision(bar=1))
    with pytest.raises(JournalError, match="an earlier commit failed"):
        journal.note(a_decision(bar=1))
    with pytest.raises(JournalError, match="an earlier commit failed"):
        journal.last_decided_bar("XRPUSDT")
    journal.close()

    with SqliteJournal(path, threaded=False) as reopened:
        assert reopened.last_decided_bar("XRPUSDT") == T0
        await reopened.commit(a_decision(bar=1))
    assert on_disk(path) == [a_decision(bar=0), a_decision(bar=1)]


async def test_commits_waiting_behind_a_failed_one_fail_too(path):
    async with SqliteJournal(path, threaded=True) as journal:
        commits = [journal.commit(replace(an_equity(), at_ms=2**70))]
        commits += [journal.commit(a_decision(f"S{number}")) for number in range(5)]
        results = await asyncio.gather(*commits, return_exceptions=True)

    assert all(isinstance(result, JournalError) for result in results)
    assert on_disk(path) == []


async def test_damaged_journal_is_refused_at_the_start(path, threaded):
    async with SqliteJournal(path, threaded=threaded) as journal:
        await journal.commit(*(a_decision(bar=bar) for bar in range(2000)))
    damaged = bytearray(path.read_bytes())
    damaged[40_000:60_000] = os.urandom(20_000)
    path.write_bytes(damaged)

    with pytest.raises(JournalError, match="damaged") as caught:
        SqliteJournal(path, threaded=threaded)
    assert "backup" in str(caught.value)


def test_folder_that_cannot_be_made_is_told(tmp_path, threaded):
    (tmp_path / "file").write_text("")

    with pytest.raises(JournalError, match="cannot be opened"):
        SqliteJournal(tmp_path / "file" / "journal.db", threaded=threaded)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_file_is_told(path, threaded):
    SqliteJournal(path, threaded=threaded).close()
    path.chmod(0o444)

    with pytest.raises(JournalError, match="read-only"):
        SqliteJournal(path, threaded=threaded)


# -- one writer, one account


def test_second_writer_is_refused_with_the_process_that_holds_the_file(journal, path, threaded):
    with pytest.raises(JournalError, match="another process") as caught:
        SqliteJournal(path, threaded=threaded)

    assert str(path) in str(caught.value)
    assert f"process {os.getpid()}" in str(caught.value)


def test_next_writer_may_open_after_the_first_closed(journal, path, threaded):
    journal.close()

    SqliteJournal(path, threaded=threaded).close()


def test_writer_is_found_through_a_link_as_well(journal, path, tmp_path, threaded):
    link = tmp_path / "link.db"
    link.symlink_to(path)

    with pytest.raises(JournalError, match="another process"):
        SqliteJournal(link, threaded=threaded)


def test_same_account_may_come_back_and_another_may_not(path, threaded):
    with SqliteJournal(path, threaded=threaded, account="alice") as journal:
        journal.ensure_same_account("testnet")
        journal.ensure_same_account("testnet")

    with SqliteJournal(path, threaded=threaded, account="bob") as journal:
        with pytest.raises(JournalError, match="another account") as caught:
            journal.ensure_same_account("testnet")
        assert "testnet, account alice" in str(caught.value)
        with pytest.raises(JournalError, match="another account"):
            journal.ensure_same_account("live", "alice")
        journal.ensure_same_account("testnet", "alice")


async def test_journal_with_paper_runs_is_not_taken_for_live(journal):
    await journal.commit(EVERY_KIND[0])

    with pytest.raises(JournalError, match="another account"):
        journal.ensure_same_account("live")


# -- threads


async def test_event_loop_runs_on_while_a_threaded_commit_waits_for_the_disk(path):
    async with SqliteJournal(path, threaded=True) as journal:
        with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            commit = asyncio.create_task(journal.commit(a_decision()))
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not commit.done()
            blocker.execute("ROLLBACK")
        await commit

    assert on_disk(path) == [a_decision()]


async def test_cancelled_commit_is_written_all_the_same(path):
    async with SqliteJournal(path, threaded=True) as journal:
        commit = asyncio.create_task(journal.commit(a_decision()))
        await asyncio.sleep(0)
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit

    assert on_disk(path) == [a_decision()]
