"""A journal by checkpoints: what follows the last one is as if it had never been written."""

import os
import signal
import subprocess
import sys

import pytest

from cointrader.domain.records import BotState, ExchangeState, Record
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from tests.unit.journal.examples import EVERY_KIND, T0, a_decision, a_fill, an_intent


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


def decided(path):
    with JournalReader(path) as reader:
        return list(reader.decisions())


async def test_commit_is_not_on_disk_before_the_next_checkpoint(path):
    with SqliteJournal(path, threaded=False, by_checkpoints=True) as journal:
        await journal.commit(a_decision())
        assert decided(path) == []

        journal.checkpoint(ExchangeState(T0, {"resume_ms": T0}))

        assert decided(path) == [a_decision()]


async def test_what_was_committed_can_be_read_back_at_once_by_its_writer(path):
    with SqliteJournal(path, threaded=False, by_checkpoints=True) as journal:
        await journal.commit(an_intent("ct-XRPUSDT-1-e0"))

        assert journal.intent("ct-XRPUSDT-1-e0") == an_intent("ct-XRPUSDT-1-e0")


async def test_close_forgets_what_no_checkpoint_has_confirmed(path):
    with SqliteJournal(path, threaded=False, by_checkpoints=True) as journal:
        await journal.commit(a_decision())
        journal.checkpoint()
        await journal.commit(a_decision("TRXUSDT"))
        journal.note(a_decision("DOGEUSDT"))

    assert decided(path) == [a_decision()]


def test_killed_process_leaves_the_journal_as_of_its_last_checkpoint(path):
    script = """
import asyncio, os, signal, sys
from cointrader.journal.sqlite import SqliteJournal
from tests.unit.journal.examples import a_decision, a_fill

async def main():
    journal = SqliteJournal(sys.argv[1], threaded=False, by_checkpoints=True)
    await journal.commit(a_decision())
    journal.checkpoint()
    for number in range(20_000):  # more than the page cache holds: part of it reaches the file
        await journal.commit(a_fill(number))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL

    with SqliteJournal(path, threaded=False) as journal:
        journal.note(a_fill(1))
    with JournalReader(path) as reader:
        assert list(reader.decisions()) == [a_decision()]
        assert list(reader.fills()) == [a_fill(1)]


async def test_listeners_hear_every_record_in_order_of_writing(path):
    heard: list[Record] = []
    with SqliteJournal(path, threaded=False, listeners=[heard.append]) as journal:
        journal.note(EVERY_KIND[1])
        await journal.commit(EVERY_KIND[2], EVERY_KIND[3])
        journal.note(EVERY_KIND[4])

    assert heard == list(EVERY_KIND[1:5])


async def test_last_state_of_each_bot_counts(path):
    with SqliteJournal(path, threaded=False) as journal:
        await journal.commit(
            BotState(T0, "XRPUSDT", "running"),
            BotState(T0, "TRXUSDT", "running"),
            BotState(T0 + 1, "XRPUSDT", "quarantined", "it kept crashing"),
        )

    with JournalReader(path) as reader:
        assert reader.bot_states() == {
            "TRXUSDT": BotState(T0, "TRXUSDT", "running"),
            "XRPUSDT": BotState(T0 + 1, "XRPUSDT", "quarantined", "it kept crashing"),
        }


async def test_last_exchange_state_counts(path):
    with SqliteJournal(path, threaded=False, by_checkpoints=True) as journal:
        journal.checkpoint(ExchangeState(T0, {"resume_ms": 1}))
        journal.checkpoint(ExchangeState(T0 + 1, {"resume_ms": 2}))

    with JournalReader(path) as reader:
        assert reader.exchange_state() == ExchangeState(T0 + 1, {"resume_ms": 2})
