"""Real processes: an exchange, bots on it, a guard beside them, and a person who gives commands."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from cointrader.domain.clock import SystemClock
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at

pytestmark = pytest.mark.slow
XRP, TRX = "XRPUSDT", "TRXUSDT"
MARKET = ("--symbols", f"{XRP},{TRX}", "--interval", "5m")
# Trades on nearly every bar: the first signal of this market is at the close of its first bar.
EAGER = (*MARKET, "--no-ml-filter", "--signal-threshold", "1", "--vol-multiplier", "0")
# As a script starts what has an & behind it: Ctrl-C is nothing to it.
DEAF = ("/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh")


class World:
    """A folder, an exchange whose time goes `pace` times as fast, and whoever is started there."""

    def __init__(self, folder: Path, pace: int) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []
        self.exchange = self.start(
            "exchange", *MARKET, "--pace", str(pace), "--key", "k", "--secret", "s"
        )
        assert self.exchange.stdout is not None
        self.at = json.loads(self.exchange.stdout.readline())

    def start(
        self, *arguments: str, state: str = "state", in_background: bool = False
    ) -> subprocess.Popen[str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        before = DEAF if in_background else ()
        after = ("--no-dashboard",) if arguments[0] in ("paper", "run") else ()
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "cointrader", *arguments, *after],
            cwd=self.folder,
            env={
                **keep,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "BINANCE_API_KEY": "k",
                "BINANCE_API_SECRET": "s",
                "XDG_STATE_HOME": str(self.folder / state),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def does(self, *arguments: str, state: str = "state") -> tuple[int, str]:
        """Run a command to its end: its exit code and all that it said."""
        process = self.start(*arguments, state=state)
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    def ends(self, process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal and wait for the end."""
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        return process.returncode, out + err

    def control(self, name: str, **parameters: object) -> dict[str, object]:
        data = json.dumps(parameters).encode() if parameters else None
        with urllib.request.urlopen(f"{self.at['control']}/{name}", data=data, timeout=5) as answer:
            found = json.load(answer)
        assert isinstance(found, dict)
        return found

    def positions(self) -> list[str]:
        held = self.control("state")["positions"]
        assert isinstance(held, dict)
        return sorted(held)

    def orders(self, symbol: str) -> list[str]:
        """Client ids of what may still execute."""

        async def asked() -> list[str]:
            api = BinanceApi.at(endpoints_at(self.at["rest"]), SystemClock(), Credentials("k", "s"))
            exchange = BinanceExchange(
                api, SystemClock(), interval="5m", account_events=lambda _: pytest.fail("no stream")
            )
            try:
                return [order.client_order_id for order in await exchange.open_orders(symbol)]
            finally:
                await api.close()

        return asyncio.run(asked())

    def until(self, is_so, what: str, within_s: float = 25) -> None:
        end = time.monotonic() + within_s
        while not is_so():
            if time.monotonic() > end:
                pytest.fail(f"{what}: not within {within_s} s\n{self.said()}")
            time.sleep(0.1)

    def said(self) -> str:
        """What everybody wrote; ends them all."""
        for process in self.running:
            process.kill()
        return "\n".join("".join(process.communicate()) for process in self.running)


@pytest.fixture
def world(tmp_path):
    """Make a world; everybody in it ends with the test."""
    made: list[World] = []

    def make(pace):
        made.append(World(tmp_path, pace))
        return made[-1]

    yield make
    for each in made:
        each.said()


