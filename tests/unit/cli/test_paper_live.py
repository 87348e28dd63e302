"""`cointrader paper --market live` as a person types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cointrader.cli.main import main
from cointrader.journal.reader import JournalReader

SOURCE = Path(__file__).parents[3] / "src"
NOBODY = "http://127.0.0.1:9"
SYMBOLS = ("--symbols", "XRPUSDT", "--correlation-symbols", "off", "--interval", "5m")
PACE = "60"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        (["--from", "2025-01-01"], "--from"),
        (["--to", "2025-01-01"], "--to"),
        (["--speed", "60"], "--speed"),
        (["--seed", "2"], "--seed"),
        (["--planted-edge", "0.2"], "--planted-edge"),
        (["--data", "."], "--data"),
        (["--wire"], "--wire"),
    ],
)
def test_options_of_other_markets_are_refused(typed, named, capsys, folder):
    assert main(["paper", "--market", "live", *typed]) == 2

    told = capsys.readouterr().err
    assert "the live market has its own candles, time and pace" in told
    assert f"where: {named}\n" in told
    assert not list(folder.iterdir())


def test_address_without_the_live_market_is_refused(capsys):
    assert main(["paper", "--market-url", NOBODY]) == 2

    assert "add --market live" in capsys.readouterr().err


def test_address_that_is_none_is_refused(capsys, folder):
    assert main(["paper", "--market", "live", "--market-url", "nonsense"]) == 2

    assert "this is no address of a server" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_market_that_cannot_be_reached_is_told_and_nothing_is_made(capsys, folder):
    assert main(["paper", "--market", "live", "--market-url", NOBODY]) == 1

    assert "cannot be reached" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_second_run_in_the_usual_journal_is_told_to_resume_the_first(capsys, folder):
    (folder / "journals").mkdir()
    assert main(["paper", "--to", "2026-01-02", "--journal", "journals/paper-live.db"]) == 0

    assert main(["paper", "--market", "live"]) == 2

    assert "paper --resume journals/paper-live.db" in capsys.readouterr().err


def a_process(*arguments: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    return subprocess.Popen(
        [sys.executable, "-m", "cointrader", *arguments],
        env=environment | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_run_in_a_process_of_its_own_is_stopped_by_ctrl_c_and_goes_on(folder):
    market = a_process("exchange", "--pace", PACE, *SYMBOLS[:2], *SYMBOLS[4:])
    try:
        assert market.stdout is not None
        url = json.loads(market.stdout.readline())["rest"]
        first = ["--market", "live", "--market-url", url, "--signal-threshold", "1", *SYMBOLS]
        codes, told = zip(
            *(_interrupted(folder, each) for each in (first, ["--resume", "--quiet"])), strict=True
        )
    finally:
        market.terminate()
        market.communicate(timeout=20)

    assert codes == (130, 130)
    assert f"Stopped: the market at {url}" in told[0]
    assert "cointrader paper --resume journals/paper-live.db" in told[0]
    with JournalReader(folder / "journals" / "paper-live.db") as reader:
        bars = [decision.bar_open_ms for decision in reader.decisions()]
        assert len(list(reader.runs())) == 2
    assert len(bars) >= 2
    assert bars == list(range(bars[0], bars[-1] + 1, 300_000))  # none twice, none left out


def _interrupted(folder: Path, arguments: list[str]) -> tuple[int, str]:
    """Let it decide some bars, then press Ctrl-C; its exit code and what it said on stdout."""
    paper = a_process("paper", *arguments)
    before = _decisions(folder)
    deadline = time.monotonic() + 60
    while _decisions(folder) <= before and paper.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    paper.send_signal(signal.SIGINT)
    said, _ = paper.communicate(timeout=30)
    return paper.returncode, said


def _decisions(folder: Path) -> int:
    path = folder / "journals" / "paper-live.db"
    if not path.exists():
        return 0
    try:
        with JournalReader(path) as reader:
            return len(list(reader.decisions()))
    except Exception:
        return 0  # it is being made
