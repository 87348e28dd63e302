"""A dashboard beside the bots: a process of its own, which ends with theirs and harms nobody."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager

import pytest

from cointrader.app.dashboard.child import ChildPlan, DashboardChild, Up
from cointrader.journal.reader import JournalReader

pytestmark = pytest.mark.slow
TOKEN = "a-token-of-some-length"
PATIENCE_S = 60.0


class Heard:
    """What a child said of itself."""

    def __init__(self) -> None:
        self.up: Up | None = None
        self.why = ""
        self.told = threading.Event()
        self.failed = threading.Event()

    def on_up(self, up: Up) -> None:
        self.up = up
        self.told.set()

    def on_failure(self, why: str) -> None:
        self.why = why
        self.failed.set()


@contextmanager
def a_child(folder, **changes):
    heard = Heard()
    plan = ChildPlan(**({"journal": folder / "live.db", "host": "127.0.0.1", "port": 0,
                         "token": TOKEN} | changes))  # fmt: skip
    with DashboardChild(plan, heard.on_up, heard.on_failure) as child:
        yield heard, child


def is_up(url):
    try:
        with urllib.request.urlopen(f"{url}healthz", timeout=5) as answer:
            return json.load(answer) == {"status": "ok"}
    except OSError:
        return False


def wait_until_down(url):
    until_s = time.monotonic() + PATIENCE_S
    while is_up(url):
        assert time.monotonic() < until_s, "it is still up"
        time.sleep(0.1)


def test_it_serves_inside_the_block_and_is_gone_after_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with a_child(tmp_path, port=port) as (heard, child):
            assert heard.told.wait(PATIENCE_S)
            assert heard.up is not None
            url = heard.up.url
            assert f":{port}/" not in url  # a taken port gives way to the next
            assert is_up(url)
            assert heard.up.login(TOKEN) == f"{url}#token={TOKEN}"
            assert TOKEN not in " ".join(child._process.args)  # which everybody here could read

    assert not is_up(url)
    assert not heard.failed.is_set()


def test_it_ends_when_its_parent_is_killed(tmp_path):
    text = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from cointrader.app.dashboard.child import ChildPlan, DashboardChild\n"
        f"plan = ChildPlan(Path({str(tmp_path / 'live.db')!r}), '127.0.0.1', 0, token={TOKEN!r})\n"
        "with DashboardChild(plan, lambda up: print(up.url, flush=True), print):\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", text],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert is_up(url)
        parent.kill()
        parent.wait()

    wait_until_down(url)


def test_its_death_is_told_and_no_more(tmp_path):
    with a_child(tmp_path) as (heard, child):
        assert heard.told.wait(PATIENCE_S)
        os.kill(child._process.pid, signal.SIGKILL)
        assert heard.failed.wait(PATIENCE_S)

    assert heard.why == f"it ended with exit code {-signal.SIGKILL}"


def test_why_it_cannot_begin_is_told(tmp_path):
    with a_child(tmp_path, host="192.0.2.1") as (heard, _child):
        assert heard.failed.wait(PATIENCE_S)

    assert heard.up is None
    assert "cannot listen" in heard.why


def paper(folder, *more):
    return subprocess.Popen(
        [sys.executable, "-m", "cointrader", "paper", "--quiet", "--to", "2026-01-03", *more],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", ""), "DASHBOARD_TOKEN": TOKEN,
             "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def test_paper_without_a_terminal_has_none_unless_it_is_asked_for(tmp_path):
    with paper(tmp_path) as process:
        out, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
    assert "dashboard" not in out + err
    assert not list(tmp_path.rglob("*.token"))


def test_a_running_paper_run_is_paused_by_its_dashboard_and_both_end_together(tmp_path):
    run = paper(tmp_path, "--speed", "900", "--dashboard", "--dashboard-port", "0",
                "--journal", "paper.db")  # fmt: skip
    with run:
        assert run.stderr is not None
        line = next(text for text in run.stderr if text.startswith("dashboard: "))
        url = line.split()[1]
        request = urllib.request.Request(
            f"{url}api/v1/control/pause",
            data=b'{"confirm": "pause"}',
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            done = json.load(answer)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=PATIENCE_S)

    assert done["is_done"]
    assert done["lines"] == ["entries are paused; open positions are managed as ever"]
    assert run.returncode == 130
    assert TOKEN not in line + out + err
    with JournalReader(tmp_path / "paper.db") as reader:
        asked = [alert.text for alert in reader.alerts() if alert.text.startswith("pause, asked")]
    assert len(asked) == 1
    wait_until_down(url)
