"""A real paper process, commanded and followed from Telegram; its server is a stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from cointrader.domain.errors import CointraderError
from cointrader.journal.reader import JournalReader
from cointrader.ops.control import NotRunning, ask
from tests.unit.ops.bot_api import OWNER, STRANGER, TOKEN, serving

pytestmark = pytest.mark.slow

PACE = "600"  # a bar takes 1.5 s


def environment(folder, **settings):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": ":".join(sys.path), "COINTRADER_DEBUG": "1",
            "LOG_LEVEL": "debug", **settings}  # fmt: skip


@contextmanager
def paper(folder, *options, **settings):
    """`cointrader paper` in `folder`, until the block ends; yields its journal."""
    journal = folder / "paper.db"
    command = [sys.executable, "-m", "cointrader", "paper", "--no-dashboard", "--speed", PACE,
               "--symbols", "XRPUSDT,TRXUSDT", "--journal", str(journal), *options]  # fmt: skip
    with (folder / "said.txt").open("ab") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(folder, **settings), stdout=said, stderr=said
        )
        try:
            wait_until_it_listens(journal, process, folder)
            yield journal
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(120)
            finally:
                process.kill()
                process.wait()


def wait_until_it_listens(journal, process, folder):
    until = time.monotonic() + 120
    while True:
        try:
            ask(journal, "state", timeout_s=10)
        except (NotRunning, CointraderError):
            said = (folder / "said.txt").read_text(errors="replace")
            assert process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.2)
        else:
            return


def status(folder, journal):
    command = [sys.executable, "-m", "cointrader", "status", "--journal", str(journal), "--json"]
    shown = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    return json.loads(shown.stdout)


def until(is_so, seconds=60):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_paper_run_is_paused_asked_and_resumed_from_telegram_and_nobody_else_can(tmp_path):
    settings = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_CHAT_IDS": str(OWNER)}
    with serving() as api, paper(tmp_path, TELEGRAM_URL=api.url, **settings) as journal:
        api.write("/resume", STRANGER)
        api.write("/pause")
        api.wait_for_text("entries are paused", seconds=60)
        until(lambda: status(tmp_path, journal)["account"]["is_paused"])
        api.write("/status")
        api.wait_for_text("entries are PAUSED", seconds=60)
        api.write("/pnl")
        assert "closed trades today" in api.wait_for_text("equity", seconds=60)
        api.write("/flatten")
        asked = api.wait_for_text("Close EVERYTHING", seconds=60)
        api.write(asked[asked.index("/yes") :])
        api.wait_for_text("entries are paused until", seconds=60)
        health = ask(journal, "health").values
        metrics = ask(journal, "metrics").values["text"]
        api.write("/resume")
        api.wait_for_text("entries are allowed again", seconds=60)
        until(lambda: not status(tmp_path, journal)["account"]["is_paused"])
        # The stranger's try came through the journal, as an alert, and out again.
        api.wait_for_text(f"somebody in Telegram chat {STRANGER}", seconds=60)

    assert api.texts(STRANGER) == []
    with JournalReader(journal) as reader:
        alerts = [alert.text for alert in reader.alerts()]
    assert any(text.startswith(f"pause, asked for by Telegram chat {OWNER}") for text in alerts)
    assert sum(text.startswith("flatten, asked for by Telegram") for text in alerts) == 1
    assert health["mode"] == "paper"
    assert [bot["symbol"] for bot in health["bots"]] == ["XRPUSDT", "TRXUSDT"]
    assert health["is_paused"] is True
    assert health["journal"]["path"] == str(journal)
    assert [channel["name"] for channel in health["channels"]] == [
        "telegram",
        "telegram-commands",
    ]
    assert "cointrader_channel_silent_seconds" in metrics
    assert "cointrader_paused 1.0" in metrics
    secret = TOKEN.split(":")[1]
    for kept in [*tmp_path.iterdir()]:
        if kept.is_file():
            assert secret.encode() not in kept.read_bytes(), kept
    assert secret not in json.dumps(health) + metrics
