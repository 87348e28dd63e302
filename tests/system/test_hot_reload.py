"""A model is replaced under a running process: the bars after that are judged by the new one.

A real process at a pace of its own; the files change as `cointrader promote` or a copy changes
them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cointrader.app.parity.parity import parity
from cointrader.domain.errors import JournalError
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from cointrader.model.artifact import POINTER
from tests.full import only_in_full
from tests.unit.model.making import constant, published

pytestmark = pytest.mark.slow
XRP = "XRPUSDT"
PACE = 900  # three bars of 5 minutes a second
# Signals on nearly every bar, and nothing that ends entries but the filter.
EAGER = (
    *("--symbols", XRP, "--interval", "5m", "--signal-threshold", "1", "--vol-multiplier", "0"),
    *("--max-daily-loss", "1", "--max-drawdown", "off", "--max-entry-delay", "off"),
)
BY_FILTER = ("filter", "no-model")
WITHIN_S = 60


class Paper:
    """`cointrader paper` in a folder with models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "j.db"
        self.models = folder / "models"
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        process = subprocess.Popen(
            [sys.executable, "-m", "cointrader", "paper", "--no-dashboard", *arguments],
            cwd=self.folder,
            env={**keep, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def publish(self, probability: float, **changes) -> None:
        published(self.models, constant(probability), interval="5m", **changes)

    def answers(self):
        """(probability, refusal) of the signals that were judged, oldest first."""
        if not has_begun(self.journal):
            return []
        with suppress(JournalError), JournalReader(self.journal) as reader:
            asked = (d for d in reader.decisions() if d.side and d.detail != "same-side")
            return [(d.probability and round(d.probability, 6), d.refusal) for d in asked]
        return []  # it is being made

    def alerts(self):
        with JournalReader(self.journal) as reader:
            return [(alert.level, alert.symbol) for alert in reader.alerts()]

    def until(self, is_so, process) -> None:
        end = time.monotonic() + WITHIN_S
        while not is_so():
            if time.monotonic() > end or process.poll() is not None:
                process.kill()
                out, err = process.communicate()
                pytest.fail(f"{self.answers()[-20:]}\n{out[-2000:]}\n{err[-4000:]}")
            time.sleep(0.1)


@pytest.fixture
def paper(tmp_path):
    made = Paper(tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.communicate()


def test_models_come_break_and_come_back_while_the_bots_trade(paper):
    paper.publish(0.9)
    process = paper.start("--speed", str(PACE), "--journal", "j.db", *EAGER)

    paper.until(lambda: (0.9, "") in paper.answers(), process)
    assert paper.alerts() == []

    paper.publish(0.1)
    paper.until(lambda: (0.1, "filter") in paper.answers(), process)
    assert paper.alerts() == [("info", XRP)]

    (paper.models / "xrpusdt" / POINTER).write_text("half of a poin")
    paper.until(lambda: paper.answers().count((None, "no-model")) >= 3, process)
    assert paper.alerts() == [("info", XRP), ("critical", XRP)]

    paper.publish(0.8)
    paper.until(lambda: (0.8, "") in paper.answers(), process)
    assert paper.alerts() == [("info", XRP), ("critical", XRP), ("info", XRP)]

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert f"model of {XRP}: lgbm:" in err
    assert f"{XRP}    ALERT: there is no model to trust for {XRP}" in err

    kinds = [(p, refusal if refusal in BY_FILTER else "") for p, refusal in paper.answers()]
    assert [kind for i, kind in enumerate(kinds) if i == 0 or kinds[i - 1] != kind] == [
        (0.9, ""), (0.1, "filter"), (None, "no-model"), (0.8, "")
    ]  # fmt: skip
    report = parity(paper.journal)
    # A busy machine is late at this pace; nothing else may differ.
    assert {d.journal for d in report.differences} <= {"refused: late"}
    assert "changed meanwhile" in report.why_no_whole


def test_a_run_that_is_resumed_misses_the_model_it_began_with(paper):
    paper.publish(0.9)
    process = paper.start("--speed", str(PACE), "--journal", "j.db", *EAGER)
    paper.until(lambda: (0.9, "") in paper.answers(), process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    kept = paper.models.rename(paper.folder / "elsewhere")

    process = paper.start("--resume", "j.db", "--speed", str(PACE))
    paper.until(lambda: (None, "no-model") in paper.answers(), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "no model: no entries" in err

    kept.rename(paper.models)
    process = paper.start("--resume", "j.db", "--speed", str(PACE))
    paper.until(lambda: paper.answers()[-1:] == [(0.9, "")], process)


@only_in_full  # test_chain.py does it too, with models from a training
def test_on_paper_a_first_model_is_taken_up_without_a_restart(paper):
    process = paper.start("--speed", str(PACE), "--journal", "j.db", *EAGER)
    paper.until(lambda: (None, "") in paper.answers(), process)

    paper.publish(0.2)

    paper.until(lambda: (0.2, "filter") in paper.answers(), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "no model is loaded: every signal trades unfiltered" in err
    assert paper.alerts() == [("info", XRP)]
