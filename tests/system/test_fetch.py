"""`cointrader fetch` as a person runs it: real processes, a served exchange, interruptions."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from cointrader.market.combined import write_combined
from cointrader.market.source import FolderSource
from cointrader.market.synthetic import SyntheticSource
from tests.full import some

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
BAR_MS, DAY_MS = 900_000, 86_400_000
START_MS = 1_767_225_600_000  # 2026-01-01
DAYS = 40
SLOW = "answer-late(seconds=0.2,call=any):1"
FILE = Path("xrpusdt") / "combined_15m.parquet"


class World:
    """A folder, the candles that exchanges serve from it, and whoever is started there."""

    def __init__(self, folder: Path, market: SyntheticSource, served: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []
        self.market = market
        (folder / "served").symlink_to(served)

    def start(self, *command: str, wrapped: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        process = subprocess.Popen(
            [*wrapped, sys.executable, *command],
            cwd=self.folder,
            env={**keep, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def exchange(self, *options: str) -> str:
        """The address of an exchange; by its clock it is the 38th day, or a minute later."""
        process = self.start(
            *("-m", "cointrader", "exchange", "--data", "served"),
            *("--symbols", "XRPUSDT,TRXUSDT", "--from", "2026-02-08"),
            *options,
        )
        assert process.stdout is not None
        return str(json.loads(process.stdout.readline())["rest"])

    def fetching(self, url: str, *options: str, wrapped: tuple[str, ...] = ()):
        command = ("-m", "cointrader", "fetch", "--base-url", url, *options)
        return self.start(*command, wrapped=wrapped)

    def fetch(self, url: str, *options: str, wrapped: tuple[str, ...] = ()) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        process = self.fetching(url, *options, wrapped=wrapped)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def wait_for_rows(self, folder: str, table: str, count: int) -> None:
        """Until so much is in the history."""
        path, deadline = self.folder / folder / "history.db", time.monotonic() + 60
        while time.monotonic() < deadline:
            if path.exists():
                with closing(sqlite3.connect(path)) as history:
                    try:
                        ((found,),) = history.execute(f"SELECT count(*) FROM {table}").fetchall()
                    except sqlite3.OperationalError:
                        found = 0
                if found >= count:
                    return
            time.sleep(0.05)
        raise AssertionError(f"fewer than {count} {table} within a minute")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A market, and the folder that it is served from."""
    folder = tmp_path_factory.mktemp("served")
    market = SyntheticSource(("XRPUSDT", "TRXUSDT"), 3, START_MS, 96 * DAYS, BAR_MS)
    for symbol in market.symbols():
        write_combined(folder, market.frame(symbol), stored_ms=START_MS + DAYS * DAY_MS)
    return market, folder


@pytest.fixture
def world(tmp_path, served):
    made = World(tmp_path, *served)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_symbols_may_stand_apart_and_the_file_is_what_was_served(world):
    url = world.exchange()

    code, out, err = world.fetch(url, "--symbols", "XRPUSDT", "TRXUSDT", "--days", "30", "--json")

    assert code == 0, err
    told = json.loads(out)
    assert [each["symbol"] for each in told["symbols"]] == ["XRPUSDT", "TRXUSDT"]
    assert {each["candles"] for each in told["symbols"]} == {30 * 96}
    assert told["symbols"][0]["coverage"]["funding_rate"] == 1.0
    assert told["symbols"][0]["coverage"]["oi_change"] == 0.0  # a folder knows no amounts
    found = pl.read_parquet(world.folder / "data" / FILE).drop("oi_change")
    served = pl.read_parquet(world.folder / "served" / FILE).drop("oi_change")
    assert found.equals(served.slice(8 * 96, 30 * 96))
    settlements = FolderSource(world.folder / "data", ["XRPUSDT"]).settlements("XRPUSDT")
    assert list(settlements) == [
        each
        for each in world.market.settlements("XRPUSDT")
        if START_MS + 8 * DAY_MS <= each.at_ms < START_MS + 38 * DAY_MS
    ]


