"""A paper run that is killed at any moment and resumed ends with the trades of one that was not.

Real processes and a real SIGKILL. COINTRADER_KILLS says how many moments are tried.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun

KILLS = int(os.environ.get("COINTRADER_KILLS", "2"))
RUN = (
    *("--seed", "3", "--to", "2026-01-07", "--journal", "run.db", "--trades", "trades.csv"),
    *("--trailing-stop-pct", "0.006", "--atr-tp-mult", "6"),  # stops that move, trades that last
)


class Paper:
    """`cointrader paper` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.Popen(
            [sys.executable, "-m", "cointrader", "paper", "--quiet", *arguments],
            cwd=self.folder,
            env={**keep, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()

    def go_on(self) -> subprocess.Popen[bytes]:
        """As its owner would: resume, or start anew where nothing had begun yet."""
        path = self.folder / "run.db"
        if has_begun(path):
            with JournalReader(path) as reader:
                if reader.exchange_state() is not None:
                    return self.start("--resume", "run.db", "--trades", "trades.csv")
            path.unlink()
        return self.start(*RUN)

    @property
    def result(self) -> tuple[bytes, list[object]]:
        """Trades as written out, and what the journal says of halts and of the account."""
        with JournalReader(self.folder / "run.db") as reader:
            equity = [(mark.at_ms, mark.wallet, mark.equity) for mark in reader.equity()]
            # Bots of one bar write in no particular order.
            decisions = sorted(reader.decisions(), key=lambda it: (it.bar_open_ms, it.symbol))
        return (self.folder / "trades.csv").read_bytes(), [equity, decisions]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, its result, and how long it took."""
    paper = Paper(tmp_path_factory.mktemp("whole") / "run")
    began = time.monotonic()
    paper.finish(paper.start(*RUN))
    return paper.result, time.monotonic() - began


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_at_a_random_moment_and_resumed_it_ends_alike(whole, tmp_path, number):
    expected, lasted_s = whole
    paper = Paper(tmp_path / "run")
    moment_s = random.Random(number).uniform(0.2, 1.0) * lasted_s

    process = paper.start(*RUN)
    time.sleep(moment_s)
    process.kill()
    _, _ = process.communicate()
    if process.returncode == -signal.SIGKILL:  # else it was faster than this time
        paper.finish(paper.go_on())

    assert paper.result == expected


def test_killed_again_and_again_it_ends_alike(whole, tmp_path):
    expected, lasted_s = whole
    paper = Paper(tmp_path / "run")
    chance = random.Random(7)
    process = paper.start(*RUN)
    for _ in range(5):
        try:
            process.communicate(timeout=chance.uniform(0.5, 0.9) * lasted_s)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            process = paper.go_on()
    paper.finish(process)

    assert paper.result == expected


@pytest.mark.parametrize("polite", [signal.SIGINT, signal.SIGTERM], ids=lambda it: it.name)
def test_interrupted_politely_and_resumed_it_ends_alike(whole, tmp_path, polite):
    expected, _ = whole
    paper = Paper(tmp_path / "run")
    process = paper.start(*RUN)
    while not has_begun(tmp_path / "run" / "run.db"):  # before that nobody listens yet
        time.sleep(0.001)  # well before the end, however quick the machine
    process.send_signal(polite)
    process.communicate(timeout=60)
    if process.returncode:  # else it was faster
        assert process.returncode == 130
        paper.finish(paper.go_on())

    assert paper.result == expected
