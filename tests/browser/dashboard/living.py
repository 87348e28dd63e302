"""A paper run with a past that goes on, its dashboard, and a browser's view of it. All are real."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cointrader.domain.errors import CointraderError
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from cointrader.ops.control import ask
from tests.unit.model.making import constant, published

TOKEN = "a-token-of-the-browser-tests-0123456789"
SYMBOLS = ("XRPUSDT", "TRXUSDT", "DOGEUSDT")
FILTERED, PROBABILITY = "TRXUSDT", 0.62  # the symbol with a model, which likes every signal
PAGES = ("overview", "symbol", "decisions", "trades", "models", "health")
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"

_TRADES = 8  # of the past, at least
_FAST, _SLOW = "36000", "450"  # a 15-minute bar every 25 ms, and every two seconds
_BAR_MS = 900_000
_FRESH = 3  # bars since the entry of a position that will be open for a while
_PAPER = ("paper", "--quiet", "--no-dashboard")
_PATIENCE_S = 120.0  # this machine may be busy with other things


def started(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
    """`cointrader` with these arguments, in a folder of its own and in nobody's environment."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (folder / f"{arguments[0]}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cointrader", *arguments],
            cwd=folder,
            env={**keep, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **more},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def until(happened: Callable[[], Any], what: str, *, within_s: float = _PATIENCE_S) -> Any:
    """Wait until it is true, and answer what it was."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := happened():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {within_s:g} s")


def goes_on(process: subprocess.Popen[bytes], happened: Callable[[], Any], what: str) -> None:
    """Wait until it is true; a process that ends before has failed."""
    until(lambda: process.poll() is not None or happened(), what)
    assert process.poll() is None, f"it ended before: {what}, see {process.args!r}"


def ended(process: subprocess.Popen[bytes], how: int = signal.SIGINT) -> None:
    process.send_signal(how)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Dashboard:
    """`cointrader dashboard` over a journal, at an address of its own; it can end and come back."""

    def __init__(self, journal: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.journal = journal
        self._process: subprocess.Popen[bytes] | None = None

    def reader(self) -> JournalReader:
        return JournalReader(self.journal)

    def answer(self, path: str) -> Any:
        """What its API says, as scripts ask it."""
        request = urllib.request.Request(f"{self.url}/api/v1/{path}")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as told:
            return json.load(told)

    def start(self) -> None:
        """Until it answers."""
        arguments = ("dashboard", "--journal", self.journal.name, "--port", str(self._port))
        process = started(self.journal.parent, *arguments, DASHBOARD_TOKEN=TOKEN)
        self._process = process
        goes_on(process, self._answers, "the dashboard")

    def stop(self) -> None:
        if self._process is not None:
            ended(self._process)
        self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2):
                return True
        except OSError:
            return False


@contextmanager
def paper_run(folder: Path) -> Iterator[Path]:
    """The journal of a run that has traded, holds a position and goes on in real bots."""
    journal = folder / "paper.db"
    usual = {"rsi": (0.0, 100.0), "adx": (-0.001, 0.001)}  # no live row is outside; most are
    published(
        folder / "models", constant(PROBABILITY), symbol=FILTERED, feature_quantiles=usual,
        metrics={"auc": 0.561},
    )  # fmt: skip
    process = started(folder, *_PAPER, "--journal", journal.name, "--speed", _FAST)
    try:
        goes_on(process, lambda: _has_a_past(journal), "a past")
    finally:
        ended(process, signal.SIGKILL)  # after which it is resumed, from its last checkpoint
    process = started(folder, *_PAPER, "--resume", journal.name, "--speed", _SLOW)
    try:
        goes_on(process, lambda: _takes_commands(journal), "taking commands")
        yield journal
    finally:
        ended(process)


def _takes_commands(journal: Path) -> bool:
    with suppress(CointraderError):  # the socket of the process before answers nobody
        return ask(journal, "state").is_done
    return False


def _has_a_past(journal: Path) -> bool:
    if not has_begun(journal):
        return False
    with suppress(CointraderError), JournalReader(journal) as reader:
        now_ms = max((each.bar_open_ms for each in reader.decisions(last=1)), default=0)
        held = filter(None, map(reader.open_position, SYMBOLS))
        is_fresh = any(each.entry_bar_ms >= now_ms - _FRESH * _BAR_MS for each in held)
        return is_fresh and sum(1 for _ in reader.trades()) >= _TRADES
    return False


@contextmanager
def dashboard(journal: Path) -> Iterator[Dashboard]:
    served = Dashboard(journal)
    try:
        served.start()
        yield served
    finally:
        served.stop()


@dataclass
class Opened:
    """A page with everything it said and asked for."""

    page: Any
    url: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, place: str) -> None:
        """Show a page and wait until it has its answer."""
        self.page.evaluate("place => { location.hash = `#/${place}`; }", place)
        name = place.partition("?")[0].partition("/")[0]
        self.page.wait_for_selector(f"nav a[aria-current=page][href='#/{name}']")
        self.page.wait_for_selector("main .card, main .tiles")
        self.page.wait_for_selector("main:not(:has(.loading))")

    def settled(self) -> None:
        """Charts draw in the frames that follow."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )


@contextmanager
def opened(
    browser: Any,
    url: str,
    *,
    login: bool = True,
    viewport: dict[str, int] = DESKTOP,
    without: str = "",
    **options: Any,
) -> Iterator[Opened]:
    """The dashboard in a browser that knows nothing of it yet, and gets no answer to `without`."""
    context = browser.new_context(viewport=viewport, **options)
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_S * 1000)
    seen = Opened(page, url)
    page.on("console", lambda told: seen.said.append(f"{told.type}: {told.text}"))
    page.on("pageerror", lambda error: seen.said.append(str(error)))
    page.on("request", lambda asked: seen.asked.append(asked.url))
    if without:
        page.route(without, lambda route: route.abort())
    try:
        page.goto(f"{url}/#token={TOKEN}" if login else url)
        page.wait_for_selector("main .tiles" if login else "input[name=token]")
        yield seen
    finally:
        context.close()