def test_the_script_is_a_door_to_the_command(world):
    url = world.exchange()
    script = str(ROOT / "scripts" / "fetch_history.py")

    process = world.start(script, "--symbols", "XRPUSDT,TRXUSDT", "--days", "5", "--base-url", url)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert "480, opening 2026-02-03 00:00 UTC to 2026-02-07 23:45 UTC" in out
    assert "funding_rate 100.0 % known" in out
    assert "oi_change    0.0 % known, 1 stretch missing" in out


@pytest.mark.parametrize("number", some([signal.SIGKILL, signal.SIGINT], 2))
def test_a_fetch_that_is_killed_is_run_again_and_ends_with_the_same_file(world, number):
    whole, broken = ("--data", "whole"), ("--data", "broken")
    assert world.fetch(world.exchange(), *whole, "--symbol", "XRPUSDT", "--days", "18")[0] == 0

    slow = world.exchange("--faults", SLOW)
    process = world.fetching(slow, *broken, "--symbol", "XRPUSDT", "--days", "18")
    world.wait_for_rows("broken", "candles", 2000)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert not (world.folder / "broken" / FILE).exists()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert err.endswith("stopped\n")
        assert "Traceback" not in err
    code, _, err = world.fetch(slow, *broken, "--symbol", "XRPUSDT", "--days", "18")

    assert code == 0, err
    assert (world.folder / "broken" / FILE).read_bytes() == (
        world.folder / "whole" / FILE
    ).read_bytes()
    assert not list((world.folder / "broken" / "xrpusdt").glob(".*"))


def test_a_full_disk_is_told_and_with_room_again_it_goes_on(world):
    url = world.exchange()
    assert world.fetch(url, "--data", "whole", "--symbol", "XRPUSDT", "--days", "30")[0] == 0
    no_file_above_100_kb = ("/bin/sh", "-c", 'ulimit -f 200; exec "$@"', "sh")

    code, out, err = world.fetch(
        url, "--symbol", "XRPUSDT", "--days", "30", wrapped=no_file_above_100_kb
    )
    assert (code, out) == (1, "")
    assert "history cannot be used" in err
    assert "check the free space" in err
    assert "Traceback" not in err
    code, _, err = world.fetch(url, "--symbol", "XRPUSDT", "--days", "30")

    assert code == 0, err
    assert (world.folder / "data" / FILE).read_bytes() == (
        world.folder / "whole" / FILE
    ).read_bytes()


@pytest.mark.parametrize("number", some([signal.SIGTERM, signal.SIGINT], 2))
def test_a_collector_ends_cleanly_and_keeps_what_it_has(world, number):
    process = world.start(
        *("-m", "cointrader", "exchange", "--symbols", "XRPUSDT", "--from", "2026-02-08")
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["rest"]

    collecting = world.fetching(url, "--symbol", "XRPUSDT", "--collect")
    world.wait_for_rows("data", "open_interest", 300)  # as many as bars before the market begins
    assert collecting.stderr is not None
    assert "open interest is collected every 5 minutes" in collecting.stderr.readline()
    collecting.send_signal(number)
    _, err = collecting.communicate(timeout=20)

    assert collecting.returncode == 130
    assert err == "stopped; what was collected is stored\n"


def test_what_fails_ends_with_its_own_code_and_a_way_out(world):
    url, nobody = world.exchange(), "http://127.0.0.1:9"
    (world.folder / "data" / "xrpusdt").mkdir(parents=True)
    (world.folder / "data" / FILE).write_bytes(b"PAR1 cut off")
    one = ("--symbol", "TRXUSDT")
    cases = [
        (2, "no such symbol", (url, "--symbol", "TRXUSD", "--days", "2")),
        (1, "the exchange cannot be reached", (nobody, *one)),
        (1, "not a whole parquet file", (url, "--symbol", "XRPUSDT")),
        (3, "has closed yet", (url, *one, "--from", "2026-02-09")),
    ]

    for wanted, words, (at, *options) in cases:
        code, out, err = world.fetch(at, *options)

        assert (code, out) == (wanted, ""), (options, err)
        assert words in err, (options, err)
        assert "Traceback" not in err
    assert (world.folder / "data" / FILE).read_bytes() == b"PAR1 cut off"
