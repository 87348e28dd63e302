"""Every example of docs/research.md runs, in the order in which it is read."""

from __future__ import annotations

import re
from pathlib import Path

from cointrader.cli.main import main
from tests.unit.backtest.folders import stored

PAGE = Path(__file__).parents[3] / "docs" / "research.md"


def test_the_examples_run_as_they_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    stored(tmp_path / "data", ["XRPUSDT"], bars=60 * 96)
    assert main(["paper", "--symbols", "XRPUSDT", "--to", "2026-01-03", "--journal", "paper.db",
                 "--quiet"]) == 0  # fmt: skip
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 7

    names: dict[str, object] = {"__name__": "notebook"}
    for number, example in enumerate(examples, 1):
        exec(compile(example, f"docs/research.md, example {number}", "exec"), names)

    assert not (tmp_path / "verdicts").exists()
