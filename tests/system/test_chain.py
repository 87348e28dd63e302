"""From an empty folder to bots that trade by models: fetch, train, gate, deploy, hot reload.

A market with an edge for the filter: strong trends pay the rule, weak ones cost it. The exchange
that serves it, the script and the paper bots are processes of their own. COINTRADER_CHAIN=full
(`make chain`) does it with models as they are shipped too, of both backends, and on real candles.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from cointrader.app.config import Config
from cointrader.bot.settings import BotSettings
from cointrader.domain.errors import JournalError
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from cointrader.market.combined import write_combined
from cointrader.market.synthetic import PlantedEdge, SyntheticSource
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import evaluate
from tests.full import some
from tests.parity.playing import SHARED
from tests.unit.deploy.far_side import active, active_manifest

pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
IS_FULL = os.environ.get("COINTRADER_CHAIN") == "full"
ALL = ("XRPUSDT", "TRXUSDT", "DOGEUSDT")
only_full = pytest.mark.skipif(not IS_FULL, reason="takes minutes: COINTRADER_CHAIN=full")
SYMBOLS = ALL if IS_FULL else some(ALL, 3)
BAR_MS, DAY_MS = 900_000, 86_400_000
START_MS = 1_735_689_600_000  # 2025-01-01
DAYS, NOW = 330, "2025-10-28"  # of the market; and the day it is there, the 300th
# A network needs more rows before its probabilities mean something: looser signals, of 120 days.
LOOSE, LOOSE_NOW = {"signal_threshold": 2}, "2025-05-01"
STRONG = 24  # ADX
EDGE_R = 1.1
FEW = {"num_boost_round": 25, "learning_rate": 0.15}
WITHIN_S = 600


def planted(folder, **rule):
    """Strong trends go on and weak ones turn, after every signal of the rule."""
    given = {"symbols": list(SYMBOLS), **rule}
    config = Config(overrides=given, environ={}, folder="/nonexistent")
    settings = BotSettings.of(config, SYMBOLS[0])

    def told(frame):
        indicators = Indicators(frame, settings.periods)
        side = evaluate(settings.rule, frame, indicators).side
        turned = np.where(indicators.adx > STRONG, side, -side).astype(np.int8)
        return turned, 1.5 * indicators.atr

    edge = PlantedEdge(told, net_r=EDGE_R)
    source = SyntheticSource(SYMBOLS, 3, START_MS, 96 * DAYS, BAR_MS, edge=edge)
    for symbol in SYMBOLS:
        write_combined(folder, source.frame(symbol), stored_ms=START_MS + DAYS * DAY_MS)
    return folder


@pytest.fixture(scope="module")
def candles(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def loose_candles(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("loose"), **LOOSE)


def environment(folder, **more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME", "TMPDIR")
            if name in os.environ}  # fmt: skip
    return {
        **kept, "PYTHON": sys.executable, "XDG_STATE_HOME": str(folder / "state"),
        "MLX_DISABLE_COMPILE": "1", "SYMBOLS": ",".join(SYMBOLS),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)]), **more,
    }  # fmt: skip


@contextmanager
def process(folder, command, *arguments):
    """A command that writes into files: a pipe that nobody reads stops it once it is full."""
    with (folder / f"{command}.out").open("w") as out, (folder / f"{command}.err").open("w") as err:
        started = subprocess.Popen(
            [sys.executable, "-m", "cointrader", command, *map(str, arguments)],
            cwd=folder, env=environment(folder), stdout=out, stderr=err,
        )  # fmt: skip
        try:
            yield started
        finally:
            started.kill()
            started.wait()


def until(is_so, running, *told):
    """Wait for it; fails with the end of what was told if it takes too long, or nobody runs."""
    end = time.monotonic() + WITHIN_S
    while not is_so():
        if time.monotonic() > end or running.poll() is not None:
            pytest.fail("\n".join(path.read_text()[-2000:] for path in told))
        time.sleep(0.2)


@contextmanager
def served(folder, candles, now):
    """The address of an exchange whose history are these candles until `now`."""
    arguments = ("exchange", "--data", candles, "--symbols", ",".join(SYMBOLS), "--from", now)
    told = folder / "exchange.out"
    with process(folder, *arguments, "--port", "0") as exchange:
        until(lambda: "\n" in told.read_text(), exchange, folder / "exchange.err")
        yield str(json.loads(told.read_text().splitlines()[0])["rest"])


def chain(folder, url, *words, **more):
    """Exit code, the table's rows by symbol, and the words for people."""
    done = subprocess.run(
        ["bash", ROOT / "scripts" / "train_and_deploy.sh", *words, "--all", "--base-url", url,
         "--data", folder / "data", "--models", folder / "models", "--to", folder / "server",
         "--json"],
        cwd=folder, capture_output=True, text=True, check=False, env=environment(folder, **more),
    )  # fmt: skip
    rows = json.loads(done.stdout)["symbols"] if done.stdout else []
    return done.returncode, {row["symbol"]: row for row in rows}, done.stderr


