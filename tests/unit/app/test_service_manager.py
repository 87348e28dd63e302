"""The word to systemd, heard on a real socket."""

import asyncio
import os
import socket
import time

import pytest

from cointrader.app.health_check import health_of, main
from cointrader.app.service_manager import alive_to_manager, tell_manager, watchdog_s
from cointrader.journal.sqlite import SqliteJournal
from cointrader.ops.control import Answer, listening


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A service manager's socket, and what it has heard so far."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(address)
        line.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", address)

        def heard():
            words = []
            while True:
                try:
                    words += line.recv(4096).decode().splitlines()
                except BlockingIOError:
                    return words

        yield heard


def test_a_word_reaches_the_manager(manager):
    assert tell_manager("READY=1", "STATUS=trading")
    assert manager() == ["READY=1", "STATUS=trading"]


@pytest.mark.parametrize("address", ["", "nonsense", "/nowhere/at/all", "@nobody-listens-here"])
def test_where_nobody_listens_nothing_happens(address):
    assert tell_manager("READY=1", environ={"NOTIFY_SOCKET": address}) is False


def test_a_name_without_a_file_is_reached_too():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0cointrader-test-{os.getpid()}")

        assert tell_manager("READY=1", environ={"NOTIFY_SOCKET": f"@cointrader-test-{os.getpid()}"})
        assert line.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_a_process_may_be_silent(environ, seconds):
    assert watchdog_s(environ) == seconds


async def test_a_loop_that_turns_gives_signs_of_life_and_a_word_at_the_end(manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "200000")

    with alive_to_manager():
        await asyncio.sleep(0.3)

    words = manager()
    assert words.count("WATCHDOG=1") >= 2
    assert words[-1] == "STOPPING=1"


async def test_a_loop_that_hangs_gives_none(manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "60000")

    with alive_to_manager():
        await asyncio.sleep(0.05)
        manager()
        time.sleep(0.3)

        assert manager() == []


# ---------------------------------------------------------------------- health of a container


async def answered(_command):
    return Answer(True, ("all is well",))


async def test_a_process_that_holds_its_journal_and_answers_is_well(tmp_path):
    path = tmp_path / "journals" / "live.db"
    with SqliteJournal(path, threaded=False):
        async with listening(path, answered):
            is_well, why = await asyncio.to_thread(health_of, path)

    assert is_well
    assert "all is well" in why


async def test_a_process_whose_loop_hangs_is_not_well(tmp_path):
    path = tmp_path / "live.db"

    async def hanging(_command):
        await asyncio.sleep(60)
        return Answer(True, ())

    with SqliteJournal(path, threaded=False):
        async with listening(path, hanging):
            is_well, why = await asyncio.to_thread(health_of, path, timeout_s=0.2)

    assert not is_well
    assert "does not answer" in why


def test_a_paper_run_at_full_speed_is_well_while_it_holds_its_journal(tmp_path):
    with SqliteJournal(tmp_path / "live.db", threaded=False):
        assert health_of(tmp_path / "live.db")[0]
    assert not health_of(tmp_path / "live.db")[0]


def test_health_is_an_exit_code_and_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    with SqliteJournal(tmp_path / "journals" / "live.db", threaded=False):
        assert main([]) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first == "there is no journal yet"
    assert f"process {os.getpid()} writes" in second
