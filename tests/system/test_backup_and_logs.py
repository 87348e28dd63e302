"""Real processes: a run that is backed up while it trades, and logs that keep quiet about keys."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cointrader.cli.main import main
from cointrader.domain.errors import JournalError
from cointrader.journal.reader import JournalReader

pytestmark = pytest.mark.slow
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
MARKET = ("--symbols", "XRPUSDT,TRXUSDT", "--interval", "5m")


@pytest.fixture
def start(tmp_path):
    """Start `cointrader` in a folder of its own; all of them end with the test."""
    running: list[subprocess.Popen[str]] = []

    def started(*arguments: str, **more: str) -> subprocess.Popen[str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        process = subprocess.Popen(
            [sys.executable, "-m", "cointrader", *arguments],
            cwd=tmp_path,
            env={
                **keep,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "XDG_STATE_HOME": str(tmp_path / "state"),
                **more,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def does(tmp_path, monkeypatch, capsys):
    """A command of another process than those that were started: of this one."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - {"PATH", "HOME", "PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)

    def done(*arguments: str, **more: str) -> tuple[int, str]:
        capsys.readouterr()
        with monkeypatch.context() as patched:
            for name, value in more.items():
                patched.setenv(name, value)
            code = main(list(arguments))
        out, err = capsys.readouterr()
        return code, out + err

    return done


def until(is_so, what: str, process, within_s: float = 120) -> None:
    end = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > end or process.poll() is not None:
            process.kill()
            print(*process.communicate())
            pytest.fail(f"{what}: not within {within_s} s")
        time.sleep(0.1)


def fills_in(journal: Path) -> int:
    try:
        with JournalReader(journal) as reader:
            return sum(1 for _ in reader.fills())
    except JournalError:
        return 0


def has_begun_to_trade(journal: Path) -> bool:
    """By then it has asked with signatures, and listens with a listen key."""
    try:
        with JournalReader(journal) as reader:
            return reader.last_run() is not None
    except JournalError:
        return False


def test_a_running_paper_process_is_backed_up_and_goes_on_from_the_backup(start, does, tmp_path):
    journal = tmp_path / "journals" / "paper-live.db"
    run = start(
        "paper", *MARKET, "--journal", "journals/paper-live.db", "--quiet", "--speed", "3000",
        "--no-dashboard", "--to", "2026-01-04", "--signal-threshold", "1", "--vol-multiplier", "0",
    )  # fmt: skip
    until(lambda: fills_in(journal) > 4, "trades", run)

    code, said = does("backup", "--out", "b.tar.gz")
    assert code == 0, said
    assert run.poll() is None  # it trades on
    code, said = does("restore", "b.tar.gz")
    assert code == 1
    assert "another process writes" in said

    code, said = does("restore", "b.tar.gz", "--into", "elsewhere")
    assert code == 0, said
    copy = tmp_path / "elsewhere" / "journals" / "paper-live.db"
    kept = fills_in(copy)
    assert kept > 4
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert fills_in(journal) >= kept

    code, said = does("paper", "--resume", str(copy), "--quiet", "--speed", "max")
    assert code == 0, said
    code, told = does("paper", "--resume", "journals/paper-live.db", "--quiet")
    assert code == 0, told
    assert trades_of(copy) == trades_of(journal)  # the same run, from two moments of it


def trades_of(journal: Path) -> list[str]:
    with JournalReader(journal) as reader:
        return [f"{t.trade.symbol} {t.trade.exit_time_ms} {t.trade.net}" for t in reader.trades()]


def test_at_debug_level_no_key_signature_or_listen_key_is_logged_anywhere(start, does, tmp_path):
    exchange = start(
        "exchange", *MARKET, "--pace", "real", "--key", KEY, "--secret", SECRET,
        "--log-level", "debug", "--log-file", "exchange.log",
    )  # fmt: skip
    assert exchange.stdout is not None
    at = json.loads(exchange.stdout.readline())["rest"]
    secrets = {"BINANCE_API_KEY": KEY, "BINANCE_API_SECRET": SECRET}
    run = start(
        "run", "--exchange", at, "--no-dashboard", *MARKET, "--no-ml-filter",
        "--signal-threshold", "1", "--vol-multiplier", "0",
        "--log-level", "debug", "--log-file", "bot.log", "--log-format", "json", **secrets,
    )  # fmt: skip
    until(lambda: has_begun_to_trade(tmp_path / "journals" / "rehearsal.db"), "trading", run)
    code, said = does("support-bundle", "--out", "b.zip", **secrets, LOG_FILE="bot.log")
    assert code == 0, said
    code, said = does("backup", "--out", "b.tar.gz", **secrets)
    assert code == 0, said
    run.send_signal(signal.SIGTERM)
    out, err = run.communicate(timeout=60)
    exchange.send_signal(signal.SIGTERM)
    _, exchange_err = exchange.communicate(timeout=60)

    logged = (tmp_path / "bot.log").read_text()
    assert '"level": "debug"' in logged  # so debug was on
    everything = {
        "stdout": out, "stderr": err, "log": logged, "exchange's stderr": exchange_err,
        "exchange's log": (tmp_path / "exchange.log").read_text(),
        "backup": gzip.decompress((tmp_path / "b.tar.gz").read_bytes()).decode("latin-1"),
    }  # fmt: skip
    for place, text in everything.items():
        assert KEY not in text, place
        assert SECRET not in text, place
        assert re.search(r"signature=(?!\*\*\*)[0-9a-fA-F]{8,}", text) is None, place
        assert re.search(r"listenKey\W{1,5}(?!\*\*\*)[A-Za-z0-9]{16,}", text) is None, place