def test_a_run_trades_refuses_a_second_one_keeps_its_stops_and_closes_on_demand(world):
    here = world(20)
    at = ("--exchange", here.at["rest"])
    run = here.start("run", *at, *EAGER, in_background=True)

    def is_protected():
        held = here.positions()
        return held and len([o for o in here.orders(held[0]) if o.startswith("ct-")]) == 2

    here.until(is_protected, "a position with stop and target")

    code, said = here.does("run", *at, *EAGER, "--journal", "journals/other.db")
    assert (code, "another process trades this account" in said) == (1, True)
    code, said = here.does("run", *at, *EAGER, "--journal", "else.db", state="another machine")
    assert (code, "this journal does not know: ct-" in said) == (4, True)

    code, said = here.ends(run)
    assert code == 130, said
    assert "what is open keeps its stop" in said
    held = here.positions()
    assert all(here.orders(symbol) for symbol in held)

    again = here.start("run", *at, *EAGER)
    here.until(lambda: here.does("flatten")[0] == 0, "flatten")
    assert here.positions() == []
    # A stop that was late on a busy machine leaves a probe order, which is cancelled once seen.
    here.until(lambda: here.orders(XRP) + here.orders(TRX) == [], "no order left")
    code, said = here.does("status")
    assert "started 2 times; RUNNING" in said
    assert "PAUSED" in said
    code, said = here.ends(again, signal.SIGINT)
    assert (code, "Traceback" in said) == (130, False), said


def test_a_guard_puts_a_stop_behind_a_position_that_has_none(world):
    here = world(20)
    here.control("faults", spec="siblings-stay")
    guard = here.start(
        *("guard", "--exchange", here.at["rest"], "--every", "2s", "--grace", "5s"),
        in_background=True,
    )
    here.control("order", symbol=XRP, side="BUY", type="MARKET", quantity="100")

    here.until(lambda: [o[:4] for o in here.orders(XRP)] == ["ctg-"], "the guard's stop")

    here.control("order", symbol=XRP, side="SELL", type="MARKET", quantity="100")
    here.until(lambda: here.orders(XRP) == [], "the guard's stop gone with the position")
    code, said = here.ends(guard)
    assert code == 130
    assert "CRITICAL XRPUSDT: XRPUSDT LONG 100 had no stop for" in said
    assert "nobody watches the positions" in said


def test_without_a_process_flatten_closes_by_itself(world):
    here = world(20)
    here.control("order", symbol=XRP, side="BUY", type="MARKET", quantity="100")
    assert here.does("flatten", "--journal", "live.db")[0] == 1

    code, said = here.does("flatten", "--exchange", here.at["rest"], "--symbols", XRP)

    assert (code, "XRPUSDT: closed 100 at market" in said) == (0, True), said
    assert here.positions() == []
    code, said = here.does("preflight", "--exchange", here.at["rest"], *EAGER)
    assert (code, "ready to trade" in said) == (0, True), said


def test_a_paper_run_at_a_persons_pace_takes_commands(world):
    here = world(20)
    paper = here.start("paper", "--speed", "60", "--journal", "paper.db", *EAGER)
    here.until((here.folder / "paper.db.sock").exists, "its socket")

    assert here.does("pause", "--journal", "paper.db")[0] == 0
    here.until(  # which is on disk with the next checkpoint
        lambda: "PAUSED" in here.does("status", "--journal", "paper.db")[1], "the pause"
    )

    assert here.ends(paper)[0] == 130
    assert not (here.folder / "paper.db.sock").exists()


def test_what_a_person_said_outlives_a_paper_run_that_is_killed_in_the_same_bar(world):
    here = world(20)
    socket = here.folder / "paper.db.sock"
    paper = here.start("paper", "--speed", "1", "--journal", "paper.db", *EAGER)
    here.until(socket.exists, "its socket")
    assert here.does("pause", "--journal", "paper.db")[0] == 0
    here.until(  # long before the bar is over, which takes a quarter of an hour
        lambda: "PAUSED" in here.does("status", "--journal", "paper.db")[1], "the pause"
    )
    paper.kill()
    paper.communicate()

    socket.unlink(missing_ok=True)
    again = here.start("paper", "--speed", "1", "--resume", "paper.db")
    here.until(socket.exists, "its socket again")
    assert "PAUSED" in here.does("status", "--journal", "paper.db")[1]
    assert here.ends(again)[0] == 130