class Bots:
    """`cointrader paper` over the same market, by the models that are deployed to a server."""

    def __init__(self, folder, running):
        self.journal = folder / "paper.db"
        self.told = folder / "paper.err"
        self.running = running

    def judged(self, symbol):
        """Probabilities of the signals of `symbol`, None for those that no model judged."""
        if not has_begun(self.journal):
            return []
        with suppress(JournalError), JournalReader(self.journal) as reader:
            told = (d for d in reader.decisions() if d.symbol == symbol and d.side is not None)
            return [d.probability for d in told if d.detail != "same-side"]
        return []  # it is being made

    def news(self):
        with JournalReader(self.journal) as reader:
            return {alert.symbol: alert.text for alert in reader.alerts()}

    def until(self, is_so):
        until(is_so, self.running, self.told)


@contextmanager
def bots(folder, candles, rule):
    """Ten bars a second, from the 60th day on: as long as whatever happens beside them."""
    arguments = (
        "--data", candles, "--symbols", ",".join(SYMBOLS), "--from", "2025-03-02",
        "--speed", "9000", "--no-dashboard", "--journal", "paper.db",
        "--models", folder / "server" / "models",
        "--max-entry-delay", "off", "--max-drawdown", "off",
    )  # fmt: skip
    loose = [f"--{name.replace('_', '-')}={value}" for name, value in rule.items()]
    with process(folder, "paper", *arguments, *loose) as running:
        yield Bots(folder, running)


def assert_from_nothing_to_trading_by_models(
    folder, candles, backend, *, now=NOW, rule=None, **more
):
    rule = rule or {}
    more |= {name.upper(): str(value) for name, value in rule.items()}
    with served(folder, candles, now) as url, bots(folder, candles, rule) as paper:
        paper.until(lambda: all(paper.judged(symbol) for symbol in SYMBOLS))
        assert all(set(paper.judged(symbol)) == {None} for symbol in SYMBOLS)

        code, rows, words = chain(folder, url, backend, **more)

        assert code == 0, (rows, words)
        for symbol in SYMBOLS:
            row = rows[symbol]
            assert (row["fetched"], row["gate"], row["deployed"]) == ("365 days", "passed", "yes")
            manifest = active_manifest(folder / "server", symbol)
            assert manifest.backend == backend
            assert manifest.is_passed
        # Between two bars, and without a restart.
        paper.until(lambda: all(paper.judged(s)[-1] is not None for s in SYMBOLS))
        for symbol in SYMBOLS:
            identity = active_manifest(folder / "server", symbol).identity
            assert identity in paper.news()[symbol]
        paper.running.send_signal(signal.SIGINT)
        assert paper.running.wait(timeout=60) == 130, paper.told.read_text()
        assert "Traceback" not in paper.told.read_text()


def few(folder):
    """Settings of a smaller model, which is trained sooner."""
    path = folder / "few.json"
    path.write_text(json.dumps({"params": FEW}))
    return {"TRAIN_ARGS": f"--params {path}"}


def test_from_an_empty_folder_to_bots_that_trade_by_models(tmp_path, candles):
    assert_from_nothing_to_trading_by_models(tmp_path, candles, "lgbm", **few(tmp_path))


@only_full
def test_the_same_with_trees_as_they_are_shipped(tmp_path, candles):
    assert_from_nothing_to_trading_by_models(tmp_path, candles, "lgbm")


@only_full
def test_the_same_with_networks(tmp_path, loose_candles):
    pytest.importorskip("mlx.core", reason="mlx is not installed here")
    assert_from_nothing_to_trading_by_models(
        tmp_path, loose_candles, "mlx", now=LOOSE_NOW, rule=LOOSE
    )


@only_full
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real candles are not here")
def test_on_real_candles_the_gate_says_no_and_nothing_is_deployed(tmp_path):
    with served(tmp_path, SHARED / "combined", "2026-02-28") as url:
        code, rows, words = chain(tmp_path, url)

    assert code == 4, words
    for symbol in SYMBOLS:
        row = rows[symbol]
        assert (row["fetched"], row["gate"], row["deployed"]) == ("365 days", "no", "no")
        assert "criteria are not met" in row["why"]
        assert active(tmp_path / "server", symbol) is None
    assert not (tmp_path / "server").exists()
