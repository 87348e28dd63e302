"""A rule that fails while it trades: no entry on those bars, told, and exits go on."""

from __future__ import annotations

import json
from pathlib import Path

from cointrader.cli.main import main
from cointrader.journal.reader import JournalReader

RULE = """\
import numpy as np

from cointrader.signals.rules import Signals


class Moody:
    warm_up = 300

    def evaluate(self, frame, indicators):
        if frame.open_time_ms[-1] // 900_000 % 8:
            raise KeyError("volume_profile")
        side = np.ones(len(indicators), np.int8)
        return Signals(side, side)
"""


def test_a_rule_that_fails_makes_no_entry_and_stops_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("moody.py").write_text(RULE)

    code = main(
        ["paper", "--signal", "moody.py:Moody", "--symbols", "XRPUSDT", "--to", "2026-01-03",
         "--journal", "j.db", "--json"]
    )  # fmt: skip

    out, err = capsys.readouterr()
    assert code == 0, err
    result = json.loads(out)
    assert result["trades"] > 0
    assert result["symbols"]["XRPUSDT"]["long_signals"] > 10
    with JournalReader(Path("j.db")) as journal:
        failed = [d for d in journal.decisions() if d.reasons == ("rule-failed",)]
        (told,) = [a for a in journal.alerts() if "moody.py:Moody, line 11" in a.text]
    assert len(failed) > 100
    assert {d.action for d in failed} == {"HOLD"}
    assert told.level == "critical"
