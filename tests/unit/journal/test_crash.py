"""SIGKILL at any moment: what commit returned for is there, and nothing is there by halves."""

import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal

WRITER = """
import asyncio, sys
from cointrader.domain.records import Alert
from cointrader.journal.sqlite import SqliteJournal

async def main(path, threaded, start):
    async with SqliteJournal(path, threaded=threaded) as journal:
        for number in range(start, 10**9):
            journal.note(Alert(number, "info", "", "one"))
            await journal.commit(Alert(number, "info", "", "two"), Alert(number, "info", "", "3"))
            sys.stdout.write(f"{number}\\n")
            sys.stdout.flush()

asyncio.run(main(sys.argv[1], sys.argv[2] == "threaded", int(sys.argv[3])))
"""


def killed_after(seconds: float, *arguments: str) -> int:
    """Run the writer, kill it, return the last number it was told is on disk."""
    command = [sys.executable, "-c", WRITER, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)
        told = [first, *writer.stdout]
    return int([line for line in told if line.endswith("\n")][-1])


@pytest.mark.parametrize("mode", ["inline", "threaded"])
def test_killed_writer_loses_nothing_it_was_told_is_on_disk(tmp_path, mode, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    path = tmp_path / "journal.db"
    last = -1
    for seconds in (0.0, 0.01, 0.05, 0.1):
        last = killed_after(seconds, str(path), mode, str(last + 1))
        with JournalReader(path) as reader:
            written = Counter(alert.at_ms for alert in reader.alerts())
        assert set(range(last + 1)) <= set(written)
        assert set(written.values()) == {3}, "a commit is there whole or not at all"
        last = max(written)

    with SqliteJournal(path, threaded=False) as journal:  # sound, and the lock died with its owner
        assert journal.risk_state() is None
