"""A paper run goes on with the rule it began with, or not at all."""

from __future__ import annotations

from pathlib import Path

from cointrader.cli.main import main

RULE = """\
import numpy as np

from cointrader.signals.rules import Signals


class Mine:
    warm_up = 300

    def evaluate(self, frame, indicators):
        side = (indicators.close > indicators.band_upper).astype(np.int8)
        return Signals(side, side)
"""


def test_a_run_is_not_resumed_with_another_rule(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(RULE)
    begin = ["--signal", "mine.py:Mine", "--symbols", "XRPUSDT", "--to", "2026-01-03"]
    assert main(["paper", *begin, "--journal", "j.db", "-q"]) == 0
    assert main(["paper", "--resume", "j.db", "-q"]) == 0
    Path("mine.py").write_text(RULE.replace("300", "301"))
    capsys.readouterr()

    assert main(["paper", "--resume", "j.db", "-q"]) == 1

    assert "a signal rule has changed since the run began" in capsys.readouterr().err
