"""The ledger of a real run against a served exchange: every booking, reconciled over the wire."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest

from cointrader.cli.main import main
from tests.full import only_in_full

pytestmark = pytest.mark.slow
SERVED = ("--symbols", "XRPUSDT,TRXUSDT,DOGEUSDT", "--interval", "5m")
MARKET = ("--symbols", "XRPUSDT,TRXUSDT", "--interval", "5m")
# Trades on nearly every bar: the first signal of this market is at the close of its first bar.
EAGER = (*MARKET, "--no-ml-filter", "--signal-threshold", "1", "--vol-multiplier", "0")
SETTLED_MS = 1_767_340_800_000 + 6 * 60_000  # 2026-01-02 08:00 UTC, and its bar is over
BEFORE_FUNDING = "2026-01-02T07:55"


class World:
    """A folder, an exchange five times as fast as time, and who is started there."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.running: list[subprocess.Popen[str]] = []

    def opens(self, *more: str) -> None:
        self.exchange = self.start(
            *("exchange", *SERVED, "--from", BEFORE_FUNDING, "--pace", "5"),
            *("--key", "k", "--secret", "s", *more),
        )
        assert self.exchange.stdout is not None
        self.at = json.loads(self.exchange.stdout.readline())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        process = subprocess.Popen(
            [sys.executable, "-m", "cointrader", *arguments],
            cwd=self.folder,
            env={
                **keep,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "BINANCE_API_KEY": "k",
                "BINANCE_API_SECRET": "s",
                "XDG_STATE_HOME": str(self.folder / "state"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def ledger(self, *more: str) -> tuple[int, str, str]:
        """The command, in this process: what it asks is another one."""
        self.capsys.readouterr()
        code = main(["ledger", "--exchange", self.at["rest"], *more])
        out, err = self.capsys.readouterr()
        return code, out, err

    def control(self, name: str, **parameters: object) -> dict[str, object]:
        data = json.dumps(parameters).encode() if parameters else None
        with urllib.request.urlopen(f"{self.at['control']}/{name}", data=data, timeout=5) as answer:
            found = json.load(answer)
        assert isinstance(found, dict)
        return found

    def until(self, is_so, what: str, within_s: float = 60) -> None:
        end = time.monotonic() + within_s
        while not is_so():
            if time.monotonic() > end:
                pytest.fail(f"{what}: not within {within_s} s\n{self.said()}")
            time.sleep(0.2)

    def said(self) -> str:
        for process in self.running:
            process.kill()
        return "\n".join("".join(process.communicate()) for process in self.running)


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    made: list[World] = []
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - {"PATH", "HOME", "PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name, value in {"BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s"}.items():
        monkeypatch.setenv(name, value)

    def make(*more):
        made.append(World(tmp_path, capsys))
        made[-1].opens(*more)
        return made[-1]

    yield make
    for each in made:
        each.said()


def lines_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def kinds_of(lines):
    return {line["kind"] for line in lines}


def sum_of(lines, asset="USDT"):
    return sum(Decimal(line["amount"]) for line in lines if line["asset"] == asset)


@only_in_full  # three minutes of a clock that cannot be hurried more
def test_every_booking_of_a_run_explains_the_wallet_to_the_last_digit(world):
    here = world()
    here.control("order", symbol="DOGEUSDT", side="BUY", type="MARKET", quantity="1000")
    run = here.start("run", "--exchange", here.at["rest"], *EAGER)
    here.until((here.folder / "journals" / "rehearsal.db.sock").exists, "the run's beginning")
    here.control("deposit", amount="250.25")
    here.control("withdraw", amount="50.25")
    here.until(lambda: here.control("state")["now_ms"] > SETTLED_MS, "the settlement", 240)
    here.control("order", symbol="DOGEUSDT", side="SELL", type="MARKET", quantity="1000")
    here.until(lambda: ",ct-" in here.ledger("--csv", "--keep", "look.csv")[1], "a trade", 150)

    code, out, err = here.ledger("--csv", "--timezone", "Asia/Seoul")

    lines = lines_of(out)
    assert code == 0, err
    assert kinds_of(lines) == {"REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "TRANSFER"}
    assert "USDT: reconciled, to the last digit" in err
    assert "DOGEUSDT: 1 execution that the journal does not have" in err
    assert Decimal(lines[-1]["balance"]) == 1000 + sum_of(lines)
    moved = [Decimal(line["amount"]) for line in lines if line["kind"] == "TRANSFER"]
    assert moved == [Decimal("250.25"), Decimal("-50.25")]
    (funding,) = (line for line in lines if line["symbol"] == "DOGEUSDT" and "FUND" in line["kind"])
    assert (funding["utc"], funding["local_date"], funding["local_time"]) == (
        "2026-01-02T08:00:00.000Z",
        "2026-01-02",
        "17:00:00.000+09:00",
    )

    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    code, out, err = here.ledger("--json")

    told = json.loads(out)
    assert (code, told["is_reconciled"]) == (0, True), err
    (usdt,) = told["accounts"]
    assert Decimal(usdt["difference"]) == 0
    assert len(told["bookings"]) == told["rows"] >= len(lines)
    assert {row["transaction_id"] for row in told["bookings"]} >= {
        line["transaction_id"] for line in lines
    }
    kept = (here.folder / "ledgers" / "rehearsal.csv").read_text()
    assert kept.count(",WALLET,") == 2


def test_fees_in_bnb_are_told_in_bnb_and_what_is_taken_out_of_the_file_is_missed(world):
    here = world("--faults", "commission-in-bnb:1")
    here.control("order", symbol="XRPUSDT", side="BUY", type="MARKET", quantity="100")
    code, out, err = here.ledger("--csv")

    assert code == 3, err
    assert "USDT: NOT CHECKED" in err
    assert [(line["kind"], line["asset"]) for line in lines_of(out)] == [("COMMISSION", "BNB")]

    here.control("order", symbol="XRPUSDT", side="SELL", type="MARKET", quantity="100")
    code, out, err = here.ledger("--csv", "all.csv")
    lines = lines_of((here.folder / "all.csv").read_text())
    assert code == 0, out + err
    assert {(line["kind"], line["asset"]) for line in lines} == {
        ("COMMISSION", "BNB"),
        ("REALIZED_PNL", "USDT"),
    }
    assert "USDT: reconciled" in out
    assert "BNB: NOT CHECKED: nobody tells its wallet" in out

    kept = here.folder / "ledgers" / "rehearsal.csv"
    told = kept.read_text().splitlines(keepends=True)
    first = next(i for i, line in enumerate(told) if ",WALLET,USDT,1000" in line)
    told[first] = told[first].replace(",USDT,1000", ",USDT,1007")
    kept.write_text("".join(told))
    code, out, err = here.ledger()
    assert code == 1, out + err
    assert "USDT: DOES NOT ADD UP by -7." in out
