"""Everything in examples/ runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cointrader.app.config import Config
from cointrader.cli.main import main
from cointrader.signals.indicators import Indicators
from cointrader.signals.leak_check import Effort, prove, trial_frame
from cointrader.signals.rules import evaluate
from cointrader.signals.user_rules import load_rule

CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
SQUEEZE = f"{FOLDER / 'squeeze.py'}:Squeeze"


def running(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as its first lines say, in an empty folder."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / name)],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": CACHE,  # what is compiled there need not be compiled again
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_example_is_in_the_list_and_tried_here():
    listed = set(re.findall(r"\]\(([^)]+)\)", (FOLDER / "README.md").read_text(encoding="utf-8")))
    there = {path.name for path in FOLDER.iterdir() if path.is_file()} - {"README.md"}

    assert listed == there
    assert all(name in Path(__file__).read_text(encoding="utf-8") for name in there)


def test_the_signal_rule_takes_both_sides_and_has_exits_of_its_own():
    frame = trial_frame()

    signals = evaluate(load_rule(SQUEEZE), frame, Indicators(frame))

    assert set(signals.side.tolist()) == {-1, 0, 1}
    taken = signals.side != 0
    assert signals.stop_distance is not None
    assert signals.target_distance is not None
    assert (signals.stop_distance[taken] > 0).all()
    assert (signals.target_distance[taken] == 2 * signals.stop_distance[taken]).all()


def test_the_signal_rule_knows_nothing_of_the_future():
    report = prove(load_rule(SQUEEZE), trial_frame(bars=2_000), effort=Effort(moments=50))

    assert report.findings == ()
    assert report.signals > 0


def test_the_signal_rule_trades_on_paper(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    code = main(["paper", "--signal", SQUEEZE, "--symbols", "XRPUSDT", "--quiet", "--json",
                 "--to", "2026-01-15"])  # fmt: skip

    assert code == 0
    assert '"trades": []' not in capsys.readouterr().out


@pytest.mark.slow
def test_the_research_script_ends_with_a_verdict(tmp_path):
    done = running("research.py", tmp_path)

    assert done.returncode == 0, done.stderr
    assert re.search(r"score: \d+ trades, net [+-]", done.stdout)
    assert re.search(r"verdict on day-breakout: (edge|no edge|too little data)", done.stdout)


@pytest.mark.slow
def test_the_client_of_the_simulator_leaves_nothing_open(tmp_path):
    done = running("simulator_client.py", tmp_path)

    assert done.returncode == 0, done.stderr
    assert "by-hand-stop" in done.stdout
    assert re.search(r"flat: True; the round trip cost 0\.\d+", done.stdout)


def test_the_settings_of_a_cautious_owner_are_valid_and_do_something(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    config = Config(FOLDER / "cointrader.toml", environ={})

    assert main(["config", "check", "--config", str(FOLDER / "cointrader.toml")]) == 0
    assert "Without effect" not in capsys.readouterr().out
    assert config.for_symbol("TRXUSDT").atr_sl_mult == 2.0
    assert len(config.deviations()) >= 7


def test_two_rules_trade_at_once(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(FOLDER)

    code = main(["paper", "--config", "examples/comparison.toml", "--quiet", "--to", "2026-01-06"])

    assert code == 0
    assert "DOGEUSDT" in capsys.readouterr().out
